"""Virtual environments of the peers. They are created once and kept in a folder."""

from __future__ import annotations

import configparser
import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent

CACHE = ROOT / ".tox" / "benchmarks"

MAKING = 900
"""Time limit for the packages of one environment, in seconds."""

PYTHON = shutil.which("python3.11") or sys.executable
"""The interpreter of the environments. All packages, also old ones, have wheels for 3.11."""


def environment(cache: Path, name: str, requirements: Sequence[str]) -> Path:
    """The interpreter of an environment that has only ``requirements``."""
    digest = hashlib.sha256("\n".join([PYTHON, *requirements]).encode()).hexdigest()[:8]
    folder = cache / f"{name}-{digest}"
    done = folder / "done"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _fill(folder, requirements)
            done.touch()
    return folder / "bin" / "python"


def our_requirements() -> list[str]:
    """The requirements of this package, from setup.cfg."""
    config = configparser.ConfigParser(inline_comment_prefixes="#")
    config.read(ROOT / "setup.cfg")
    return config["options"]["install_requires"].split()


def versions(python: Path, distributions: Sequence[str]) -> dict[str, str]:
    """Versions of packages in the environment of ``python``."""
    ask = "import sys, importlib.metadata as m; [print(m.version(d)) for d in sys.argv[1:]]"
    return dict(zip(distributions, run(str(python), "-c", ask, *distributions).split()))


def run(*command: str) -> str:
    """Run a command, and return its output.

    Raises:
        RuntimeError: The command fails.
        subprocess.TimeoutExpired: The command does not end in time.
    """
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=MAKING,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}")
    return done.stdout


def _fill(folder: Path, requirements: Sequence[str]) -> None:
    print(f"creating {folder.name}", file=sys.stderr, flush=True)
    run(PYTHON, "-m", "venv", str(folder))
    python = str(folder / "bin" / "python")
    run(python, "-m", "pip", "install", "--quiet", "--upgrade", "pip")
    run(python, "-m", "pip", "install", "--quiet", *requirements)
