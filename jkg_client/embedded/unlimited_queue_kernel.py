"""Runs ipykernel with an unlimited queue, so that no output is lost while the client is busy.

By default, the queue holds 1000 messages. When it is full, ipykernel drops messages, even the end
of the cell. This file is run by ``python -c`` in the kernel's environment, which need not have
``jkg_client``.
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


UnlimitedQueueKernelApp.launch_instance()
