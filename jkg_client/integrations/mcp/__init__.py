"""A server of the Model Context Protocol: tools that run code in a Jupyter kernel.

See https://modelcontextprotocol.io/specification. Each session has its own kernel, which ends with
the session.
"""

try:
    from .server import create_server
    from .tools import Limits
    from .transports import HttpOptions, serve_http, serve_stdio
except ImportError as _missing:
    raise ImportError(
        "the MCP server needs an extra:"
        f' pip install "jkg-client[mcp]" (Python 3.10 or newer); {_missing}'
    ) from _missing

__all__ = ["HttpOptions", "Limits", "create_server", "serve_http", "serve_stdio"]
