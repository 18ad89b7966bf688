"""The connection file, which tells a kernel where to listen. Only its owner can read it.

The format: https://jupyter-client.readthedocs.io/en/stable/kernels.html#connection-files
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import sys
from pathlib import Path
from typing import Literal

import zmq
from attrs import frozen

from ..protocol.zmq_wire import SigningKey

CHANNELS = ("shell", "iopub", "stdin", "control", "hb")

Transport = Literal["ipc", "tcp"]

_LOOPBACK = "127.0.0.1"
# Longest path of a Unix socket in bytes, without the NUL at the end.
_MAX_PATH = 107 if sys.platform.startswith("linux") else 103


@frozen(kw_only=True)
class ConnectionInfo:
    """Addresses of one kernel process and the key of its messages.

    Attributes:
        transport: ``ipc`` (sockets in a folder) or ``tcp`` (on loopback).
        ip: Address or, for ``ipc``, start of the paths of the sockets.
        ports: For each channel, its port or the end of its path.
        key: Key that signs all messages.
    """

    transport: Transport
    ip: str
    ports: tuple[int, ...]
    key: SigningKey

    @classmethod
    def new(cls, folder: Path, transport: Transport, scheme: str) -> ConnectionInfo:
        """New addresses and a new key.

        Raises:
            OSError: No port is free.
        """
        key = SigningKey(secrets.token_hex(32).encode("ascii"), scheme)
        if transport == "ipc":
            ports = tuple(range(1, len(CHANNELS) + 1))
            return cls(transport=transport, ip=str(folder / "k"), ports=ports, key=key)
        return cls(transport=transport, ip=_LOOPBACK, ports=_free_ports(len(CHANNELS)), key=key)

    def address(self, channel: str) -> str:
        """Address of ``channel`` in the form of ZeroMQ."""
        port = self.ports[CHANNELS.index(channel)]
        separator = "-" if self.transport == "ipc" else ":"
        return f"{self.transport}://{self.ip}{separator}{port}"

    def write(self, file: Path, kernel_name: str) -> None:
        """Write the connection file. No other user can read it at any moment.

        Raises:
            OSError: The file cannot be written.
        """
        said = {
            "transport": self.transport,
            "ip": self.ip,
            **{f"{channel}_port": port for channel, port in zip(CHANNELS, self.ports)},
            "key": self.key.key.decode("ascii"),
            "signature_scheme": self.key.scheme,
            "kernel_name": kernel_name,
        }
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "w", encoding="utf-8") as opened:
            json.dump(said, opened)


def has_ipc(folder: Path) -> bool:
    """Whether ``folder`` can hold Unix sockets. The path must be short. Some systems have none."""
    return zmq.has("ipc") and len(os.fsencode(folder / "k-5")) <= _MAX_PATH


def _free_ports(count: int) -> tuple[int, ...]:
    with contextlib.ExitStack() as stack:
        # All sockets are open at the same time, so that no port is chosen twice.
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((_LOOPBACK, 0))
        return tuple(one.getsockname()[1] for one in sockets)
