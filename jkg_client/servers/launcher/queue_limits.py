"""Changes the process of a Jupyter server so that its kernels lose no output.

By default, ZeroMQ queues between kernel and server hold 1000 messages. If they are full, the kernel
silently drops messages: printed lines, and even the end of the cell. Three more changes:

- Sockets try to connect every 10 ms, not every 100 ms. With the default, the first answer of a new
  kernel may be lost on one channel, and the server repeats its request after 0.5 s.
- Cells are not written to the history database of the user.
- Kernels that only support TCP use TCP, although the server prefers Unix sockets.

No library is imported here. If the server has not loaded the library that is to be changed, nothing
is changed. See https://zeromq.org/socket-api/ (ZMQ_SNDHWM, ZMQ_RCVHWM, ZMQ_RECONNECT_IVL).
"""

from __future__ import annotations

import sys
from typing import Any

_RECONNECT = 10
"""Milliseconds between two attempts to connect to a kernel that is starting."""

# A program's cells do not belong in the history of the user.
_HISTORY = "--HistoryManager.hist_file=:memory:"
_MODULE = ["-m", "ipykernel_launcher"]
# Runs instead of ipykernel_launcher: the limit of a queue must be set before its socket is bound.
_UNLIMITED_QUEUE = """
import sys
if sys.path[0] == "":
    del sys.path[0]
from ipykernel.kernelapp import IPKernelApp
class UnlimitedQueueKernelApp(IPKernelApp):
    def init_iopub(self, context):
        context.sndhwm = 0
        super().init_iopub(context)
UnlimitedQueueKernelApp.launch_instance()
"""


def lift_queue_limits() -> None:
    """Make this server, and kernels that start from now on, keep all output."""
    connect = sys.modules.get("jupyter_client.connect")
    specs = sys.modules.get("jupyter_client.kernelspec")
    if connect is None or specs is None:
        return
    connected = connect.ConnectionFileMixin._create_connected_socket  # noqa: SLF001
    written = connect.ConnectionFileMixin.write_connection_file
    found = specs.KernelSpecManager.get_kernel_spec

    def create_connected_socket(self: Any, *args: Any, **kwargs: Any) -> Any:
        self.context.rcvhwm = 0
        self.context.reconnect_ivl = _RECONNECT
        return connected(self, *args, **kwargs)

    def write_connection_file(self: Any, **kwargs: Any) -> None:
        if self.transport == "ipc" and not _has_ipc(getattr(self, "kernel_spec", None)):
            self.transport, self.ip = "tcp", "127.0.0.1"
        written(self, **kwargs)

    def get_kernel_spec(self: Any, kernel_name: str) -> Any:
        spec = found(self, kernel_name)
        spec.argv = _with_unlimited_queue(spec.argv)
        return spec

    connect.ConnectionFileMixin._create_connected_socket = create_connected_socket  # noqa: SLF001
    connect.ConnectionFileMixin.write_connection_file = write_connection_file
    specs.KernelSpecManager.get_kernel_spec = get_kernel_spec


def _has_ipc(spec: Any) -> bool:
    # Deno takes the path of a Unix socket for a host name. Other kernels build the name of the
    # socket in the way of TCP, with a colon. So only ipykernel is trusted here.
    return spec is not None and any("ipykernel" in part for part in spec.argv)


def _with_unlimited_queue(argv: list[str]) -> list[str]:
    for at in range(len(argv) - 1):
        if argv[at : at + 2] == _MODULE:
            return [*argv[:at], "-c", _UNLIMITED_QUEUE, *argv[at + 2 :], _HISTORY]
    return argv
