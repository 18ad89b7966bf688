"""Finds free ports."""

from __future__ import annotations

import errno
import os
import socket

_NOT_HERE = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


def free_port(ip: str, port: int = 0) -> int:
    """A port on which a server can listen now. Another program may take it in the next moment.

    Args:
        ip: Address or name, as it is passed to the server.
        port: The port to check. 0 lets the system choose.

    Raises:
        OSError: The port is in use or forbidden, or ``ip`` is not an address of this machine.
    """
    failure: OSError | None = None
    found = 0
    for family, kind, _, _, address in socket.getaddrinfo(
        ip, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        try:
            found = _bound(family, kind, (address[0], found or port, *address[2:]))
        except OSError as exc:  # noqa: PERF203 - two addresses at most
            # "localhost" may include ::1 on a machine without IPv6.
            if exc.errno not in _NOT_HERE:
                raise
            failure = exc
    if not found and failure:
        raise failure
    return found


def _bound(family: int, kind: int, address: tuple[object, ...]) -> int:
    with socket.socket(family, kind) as probe:
        # The server sets this option, too. Without it, connections of an earlier server block the
        # port for a while.
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        port: int = probe.getsockname()[1]
        return port
