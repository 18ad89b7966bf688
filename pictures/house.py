"""The parts of the package, and which may import which."""

from __future__ import annotations

from .svg import Colours, box, picture, text

WIDTH, ROW, TOP = 880, 62, 40
TITLE = "The parts of jkg_client. Each may import the parts below it, and none above it."

# From top to bottom: name, what it does, and whether it fills the row or shares it.
LAYERS = [
    [("cli/, integrations/, notebooks/", "commands, frameworks, .ipynb files")],
    [("executor.py, async_executor.py", "code blocks in, results out")],
    [
        ("servers/", "starts servers: local, Docker, hub"),
        ("code_blocks/, rendering.py", "what runs; text and files"),
    ],
    [
        ("gateway/", "the way through a server: REST, WebSocket"),
        ("embedded/", "the way to our own kernel: ZeroMQ"),
    ],
    [("client/", "one kernel: requests, answers, recovery; knows neither way")],
    [("protocol/, errors.py", "computes: messages, outputs, results; no I/O")],
]


def draw(colours: Colours) -> str:
    """The picture as SVG."""
    shapes = [text(8, 22, TITLE, colours.quiet, anchor="start", size=13)]
    for number, layer in enumerate(LAYERS):
        shapes += _layer(TOP + ROW * number, layer, colours)
    height = ROW * len(LAYERS) - 10
    shapes += [
        box(720, TOP, 152, height, colours, accent=True),
        text(796, TOP + height / 2 - 16, "testing/", colours.accent, size=13, mono=True),
        text(796, TOP + height / 2 + 6, "a fake gateway;", colours.quiet, size=12),
        text(796, TOP + height / 2 + 24, "may import all", colours.quiet, size=12),
    ]
    return picture(WIDTH, TOP + ROW * len(LAYERS), TITLE, shapes)


def _layer(y: float, layer: list[tuple[str, str]], colours: Colours) -> list[str]:
    gap = 10
    width = (704 - gap * (len(layer) - 1)) / len(layer)
    shapes = []
    for number, (name, does) in enumerate(layer):
        x = 8 + (width + gap) * number
        shapes += [
            box(x, y, width, ROW - gap, colours),
            text(x + 14, y + 22, name, colours.text, anchor="start", size=13, mono=True),
            text(x + 14, y + 41, does, colours.quiet, anchor="start", size=12),
        ]
    return shapes
