"""Measures the duration of a trivial cell."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence

from .drivers import Driver, DriverError, Stage, complain
from .participants import MINIMAL_V1, ZMQ, Peer
from .tables import median, milliseconds, percentile_95, ratio, table

CELL = "pass"
BATCH = 20
SLOW_BATCH = 4
ROUNDS = 25
"""Rounds of 20 cells each, so 500 cells of each peer and 100 of a slow one."""

HEAD = (
    "client",
    "cells",
    "median ms",
    "95 % ms",
    "CPU ms",
    "/ zmq",
    "/ minimal-v1",
    "CPU / it",
    "",
)


class Cells:
    """The measured cells of one peer so far."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.cpu = 0.0
        self.trouble = ""


def measure(stage: Stage, peers: Sequence[Peer], rounds: int | None, *, quick: bool) -> str:
    """Measure all peers in turn, a few cells each, in a different order in each round."""
    rounds = rounds or (2 if quick else ROUNDS)
    cells = {peer.name: Cells() for peer in peers}
    with contextlib.ExitStack() as stack:
        drivers = []
        for peer in peers:
            driver = stack.enter_context(stage.driver(peer))
            with _trouble(driver, cells[peer.name]):
                driver.ask("open")
                driver.cell(CELL, BATCH // 2)
                drivers.append(driver)
        for one in range(rounds):
            print(f"round trip {one + 1}/{rounds}", file=sys.stderr, flush=True)
            turn = one % max(1, len(drivers))
            for driver in (*drivers[turn:], *drivers[:turn]):
                _add(driver, cells[driver.peer.name])
        for driver in drivers:
            with _trouble(driver, cells[driver.peer.name]):
                driver.ask("close")
    return _told(cells)


def _add(driver: Driver, cells: Cells) -> None:
    with _trouble(driver, cells):
        taken = driver.cell(CELL, SLOW_BATCH if driver.peer.slow else BATCH)
        cells.seconds += taken.seconds
        cells.cpu += taken.cpu


@contextlib.contextmanager
def _trouble(driver: Driver, cells: Cells) -> Iterator[None]:
    try:
        yield
    except DriverError as exc:
        cells.trouble = complain(driver.peer, exc)


def _told(cells: dict[str, Cells]) -> str:
    middle = {name: median(one.seconds) for name, one in cells.items() if one.seconds}
    cpu = {name: cells[name].cpu / len(cells[name].seconds) for name in middle}
    rows = []
    for name, one in cells.items():
        if name not in middle:
            rows.append((name, "0", "-", "-", "-", "-", "-", "-", one.trouble))
            continue
        rows.append(
            (
                name,
                str(len(one.seconds)),
                milliseconds(middle[name]),
                milliseconds(percentile_95(one.seconds)),
                milliseconds(cpu[name]),
                ratio(middle[name], middle.get(ZMQ.name)),
                ratio(middle[name], middle.get(MINIMAL_V1.name)),
                ratio(cpu[name], cpu.get(MINIMAL_V1.name)),
                one.trouble,
            )
        )
    return table("Round trip of `pass`", HEAD, rows)
