"""The examples in README and docs: how they are found, run and judged.

An example is a block of Python with a block of text below it. There are two kinds:

- A program. The text is exactly the output of the program on stdout; it prints nothing to stderr.
- Tests, if the block defines a function ``test_…``. The text is the output of ``pytest -q`` without
  the line of dots and the time. ``…`` in it stands for any text, also of several lines.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

import jkg_client

ROOT = Path(__file__).parent.parent

TIMEOUT = 120
"""Seconds for one example."""

_BLOCK = re.compile(r"^```python\n", re.MULTILINE)
_EXAMPLE = re.compile(r"^```python\n(.*?)^```\n+```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TEST = re.compile(r"^ *def test_", re.MULTILINE)
_DOTS = re.compile(r"^[.FEsxX]+ *\[ *\d+%\]\n", re.MULTILINE)
_TIME = re.compile(r" in \d+\.\d+s$", re.MULTILINE)
_TRAILING = re.compile(r" +$", re.MULTILINE)


@frozen
class Example:
    """A block of Python and the block of text below it."""

    place: str
    code: str
    output: str

    def __str__(self) -> str:
        return self.place

    @property
    def is_tests(self) -> bool:
        """Whether it is for pytest."""
        return _TEST.search(self.code) is not None

    def expects(self, printed: str) -> bool:
        """Whether ``printed`` matches the text of the example."""
        if not self.is_tests:
            return printed == self.output
        parts = map(re.escape, self.output.split("…"))
        return re.fullmatch(r"[\s\S]*".join(parts), printed) is not None


def examples(page: Path) -> list[Example]:
    """All examples of a page.

    Raises:
        ValueError: A block of Python has no block of text below it.
    """
    text = page.read_text(encoding="utf-8")
    found = {match.start(): match.groups() for match in _EXAMPLE.finditer(text)}
    blocks = [match.start() for match in _BLOCK.finditer(text)]
    places = [f"{page.name}:{text.count(chr(10), 0, start) + 1}" for start in blocks]
    if blocks != list(found):
        alone = [place for place, start in zip(places, blocks) if start not in found]
        raise ValueError(f"Python without its output: {', '.join(alone)}")
    return [Example(place, *found[start]) for place, start in zip(places, blocks)]


def run(example: Example, folder: Path, env: Mapping[str, str] | None = None) -> str:
    """The output of ``example`` in ``folder``, with stderr at the end."""
    if not example.is_tests:
        return _printed(["-W", "error", "-c", example.code], folder, env)
    (folder / "test_example.py").write_text(example.code, encoding="utf-8")
    # Load only our plugin, even if it is not installed, and no other installed plugins.
    options = ["-q", "-W", "error", "--color=no", "-p", "no:cacheprovider"]
    options += ["-p", "jkg_client.testing.plugin"]
    plain = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "COLUMNS": "80"}
    env = {**plain, **(env or {})}
    printed = _printed(["-m", "pytest", *options, "test_example.py"], folder, env)
    return _TRAILING.sub("", _TIME.sub("", _DOTS.sub("", printed)))


def _printed(arguments: list[str], folder: Path, env: Mapping[str, str] | None) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        cwd=folder,
        check=False,
        env={
            **os.environ,
            "PYTHONIOENCODING": "utf-8",
            "PYTHONPATH": str(Path(jkg_client.__file__).parent.parent),
            **(env or {}),
        },
    )
    return done.stdout + done.stderr
