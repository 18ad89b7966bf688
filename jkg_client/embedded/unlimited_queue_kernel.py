"""Runs ipykernel so that it keeps all output for a client that listens late.

By itself it has room for a thousand messages and throws away the rest, the end of the cell too.
Run by ``python -c`` in the kernel's environment, which need not have ``jkg_client``.
"""

import sys
from typing import Any

if sys.path[0] == "":
    # As ipykernel_launcher does: a user's token.py would hide the library's.
    del sys.path[0]

from ipykernel.kernelapp import IPKernelApp


class UnlimitedQueueKernelApp(IPKernelApp):
    """The same kernel with a queue that has no limit (ZMQ_SNDHWM)."""

    def init_iopub(self, context: Any) -> None:
        """Set the limit before the socket is bound: later it counts no more."""
        context.sndhwm = 0
        super().init_iopub(context)  # type: ignore[no-untyped-call,unused-ignore]  # ipykernel's


UnlimitedQueueKernelApp.launch_instance()
