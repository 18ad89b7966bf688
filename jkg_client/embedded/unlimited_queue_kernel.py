"""Runs ipykernel with an unlimited queue, so that no output is lost while the client is busy.

By default, the queue holds 1000 messages. When it is full, ipykernel drops messages, even the end
of the cell. And when ipykernel is shut down while code runs, it prints warnings about its own
unfinished tasks as output of this code; here it does not. This file is run by ``python -c`` in the
kernel's environment, which need not have ``jkg_client``.
"""

import sys
from typing import Any

if sys.path[0] == "":
    # ipykernel_launcher does this, too. Otherwise, a user's token.py would hide Python's own
    # token.py.
    del sys.path[0]

from ipykernel.kernelapp import IPKernelApp


class UnlimitedQueueKernelApp(IPKernelApp):
    """ipykernel without a limit for its queue (ZMQ_SNDHWM)."""

    def init_iopub(self, context: Any) -> None:
        """Set the limit before the socket is bound. Later it would have no effect."""
        context.sndhwm = 0
        super().init_iopub(context)  # type: ignore[no-untyped-call,unused-ignore]  # ipykernel's

    def init_control(self, context: Any) -> None:
        """Leave the loop of the control thread open at its end, which is the end of the kernel.

        If the loop is closed while another request waits, such as a second shutdown request, Python
        warns about the task that never began.
        """
        super().init_control(context)  # type: ignore[no-untyped-call,unused-ignore]  # ipykernel's
        loop = getattr(getattr(self, "control_thread", None), "io_loop", None)
        if loop is not None:
            loop.close = _do_nothing


def _do_nothing(all_fds: bool = False) -> None:
    """Replace ``IOLoop.close``."""


UnlimitedQueueKernelApp.launch_instance()
