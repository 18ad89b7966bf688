"""Measures whole notebooks: one with many small cells, and one with much output."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from .drivers import Stage, environ
from .environments import ROOT, environment
from .participants import GATEWAY, OURS, Peer
from .tables import median, ratio, table

ROUNDS = 3
RUNNING = 600
"""Time limit for one notebook, in seconds."""

NOTEBOOKS = (("1,000 cells", 1000, 0), ("200 MB of output", 20, 200))
QUICK = (("20 cells", 20, 0), ("2 MB of output", 2, 2))
RUNNERS = ("nbclient", "run_notebook embedded", "run_notebook on the gateway")

HEAD = ("notebook", "by", "seconds", "/ nbclient", "peak MB", "/ nbclient")


def measure(stage: Stage, _: Sequence[Peer], rounds: int | None, *, quick: bool) -> str:
    """Measure each notebook with each runner."""
    requirements = (*OURS, *GATEWAY, "jupyter_core", "nbclient==0.11.0", "nbformat")
    python = str(environment(stage.cache, "notebooks", requirements))
    rows = []
    for name, cells, megabytes in QUICK if quick else NOTEBOOKS:
        theirs: tuple[float, float] | None = None
        for runner in RUNNERS:
            print(f"notebooks: {name}, {runner}", file=sys.stderr, flush=True)
            info = stage.server.connection_info
            where = (info.url, info.token or "") if "gateway" in runner else ()
            command = [python, "-W", "ignore", "-m", "benchmarks.peers.whole_notebook"]
            words = [*command, runner.split()[0], str(cells), str(megabytes), *where]
            taken = [_run(words) for _ in range(rounds or (1 if quick else ROUNDS))]
            seconds, memory = (median(values) for values in zip(*taken))
            theirs = theirs or (seconds, memory)
            rows.append(
                (
                    name,
                    runner,
                    f"{seconds:.1f}",
                    ratio(seconds, theirs[0]),
                    f"{memory / 1000:.0f}",
                    ratio(memory, theirs[1]),
                )
            )
    return table("Notebooks", HEAD, rows, "Includes the start of the kernel and writing the file.")


def _run(words: Sequence[str]) -> tuple[float, float]:
    done = subprocess.run(
        words,
        cwd=ROOT,
        env=environ(),
        capture_output=True,
        text=True,
        timeout=RUNNING,
        check=True,
    )
    seconds, memory = done.stdout.split()[-2:]
    return float(seconds), float(memory)
