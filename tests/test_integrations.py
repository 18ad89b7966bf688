"""Adapters to frameworks, where the framework is not installed."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tables import table

# The extras, and a package that each of them installs.
EXTRAS = [
    ("ag2", "ag2"),
    ("autogen", "autogen_core"),
    ("langchain", "langchain_core"),
    ("mcp", "mcp"),
    ("smolagents", "smolagents"),
]
WITHOUT = f"""
import sys
from importlib import import_module

for extra, package in {EXTRAS}:
    sys.modules[package] = None
    try:
        import_module("jkg_client.integrations." + extra)
    except ImportError as exc:
        print(exc)
"""


@pytest.mark.field("E9")
def test_the_error_for_a_missing_framework_names_its_extra() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], stdout=subprocess.PIPE, text=True, timeout=60, check=True
    )
    told = done.stdout.splitlines()
    assert len(told) == len(EXTRAS)
    with table() as row:
        for (extra, _), error in zip(EXTRAS, told):
            with row(extra):
                needed = f'needs an extra: pip install "jkg-client[{extra}]"'
                assert f" {needed} (Python 3.10 or newer)" in error
