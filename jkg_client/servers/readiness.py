"""Waits until a new server answers, or explains why it does not."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from ..client.deadline import Deadline
from ..errors import GatewayError, GatewayTimeout, GatewayUnreachable, ServerStartError
from ..gateway.rest import JupyterClient

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 0.25
FIRST_LIMIT = 1.0
LONGEST_LIMIT = 10.0


def wait_until_ready(
    ask: Callable[[float], object],
    *,
    ended: Callable[[], str | None],
    log_tail: Callable[[], str],
    name: str,
    deadline: Deadline,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Ask again and again until the server answers correctly.

    Args:
        ask: Sends one request with this time limit. It raises ``GatewayError`` if the server does
            not answer correctly. Even a refusal does not end the wait: another program may use
            the port until our server notices that and ends.
        ended: Returns how the server ended, such as "exit code 1". None while it runs.
        log_tail: Returns the end of the server's log, without secrets.
        name: The server and its address, for the message.
        deadline: Time limit for the whole wait.
        sleep: Waits this number of seconds.

    Raises:
        ServerStartError: The server ends, or the deadline passes.
    """
    pause, limit = FIRST_PAUSE, FIRST_LIMIT
    while True:
        how = ended()  # checked before the request: a server that is about to end may still answer
        try:
            ask(deadline.within(limit).left() or 0.001)
        except GatewayError as exc:
            why = _why_not(how, deadline, exc)
            if why:
                raise ServerStartError(f"{name} {why}{_quoted(log_tail())}") from exc
            if isinstance(exc, GatewayTimeout):
                limit = min(limit * 2, LONGEST_LIMIT)  # a busy machine needs more time
        else:
            return
        sleep(min(pause, deadline.within(pause).left() or 0.0))
        pause = min(pause * 1.2, LONGEST_PAUSE)


def ask(client: JupyterClient, seconds: float) -> None:
    """Send one request that a server answers only if the token is right.

    Raises:
        GatewayError: The server does not answer correctly.
    """
    info = client.connection_info
    # The client repeats a refused GET after pauses. Checking the port first is quicker.
    try:
        socket.create_connection((info.host, info.port or 0), seconds).close()
    except OSError as exc:
        raise GatewayUnreachable(f"no answer from {info.url}: {exc}") from exc
    client.list_kernel_specs(timeout_seconds=seconds)


def _why_not(how: str | None, deadline: Deadline, last: GatewayError) -> str:
    if how is not None:
        return f"ended ({how}) before it answered"
    if deadline.passed:
        return f"did not answer within {deadline.seconds:g} s; the last error: {last}"
    return ""


def _quoted(log: str) -> str:
    return f"\nThe end of its log:\n{log}" if log.strip() else "\nIts log is empty."
