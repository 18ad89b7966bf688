"""Displays that belong together, made whole.

In a notebook all outputs are parts of one page: a script works on what was displayed before it,
and needs libraries that an earlier cell has loaded. Here each display becomes a page of its own,
so it gets the scripts that it needs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import define, evolve, field, frozen

from ..protocol.messages import Json
from ..protocol.outputs import Display, Output
from .charts import chart_page
from .libraries import Libraries, contained, fetched
from .markup import has_scripts, loads, mentions_id_of, only_repeats, shows_nothing

MAX_LOADED = 2**25
"""Characters of scripts that are remembered; bokeh or plotly have 4 to 5 million."""

_MOST_LOADED = 64
_LOOK_BACK = 8
"""Displays before a script among which is looked for the one that it belongs to."""

_HTML = "text/html"
_PLAIN = "text/plain"
SCRIPTS = ("application/javascript", "text/javascript")
"""MIME types of code that a browser runs."""

_LOADER = "_load.v0+json"
"""How the MIME types end by which bokeh and HoloViews load their scripts."""

# By these bokeh, panel and HoloViews only announce that their scripts are there.
_ANNOUNCEMENTS = ("bk-notebook-logo", "panel.models.browser.BrowserInfo", 'class="logo-block"')

_LIBRARIES = ("Bokeh", "PyViz", "Plotly")
"""Names by which pages call what loaders bring; a loader with none of them serves all pages."""

_DRAWING = re.compile(r"\belement\b|\bdocument\.(?:write|body|currentScript)\b")
_ELEMENT_USED = re.compile(r"\belement\b")
_LONGEST_DRAWING = 200_000
"""Characters of a script that draws by itself; longer ones are libraries."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_BOKEH = re.compile(r'"version":"(\d{1,2}\.\d{1,3}\.\d{1,3}(?:[a-z.-]{1,5}\d{1,3})?)"')
_BOKEH_PARTS = ("bokeh", "bokeh-gl", "bokeh-widgets", "bokeh-tables", "bokeh-mathjax")
_REQUIREJS = "https://cdnjs.cloudflare.com/ajax/libs/require.js/2.3.6/require.min.js"

# Scripts of later displays run when all that earlier ones load is there.
_HELD = ' type="text/x-held"'
_RUN_HELD = """<script>
addEventListener("load", function () {
  document.querySelectorAll('script[type="text/x-held"]').forEach(function (held) {
    const script = document.createElement("script");
    script.textContent = held.textContent;
    held.replaceWith(script);
  });
});
</script>"""
# Notebooks call so the place where the output of a script goes.
_ELEMENT = """<div id="output"></div>
<script>var element = document.getElementById("output");</script>"""


@frozen
class _Forms:
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
    def of(cls, output: Output) -> _Forms:
        if not isinstance(output, Display):
            return cls()
        html = _joined(output.data.get(_HTML))
        if html is not None and _PLAIN in output.data and only_repeats(html, output.text):
            return cls(is_text=True)
        loaders = [name for name in output.data if name.endswith(_LOADER)]
        scripts = (_joined(output.data.get(name)) for name in (*loaders, *SCRIPTS))
        script = next((one for one in scripts if one is not None), None)
        is_unseen = html is not None and shows_nothing(html)
        return cls(html, script, is_loader=bool(loaders), is_unseen=is_unseen)


@frozen
class _Loader:
    """HTML that loads something, and names by which pages call it; none if that is not known."""

    html: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, html: str) -> _Loader:
        return cls(html, tuple(name for name in _LIBRARIES if name in html))

    def serves(self, html: str, text: str) -> bool:
        """Whether a page with this text needs it."""
        used = [name for name in self.names if name in text and not loads(html, name)]
        return bool(used) or not self.names


@define
class NotebookPage:
    """What the page of a notebook would hold that shows the outputs of one kernel.

    Attributes:
        libraries: Where pages get the libraries that draw charts.
        max_loaded: Characters of scripts that are remembered.
    """

    libraries: Libraries = field(factory=Libraries)
    max_loaded: int = MAX_LOADED
    _loaded: dict[bytes, _Loader] = field(factory=dict, init=False)

    def complete(self, outputs: Sequence[Output]) -> list[Output]:
        """Outputs of a cell, one for each, whose ``text/html`` needs nothing of the others.

        Scripts are gone from where they were, and charts that come as JSON have become HTML.
        Scripts that load something are remembered for later cells.
        """
        forms = [_Forms.of(output) for output in outputs]
        owners = dict(_owners(forms))
        scripts: dict[int, list[str]] = {}
        gone = set(owners)
        for place, one in enumerate(forms):
            if one.is_loader and one.html is None:
                # What it belongs to says only that something is being loaded.
                gone |= {place, owners.get(place, place)}
            if place in owners and not one.is_loader:
                scripts.setdefault(owners[place], []).append(one.script or "")
            else:
                self._remember(one)
        return [
            self._whole(output, forms[place], scripts.get(place, []), is_gone=place in gone)
            for place, output in enumerate(outputs)
        ]

    def _whole(self, output: Output, forms: _Forms, scripts: list[str], *, is_gone: bool) -> Output:
        if not isinstance(output, Display):
            return output
        if is_gone:
            return evolve(output, data={})
        if forms.is_text:
            return evolve(output, data=_without_other_texts(output.data))
        html, script = forms.html, forms.script
        chart = self._chart(output.data, html)
        if chart is not None:
            return _with_html(output, chart)
        if html is None:
            draws = script is not None and _draws(script)
            return _with_html(output, self._page("", [script or ""])) if draws else output
        if _is_announcement(output, html):
            return evolve(output, data={})
        if forms.is_unseen and not _draws(html):
            return _with_html(output, None)
        own = [script] if script is not None else []
        if own or scripts or has_scripts(html):
            return _with_html(output, self._page(html, [*own, *scripts]))
        return output

    def _chart(self, data: Mapping[str, Any], html: str | None) -> str | None:
        if any(name.startswith("image/") for name in data):
            return None
        if html is not None and any(loads(html, name) for name in ("plotly", "vega")):
            return None
        return chart_page(data, self.libraries)

    def _page(self, html: str, scripts: list[str]) -> str:
        """``html`` with what it needs; as it is if that is nothing."""
        text = "\n".join([html, *scripts])
        own = {html, *map(contained, scripts)}
        loaders = [
            loader.html
            for loader in self._loaded.values()
            if loader.html not in own and loader.serves(html, text)
        ]
        tags = [*self._requirejs(text), *(loaders or _bokeh(html, text))]
        if not tags and not scripts:
            return html
        parts = ["<!DOCTYPE html>", '<html><head><meta charset="utf-8"></head><body>', *tags, html]
        if any(map(_ELEMENT_USED.search, scripts)):
            parts.append(_ELEMENT)
        parts += [contained(script, _HELD) for script in scripts]
        parts += [_RUN_HELD] if scripts else []
        return "\n".join([*parts, "</body></html>\n"])

    def _requirejs(self, text: str) -> Iterator[str]:
        # Pages of notebooks have it; many scripts do with or without.
        if "require([" in text and "define.amd" not in text:
            yield self.libraries.tag("requirejs", _REQUIREJS)

    def _remember(self, forms: _Forms) -> None:
        """Keep what loads something, for later pages."""
        if forms.html is not None and forms.is_unseen:
            html = forms.html
        elif forms.html is None and forms.script is not None:
            html = contained(forms.script)
        else:
            return
        if not forms.is_loader and _draws(html):
            return  # it would be drawn once more on every page
        # The same one may come with every cell, with other ids.
        key = hashlib.sha256(_UUID.sub("", html).encode("utf-8", "replace")).digest()
        self._loaded.pop(key, None)
        self._loaded[key] = _Loader.of(html)
        total = sum(len(loader.html) for loader in self._loaded.values())
        while total > self.max_loaded or len(self._loaded) > _MOST_LOADED:
            oldest = next(iter(self._loaded))
            total -= len(self._loaded.pop(oldest).html)


def _owners(forms: Sequence[_Forms]) -> Iterator[tuple[int, int]]:
    """Places of scripts, and of the HTML that each of them belongs to."""
    before: list[int] = []
    for place, one in enumerate(forms):
        if one.html is not None:
            before += [] if one.is_unseen else [place]
        elif one.script is not None:
            script = one.script
            near = (p for p in before[: -_LOOK_BACK - 1 : -1])
            found = next((p for p in near if mentions_id_of(script, forms[p].html or "")), None)
            if found is None and place - 1 in before[-1:] and not one.is_loader:
                found = place - 1
            if found is not None:
                yield place, found


def _bokeh(html: str, text: str) -> Iterable[str]:
    """What draws a figure of bokeh, if nothing has loaded it: the figure tells the release."""
    found = _BOKEH.search(text) if "Bokeh.embed" in text else None
    if found is None or loads(html, "bokeh"):
        return []
    start = "https://cdn.bokeh.org/bokeh/release/"
    return [fetched(f"{start}{part}-{found[1]}.min.js") for part in _BOKEH_PARTS]


def _draws(script: str) -> bool:
    """Whether a script seems to draw something, where nothing was displayed for it."""
    return len(script) <= _LONGEST_DRAWING and _DRAWING.search(script) is not None


def _is_announcement(display: Display, html: str) -> bool:
    return not display.text and any(words in html for words in _ANNOUNCEMENTS)


def _without_other_texts(data: Mapping[str, Any]) -> Json:
    kept = (name for name in data if name == _PLAIN or not name.startswith("text/"))
    return {name: data[name] for name in kept}


def _with_html(display: Display, html: str | None) -> Display:
    """``display`` with another page, or with none, and without the script that is in it."""
    dropped = (_HTML, *SCRIPTS)
    data = {name: form for name, form in display.data.items() if name not in dropped}
    return evolve(display, data=data if html is None else {**data, _HTML: html})


def _joined(form: Any) -> str | None:
    if isinstance(form, list) and all(isinstance(line, str) for line in form):
        return "".join(form)
    return form if isinstance(form, str) else None
