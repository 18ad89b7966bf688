"""Changes a Jupyter server's process, here or in a container, so that its kernels lose no output.

By default, both ends of the connection between kernel and server have room for a thousand messages.
The kernel silently drops the rest: lines that are flushed one by one, and the end of the cell. A
server that connects only every 100 ms may also receive a new kernel's first answer on one
connection but not on the other, and asks again after 0.5 s. In addition, cells are kept out of the
history database of the user. Kernels that only know TCP are reached by TCP, even if the rule is
sockets in a folder. No library is imported by name: what a server does not have is not changed.
See https://zeromq.org/socket-api/ (ZMQ_SNDHWM, ZMQ_RCVHWM, ZMQ_RECONNECT_IVL).
"""

from __future__ import annotations

import sys
from typing import Any

_KNOCKING = 10
"""Milliseconds between tries to reach a kernel that is not up yet."""

# Cells of a program do not belong in the history of the user.
_HISTORY = "--HistoryManager.hist_file=:memory:"
_MODULE = ["-m", "ipykernel_launcher"]
# In place of that module: a line keeps the room that it had when it was bound.
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
        self.context.reconnect_ivl = _KNOCKING
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
    # Deno takes the path of a socket for the name of a host. Kernels upon libzmq have it all,
    # but some put a colon before the number of the socket, as TCP needs it.
    return spec is not None and any("ipykernel" in part for part in spec.argv)


def _with_unlimited_queue(argv: list[str]) -> list[str]:
    for at in range(len(argv) - 1):
        if argv[at : at + 2] == _MODULE:
            return [*argv[:at], "-c", _UNLIMITED_QUEUE, *argv[at + 2 :], _HISTORY]
    return argv
