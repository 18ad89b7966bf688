"""Functions of the caller that are called while a cell runs."""

from __future__ import annotations

from collections.abc import Callable

from attrs import field, frozen

from ..protocol.messages import EOT
from ..protocol.outputs import Output, encodable
from ..protocol.questions import InputRequest
from . import arguments

OnOutput = Callable[[Output], None]
"""A function that is called with each output of a cell as soon as it arrives."""

OnInput = Callable[[InputRequest], str]
"""A function that answers an input request of the code, such as ``input()``."""

_is_callback = arguments.validator(arguments.callback)


@frozen
class Callbacks:
    """The callbacks of one cell.

    Attributes:
        on_output: Called with each output.
        on_input: Answers input requests of the code. If None, each request gets the end of input.

    Raises:
        ValueError: A callback is not a function.
    """

    on_output: OnOutput | None = field(default=None, validator=_is_callback)
    on_input: OnInput | None = field(default=None, validator=_is_callback)

    def tell(self, *outputs: Output) -> None:
        """Call ``on_output`` with each output."""
        if self.on_output is not None:
            for output in outputs:
                self.on_output(output)

    def answer(self, request: InputRequest) -> str:
        """The answer of the caller, or the end of input.

        Raises:
            ValueError: ``on_input`` has not returned a string.
        """
        try:
            answer = self.on_input(request) if self.on_input else EOT
        except EOFError:
            return EOT
        # Half of a character would break the kernel's output.
        return encodable(arguments.text("the answer of on_input", answer))


SILENT = Callbacks()
