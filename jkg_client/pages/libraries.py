"""The JavaScript libraries that draw charts: loaded by a page, or contained in it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Union

from attrs import field, frozen

PageScripts = Mapping[str, Union[str, "os.PathLike[str]"]]
"""For each library its file, which is copied into pages, or a URL from which pages load it."""

NAMES = ("plotly", "d3", "vega", "vega-lite", "vega-embed", "requirejs")
"""Names of the libraries that the caller can set."""

_ENDS_SCRIPT = re.compile("<(?=/script|!--)", re.IGNORECASE)


@frozen
class Libraries:
    """The sources of the JavaScript libraries in pages.

    Attributes:
        tags: HTML that includes a library, by name, for the libraries that the caller has set.
    """

    tags: Mapping[str, str] = field(factory=dict)

    @classmethod
    def of(cls, page_scripts: PageScripts | None) -> Libraries:
        """The libraries that the caller has set. Files are read now.

        Raises:
            ValueError: A name is unknown, or a file cannot be read.
        """
        if page_scripts is not None and not isinstance(page_scripts, Mapping):
            kind = type(page_scripts).__name__
            raise ValueError(f"page_scripts must be a mapping, not {kind}")
        return cls({name: _given(name, place) for name, place in (page_scripts or {}).items()})

    def tag(self, name: str, url: str) -> str:
        """HTML that includes a library: the caller's own source, or the file at ``url``."""
        return self.tags.get(name) or fetched(url)


def fetched(url: str) -> str:
    """HTML that loads a script from a URL."""
    safe = url.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return f'<script charset="utf-8" src="{safe}"></script>'


def contained(code: str, attributes: str = "") -> str:
    """HTML that contains a script. Nothing in ``code`` can end the HTML element early."""
    safe = _ENDS_SCRIPT.sub(r"<\\", code)
    return f"<script{attributes}>{safe}</script>"


def _given(name: str, place: str | os.PathLike[str]) -> str:
    if name not in NAMES:
        raise ValueError(f"page_scripts: {name!r} is unknown; the names are {', '.join(NAMES)}")
    if isinstance(place, str) and place.startswith(("http://", "https://")):
        return fetched(place)
    try:
        return contained(Path(place).read_text(encoding="utf-8"))
    except (OSError, TypeError, ValueError) as exc:
        raise ValueError(f"page_scripts: the file of {name} cannot be read: {exc}") from exc
