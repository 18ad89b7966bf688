"""The round trip of a cell, beside other clients: bars of the figures in docs/benchmarks.md."""

from __future__ import annotations

from pathlib import Path

from .svg import Colours, bar, picture, text

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
HEADING = "### Round trip"

# As the table names them, and as a reader knows them. The table also has lower bounds and variants.
CLIENTS = {
    "jkg-client": "jkg_client",
    "jkg-client executor": "jkg_client, executor",
    "zmq": "jupyter_client, without a server",
    "nbclient": "nbclient, without a server",
    "jupyter-kernel-client": "jupyter-kernel-client",
    "autogen-0.2": "AutoGen 0.2",
    "autogen-ext docker": "autogen-ext, docker_jupyter",
}
TITLE = "Time of one empty cell, in milliseconds; less is better."
WIDTH, ROW, TOP, LEFT, RIGHT = 880, 34, 44, 290, 90


def draw(colours: Colours, page: str | None = None) -> str:
    """The picture as SVG, of the figures on ``page``; None reads them from docs/benchmarks.md."""
    figures = round_trips(PAGE.read_text(encoding="utf-8") if page is None else page)
    most = max(figures.values())
    shapes = [text(8, 22, TITLE, colours.text, anchor="start", weight=600)]
    for number, (name, milliseconds) in enumerate(figures.items()):
        y = TOP + ROW * number
        width = (WIDTH - LEFT - RIGHT) * milliseconds / most
        colour = colours.accent if name.startswith("jkg-client") else colours.line
        shapes += [
            text(LEFT - 12, y + 16, CLIENTS[name], colours.text, anchor="end"),
            bar(LEFT, y, width, ROW - 12, colour),
            text(LEFT + width + 8, y + 16, f"{milliseconds:.3g} ms", colours.quiet, anchor="start"),
        ]
    return picture(WIDTH, TOP + ROW * len(figures), TITLE, shapes)


def round_trips(page: str) -> dict[str, float]:
    """Median milliseconds of a round trip, by client, fastest first.

    Raises:
        ValueError: If the page lacks one of the clients.
    """
    table = page.partition(HEADING)[2].partition("\n### ")[0]
    rows = [[cell.strip() for cell in line.split("|")] for line in table.splitlines()]
    found = {row[1]: float(row[3]) for row in rows if len(row) > 3 and row[1] in CLIENTS}
    if missing := set(CLIENTS) - set(found):
        raise ValueError(f"no round trip of {', '.join(sorted(missing))}")
    return dict(sorted(found.items(), key=lambda item: item[1]))
