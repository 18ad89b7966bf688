"""The interface of the shells that run cells, and their arguments and results."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping
from typing import Any, Callable, Literal, Protocol

from attrs import field, frozen

from ...protocol.messages import Message
from .console import Console

Flavour = Literal["ipython", "python"]

Ending = Literal["reply", "idle"]
"""One of the two messages at the end of a cell."""

Reply = dict[str, Any]


@frozen(kw_only=True)
class Cell:
    """A cell to run."""

    code: str
    silent: bool = False
    store_history: bool = True
    user_expressions: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Outcome:
    """How a cell ended.

    Attributes:
        error: ``ename``, ``evalue`` and ``traceback``; None if it succeeded.
        payload: Payload of the reply, such as a page.
        user_expressions: Values of the expressions in the request.
        exits: Whether the cell asks the kernel to exit.
        loses: Messages about the end of the cell that are not sent.
    """

    error: Mapping[str, Any] | None = None
    payload: tuple[Mapping[str, Any], ...] = ()
    user_expressions: Mapping[str, Any] = field(factory=dict)
    exits: bool = False
    loses: Collection[Ending] = ()


class Shell(Protocol):
    """Runs cells, and answers queries about code, in IPython or plain Python."""

    @property
    def count(self) -> int:
        """Number of the next cell."""

    @property
    def info(self) -> Reply:
        """Implementation, version and banner, for the ``kernel_info_reply``."""

    def connect(self, console: Console) -> Mapping[str, Callable[[Message], None]]:
        """Connect the shell to a kernel. Returns functions for its messages, by message type."""

    def run(self, cell: Cell) -> Outcome | Awaitable[Outcome]:
        """Run a cell. If it has ``await`` at its top level, the caller must await the outcome."""

    def skip(self, cell: Cell) -> None:
        """Count a cell whose script was played, and keep it in the history."""

    def complete(self, code: str, cursor: int) -> Reply:
        """Completions of the name at the cursor."""

    def inspect(self, code: str, cursor: int, detail: int) -> Reply:
        """A description of the name at the cursor."""

    def is_complete(self, code: str) -> Reply:
        """Whether the code is complete."""

    def history(self) -> list[tuple[str, str | None]]:
        """The cells so far, each with its value as text."""

    def comms(self) -> dict[str, str]:
        """Ids and targets of the open comms."""
