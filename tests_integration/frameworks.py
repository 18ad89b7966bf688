"""Shared by tests of frameworks: a model that follows a script, gateways, and runs of code."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Union

import pytest
from documentation import ROOT, Example

from jkg_client import JupyterClient, JupyterConnectable, LocalJupyterServer
from jkg_client.testing import FakeGateway

RUNNING = 120.0
"""Seconds for an example."""

Answer = Union[str, Mapping[str, Any]]
"""Text, or other fields of the message, such as calls of tools."""


class Model(http.server.BaseHTTPRequestHandler):
    """Answers like OpenAI's chat completions.

    The number of earlier answers in the conversation chooses the next one. See https://platform.openai.com/docs/api-reference/chat/object.
    """

    asked: list[dict[str, Any]]
    answers: Sequence[Answer]

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(question)
        before = sum(message["role"] == "assistant" for message in question["messages"])
        said = self.answers[before]
        message = {"content": said} if isinstance(said, str) else said
        answer = {
            "id": "answer",
            "object": "chat.completion",
            "created": 0,
            "model": question["model"],
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", **message},
                }
            ],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
        pass


class ModelServer:
    """A model on loopback.

    Attributes:
        variables: Environment variables for programs that use the model.
        asked: The requests that it has received.
    """

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.asked: list[dict[str, Any]] = []
        handler = type("Handler", (Model,), {"asked": self.asked, "answers": answers})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self.variables = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": url}
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def model_server(answers: Sequence[Answer]) -> Iterator[ModelServer]:
    running = ModelServer(answers)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(params=[FakeGateway, LocalJupyterServer], ids=["fake", "real"])
def gateway(request: pytest.FixtureRequest) -> Iterator[JupyterConnectable]:
    with request.param() as running:
        yield running


@pytest.fixture(params=["python", "lowest"])
def any_python(request: pytest.FixtureRequest) -> Path:
    """An interpreter with the pinned release of the framework, then one with the lowest."""
    interpreter: Path = request.getfixturevalue(request.param)
    return interpreter


@pytest.fixture
def model(request: pytest.FixtureRequest) -> Iterator[ModelServer]:
    """A model that gives the ``ANSWERS`` of the test's module."""
    with model_server(request.module.ANSWERS) as running:
        yield running


def server_variables(server: JupyterConnectable) -> dict[str, str]:
    """Environment variables for programs that use ``server``."""
    info = server.connection_info
    return {"JUPYTER_GATEWAY_URL": info.url, "JUPYTER_GATEWAY_AUTH_TOKEN": info.token or ""}


def printed(python: Path, example: Example, folder: Path, env: Mapping[str, str]) -> str:
    """Run ``example``, which must succeed, and return its output."""
    dropped = ("JUPYTER", "OPENAI", "PYTHON", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    kept = {n: v for n, v in os.environ.items() if not n.upper().startswith(dropped)}
    program = folder / "example.py"  # a file: frameworks look for the source of functions
    program.write_text(example.code, encoding="utf-8")
    done = subprocess.run(
        [python, program],
        capture_output=True,
        encoding="utf-8",
        timeout=RUNNING,
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **env},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_alone(python: Path, code: str, server: JupyterConnectable, folder: Path) -> list[str]:
    """The lines that ``code`` prints. It must leave no kernel on ``server``."""
    said = printed(python, Example("", code, ""), folder, server_variables(server))
    with JupyterClient(server.connection_info) as client:
        assert client.list_kernels() == []
    return said.splitlines()


WRONG_ARGUMENTS = """
import math
from {module} import {maker}

wrong = {{
    "jupyter_server": [3, "http://h"],
    "kernel_name": [3, "", None],
    "timeout": [-1, "5", math.nan, None],
    "output_dir": [3, b"x", None],
    "max_text": [0, 1.5, "3", None],
    "notebook": [3, ""],
    **{more},
}}
for name, values in wrong.items():
    for value in values:
        try:
            {maker}(**{{name: value}})
        except ValueError as exc:
            if name not in str(exc):
                print(f"{{name}}={{value!r}}: {{exc}}")
        else:
            print(f"{{name}}={{value!r}} is accepted")
"""


def wrong_arguments(module: str, maker: str, **more: list[object]) -> str:
    """A program that prints wrong arguments for which an adapter raises no ``ValueError``.

    It also prints an argument that the message of the ``ValueError`` does not name.

    Args:
        module: Name of the module below ``jkg_client.integrations``.
        maker: Name of the class.
        more: Wrong values of arguments that not every adapter has.
    """
    return WRONG_ARGUMENTS.format(
        module=f"jkg_client.integrations.{module}", maker=maker, more=repr(more)
    )
