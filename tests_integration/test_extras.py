"""The extra of each framework, in an environment with nothing but this extra."""

from __future__ import annotations

from pathlib import Path

import pytest
from documentation import Example
from environments import environment, our_requirements
from frameworks import printed

INSTALLED = """
from importlib import import_module, metadata

import_module("jkg_client.integrations.{}")
others = ("ag2", "autogen", "docker", "ipykernel", "jupyter", "lang", "mcp", "openai", "smolagents")
names = {{dist.metadata["Name"].lower() for dist in metadata.distributions()}}
print(*sorted(name for name in names if name.startswith(others)))
"""

# mcp has no public way to run something at the end of a session.
PRIVATE = """
from mcp.server.connection import Connection
from mcp.server.session import ServerSession

connection = Connection.from_envelope("2025-11-25", None, None)
session = ServerSession(None, connection)
print(session._connection is connection, connection.session_id)
print(callable(connection.exit_stack.push_async_callback))
"""


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("ag2", "ag2"),
        ("autogen", "autogen-core"),
        ("langchain", "langchain-core langchain-protocol langsmith"),
        ("mcp", "mcp mcp-types"),
        ("smolagents", "smolagents"),
    ],
)
def test_an_extra_brings_its_framework_only(
    extra: str, expected: str, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    said = _run(INSTALLED.format(extra), extra, pytestconfig, tmp_path)
    assert said.splitlines() == [expected]


def test_mcp_has_the_private_part_that_we_use(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    said = _run(PRIVATE, "mcp", pytestconfig, tmp_path)
    assert said.splitlines() == ["True None", "True"]


def _run(code: str, extra: str, config: pytest.Config, folder: Path) -> str:
    python = environment(config, f"extra-{extra}", *our_requirements(extra)) / "python"
    return printed(python, Example("", code, ""), folder, {})
