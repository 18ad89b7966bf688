"""Queries to the kernel that must not keep the user waiting."""

from __future__ import annotations

import contextlib
import threading
from typing import Callable

from attrs import frozen

from ...client.kernel import JupyterKernelClient
from ...errors import JkgError
from ...protocol.messages import Json
from .code_completeness import indent_after, is_complete
from .kernel_activity import KernelActivity

COMPLETE_SECONDS = 0.25
MATCHES_SECONDS = 0.5


@frozen
class KernelQueries:
    """Asks the kernel, and gives up soon. Any thread may ask."""

    _kernel: JupyterKernelClient
    _activity: KernelActivity

    def indent_of_next(self, code: str) -> str | None:
        """How the next line begins; None if ``code`` can run.

        The kernel is asked each time anew: that it was late once says nothing of the next time.
        """
        reply = self._asked(
            lambda: self._kernel.is_complete(code, COMPLETE_SECONDS), COMPLETE_SECONDS
        )
        status = reply.get("status")
        if status in ("complete", "invalid"):
            return None
        if status != "incomplete":
            return None if is_complete(code) else indent_after(code)
        indent = reply.get("indent")
        return indent if isinstance(indent, str) else ""

    def matches(self, code: str, position: int) -> Json:
        """The reply with completions; empty if there was none in time."""
        return self._asked(
            lambda: self._kernel.complete(code, position, MATCHES_SECONDS), MATCHES_SECONDS
        )

    def _asked(self, ask: Callable[[], Json], seconds: float) -> Json:
        # A kernel that is busy does not answer: no need to wait for that.
        if self._activity.is_busy:
            return {}
        answers: list[Json] = []

        def run() -> None:
            # What is wrong is told by the next cell.
            with contextlib.suppress(JkgError, RuntimeError):
                answers.append(ask())

        thread = threading.Thread(target=run, name="jkg-question", daemon=True)
        thread.start()
        thread.join(seconds)
        return answers[0] if answers else {}
