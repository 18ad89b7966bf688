"""A stateful Jupyter kernel for any Python program, through any Jupyter server.

::

    with LocalJupyterServer() as server, JupyterCodeExecutor(server) as executor:
        result = executor.execute_code_blocks([CodeBlock(language="python", code="print(1)")])
"""

from ._version import __version__
from .client.connection import JupyterConnectable, JupyterConnectionInfo
from .client.kernel import JupyterKernelClient
from .client.patience import Patience
from .client.rest import JupyterClient
from .code_blocks import CodeBlock, MarkdownCodeExtractor, UnknownLanguage
from .code_result import CodeResult
from .errors import (
    ClientClosed,
    EngineError,
    ExecutionError,
    ExecutionTimeout,
    GatewayError,
    GatewayFull,
    GatewayStatus,
    GatewayTimeout,
    GatewayUnauthorized,
    GatewayUnreachable,
    JkgError,
    KernelDied,
    KernelNotFound,
    KernelNotReady,
    KernelSpecNotFound,
    NotAGateway,
    ServerStartError,
    WireError,
)
from .executor import JupyterCodeExecutor
from .protocol.exchange import InputRequest
from .protocol.outputs import Display, Failure, Output, Stream
from .protocol.result import DataItem, ExecutionResult, Truncation
from .servers.docker.images import ImageProgress
from .servers.docker.owners import ServerContainer
from .servers.docker.server import DockerJupyterServer
from .servers.local import LocalJupyterServer
from .servers.token import GenerateToken

__all__ = [
    "ClientClosed",
    "CodeBlock",
    "CodeResult",
    "DataItem",
    "Display",
    "DockerJupyterServer",
    "EngineError",
    "ExecutionError",
    "ExecutionResult",
    "ExecutionTimeout",
    "Failure",
    "GatewayError",
    "GatewayFull",
    "GatewayStatus",
    "GatewayTimeout",
    "GatewayUnauthorized",
    "GatewayUnreachable",
    "GenerateToken",
    "ImageProgress",
    "InputRequest",
    "JkgError",
    "JupyterClient",
    "JupyterCodeExecutor",
    "JupyterConnectable",
    "JupyterConnectionInfo",
    "JupyterKernelClient",
    "KernelDied",
    "KernelNotFound",
    "KernelNotReady",
    "KernelSpecNotFound",
    "LocalJupyterServer",
    "MarkdownCodeExtractor",
    "NotAGateway",
    "Output",
    "Patience",
    "ServerContainer",
    "ServerStartError",
    "Stream",
    "Truncation",
    "UnknownLanguage",
    "WireError",
    "__version__",
]
