"""Finds the HTML and the scripts in the displays of a cell, and matches scripts with their HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from attrs import frozen

from ..protocol.mime_data import joined
from ..protocol.outputs import Display, Output
from .markup import mentions_id_of, shows_nothing, text_of

HTML = "text/html"
PLAIN = "text/plain"
SCRIPTS = ("application/javascript", "text/javascript")
"""MIME types of code that a browser runs."""

LOOK_BACK = 8
"""Number of pages before a script that are searched for its HTML."""

LONGEST_DRAWING = 200_000
"""Longest script or page that draws, in characters. Longer ones are libraries."""

_LOADER = "_load.v0+json"
"""End of the MIME types with which bokeh and HoloViews load their scripts."""

_DRAWING = re.compile(r"\belement\b|\bdocument\.(?:write|body|currentScript)\b")


@frozen
class Forms:
    """The forms of a display from which a page is made.

    Attributes:
        html: HTML of the display. None if it has none.
        script: Script of the display. None if it has none.
        is_loader: Whether the script only loads libraries for later scripts.
        text: The text to show instead of the HTML. None if the HTML shows more than text.
        is_unseen: Whether the HTML is blank, or consists only of scripts and styles.
    """

    html: str | None = None
    script: str | None = None
    is_loader: bool = False
    text: str | None = None
    is_unseen: bool = False

    @classmethod
    def of(cls, output: Output) -> Forms:
        """The forms of ``output``. Empty if it is not a display."""
        if not isinstance(output, Display):
            return cls()
        html = joined(output.data.get(HTML))
        plain = joined(output.data.get(PLAIN))
        text = None if html is None or plain is None else text_of(html, plain)
        if text is not None:
            return cls(text=text)
        loaders = [name for name in output.data if name.endswith(_LOADER)]
        scripts = (joined(output.data.get(name)) for name in (*loaders, *SCRIPTS))
        script = next((one for one in scripts if one is not None), None)
        is_unseen = html is not None and shows_nothing(html)
        return cls(html, script, is_loader=bool(loaders), is_unseen=is_unseen)


def owners(forms: Sequence[Forms]) -> Iterator[tuple[int, int]]:
    """Positions of scripts, each with the position of the HTML that it belongs to."""
    before: list[int] = []
    for place, one in enumerate(forms):
        if one.html is not None:
            before += [] if one.is_unseen else [place]
        elif one.script is not None:
            script = one.script
            near = before[: -LOOK_BACK - 1 : -1]
            found = next((p for p in near if mentions_id_of(script, forms[p].html or "")), None)
            if found is None and place - 1 in near and not one.is_loader:
                found = place - 1
            if found is not None:
                yield place, found


def draws(script: str) -> bool:
    """Whether a script without HTML seems to draw something."""
    return len(script) <= LONGEST_DRAWING and _DRAWING.search(script) is not None
