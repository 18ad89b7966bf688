"""Adapters to frameworks, where the framework is not installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = """
import sys
from importlib import import_module

sys.modules[{package!r}] = None
try:
    import_module("jkg_client.integrations.{extra}")
except ImportError as exc:
    print(exc)
"""


@pytest.mark.field("E9")
@pytest.mark.parametrize(
    ("extra", "package"),
    [
        ("ag2", "ag2"),
        ("autogen", "autogen_core"),
        ("langchain", "langchain_core"),
        ("mcp", "mcp"),
        ("smolagents", "smolagents"),
    ],
)
def test_the_error_for_a_missing_framework_names_its_extra(extra: str, package: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(extra=extra, package=package)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    )
    expected = f' needs an extra: pip install "jkg-client[{extra}]" (Python 3.10 or newer)'
    assert expected in done.stdout
