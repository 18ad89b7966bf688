"""Measures the time and memory of an import, and the size of an installation."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .drivers import Stage
from .environments import PYTHON, ROOT, environment, run
from .participants import Peer
from .tables import median, milliseconds, table

ROUNDS = 15

HEAD = ("import", "median ms", "RSS MB")

ENVIRONMENT_TOOLS = ("pip", "setuptools", "wheel")

OURSELVES = (
    "pass",
    "import requests, websocket, attrs",
    "import jkg_client",
    "import jkg_client.protocol.exchange, jkg_client.protocol.wire",
    "from jkg_client import JupyterCodeExecutor, LocalJupyterServer, CodeBlock",
)

MEASURE = """
import json, time
def size():
    with open('/proc/self/status') as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith('VmRSS:'))
before, started = size(), time.perf_counter()
{}
print(json.dumps([time.perf_counter() - started, size() - before]))
"""

WEIGH = """
import importlib.metadata as m, json
found = [d for d in m.distributions() if d.metadata['Name'].lower() not in {}]
files = [f.locate() for d in found for f in d.files or () if f.suffix != '.pyc']
print(json.dumps([sorted(d.metadata['Name'] for d in found),
                  sum(f.stat().st_size for f in files if f.is_file())]))
"""


def measure(stage: Stage, peers: Sequence[Peer], rounds: int | None, *, quick: bool) -> str:
    """Measure each import in new interpreters, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        ours = _installed(Path(folder))
        imports = [(ours, statement) for statement in OURSELVES]
        for peer in peers:
            if peer.imports:
                python = environment(stage.cache, peer.environment, peer.requirements)
                imports.append((python, f"import {peer.imports}"))
        told = _measure(imports, rounds or (3 if quick else ROUNDS))
        return "\n".join([told, _weighed(ours)])


def _installed(folder: Path) -> Path:
    """Install this package as its users do, and return the interpreter of the environment."""
    # From a copy, because a build leaves files in the folder of the sources.
    source = folder / "source"
    ignored = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__")
    for name in ("jkg_client", "setup.cfg", "setup.py", "README.md", "LICENSE"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            source.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    run(PYTHON, "-m", "venv", str(folder / "environment"))
    python = folder / "environment" / "bin" / "python"
    run(str(python), "-m", "pip", "install", "--quiet", str(source))
    return python


def _measure(imports: Sequence[tuple[Path, str]], rounds: int) -> str:
    taken: dict[str, list[tuple[float, int]]] = {statement: [] for _, statement in imports}
    for one in range(rounds + 1):
        print(f"import {one}/{rounds}", file=sys.stderr, flush=True)
        for python, statement in imports:
            figures = json.loads(_alone(python, MEASURE.format(statement)))
            if one:  # the first import reads from disk and compiles, so it does not count
                taken[statement].append(figures)
    rows = [
        (
            f"`{statement}`",
            milliseconds(median([seconds for seconds, _ in figures])),
            f"{median([size for _, size in figures]) / 1e6:.1f}",
        )
        for statement, figures in taken.items()
    ]
    return table("Import", HEAD, rows, "`pass` is the cost of the measurement itself.")


def _weighed(python: Path) -> str:
    names, size = json.loads(_alone(python, WEIGH.format(ENVIRONMENT_TOOLS)))
    rows = [("distributions", str(len(names))), ("MB", f"{size / 1e6:.1f}")]
    note = f"`pip install .`: {', '.join(names)}; without compiled files."
    return table("Size", ("installed", ""), rows, note)


def _alone(python: Path, code: str) -> str:
    done = subprocess.run(
        [str(python), "-I", "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout.splitlines()[-1]
