"""Adds the scripts that each display of a cell needs from other displays.

In a notebook, all outputs are parts of one page. A script can change earlier displays, and use
libraries that an earlier cell has loaded. Here each display becomes a separate page, so it needs a
copy of these scripts.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import define, evolve, field

from ..protocol.messages import Json
from ..protocol.outputs import Display, Output
from .charts import chart_page
from .forms import HTML, LONGEST_DRAWING, LOOK_BACK, PLAIN, SCRIPTS, Forms, draws, owners
from .libraries import Libraries, contained, fetched
from .loaders import Loaders
from .markup import has_scripts, loads, mentions_id_of

MAX_LOADED = 2**25
"""Limit for remembered scripts, in characters. Bokeh or plotly alone has 4 to 5 million."""

_LARGE_PAGES = 8
"""Number of pages of one cell that may contain all remembered scripts."""

# Signs of displays in which bokeh, panel and HoloViews only announce that they are loaded.
_ANNOUNCEMENTS = ("bk-notebook-logo", "panel.models.browser.BrowserInfo", 'class="logo-block"')

# Plain texts without information, beside HTML that shows nothing.
_NO_TEXT = ("", "<IPython.core.display.HTML object>")

_ELEMENT_USED = re.compile(r"\belement\b")
_BOKEH = re.compile(r'"version":"(\d{1,2}\.\d{1,3}\.\d{1,3}(?:[a-z.-]{1,5}\d{1,3})?)"')
_BOKEH_PARTS = ("bokeh", "bokeh-gl", "bokeh-widgets", "bokeh-tables", "bokeh-mathjax")
_REQUIREJS = "https://cdnjs.cloudflare.com/ajax/libs/require.js/2.3.6/require.min.js"

# Scripts of later displays run when all libraries of earlier displays are loaded.
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
# Notebooks define "element" as the place for the output of a script.
_ELEMENT = """<div id="output"></div>
<script>var element = document.getElementById("output");</script>"""


@define
class NotebookPage:
    """Remembers which scripts the outputs of one kernel have loaded.

    Attributes:
        libraries: Where pages get the libraries that draw charts.
        max_loaded: Limit for the scripts that are remembered, in characters.
    """

    libraries: Libraries = field(factory=Libraries)
    max_loaded: int = MAX_LOADED
    _loaders: Loaders = field(init=False)
    # Pages of this cell and of earlier cells, for the scripts of later cells.
    _shown: deque[str] = field(init=False)
    # Characters that loaders may still add to the pages of this cell.
    _room: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._loaders = Loaders(self.max_loaded)
        self._shown = deque(maxlen=LOOK_BACK)

    def complete(self, outputs: Sequence[Output]) -> Iterator[Output]:
        """The outputs of a cell. The ``text/html`` of each works without the other outputs.

        Scripts are moved into the pages that need them, and charts in JSON become HTML. Scripts
        that load libraries are remembered for later cells.
        """
        forms = [Forms.of(output) for output in outputs]
        moved = dict(owners(forms))
        scripts: dict[int, list[str]] = {}
        gone = set(moved)
        for place, one in enumerate(forms):
            if one.is_loader and one.html is None:
                # The HTML of a loader only says that something is loading.
                gone |= {place, moved.get(place, place)}
            if place in moved and not one.is_loader:
                scripts.setdefault(moved[place], []).append(one.script or "")
            else:
                self._remember(one)
        self._room = _LARGE_PAGES * self.max_loaded
        # A generator, because each page may be as large as all loaded scripts.
        for place, output in enumerate(outputs):
            yield self._whole(output, forms[place], scripts.get(place, []), is_gone=place in gone)

    def _whole(self, output: Output, forms: Forms, scripts: list[str], *, is_gone: bool) -> Output:
        if not isinstance(output, Display):
            return output
        if is_gone:
            return evolve(output, data={})
        if forms.text is not None:
            return evolve(output, data=_without_other_texts(output.data, forms.text))
        html, script = forms.html, forms.script
        chart = self._chart(output.data, html)
        if chart is not None:
            return _with_html(output, chart)
        if html is None:
            page = None if script is None else self._page_of_script(script)
            return output if page is None else _with_html(output, page)
        if _is_announcement(output, html):
            return evolve(output, data={})
        if forms.is_unseen and not draws(html):
            return evolve(output, data={}) if output.text in _NO_TEXT else _with_html(output, None)
        if len(html) <= LONGEST_DRAWING:
            self._shown.append(html)
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

    def _page_of_script(self, script: str) -> str | None:
        """The page of an earlier cell that ``script`` works on, or a new page if it draws."""
        earlier = next(
            (html for html in reversed(self._shown) if mentions_id_of(script, html)), None
        )
        if earlier is None and not draws(script):
            return None
        return self._page(earlier or "", [script])

    def _page(self, html: str, scripts: list[str]) -> str:
        """``html`` with the libraries and scripts that it needs. Unchanged if it needs none."""
        text = "\n".join([html, *scripts])
        own = {html, *map(contained, scripts)}
        loaders = [one for one in self._loaders.needed(html, text) if one not in own]
        self._room -= sum(map(len, loaders))
        loaders = loaders if self._room >= 0 else []
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
        # Notebooks provide RequireJS. Scripts with "define.amd" work without it, too.
        if "require([" in text and "define.amd" not in text:
            yield self.libraries.tag("requirejs", _REQUIREJS)

    def _remember(self, forms: Forms) -> None:
        """Keep HTML that loads libraries for later pages, but not HTML that draws."""
        if forms.html is not None:
            loader = forms.html if forms.is_unseen else None
        else:
            loader = None if forms.script is None else contained(forms.script)
        if loader is not None and (forms.is_loader or not draws(loader)):
            self._loaders.add(loader)


def _bokeh(html: str, text: str) -> Iterable[str]:
    """HTML that loads bokeh for a figure, if no other HTML does. The figure names the release."""
    found = _BOKEH.search(text) if "Bokeh.embed" in text else None
    if found is None or loads(html, "bokeh"):
        return []
    start = "https://cdn.bokeh.org/bokeh/release/"
    return [fetched(f"{start}{part}-{found[1]}.min.js") for part in _BOKEH_PARTS]


def _is_announcement(display: Display, html: str) -> bool:
    return not display.text and any(words in html for words in _ANNOUNCEMENTS)


def _without_other_texts(data: Mapping[str, Any], text: str) -> Json:
    others = {name: data[name] for name in data if not name.startswith("text/")}
    return {**others, PLAIN: text}


def _with_html(display: Display, html: str | None) -> Display:
    """``display`` with ``html`` as its page, or with no page, and without its scripts."""
    dropped = (HTML, *SCRIPTS)
    data = {name: form for name, form in display.data.items() if name not in dropped}
    return evolve(display, data=data if html is None else {**data, HTML: html})
