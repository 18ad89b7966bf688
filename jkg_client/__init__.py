"""A stateful Jupyter kernel for any Python program, through any Jupyter server.

::

    with LocalJupyterServer() as server, JupyterCodeExecutor(server) as executor:
        result = executor.execute_code_blocks([CodeBlock(language="python", code="print(1)")])

A name is loaded when it is first used. So a program that imports one part of the package loads only
the modules of this part.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .client.callbacks import OnInput, OnOutput
    from .client.kernel import JupyterKernelClient
    from .client.timeouts import Timeouts
    from .code_blocks import CodeBlock, MarkdownCodeExtractor, UnknownLanguage
    from .code_result import CodeResult
    from .embedded_executor import (
        AsyncEmbeddedIPythonCodeExecutor,
        EmbeddedIPythonCodeExecutor,
    )
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
        KernelStartError,
        NamedServersDisabled,
        NotAGateway,
        NotebookError,
        NotebookKernelDied,
        NotebookTimeout,
        NotJsonValue,
        ServerNotRunning,
        ServerStartError,
        ServerStartTimeout,
        TooManyServers,
        VariableNotFound,
        WireError,
    )
    from .gateway.connection import JupyterConnectable, JupyterConnectionInfo
    from .gateway.rest import JupyterClient
    from .jupyter_executors import AsyncJupyterCodeExecutor, JupyterCodeExecutor
    from .notebooks.inspection import NotebookParameter, inspect_notebook
    from .notebooks.options import CellProgress
    from .notebooks.run import run_notebook, run_notebook_async
    from .prompts import CODE_WRITER_SYSTEM_MESSAGE
    from .protocol.outputs import Display, Failure, Output, Stream
    from .protocol.questions import InputRequest
    from .protocol.result import DataItem, ExecutionResult, Truncation
    from .python_variables import Variable
    from .servers.docker.images import ImageProgress
    from .servers.docker.owners import ServerContainer
    from .servers.docker.server import DockerJupyterServer
    from .servers.jupyterhub.async_server import AsyncJupyterHubServer
    from .servers.jupyterhub.models import ServerProgress
    from .servers.jupyterhub.server import JupyterHubServer
    from .servers.local import LocalJupyterServer
    from .servers.token import GenerateToken

__all__ = [
    "CODE_WRITER_SYSTEM_MESSAGE",
    "AsyncEmbeddedIPythonCodeExecutor",
    "AsyncJupyterCodeExecutor",
    "AsyncJupyterHubServer",
    "CellProgress",
    "ClientClosed",
    "CodeBlock",
    "CodeResult",
    "DataItem",
    "Display",
    "DockerJupyterServer",
    "EmbeddedIPythonCodeExecutor",
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
    "JupyterHubServer",
    "JupyterKernelClient",
    "KernelDied",
    "KernelNotFound",
    "KernelNotReady",
    "KernelSpecNotFound",
    "KernelStartError",
    "LocalJupyterServer",
    "MarkdownCodeExtractor",
    "NamedServersDisabled",
    "NotAGateway",
    "NotJsonValue",
    "NotebookError",
    "NotebookKernelDied",
    "NotebookParameter",
    "NotebookTimeout",
    "OnInput",
    "OnOutput",
    "Output",
    "ServerContainer",
    "ServerNotRunning",
    "ServerProgress",
    "ServerStartError",
    "ServerStartTimeout",
    "Stream",
    "Timeouts",
    "TooManyServers",
    "Truncation",
    "UnknownLanguage",
    "Variable",
    "VariableNotFound",
    "WireError",
    "__version__",
    "inspect_notebook",
    "run_notebook",
    "run_notebook_async",
]

_MODULES = {
    "CODE_WRITER_SYSTEM_MESSAGE": "prompts",
    "AsyncEmbeddedIPythonCodeExecutor": "embedded_executor",
    "AsyncJupyterCodeExecutor": "jupyter_executors",
    "AsyncJupyterHubServer": "servers.jupyterhub.async_server",
    "CellProgress": "notebooks.options",
    "ClientClosed": "errors",
    "CodeBlock": "code_blocks",
    "CodeResult": "code_result",
    "DataItem": "protocol.result",
    "Display": "protocol.outputs",
    "DockerJupyterServer": "servers.docker.server",
    "EmbeddedIPythonCodeExecutor": "embedded_executor",
    "EngineError": "errors",
    "ExecutionError": "errors",
    "ExecutionResult": "protocol.result",
    "ExecutionTimeout": "errors",
    "Failure": "protocol.outputs",
    "GatewayError": "errors",
    "GatewayFull": "errors",
    "GatewayStatus": "errors",
    "GatewayTimeout": "errors",
    "GatewayUnauthorized": "errors",
    "GatewayUnreachable": "errors",
    "GenerateToken": "servers.token",
    "ImageProgress": "servers.docker.images",
    "InputRequest": "protocol.questions",
    "JkgError": "errors",
    "JupyterClient": "gateway.rest",
    "JupyterCodeExecutor": "jupyter_executors",
    "JupyterConnectable": "gateway.connection",
    "JupyterConnectionInfo": "gateway.connection",
    "JupyterHubServer": "servers.jupyterhub.server",
    "JupyterKernelClient": "client.kernel",
    "KernelDied": "errors",
    "KernelNotFound": "errors",
    "KernelNotReady": "errors",
    "KernelSpecNotFound": "errors",
    "KernelStartError": "errors",
    "LocalJupyterServer": "servers.local",
    "MarkdownCodeExtractor": "code_blocks",
    "NamedServersDisabled": "errors",
    "NotAGateway": "errors",
    "NotJsonValue": "errors",
    "NotebookError": "errors",
    "NotebookKernelDied": "errors",
    "NotebookParameter": "notebooks.inspection",
    "NotebookTimeout": "errors",
    "OnInput": "client.callbacks",
    "OnOutput": "client.callbacks",
    "Output": "protocol.outputs",
    "Timeouts": "client.timeouts",
    "ServerContainer": "servers.docker.owners",
    "ServerNotRunning": "errors",
    "ServerProgress": "servers.jupyterhub.models",
    "ServerStartError": "errors",
    "ServerStartTimeout": "errors",
    "Stream": "protocol.outputs",
    "TooManyServers": "errors",
    "Truncation": "protocol.result",
    "UnknownLanguage": "code_blocks",
    "Variable": "python_variables",
    "VariableNotFound": "errors",
    "WireError": "errors",
    "inspect_notebook": "notebooks.inspection",
    "run_notebook": "notebooks.run",
    "run_notebook_async": "notebooks.run",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value  # loaded once
    return value


def __dir__() -> list[str]:
    return __all__
