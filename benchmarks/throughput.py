"""Measures the time, CPU time and memory that a client needs for much output."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from attrs import frozen

from .drivers import Driver, DriverError, Stage, Taken, complain
from .participants import FLOOR, FLOOR_V1, Peer
from .tables import median, ratio, table

ROUNDS = 5
"""Default number of rounds. Loads that take minutes have fewer, very quick ones have more."""

HEAD = (*("client", "seconds", "CPU s", "/ floor", "/ floor-v1", "RSS MB", "RSS / payload", ""),)


@frozen(kw_only=True)
class Load:
    """A cell with much output.

    Attributes:
        title: Title of the table.
        setup: Code that runs before the cell and is not measured.
        code: The cell.
        size: Bytes of its output.
        least: Bytes that the caller must receive. Images count without base64, because some
            clients save them as files.
        rounds: Number of rounds.
    """

    title: str
    setup: str
    code: str
    size: int
    least: int
    rounds: int = ROUNDS


def loads(*, quick: bool) -> list[Load]:
    """The four loads. With ``quick``, a tenth of each."""
    part = 10 if quick else 1
    lines, flushed, image, images = (
        100_000 // part,
        100_000 // part,
        15_000_000 // part,
        200 // part,
    )
    line = "'x' * 99"
    shown = "display({'image/png': payload}, raw=True)"
    return [
        Load(
            title=f"{lines // 10_000} MB of printed lines",
            setup="",
            code=f"for _ in range({lines}): print({line})",
            size=100 * lines,
            least=100 * lines,
        ),
        Load(
            title=f"{flushed} flushed lines",
            setup="",
            code=f"for _ in range({flushed}): print('flushed', flush=True)",
            size=8 * flushed,
            least=8 * flushed,
            rounds=1,
        ),
        Load(
            title=f"one image of {image * 4 // 3_000_000} MB in base64",
            setup=_payload(image),
            code=shown,
            size=image * 4 // 3,
            least=image,
        ),
        Load(
            title=f"{images} images of 20 kB in base64",
            setup=_payload(15_000),
            code=f"for _ in range({images}): {shown}",
            size=20_000 * images,
            least=15_000 * images,
            rounds=11,
        ),
    ]


def _payload(size: int) -> str:
    return (
        "import base64, os\nfrom IPython.display import display\n"
        f"payload = base64.b64encode(os.urandom({size})).decode()"
    )


def measure(stage: Stage, peers: Sequence[Peer], rounds: int | None, *, quick: bool) -> str:
    """Measure each load, and return one table for each."""
    rounds = rounds or (1 if quick else None)
    tables = [
        _measure(stage, load, [FLOOR, FLOOR_V1, *peers], rounds or load.rounds)
        for load in loads(quick=quick)
    ]
    return "\n".join(tables)


def _measure(stage: Stage, load: Load, peers: Sequence[Peer], rounds: int) -> str:
    taken: dict[str, list[Taken]] = {peer.name: [] for peer in peers}
    trouble: dict[str, str] = {}
    for one in range(rounds):
        turn = one % len(peers)
        for peer in (*peers[turn:], *peers[:turn]):
            print(f"{load.title} {one + 1}/{rounds}: {peer.name}", file=sys.stderr, flush=True)
            try:
                # A new process for each load, so that the loads do not influence each other.
                with stage.driver(peer) as driver:
                    taken[peer.name].append(_run(driver, load))
            except DriverError as exc:
                trouble[peer.name] = complain(peer, exc)
    return _told(load, taken, trouble)


def _run(driver: Driver, load: Load) -> Taken:
    driver.ask("open")
    driver.cell(load.setup or "pass")
    taken = driver.cell(load.code)
    driver.ask("close")
    return taken


def _told(load: Load, taken: dict[str, list[Taken]], trouble: dict[str, str]) -> str:
    cpu = {name: median([one.cpu for one in all_]) for name, all_ in taken.items() if all_}
    rows = []
    for name, all_ in taken.items():
        if not all_:
            rows.append((name, "-", "-", "-", "-", "-", "-", trouble.get(name, "")))
            continue
        rss = max(one.rss for one in all_)
        lost = max(load.least - one.got for one in all_)
        rows.append(
            (
                name,
                f"{median([one.seconds[0] for one in all_]):.2f}",
                f"{cpu[name]:.3f}",
                ratio(cpu[name], cpu.get(FLOOR.name)),
                ratio(cpu[name], cpu.get(FLOOR_V1.name)),
                f"{rss / 1e6:.1f}",
                ratio(rss, load.size),
                f"{lost} bytes are missing" if lost > 0 else trouble.get(name, ""),
            )
        )
    return table(f"Throughput: {load.title}", HEAD, rows)
