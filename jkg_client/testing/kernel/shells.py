"""What runs cells: IPython where it is installed, else plain Python."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping
from typing import Any, Callable, Literal, Protocol

from attrs import field, frozen

from ...protocol.messages import Message
from .console import Console

Flavour = Literal["ipython", "python"]

Ending = Literal["reply", "idle"]
"""A message that tells of the end of a cell."""

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
        payload: For the reply: pages, the next input.
        user_expressions: Their values, for the reply.
        exits: Whether the kernel ends now.
        loses: What of its end is never sent.
    """

    error: Mapping[str, Any] | None = None
    payload: tuple[Mapping[str, Any], ...] = ()
    user_expressions: Mapping[str, Any] = field(factory=dict)
    exits: bool = False
    loses: Collection[Ending] = ()


class Shell(Protocol):
    """Runs cells and knows about code."""

    @property
    def count(self) -> int:
        """Number of the next cell."""

    @property
    def info(self) -> Reply:
        """Its part of the ``kernel_info_reply``."""

    def connect(self, console: Console) -> Mapping[str, Callable[[Message], None]]:
        """Begin to work, in the process of a kernel.

        Returns:
            What to call with messages of some types, beside those that all kernels know.
        """

    def run(self, cell: Cell) -> Outcome | Awaitable[Outcome]:
        """Run a cell; one that awaits at its top level gives something to await."""

    def skip(self, cell: Cell) -> None:
        """Count a cell that was not run, and remember it."""

    def complete(self, code: str, cursor: int) -> Reply:
        """Completions of the name at the cursor."""

    def inspect(self, code: str, cursor: int, detail: int) -> Reply:
        """What there is to say about the name at the cursor."""

    def is_complete(self, code: str) -> Reply:
        """Whether the code is a whole cell."""

    def history(self) -> list[tuple[str, str | None]]:
        """The cells so far, each with the text of its value."""

    def comms(self) -> dict[str, str]:
        """The comms that are open: id and target."""
