"""``input()`` and ``getpass()``: questions to the client that has sent the cell."""

from __future__ import annotations

import builtins
import contextlib
import getpass
from queue import Empty, SimpleQueue
from typing import Any, Callable

from ...protocol.messages import EOT, Json


class StdinNotImplementedError(Exception):
    """As ipykernel's: the client does not want to be asked."""


class Prompts:
    """Asks, and takes the answers.

    Attributes:
        allowed: Whether the client that sent the cell can be asked.
    """

    def __init__(self, ask: Callable[[Json], None]) -> None:
        self.allowed = False
        self._ask = ask
        self._answers: SimpleQueue[Any] = SimpleQueue()

    def install(self) -> None:
        """Have cells ask the client where Python would read from a terminal."""
        builtins.input = self.input
        getpass.getpass = self.getpass

    def input(self, prompt: object = "", /) -> str:
        """What the user answers."""
        return self.ask(str(prompt), password=False)

    def getpass(self, prompt: str = "", *_: Any, **__: Any) -> str:
        """What the user answers, unseen."""
        return self.ask(prompt, password=True)

    def ask(self, prompt: str, *, password: bool) -> str:
        """What the user answers.

        Raises:
            StdinNotImplementedError: If the client said that it cannot answer.
            EOFError: If it answers that there is no more.
        """
        if not self.allowed:
            what = "getpass" if password else "raw_input"
            raise StdinNotImplementedError(
                f"{what} was called, but this frontend does not support input requests."
            )
        # Answers to earlier questions are stale.
        with contextlib.suppress(Empty):
            while True:
                self._answers.get_nowait()
        answer: str  # if the client does as it should: nobody checks it
        self._ask({"prompt": prompt, "password": password})
        try:
            answer = self._answers.get()
        except KeyboardInterrupt:
            raise KeyboardInterrupt("Interrupted by user") from None
        if answer == EOT:
            raise EOFError
        return answer

    def answer(self, content: Json) -> None:
        """Take the client's answer."""
        self._answers.put(content.get("value", ""))
