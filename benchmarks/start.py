"""Measures the time from the start to the first result."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence

from .drivers import Driver, DriverError, Stage, complain
from .participants import MINIMAL_V1, QUICKACK, ZMQ, Peer, ours
from .tables import median, ratio, table

ROUNDS = 7

HEAD = ("way", "starts", "median s", "min s", "max s", "ratio", "")

BY_HAND = ours("gateway by hand, minimal loop", "by-hand", driver="launch")
LAUNCHED = ours("LocalJupyterServer, JupyterCodeExecutor", "ours", driver="launch")


def measure(stage: Stage, peers: Sequence[Peer], rounds: int | None, *, quick: bool) -> str:
    """Measure with the start of a gateway, and on a running gateway."""
    rounds = rounds or (1 if quick else ROUNDS)
    with_server = _measure(stage, [BY_HAND, LAUNCHED], rounds)
    running = [peer for peer in peers if peer.name not in (QUICKACK.name, MINIMAL_V1.name)]
    on_running = _measure(stage, running, rounds)
    return "\n".join(
        [
            _told("Start: gateway, kernel, first result", with_server, BY_HAND.name),
            _told("Start: kernel, first result", on_running, ZMQ.name),
        ]
    )


def _measure(
    stage: Stage, peers: Sequence[Peer], rounds: int
) -> dict[str, tuple[list[float], str]]:
    told: dict[str, tuple[list[float], str]] = {peer.name: ([], "") for peer in peers}
    with contextlib.ExitStack() as stack:
        drivers = [stack.enter_context(stage.driver(peer)) for peer in peers]
        for one in range(rounds):
            print(f"start {one + 1}/{rounds}", file=sys.stderr, flush=True)
            turn = one % len(drivers)
            for driver in (*drivers[turn:], *drivers[:turn]):
                _add(driver, told)
    return told


def _add(driver: Driver, told: dict[str, tuple[list[float], str]]) -> None:
    seconds, _ = told[driver.peer.name]
    try:
        seconds += driver.start().seconds
    except DriverError as exc:
        told[driver.peer.name] = (seconds, complain(driver.peer, exc))


def _told(title: str, told: dict[str, tuple[list[float], str]], reference: str) -> str:
    middle = {name: median(seconds) for name, (seconds, _) in told.items() if seconds}
    rows = []
    for name, (seconds, trouble) in told.items():
        if not seconds:
            rows.append((name, "0", "-", "-", "-", "-", trouble))
            continue
        limits = (f"{min(seconds):.3f}", f"{max(seconds):.3f}")
        against = ratio(middle[name], middle.get(reference))
        rows.append((name, str(len(seconds)), f"{middle[name]:.3f}", *limits, against, trouble))
    return table(title, HEAD, rows, f"Ratio to {reference}.")
