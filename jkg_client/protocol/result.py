"""What became of a cell."""

from __future__ import annotations

from typing import Any, Literal

from attrs import evolve, field, frozen

from ..errors import ExecutionError, ExecutionTimeout, KernelDied
from .messages import Json
from .mime_bundle import mime_bundle
from .outputs import Display, Failure, Output, plain_text

KERNEL_DIED = "KernelDied"
"""Name of the failure that tells how the kernel's process ended, where that is known."""

NOT_BEGUN = "NotBegun"
"""Name of the failure of code that still waits behind code of another client."""

Status = Literal["ok", "error", "aborted", "timeout", "died"]


@frozen
class DataItem:
    """One form of one display: a MIME type and the data in it, binary forms in base64."""

    mime_type: str
    data: Any


@frozen(kw_only=True)
class Truncation:
    """What is missing of a cell's output; ``str()`` of it says so in words.

    Attributes:
        characters: How many were dropped, between the first and the last half of ``max_output``
            or within a value that is larger.
        messages: How many could not be read, or never came, at least.
        rate_limited: The server's rate limit dropped output.
        connection_lost: The connection broke, and not all that was said meanwhile has come, or
            nothing proves that it has. ``messages`` says how many are missing, 0 if nobody knows.
    """

    characters: int = 0
    messages: int = 0
    rate_limited: bool = False
    connection_lost: bool = False

    def __str__(self) -> str:
        lost = "1 message was lost" if self.messages == 1 else f"{self.messages} messages were lost"
        is_counted = self.messages > 0
        said = [
            (self.characters, f"{self.characters} characters of output were dropped"),
            (is_counted and not self.connection_lost, lost),
            (self.rate_limited, "the server's rate limit dropped output"),
            (is_counted and self.connection_lost, f"the connection broke, at least {lost}"),
            (
                self.connection_lost and not is_counted,
                "the connection broke, output may be missing",
            ),
        ]
        return "; ".join(text for holds, text in said if holds)


@frozen(kw_only=True)
class ExecutionResult:
    """What a cell said, however it ended.

    Attributes:
        status: ``ok``; ``error``: it raised; ``aborted``: it never ran, because a cell
            before it failed; ``timeout``: it ran longer than it was given; ``died``: its
            kernel did.
        outputs: What it showed, in order; streams as printed, with their colours.
        late_outputs: What cells before it have said after their end, by threads or background
            tasks, and while this one ran; ``output`` and ``data_items`` are without it.
        failure: The exception, if there was one; for ``timeout`` where it was interrupted.
        exit_code: The exit status that the code ended itself with, by ``sys.exit`` or ``exit()``
            or as a shell cell that failed; None if it did not.
        execution_count: The number in ``In [n]``; None if it has none.
        user_expressions: Answers to those of the request, as the kernel gave them.
        kernel_restarted: Variables are gone: the kernel was restarted since the cell
            before this one, or because of this one.
        truncated: What is missing of ``outputs``; None if nothing is.
    """

    status: Status
    outputs: tuple[Output, ...] = ()
    late_outputs: tuple[Output, ...] = ()
    failure: Failure | None = None
    exit_code: int | None = None
    execution_count: int | None = None
    user_expressions: Json = field(factory=dict)
    kernel_restarted: bool = False
    truncated: Truncation | None = None

    def after(self, earlier: ExecutionResult) -> ExecutionResult:
        """This result, with what ``earlier`` had to tell that was sent first and did not run."""
        return evolve(
            self,
            late_outputs=(*earlier.late_outputs, *self.late_outputs),
            kernel_restarted=self.kernel_restarted or earlier.kernel_restarted,
        )

    @property
    def is_ok(self) -> bool:
        """Whether the cell ran to its end without an exception."""
        return self.status == "ok"

    @property
    def output(self) -> str:
        """All outputs as text: streams as a terminal shows them, ``text/plain``, the traceback.

        What streams have overwritten or erased is gone, and so are colours.
        """
        return plain_text(self.outputs)

    @property
    def data_items(self) -> tuple[DataItem, ...]:
        """All forms of all displays but ``text/plain``."""
        return tuple(
            DataItem(mime_type, data)
            for output in self.outputs
            if isinstance(output, Display)
            for mime_type, data in output.data.items()
            if mime_type != "text/plain"
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """What a notebook shows when a result is the value of a cell: its outputs."""
        return mime_bundle(self.outputs, f"<{self.status}, no output>")

    def raise_for_error(self) -> None:
        """Raise unless the cell succeeded.

        Raises:
            ExecutionTimeout: For status ``timeout``.
            KernelDied: For status ``died``.
            ExecutionError: For ``error`` and ``aborted``.
        """
        if self.status == "timeout":
            raise ExecutionTimeout("the cell ran longer than it was given", self)
        if self.status == "died":
            raise KernelDied("the kernel died while the cell ran", self)
        if self.status == "aborted":
            raise ExecutionError("the cell did not run: one before it failed", self)
        if self.status == "error":
            text = self.failure.summary if self.failure else "it failed"
            raise ExecutionError(text, self)
