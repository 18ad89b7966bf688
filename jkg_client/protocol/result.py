"""The result of a cell."""

from __future__ import annotations

from typing import Any, Literal

from attrs import evolve, field, frozen

from ..errors import ExecutionError, ExecutionTimeout, KernelDied
from .messages import Json
from .mime_bundle import mime_bundle
from .outputs import Display, Failure, Output, plain_text

KERNEL_DIED = "KernelDied"
"""Name of the failure that says how the kernel's process ended, if that is known."""

NOT_BEGUN = "NotBegun"
"""Name of the failure of code that has not begun, because another client's code runs."""

Status = Literal["ok", "error", "aborted", "timeout", "died"]


@frozen
class DataItem:
    """One form of one display.

    Attributes:
        mime_type: MIME type of the form.
        data: Text, or base64 if the form is binary, or an object if the form is JSON.
    """

    mime_type: str
    data: Any


@frozen(kw_only=True)
class Truncation:
    """The output that is missing in a result. ``str()`` of it is a sentence.

    Attributes:
        characters: Number of characters that were dropped, because the output was larger than
            ``max_output``.
        messages: Number of messages that were lost or could not be read. The true number may be
            larger.
        rate_limited: Whether the server dropped output because of its rate limit.
        connection_lost: Whether the connection broke, so that output may be missing. If the number
            of lost messages is known, ``messages`` has it.
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
    r"""The outputs of a cell, and how the cell ended.

    Example::

        result = kernel.execute("print(6 * 7)", timeout_seconds=10)
        assert (result.status, result.output) == ("ok", "42\n")

    Attributes:
        status: ``ok``. ``error``: the cell raised an exception. ``aborted``: it did not run,
            because a cell before it failed. ``timeout``: it exceeded its time limit. ``died``:
            its kernel died.
        outputs: The outputs of the cell in order. Streams are as printed, with colours.
        late_outputs: Outputs of threads and background tasks of earlier cells, after the end of
            those cells. ``output`` and ``data_items`` do not contain them.
        failure: The exception of the cell. For ``timeout``, the exception that the interrupt
            caused.
        exit_code: The exit status of code that ended itself with ``sys.exit``, ``exit()`` or as
            a shell cell. None otherwise.
        execution_count: The number in ``In [n]``. None if the cell has none.
        user_expressions: Values of the expressions that were passed to ``execute``.
        kernel_restarted: Whether variables are lost, because the kernel was restarted since the
            previous cell or by this cell.
        truncated: The output that is missing in ``outputs``. None if nothing is missing.
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
        """This result, with the late outputs and the restart of an ``earlier`` result."""
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

        Colours are removed, and so is text that was overwritten or erased.
        """
        return plain_text(self.outputs)

    @property
    def data_items(self) -> tuple[DataItem, ...]:
        """All forms of all displays except ``text/plain``."""
        return tuple(
            DataItem(mime_type, data)
            for output in self.outputs
            if isinstance(output, Display)
            for mime_type, data in output.data.items()
            if mime_type != "text/plain"
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """Show the outputs when a notebook displays this result."""
        return mime_bundle(self.outputs, f"<{self.status}, no output>")

    def raise_for_error(self) -> None:
        """Raise an error unless the cell succeeded.

        Raises:
            ExecutionTimeout: For status ``timeout``.
            KernelDied: For status ``died``.
            ExecutionError: For ``error`` and ``aborted``.
        """
        if self.status == "timeout":
            raise ExecutionTimeout("the cell exceeded its time limit", self)
        if self.status == "died":
            raise KernelDied("the kernel died while the cell ran", self)
        if self.status == "aborted":
            raise ExecutionError("the cell did not run because an earlier one failed", self)
        if self.status == "error":
            text = self.failure.summary if self.failure else "it failed"
            raise ExecutionError(text, self)
