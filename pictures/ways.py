"""The ways to a kernel."""

from __future__ import annotations

from .svg import Colours, arrow, box, picture, text

WIDTH, ROW, TOP = 880, 58, 12

# How the kernel is started, where it runs, and what that is good for.
WAYS = [
    ("EmbeddedIPythonCodeExecutor()", "no server", "a kernel of your own"),
    ("LocalJupyterServer()", "kernel gateway, this machine", "many kernels, one server"),
    ("DockerJupyterServer()", "container", "code that you do not trust"),
    ("JupyterConnectionInfo(…)", "any Jupyter server", "GPU, memory, data elsewhere"),
    ("JupyterHubServer(…)", "your server on a JupyterHub", "an organisation's hub"),
    ("FakeGateway()", "in your test", "tests without Jupyter"),
]
TITLE = "Your program uses an executor or a kernel client. Both reach a kernel in one of six ways."


def draw(colours: Colours) -> str:
    """The picture as SVG."""
    middle = TOP + ROW * len(WAYS) / 2 - 8
    shapes = [
        box(8, middle - 60, 120, 120, colours),
        text(68, middle - 18, "Your program", colours.text, weight=600),
        text(68, middle + 8, "agent, script,", colours.quiet),
        text(68, middle + 28, "notebook, test", colours.quiet),
        arrow(128, middle, 160, colours),
        box(166, middle - 60, 130, 120, colours, accent=True),
        text(231, middle - 18, "jkg_client", colours.accent, weight=600),
        text(231, middle + 8, "executor or", colours.quiet),
        text(231, middle + 28, "kernel client", colours.quiet),
    ]
    for number, (start, place, purpose) in enumerate(WAYS):
        shapes += _way(TOP + 20 + ROW * number, middle, (start, place, purpose), colours)
    return picture(WIDTH, TOP + ROW * len(WAYS), TITLE, shapes)


def _way(centre: float, middle: float, way: tuple[str, str, str], colours: Colours) -> list[str]:
    start, place, purpose = way
    return [
        (
            f'<path d="M296 {middle:g} C 326 {middle:g}, 306 {centre:g}, 336 {centre:g}"'
            f' fill="none" stroke="{colours.line}" stroke-width="1.5"/>'
        ),
        box(336, centre - 22, 440, 44, colours),
        text(350, centre - 3, start, colours.text, anchor="start", size=13, mono=True),
        text(350, centre + 15, purpose, colours.quiet, anchor="start", size=12),
        text(762, centre + 5, place, colours.text, anchor="end", size=13),
        arrow(776, centre, 800, colours),
        (
            f'<circle cx="834" cy="{centre:g}" r="20" fill="{colours.box}"'
            f' stroke="{colours.accent}" stroke-width="1.5"/>'
        ),
        text(834, centre + 4, "kernel", colours.text, size=11),
    ]
