"""``jkg mcp``: a server of the Model Context Protocol."""

from __future__ import annotations

import argparse
import logging
import os

from .screen import Screen
from .servers import server_of


def mcp(args: argparse.Namespace, screen: Screen) -> int:
    """Serve clients until they leave, or a signal comes.

    Raises:
        ImportError: A package is missing.
        ValueError: For options that make no sense together.
    """
    from ..integrations import mcp as served  # noqa: PLC0415 - only this command needs it

    limits = served.Limits(timeout=args.timeout, max_timeout=args.max_timeout)
    options = served.HttpOptions(
        host=args.host,
        port=args.port,
        token=os.environ.get("JKG_MCP_TOKEN") or None,
        idle=args.idle,
        max_sessions=args.max_sessions,
    )
    # Theirs logs to stderr, too, where ours are notes.
    logging.getLogger("jkg_client").propagate = False
    with server_of(args, screen) as jupyter:
        server = served.create_server(jupyter, args.kernel, limits)
        if args.http:
            served.serve_http(server, options, lambda url: screen.note(f"listening on {url}"))
        else:
            served.serve_stdio(server)
    return 0
