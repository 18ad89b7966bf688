"""Wrong arguments of all public functions and methods: an error names the argument, at once."""

from __future__ import annotations

import asyncio
import inspect
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import frozen
from tables import table

import jkg_client
from jkg_client import (
    AsyncJupyterCodeExecutor,
    CodeBlock,
    JupyterClient,
    JupyterCodeExecutor,
    JupyterKernelClient,
    MarkdownCodeExtractor,
    testing,
)
from jkg_client.testing import FakeGateway, Script

NOTEBOOK = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
NOWHERE = "http://127.0.0.1:1"
NO_ENGINE = "tcp://127.0.0.1:1"

TEXTS: list[Any] = [3, b"x", ["x"]]
SECONDS: list[Any] = [-1, math.nan, "5", True, [1]]
NUMBERS: list[Any] = [-1, 1.5, "3", True, math.nan]
FLAGS: list[Any] = ["no", 3, b"x"]
PATHS: list[Any] = [3, b"x", ["x"]]
WORDS: list[Any] = [3, "x", [("a", "b")], {1: "a"}, {"a": 1}]
OBJECTS: list[Any] = [3, "x", [1]]
FUNCTIONS: list[Any] = [3, "x"]
ADDRESSES: list[Any] = [3, b"http://h", "", "ftp://h", "http://", "http://h:x"]

# The wrong values of a parameter, by its annotation.
WRONG: dict[str, list[Any]] = {
    "str": [*TEXTS, None],
    "str | None": TEXTS,
    "float": [*SECONDS, None],
    "float | None": SECONDS,
    "int": [*NUMBERS, None],
    "int | None": NUMBERS,
    "bool": [*FLAGS, None],
    "bool | None": FLAGS,
    "Path | str": [*PATHS, None],
    "Path | str | None": [*PATHS, ""],
    "str | os.PathLike[str]": [*PATHS, None, ""],
    "str | os.PathLike[str] | None": [*PATHS, ""],
    "str | PathLike[str]": [*PATHS, None],
    "Mapping[str, str] | None": WORDS,
    "Mapping[str, Any] | None": OBJECTS,
    "Mapping[str, Any]": [*OBJECTS, None],
    "Json": [*OBJECTS, None],
    "Json | None": OBJECTS,
    "PageScripts | None": [*OBJECTS, {"nosuch": "x"}, {"plotly": "/no/such/file"}],
    "NotebookOption": [*PATHS, "", "/", "/no/such/folder/a.ipynb"],
    "Timeouts": [5, None, "x"],
    "JupyterConnectable | JupyterConnectionInfo": [3, None, NOWHERE],
    "JupyterConnectionInfo": [3, None, NOWHERE],
    "KernelProvider": [3, None, NOWHERE],
    "Sequence[CodeBlock]": ["x", b"x", 3, None, ["x"]],
    "Sequence[str]": ["x", b"x", 3, None, [], [3], [""]],
    "Order": [3, None, "x", ["x"]],
    "str | re.Pattern[str]": [*TEXTS, None],
    "str | Mapping[str, Any]": [3, None, ["x"], b"x"],
    "Recording | str | PathLike[str]": [*PATHS, None],
    "Callable[[], Any]": [*FUNCTIONS, None],
    "Callable[[Journal], T]": [*FUNCTIONS, None],
    "Frame": [3, None, ["x"]],
    "Ending": [3, None, "x"],
    "tuple[bytes, ...]": [3, b"x", ["x"]],
    "list[str] | None": [3, "x"],
    "NotebookSource": [3, None, "", b"x", "/", {"a": 1}],
    "NotebookServer": [3, NOWHERE],
    "SecretParameters": [3],
    "MessageContent": [3, b"x", [3]],
    "TokenChoice": [3, b"x", ["x"], "\n"],
    "TokenSource | None": [3, b"x", ["x"], ""],
    "Certificate | None": [3, b"x", "", ("a", 3)],
    "bool | str": [3, b"x", None, ""],
    **dict.fromkeys(
        ("OnOutput | None", "OnInput | None", "OnCell | None", "OnProgress | None"), FUNCTIONS
    ),
    "Report | None": FUNCTIONS,
}
# Further wrong values of a few parameters, and parameters that accept any value.
MORE: dict[str, list[Any]] = {
    "url": ADDRESSES[2:],
    "kernel_id": [""],
    "messages.kernel_id": [],  # a pattern
    "kernel_name": [""],
    "kernel_spec_name": [""],
    "ip": [""],
    "port": [0, 65536],
    "reply": ["last"],
    "log_level": ["LOUD"],
    "close.code": [1, 1005],
}
UNTYPED: dict[str, list[Any]] = {
    "JupyterConnectionInfo.host": [3, b"x", None, ""],
    "JupyterConnectionInfo.base_path": [3, b"x", None],
    "JupyterConnectionInfo.headers": WORDS,
    "JupyterConnectionInfo.verify": WRONG["bool | str"],
    "JupyterConnectionInfo.cert": WRONG["Certificate | None"],
}
ANY = {"value"}

# Constructors and functions, with arguments that are right.
RIGHT: dict[str, dict[str, Any]] = {
    "AsyncEmbeddedIPythonCodeExecutor": {},
    "AsyncJupyterHubServer": {"url": NOWHERE, "token": "t"},
    "AsyncJupyterHubServer.from_env": {},
    "CodeBlock": {"code": "1", "language": "python"},
    "DockerJupyterServer": {"docker_host": NO_ENGINE},
    "DockerJupyterServer.attach": {"name": "x", "docker_host": NO_ENGINE},
    "DockerJupyterServer.build_image": {"docker_host": NO_ENGINE},
    "DockerJupyterServer.containers": {},
    "DockerJupyterServer.remove_orphans": {},
    "EmbeddedIPythonCodeExecutor": {},
    "JupyterConnectionInfo": {"host": "h", "use_https": False},
    "JupyterConnectionInfo.from_env": {},
    "JupyterConnectionInfo.from_url": {"url": "http://h"},
    "JupyterHubServer": {"url": NOWHERE, "token": "t"},
    "JupyterHubServer.from_env": {},
    "LocalJupyterServer": {},
    "MarkdownCodeExtractor": {},
    "Timeouts": {},
    "inspect_notebook": {"notebook": NOTEBOOK},
    "run_notebook": {"notebook": NOTEBOOK},
    "run_notebook_async": {"notebook": NOTEBOOK},
    "FakeGateway": {},
    "Recording.load": {"path": "x"},
    "Script": {"cell": "x"},
}
# Required arguments of methods.
REQUIRED: dict[str, Any] = {
    "act": print,
    "cell": "x",
    "code": "1",
    "code_blocks": [CodeBlock("1", "python")],
    "content": {},
    "count": 1,
    "data": {"text/plain": "x"},
    "status.code": 500,
    "ename": "E",
    "frame": "x",
    "kernel_id": "x",
    "kernel_spec_name": "python3",
    "look": len,
    "message": "x",
    "msg_type": "stream",
    "name": "x",
    "path": "x.ipynb",
    "recording": "x",
    "seconds": 1.0,
    "source": "page",
    "text": "x",
    "timeout_seconds": 5.0,
    "value": 1,
}
# Created by this package, not by its users: results, and methods that a gateway calls itself.
OURS = re.compile(
    r"(CellProgress|CodeResult|DataItem|Display|ExecutionResult|Failure|ImageProgress|InputRequest"
    r"|NotebookParameter|ServerContainer|ServerProgress|Stream|Truncation|Variable|Faults|Journal"
    r"|KernelMessage|Recording|RestRequest|GenerateToken|JupyterConnectable)(\.from_\w+|\.after)?"
    r"|JupyterClient\.(connect|channels_address)|Journal\.add_\w+|Script\.(act|play)|.*Error"
)
# These need a server that runs: their tests are in test_files.py, and of the servers.
OF_SERVERS = re.compile(r"(Local|Docker|Async|)Jupyter(Hub)?Server\.(stop|\w+_files?)")


@frozen
class Call:
    """A function, and arguments that are right."""

    function: Callable[..., Any]
    right: dict[str, Any]

    def parameters(self) -> Iterator[inspect.Parameter]:
        for parameter in inspect.signature(self.function).parameters.values():
            if parameter.kind is not parameter.VAR_KEYWORD:
                yield parameter

    def with_wrong(self, parameter: inspect.Parameter, value: Any) -> None:
        if parameter.kind is parameter.VAR_POSITIONAL:
            made = self.function(value)
        else:
            made = self.function(**{**self.right, parameter.name: value})
        if inspect.isawaitable(made):

            async def run() -> None:
                await made

            asyncio.run(run())


def public() -> dict[str, Any]:
    """All public functions, classes and methods."""
    found: dict[str, Any] = {}
    for module in (jkg_client, testing):
        for name in module.__all__:
            value = getattr(module, name)
            is_error = inspect.isclass(value) and issubclass(value, Exception)
            if is_error or not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            found[name] = value
            for method, function in inspect.getmembers(value, inspect.isroutine):
                if method[0] != "_" and inspect.isclass(value):
                    found[f"{name}.{method}"] = function
    return {name: value for name, value in found.items() if not OURS.fullmatch(name)}


def calls(objects: dict[str, Any], right: dict[str, dict[str, Any]]) -> Iterator[tuple[str, Call]]:
    """All of them that take arguments; methods as those of ``objects``."""
    functions = public()
    # Methods that the executors inherit from the same class.
    same = {function for name, function in functions.items() if name.partition(".")[0] in objects}
    for name, function in functions.items():
        owner, _, method = name.partition(".")
        if name in right:
            yield name, Call(function, right[name])
        elif owner in objects and method:
            bound = getattr(objects[owner], method)
            needed = [one for one in Call(bound, {}).parameters() if one.default is one.empty]
            names = [one.name for one in needed if one.kind is not one.VAR_POSITIONAL]
            yield name, Call(bound, {one: _first(REQUIRED, method, one) for one in names})
        elif function not in same:
            assert OF_SERVERS.fullmatch(name) or not [*Call(function, {}).parameters()][1:], name


def _first(table: dict[str, Any], function: str, name: str) -> Any:
    """The entry of a table for this argument: of this function, or else of any function."""
    return table.get(f"{function}.{name}", table.get(name))


def wrong_values(name: str, parameter: inspect.Parameter) -> list[Any]:
    kind = str(parameter.annotation)
    if parameter.name in ANY:
        return []
    values = UNTYPED.get(f"{name}.{parameter.name}") or WRONG[kind]
    return [*values, *(_first(MORE, name.rpartition(".")[2], parameter.name) or [])]


@pytest.mark.field("E10")
def test_each_wrong_argument_is_named_before_any_request(
    server: FakeGateway, executor: JupyterCodeExecutor, kernel: JupyterKernelClient
) -> None:
    with JupyterClient(server.connection_info) as client, table() as row:
        objects = {
            "AsyncJupyterCodeExecutor": AsyncJupyterCodeExecutor(server),
            "FakeGateway": server,
            "Faults": server.faults,
            "Journal": server.journal,
            "JupyterClient": client,
            "JupyterCodeExecutor": executor,
            "JupyterKernelClient": kernel,
            "MarkdownCodeExtractor": MarkdownCodeExtractor(),
            "Script": Script("x"),
        }
        right = {
            **RIGHT,
            "AsyncJupyterCodeExecutor": {"jupyter_server": server},
            "JupyterClient": {"connection_info": server.connection_info},
            "JupyterCodeExecutor": {"jupyter_server": server},
            "JupyterKernelClient": {"provider": client, "kernel_id": kernel.kernel_id},
            "run_notebook": {"notebook": NOTEBOOK, "server": server},
            "run_notebook_async": {"notebook": NOTEBOOK, "server": server},
        }
        for name, call in calls(objects, right):
            for parameter in call.parameters():
                for value in wrong_values(name, parameter):
                    asked = len(server.journal)
                    with row(f"{name}({parameter.name}={value!r})"):
                        with pytest.raises((ValueError, TypeError)) as told:
                            call.with_wrong(parameter, value)
                        assert parameter.name in str(told.value).lower()
                        assert len(server.journal) == asked
