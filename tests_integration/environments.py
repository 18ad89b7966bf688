"""Virtual environments for other programs, created once and kept in pytest's cache."""

from __future__ import annotations

import configparser
import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

MAKING = 600
"""Seconds for the packages of one environment."""

PYTHON = shutil.which("python3.11") or sys.executable
"""A version of Python for which all required packages, also old ones, have wheels."""


def environment(config: pytest.Config, name: str, *requirements: str) -> Path:
    """The ``bin`` folder of an environment with ``requirements``, and without our package."""
    assert config.cache is not None
    digest = hashlib.sha256("\n".join([PYTHON, *requirements]).encode()).hexdigest()[:8]
    folder = Path(config.cache.mkdir("environments")) / f"{name}-{digest}"
    done = folder / "done"
    with FileLock(f"{folder}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            # The pip of the tests installs: it is new, and a pip for each environment is slow.
            _run(PYTHON, "-m", "venv", "--without-pip", str(folder))
            python = str(folder / "bin" / "python")
            pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
            # Most modules are never imported: do not compile them. Kernels may need pip themselves.
            _run(*pip, "--no-compile", "pip", *requirements)
            done.touch()
    return folder / "bin"


def our_requirements(*extras: str) -> list[str]:
    """The requirements of our package with these extras, from its setup.cfg."""
    config = configparser.ConfigParser(inline_comment_prefixes="#")
    config.read(Path(__file__).parent.parent / "setup.cfg", encoding="utf-8")
    lists = [config["options"]["install_requires"]]
    lists += [config["options.extras_require"][extra] for extra in extras]
    return [line for text in lists for line in text.strip().splitlines()]


def lowest_requirements(extra: str) -> list[str]:
    """The requirements of our package with an extra, each in the lowest allowed release."""
    theirs = set(our_requirements(extra)) - set(our_requirements())
    return [*our_requirements(), *(line.replace(">=", "==", 1) for line in sorted(theirs))]


def _run(*command: str) -> None:
    started = time.monotonic()
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=MAKING,
        check=False,
    )
    if done.returncode:
        took = time.monotonic() - started
        raise RuntimeError(f"{' '.join(command)} failed after {took:.0f} s:\n{done.stdout}")
