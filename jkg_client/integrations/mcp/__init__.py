"""A server of the Model Context Protocol: tools that run code in a Jupyter kernel.

See https://modelcontextprotocol.io/specification. Each session has a kernel of its own, which
ends with it.
"""

from .server import create_server
from .tools import Limits
from .transports import HttpOptions, serve_http, serve_stdio

__all__ = ["HttpOptions", "Limits", "create_server", "serve_http", "serve_stdio"]
