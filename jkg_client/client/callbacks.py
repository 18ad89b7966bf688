"""Functions of the caller that are called while a cell runs."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from ..protocol.messages import EOT
from ..protocol.outputs import Output
from ..protocol.questions import InputRequest

OnOutput = Callable[[Output], None]
OnInput = Callable[[InputRequest], str]


@frozen
class Callbacks:
    """What the caller wants to hear while a cell runs.

    Attributes:
        on_output: Called with each output.
        on_input: Answers the code's questions; None makes asking the end of its input.
    """

    on_output: OnOutput | None = None
    on_input: OnInput | None = None

    def answer(self, request: InputRequest) -> str:
        """What the caller answers; the end of its input if it does not."""
        try:
            return self.on_input(request) if self.on_input else EOT
        except EOFError:
            return EOT


SILENT = Callbacks()
