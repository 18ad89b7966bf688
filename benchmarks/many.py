"""Measures many executors at the same time on one gateway."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .drivers import DriverError, Stage, Taken, complain
from .participants import Peer, ours
from .tables import median, milliseconds, ratio, table

EXECUTORS = 64
BLOCKS = 20
ROUNDS = 3
CELL = "pass"

HEAD = ("executors", "blocks", "blocks/s", "CPU ms a block", "/ alone", "blocks/s a core", "")


def measure(stage: Stage, _: Sequence[Peer], rounds: int | None, *, quick: bool) -> str:
    """Measure one executor, then all of them."""
    count = 8 if quick else EXECUTORS
    rounds = rounds or (1 if quick else ROUNDS)
    rows, alone = [], None
    for executors in (1, count):
        print(f"many: {executors}", file=sys.stderr, flush=True)
        # A block of one executor is so quick that more blocks are needed for a good figure.
        blocks = BLOCKS if executors > 1 else 10 * BLOCKS
        peer = ours(f"{executors} executors", driver="many")
        try:
            all_ = _run(stage, peer, executors, blocks, rounds)
        except DriverError as exc:
            rows.append((str(executors), "-", "-", "-", "-", "-", complain(peer, exc)))
            continue
        together = executors * blocks
        cpu = median([taken.cpu for taken in all_]) / together
        seconds = median([taken.seconds[0] for taken in all_])
        alone = alone or cpu
        rows.append(
            (
                str(executors),
                str(together * rounds),
                f"{together / seconds:.0f}",
                milliseconds(cpu),
                ratio(cpu, alone),
                f"{1 / cpu:.0f}",
                "",
            )
        )
    return table("Many", HEAD, rows, "Executors in threads of one process, on one gateway.")


def _run(stage: Stage, peer: Peer, executors: int, blocks: int, rounds: int) -> list[Taken]:
    with stage.driver(peer, executors=executors, blocks=blocks) as driver:
        driver.ask("open")
        driver.cell(CELL)
        return [driver.cell(CELL) for _ in range(rounds)]
