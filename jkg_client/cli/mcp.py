"""``jkg mcp``: runs a server of the Model Context Protocol."""

from __future__ import annotations

import argparse
import logging
import os

from .exit_statuses import DONE
from .option_types import not_empty, port, seconds
from .screen import Screen
from .server_options import TOKENS, add_server
from .servers import server_of

DESCRIPTION = """\
Run a server that gives agents a kernel through the Model Context Protocol. Each session has its own
kernel, and tools that run code in this kernel. The server communicates on stdin and stdout, or over
HTTP.
"""
EXAMPLES = f"""\
examples:
  jkg mcp                           the command that an agent's program starts
  JKG_MCP_TOKEN=… jkg mcp --http --port 9000

{TOKENS}
  If JKG_MCP_TOKEN is set, HTTP clients must send its value as their token.
"""
_HOST, _PORT, _IDLE, _SESSIONS = "127.0.0.1", 8000, 1800.0, 16


def add(command: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_server(command)
    _add_limits(command)
    http = command.add_argument_group("HTTP")
    http.add_argument(
        "--http", action="store_true", help="serve over streamable HTTP instead of stdin and stdout"
    )
    http.add_argument(
        "--host",
        type=not_empty,
        help=f"address to listen on (default: {_HOST}); other addresses than loopback need"
        " JKG_MCP_TOKEN",
    )
    http.add_argument(
        "--port", type=port, help=f"port to listen on; 0 is a free one (default: {_PORT})"
    )
    http.add_argument(
        "--idle",
        type=seconds,
        metavar="S",
        help="seconds without a request after which a session and its kernel end"
        f" (default: {_IDLE:g})",
    )
    http.add_argument(
        "--max-sessions",
        type=int,
        metavar="N",
        help=f"largest number of sessions at a time; each has a kernel (default: {_SESSIONS})",
    )


def _add_limits(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--kernel",
        type=not_empty,
        default="python3",
        metavar="NAME",
        help="kernel to start (default: %(default)s)",
    )
    command.add_argument(
        "--timeout",
        type=seconds,
        default=60,
        metavar="S",
        help="time limit for code in seconds, if a call sets none (default: %(default)s)",
    )
    command.add_argument(
        "--max-timeout",
        type=seconds,
        default=600,
        metavar="S",
        help="longest time limit that a call may set (default: %(default)s)",
    )
    command.add_argument(
        "--notebook",
        type=not_empty,
        metavar="FILE",
        help="save the session as a notebook; if FILE is s.ipynb, a second session is saved in"
        " s-2.ipynb",
    )


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Serve clients until stdin ends or a signal comes.

    Raises:
        ImportError: A package is missing.
        ValueError: The options contradict each other.
    """
    _check_http(args)
    from ..integrations import mcp as served

    limits = served.Limits(timeout=args.timeout, max_timeout=args.max_timeout)
    options = served.HttpOptions(
        host=args.host or _HOST,
        port=_PORT if args.port is None else args.port,
        token=os.environ.get("JKG_MCP_TOKEN") or None,
        idle=args.idle or _IDLE,
        max_sessions=_SESSIONS if args.max_sessions is None else args.max_sessions,
    )
    # Log records of this package are shown as notes; the library would print them a second time.
    logging.getLogger("jkg_client").propagate = False
    with server_of(args, screen) as jupyter:
        server = served.create_server(jupyter, args.kernel, limits, notebook=args.notebook)
        if args.http:
            served.serve_http(server, options, lambda url: screen.note(f"listening on {url}"))
        else:
            served.serve_stdio(server)
    return DONE


def _check_http(args: argparse.Namespace) -> None:
    given = [
        name for name in ("host", "port", "idle", "max_sessions") if vars(args)[name] is not None
    ]
    if given and not args.http:
        raise ValueError(f"--{given[0].replace('_', '-')} is for HTTP: add --http")
    if args.token_stdin and not args.http:
        raise ValueError("stdin is used by the client: pass the token by JKG_TOKEN or --token-file")
