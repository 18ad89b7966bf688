"""The command line."""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jkg_client
from pictures.__main__ import main as draw_pictures

from . import imports, many, notebooks, round_trip, start, throughput
from .drivers import Stage, stage
from .environments import CACHE, environment, versions
from .participants import GATEWAY, PEERS, Peer

Measure = Callable[..., str]

MEASURES: Mapping[str, Measure] = {
    "round-trip": round_trip.measure,
    "throughput": throughput.measure,
    "start": start.measure,
    "import": imports.measure,
    "many": many.measure,
    "notebooks": notebooks.measure,
}

NAMES = tuple(peer.name for peer in PEERS)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print tables in Markdown."""
    argv = sys.argv[1:] if argv is None else argv
    options = _parser().parse_args(argv)
    if options.chart:
        draw_pictures()
        return 0
    peers = [peer for peer in PEERS if peer.name in options.peers]
    for peer in peers:
        environment(options.cache, peer.environment, peer.requirements)
    with tempfile.TemporaryDirectory() as folder, stage(options.cache, Path(folder)) as place:
        report = [_head(place, peers, argv)]
        for name in options.only:
            measured = MEASURES[name](place, peers, options.rounds, quick=options.quick)
            print(measured, file=sys.stderr, flush=True)
            report.append(measured)
    options.output.write("\n".join(report))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Compare this package with other clients."
    )
    add = parser.add_argument
    add("--only", type=_some(MEASURES), default=list(MEASURES), help=", ".join(MEASURES))
    add("--peers", type=_some(NAMES), default=list(NAMES), help=", ".join(NAMES))
    add("--rounds", type=int, help="number of rounds (default: depends on the measurement)")
    add("--quick", action="store_true", help="only try it with little data; figures mean little")
    add("--cache", type=Path, default=CACHE, help="folder of the peers' environments")
    add("--output", type=argparse.FileType("w"), default=sys.stdout, help="file for the tables")
    add("--chart", action="store_true", help="only draw the chart from docs/benchmarks.md")
    return parser


def _some(known: Sequence[str] | Mapping[str, object]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        chosen = [name.strip() for name in text.split(",")]
        unknown = [name for name in chosen if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(
                f"{', '.join(unknown)}: choose from {', '.join(known)}"
            )
        return chosen

    return names


def _head(place: Stage, peers: Sequence[Peer], argv: Sequence[str]) -> str:
    """The command, the machine and the versions."""
    parts = {f"jkg-client {jkg_client.__version__}"}
    for peer in peers:
        python = environment(place.cache, peer.environment, peer.requirements)
        parts |= _versions(python, peer.requirements)
    parts |= _versions(place.gateway_python, [*GATEWAY, "jupyter_client", "tornado"])
    system = f"{platform.system()} {platform.release()}"
    machine = f"{os.cpu_count()} cores, {system}, Python {platform.python_version()}"
    load = " ".join(f"{one:.2f}" for one in os.getloadavg())
    return "\n".join(
        [
            f"Command: `python -m benchmarks {shlex.join(argv)}`  ",
            f"Machine: {machine}, load {load}  ",
            f"Versions: {', '.join(sorted(parts))}",
            "",
        ]
    )


def _versions(python: Path, requirements: Sequence[str]) -> set[str]:
    names = [
        requirement.split("==")[0].split(">=")[0].split("[")[0] for requirement in requirements
    ]
    return {f"{name} {version}" for name, version in versions(python, names).items()}
