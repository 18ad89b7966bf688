"""Scripts that the displays of a kernel have loaded, up to a limit."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from attrs import define, field, frozen

from ..protocol.stepwise import between, join, matches
from .markup import loads

_MOST = 64

_LIBRARIES = ("Bokeh", "PyViz", "Plotly")
"""JavaScript names of libraries. A loader that contains none of them is used for all pages."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@frozen
class _Loader:
    """HTML that loads libraries, and the JavaScript names of these libraries if they are known."""

    html: str
    names: tuple[str, ...]

    def serves(self, html: str, text: str) -> bool:
        used = [name for name in self.names if name in text and not loads(html, name)]
        return bool(used) or not self.names


@define
class Loaders:
    """The newest scripts that load libraries.

    Attributes:
        most: Limit for all these scripts, in characters.
    """

    most: int
    _kept: dict[bytes, _Loader] = field(factory=dict, init=False)

    def add(self, html: str) -> None:
        """Keep HTML that loads libraries. It replaces the same HTML with other ids."""
        same = join(between(html, (found.span() for found in matches(_UUID, html))))
        key = hashlib.sha256(same.encode("utf-8", "replace")).digest()
        self._kept.pop(key, None)
        self._kept[key] = _Loader(html, tuple(name for name in _LIBRARIES if name in html))
        total = sum(len(loader.html) for loader in self._kept.values())
        while total > self.most or len(self._kept) > _MOST:
            oldest = next(iter(self._kept))
            total -= len(self._kept.pop(oldest).html)

    def needed(self, html: str, text: str) -> Iterator[str]:
        """The scripts that a page needs.

        Args:
            html: HTML of the page.
            text: The whole page, with its scripts.
        """
        return (loader.html for loader in self._kept.values() if loader.serves(html, text))
