"""Queries to the kernel with short time limits, so that the user does not have to wait."""

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
from .listening import ListeningChannels

COMPLETE_SECONDS = 0.25
MATCHES_SECONDS = 0.5


@frozen
class KernelQueries:
    """Asks the kernel, with short time limits. Any thread may ask."""

    _kernel: JupyterKernelClient
    _activity: KernelActivity
    _channels: ListeningChannels

    def indent_of_next(self, code: str) -> str | None:
        """The indentation of the next line. None if ``code`` can run.

        The kernel is asked every time, even if it was too slow the last time.
        """
        reply = self._asked(
            lambda: self._kernel.is_complete(code, COMPLETE_SECONDS), COMPLETE_SECONDS
        )
        status = reply.get("status")
        if status in ("complete", "invalid"):
            return None
        if status != "incomplete" or code.startswith("%%"):  # IPython wants two blank lines
            return None if is_complete(code) else indent_after(code)
        indent = reply.get("indent")
        return indent if isinstance(indent, str) else ""

    def matches(self, code: str, position: int) -> Json:
        """The reply with completions. Empty if there was no reply in time."""
        return self._asked(
            lambda: self._kernel.complete(code, position, MATCHES_SECONDS), MATCHES_SECONDS
        )

    def _asked(self, ask: Callable[[], Json], seconds: float) -> Json:
        # A busy kernel does not answer, so do not wait for it. If the connection is lost, a query
        # would try to reconnect for a long time, and the next cell would have to wait for it.
        if self._activity.is_busy or self._channels.failure is not None:
            return {}
        answers: list[Json] = []

        def run() -> None:
            # An error is ignored here: the next cell reports it.
            with contextlib.suppress(JkgError, RuntimeError):
                answers.append(ask())

        thread = threading.Thread(target=run, name="jkg-question", daemon=True)
        thread.start()
        thread.join(seconds)
        return answers[0] if answers else {}
