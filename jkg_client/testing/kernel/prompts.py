"""``input()`` and ``getpass()`` ask the client that has sent the cell."""

from __future__ import annotations

import builtins
import contextlib
import getpass
from queue import Empty, SimpleQueue
from typing import Any, Callable

from ...protocol.messages import EOT, Json


class StdinNotImplementedError(Exception):
    """The client cannot answer input requests. The class has the same name as in ipykernel."""


class Prompts:
    """Asks the client for input.

    Attributes:
        allowed: Whether the client that sent the cell can be asked.
        refusal: The exception if it cannot be asked.
    """

    def __init__(self, ask: Callable[[Json], None]) -> None:
        self.allowed = False
        self.refusal: type[Exception] = StdinNotImplementedError
        self._ask = ask
        self._answers: SimpleQueue[Any] = SimpleQueue()

    def install(self) -> None:
        """Replace ``input`` and ``getpass``, which would read from a terminal."""
        builtins.input = self.input
        getpass.getpass = self.getpass

    def input(self, prompt: object = "") -> str:
        """Replaces the built-in ``input``. As in ipykernel, the prompt may have its name."""
        return self.ask(str(prompt), password=False)

    def getpass(self, prompt: str = "", *_: Any, **__: Any) -> str:
        """Replaces ``getpass.getpass``."""
        return self.ask(prompt, password=True)

    def ask(self, prompt: str, *, password: bool) -> str:
        """Ask the client for input. Without an answer, raise the same exceptions as ipykernel."""
        if not self.allowed:
            what = "getpass" if password else "raw_input"
            raise self.refusal(
                f"{what} was called, but this frontend does not support input requests."
            )
        # Forget answers to earlier questions.
        with contextlib.suppress(Empty):
            while True:
                self._answers.get_nowait()
        answer: str  # should be a string, but nobody checks that
        self._ask({"prompt": prompt, "password": password})
        try:
            answer = self._answers.get()
        except KeyboardInterrupt:
            raise KeyboardInterrupt("Interrupted by user") from None
        if answer == EOT:
            raise EOFError
        return answer

    def answer(self, content: Json) -> None:
        """Process an answer of the client."""
        self._answers.put(content.get("value", ""))
