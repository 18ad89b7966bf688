"""The life of a kernel's process, from its start to its end."""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import signal
import socket
import struct
import sys
from typing import NoReturn

from ...protocol.messages import Json
from .interrupts import can_be_woken, ignore_interrupts
from .outbox import Outbox
from .parents import hand_down
from .refusals import refuse_installs
from .service import Service
from .shells import Shell
from .streams import KernelStreams
from .transport import MessageSocket

_PID = struct.Struct(">Q")


def connect(order: Json) -> socket.socket:
    """Make this a process that signals can end, and connect it to the gateway."""
    _reset_signals()
    # Do not use create_connection: it imports modules to look up names, again in each kernel.
    line = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    line.connect(("127.0.0.1", order["port"]))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.sendall(order["token"].encode() + _PID.pack(os.getpid()))
    return line


def run(order: Json, line: socket.socket, shell: Shell) -> NoReturn:
    """Turn this process into a kernel, until its end.

    Args:
        order: The settings of the kernel: ``session``, ``env``, ``cwd`` and ``path``.
        line: The connection to the gateway.
        shell: Runs the cells.
    """
    os.environ.clear()
    os.environ.update(order["env"])
    refuse_installs()
    # Modules in the current folder come first, as in any kernel.
    sys.path[:] = ["", *order["path"]]
    sys.argv = ["ipykernel_launcher.py", "-f", f"kernel-{order['session']}.json"]
    importlib.invalidate_caches()
    with contextlib.suppress(OSError):
        os.chdir(order["cwd"])
    if hasattr(os, "register_at_fork"):
        # Otherwise a child that outlives the kernel would hide the kernel's end from the gateway.
        os.register_at_fork(after_in_child=line.close)
    transport = MessageSocket(line)
    outbox = Outbox(transport, order["session"])
    streams = KernelStreams(outbox)
    hand_down()
    Service(transport, outbox, streams, shell).serve()
    with contextlib.suppress(Exception):
        atexit._run_exitfuncs()  # noqa: SLF001 - nothing else calls them after a fork
    streams.flush()
    os._exit(0)


def _reset_signals() -> None:
    ignore_interrupts()
    can_be_woken()
    for name in ("SIGHUP", "SIGTERM", "SIGCHLD", "SIGPIPE"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.SIG_IGN if name == "SIGPIPE" else signal.SIG_DFL)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if hasattr(os, "setsid"):
        # Make a separate group: an interrupt reaches only the kernel and its child processes.
        with contextlib.suppress(PermissionError):
            os.setsid()
