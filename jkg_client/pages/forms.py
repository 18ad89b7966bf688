"""Finds the HTML and the scripts in the displays of a cell, and which of them belong together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from attrs import frozen

from ..protocol.mime_data import joined
from ..protocol.outputs import Display, Output
from .markup import mentions_id_of, only_repeats, shows_nothing

HTML = "text/html"
PLAIN = "text/plain"
SCRIPTS = ("application/javascript", "text/javascript")
"""MIME types of code that a browser runs."""

LOOK_BACK = 8
"""Pages before a script among which the one is looked for that it belongs to."""

LONGEST_DRAWING = 200_000
"""Characters of a script or a page that draws by itself; longer ones contain libraries."""

_LOADER = "_load.v0+json"
"""How the MIME types end by which bokeh and HoloViews load their scripts."""

_DRAWING = re.compile(r"\belement\b|\bdocument\.(?:write|body|currentScript)\b")


@frozen
class Forms:
    """The forms of a display that make a page; None where there is none.

    Attributes:
        is_loader: Whether the script only loads what later ones need.
        is_text: Whether its HTML says no more than its text does.
        is_unseen: Whether its HTML consists of scripts and styles.
    """

    html: str | None = None
    script: str | None = None
    is_loader: bool = False
    is_text: bool = False
    is_unseen: bool = False

    @classmethod
    def of(cls, output: Output) -> Forms:
        """Those of ``output``; none if it is no display."""
        if not isinstance(output, Display):
            return cls()
        html = joined(output.data.get(HTML))
        if html is not None and PLAIN in output.data and only_repeats(html, output.text):
            return cls(is_text=True)
        loaders = [name for name in output.data if name.endswith(_LOADER)]
        scripts = (joined(output.data.get(name)) for name in (*loaders, *SCRIPTS))
        script = next((one for one in scripts if one is not None), None)
        is_unseen = html is not None and shows_nothing(html)
        return cls(html, script, is_loader=bool(loaders), is_unseen=is_unseen)


def owners(forms: Sequence[Forms]) -> Iterator[tuple[int, int]]:
    """Places of scripts, and of the HTML that each of them belongs to."""
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
    """Whether a script seems to draw something, where nothing was displayed for it."""
    return len(script) <= LONGEST_DRAWING and _DRAWING.search(script) is not None
