"""Web pages for charts that kernels send as JSON.

See https://plotly.com/chart-studio-help/json-chart-schema, https://vega.github.io/vega/docs and
https://vega.github.io/vega-lite/docs. Each page loads its libraries in a version that can draw the
chart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from ..protocol.messages import Json
from .libraries import Libraries

_MIME_TYPE = re.compile(
    r"application/vnd\.(plotly|vega|vegalite)\.v(\d{1,3})(?:\.\d{1,4}){0,3}(?:\+json|\.json)"
)

_NPM = "https://cdn.jsdelivr.net/npm"


@frozen
class _Vega:
    """Releases of the Vega libraries that work together.

    Attributes:
        vega: Release of Vega.
        embed: Release of Vega-Embed.
        lite: Release of Vega-Lite. Empty if it is not needed.
        d3: Release of D3. Empty if Vega contains it.
        folder: Folder of the files in their packages.
        draws: JavaScript that draws the chart.
    """

    vega: str
    embed: str
    lite: str = ""
    d3: str = ""
    folder: str = "build/"
    draws: str = "vegaEmbed('#chart', chart, {{mode: '{mode}'}}).catch(failed);"


_VEGA_2 = (
    "vg.embed('#chart', {{mode: '{mode}', spec: chart}}, function (e) {{ if (e) failed(e); }});"
)

_VEGAS = {
    2: _Vega("2.6.5", "2.2.0", d3="3.5.17", folder="", draws=_VEGA_2),
    3: _Vega("3.3.1", "3.30.0"),
    4: _Vega("4.4.0", "3.30.0"),
    5: _Vega("5.33.1", "6.29.0"),
    6: _Vega("6.4.0", "7.3.0"),
}
"""Releases for each Vega version of a chart."""

_VEGA_LITES = {
    1: _Vega("2.6.5", "2.2.0", "1.3.1", d3="3.5.17", folder="", draws=_VEGA_2),
    2: _Vega("4.4.0", "3.30.0", "2.7.0"),
    3: _Vega("5.33.1", "4.2.5", "3.4.0"),
    4: _Vega("5.33.1", "6.29.0", "4.17.0"),
    5: _Vega("5.33.1", "6.29.0", "5.23.0"),
    6: _Vega("6.4.0", "7.3.0", "6.5.0"),
}
"""Releases for each Vega-Lite version of a chart."""

# Kinds of traces that later releases of plotly.js do not draw, oldest release first. The default
# template of an old Python package names some of them, so they also show the age of a chart.
_PLOTLY = "4.1.1"
_OLDER_PLOTLY = (
    ("2.35.3", {"heatmapgl", "pointcloud"}),
    ("3.7.0", {"mapbox", "scattermapbox", "choroplethmapbox", "densitymapbox"}),
)

_KEYS = {
    "plotly": {"data"},
    "vega": {"$schema", "marks", "data", "signals"},
    "vegalite": {
        *("$schema", "mark", "layer", "concat", "hconcat", "vconcat", "repeat", "facet", "spec"),
    },
}
"""A chart has at least one of these keys."""

_PAGE = """<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<style>html, body {{ height: 100%; margin: 0; }} #chart {{ min-height: 100%; }}</style>
</head>
<body>
<div id="chart"></div>
{libraries}
<script>
const chart = {chart};
function failed(error) {{
  document.body.append("The chart cannot be drawn: " + error);
}}
try {{
  {draws}
}} catch (error) {{
  failed(error);
}}
</script>
</body>
</html>
"""

_DRAWS_PLOTLY = """Plotly.newPlot("chart", {
    data: chart.data,
    layout: chart.layout,
    frames: chart.frames,
    config: Object.assign({responsive: true}, chart.config),
  }).catch(failed);"""


@frozen
class _Chart:
    """The chart of a display.

    Attributes:
        kind: Name of the library.
        version: Version of the format of ``spec``.
        spec: The chart.
    """

    kind: str
    version: int
    spec: Json


def is_chart(data: Mapping[str, Any]) -> bool:
    """Whether one of the forms of a display is a chart."""
    return _chart(data) is not None


def chart_page(data: Mapping[str, Any], libraries: Libraries) -> str | None:
    """A page that draws the chart of a display. None if the display has no chart."""
    chart = _chart(data)
    if chart is None:
        return None
    draw = _plotly if chart.kind == "plotly" else _vega
    try:
        return draw(chart, libraries)
    except RecursionError:
        return None  # nested too deeply to be encoded as JSON


def _chart(data: Mapping[str, Any]) -> _Chart | None:
    for mime_type, form in data.items():
        found = _MIME_TYPE.fullmatch(mime_type)
        spec = _parsed(form) if found else None
        if found and isinstance(spec, dict) and not _KEYS[found[1]].isdisjoint(spec):
            return _Chart(found[1], int(found[2]), spec)
    return None


def _plotly(chart: _Chart, libraries: Libraries) -> str:
    words = set(_words(chart.spec))
    release = next((old for old, gone in _OLDER_PLOTLY if gone & words), _PLOTLY)
    tag = libraries.tag("plotly", f"https://cdn.plot.ly/plotly-{release}.min.js")
    return _page(chart.spec, [tag], _DRAWS_PLOTLY)


def _words(figure: Json) -> Iterator[str]:
    """Names of the traces and of the parts of the layout in a figure of plotly."""
    layout = figure.get("layout")
    template = layout.get("template") if isinstance(layout, dict) else None
    traces = figure.get("data")
    for trace in traces if isinstance(traces, list) else ():
        if isinstance(trace, dict):
            yield str(trace.get("type"))[:20]
    parts = [layout] if isinstance(layout, dict) else []
    parts += [part for part in template.values() if part] if isinstance(template, dict) else []
    for part in parts:
        if isinstance(part, dict):
            yield from part


def _vega(chart: _Chart, libraries: Libraries) -> str:
    known = _VEGAS if chart.kind == "vega" else _VEGA_LITES
    # For an unknown version, the newest release is the best guess.
    use = known.get(chart.version) or known[max(known)]
    names = [("d3", use.d3), ("vega", use.vega), ("vega-lite", use.lite), ("vega-embed", use.embed)]
    tags = [
        libraries.tag(name, f"{_NPM}/{name}@{release}/{use.folder}{name}.min.js")
        for name, release in names
        if release
    ]
    mode = "vega" if chart.kind == "vega" else "vega-lite"
    return _page(chart.spec, tags, use.draws.format(mode=mode))


def _page(spec: Json, tags: list[str], draws: str) -> str:
    # Write a JavaScript expression, because kernels send NaN and Infinity, which JSON lacks.
    # Without "<", nothing in the text can end the script element.
    text = json.dumps(spec).replace("<", "\\u003c")
    return _PAGE.format(libraries="\n".join(tags), chart=text, draws=draws)


def _parsed(form: Any) -> Any:
    if not isinstance(form, str):
        return form
    try:
        return json.loads(form)
    except (ValueError, RecursionError):
        return None
