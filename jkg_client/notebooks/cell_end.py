"""How a cell of a notebook ended."""

from __future__ import annotations

from attrs import evolve, frozen

from ..errors import GatewayError, JkgError
from ..protocol.result import KERNEL_DIED, ExecutionResult, Truncation
from ..protocol.values import Failure

_STATUS = {"ok": "ok", "error": "error", "aborted": "error", "timeout": "timeout", "died": "died"}


def interrupted_by(exc: BaseException) -> Failure:
    """The failure of a cell that was interrupted: by Ctrl-C, or because a callback has failed."""
    if isinstance(exc, Exception):
        return Failure(type(exc).__name__, str(exc))
    return Failure("KeyboardInterrupt", "the run was interrupted")


@frozen
class CellEnd:
    """How a cell ended.

    Attributes:
        status: ``ok``, ``error``, ``timeout``, ``died``, or ``unreachable`` if the connection to
            the kernel broke.
        failure: The failure to show in the notebook. None if the cell did not fail.
        exit_code: Exit status of ``sys.exit`` or of a failed shell cell. None if there is none.
        lost: Output that was lost.
        cause: The exception if the kernel or the connection has failed. None otherwise.
    """

    status: str
    failure: Failure | None = None
    exit_code: int | None = None
    lost: Truncation = Truncation()  # noqa: RUF009 - the class is frozen
    cause: JkgError | None = None

    @classmethod
    def of_result(cls, result: ExecutionResult, limit: str) -> CellEnd:
        """The end of a cell that has a result.

        Args:
            result: Result of the cell.
            limit: Time limit of the cell, in words.
        """
        status = _STATUS[result.status]
        # Characters that the result has dropped are not lost: the notebook has them.
        lost = evolve(result.truncated or Truncation(), characters=0)
        return cls(status, _failure(result, limit), result.exit_code, lost)

    @classmethod
    def of_exception(cls, exc: JkgError) -> CellEnd:
        """The end of a cell whose kernel has ended or cannot be reached."""
        result = exc.result if isinstance(exc.result, ExecutionResult) else None
        lost = evolve(result.truncated or Truncation(), characters=0) if result else Truncation()
        status = "unreachable" if isinstance(exc, GatewayError) else "died"
        return cls(status, Failure(type(exc).__name__, str(exc)), lost=lost, cause=exc)

    @classmethod
    def of_limit(cls, limit: str) -> CellEnd:
        """The end of a cell that did not begin because the time limit had passed."""
        return cls("timeout", Failure("TimeoutError", f"{limit} had passed before the cell began"))


def _failure(result: ExecutionResult, limit: str) -> Failure | None:
    if result.status == "ok":
        return None
    if result.status == "timeout":
        return Failure("TimeoutError", f"the cell was stopped: {limit} has passed")
    if result.status == "died":
        known = result.failure
        cause = f": {known.evalue}" if known is not None and known.ename == KERNEL_DIED else ""
        return Failure(KERNEL_DIED, f"the kernel died while the cell ran{cause}")
    return result.failure or Failure("Error", "the cell failed, and the kernel did not say why")
