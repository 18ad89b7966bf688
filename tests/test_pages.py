"""Pages with charts and scripts. tests_integration shows them in a browser."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tables import rows

from jkg_client import (
    AsyncJupyterCodeExecutor,
    CodeBlock,
    CodeResult,
    JupyterClient,
    JupyterCodeExecutor,
)
from jkg_client.pages import markup
from jkg_client.pages.libraries import Libraries
from jkg_client.pages.notebook import NotebookPage
from jkg_client.protocol.outputs import Display, Output
from jkg_client.rendering import Rendering, into, render
from jkg_client.testing import FakeGateway

FIGURE = {"data": [{"type": "scatter", "x": [1, 2], "y": [1, 3]}], "layout": {}}
BARS = {"mark": "bar", "encoding": {}}
NPM = "https://cdn.jsdelivr.net/npm"


def pages(rendering: Rendering) -> list[str]:
    assert {path.suffix for path in rendering.files} <= {".html"}
    return [path.read_text(encoding="utf-8") for path in rendering.files]


def sources(page: str) -> list[str]:
    """The addresses of scripts in a page."""
    return re.findall(r'<script charset="utf-8" src="([^"]*)">', page)


def one_page(folder: Path, *outputs: Output, page: NotebookPage | None = None) -> str:
    (found,) = pages(render(outputs, into(folder), page))
    return found


# One row for each MIME type of a chart: the files that its page fetches.
@pytest.mark.field("B1")
@pytest.mark.parametrize(
    ("mime_type", "chart", "fetched"),
    [
        *[
            (
                f"application/vnd.plotly.v{n}+json",
                FIGURE,
                ["https://cdn.plot.ly/plotly-4.1.1.min.js"],
            )
            for n in (0, 1, 2)
        ],
        *[
            (
                f"application/vnd.vegalite.v{name}",
                BARS,
                [
                    f"{NPM}/vega@{vega}/build/vega.min.js",
                    f"{NPM}/vega-lite@{lite}/build/vega-lite.min.js",
                    f"{NPM}/vega-embed@{embed}/build/vega-embed.min.js",
                ],
            )
            for name, vega, lite, embed in [
                ("2+json", "4.4.0", "2.7.0", "3.30.0"),
                ("3.json", "5.33.1", "3.4.0", "4.2.5"),
                ("4+json", "5.33.1", "4.17.0", "6.29.0"),
                ("5+json", "5.33.1", "5.23.0", "6.29.0"),
                ("5.json", "5.33.1", "5.23.0", "6.29.0"),
                ("5.20.1+json", "5.33.1", "5.23.0", "6.29.0"),
                ("6.json", "6.4.0", "6.5.0", "7.3.0"),
                ("7+json", "6.4.0", "6.5.0", "7.3.0"),
            ]
        ],
        *[
            (
                f"application/vnd.vega.v{name}",
                {"marks": []},
                [
                    f"{NPM}/vega@{vega}/build/vega.min.js",
                    f"{NPM}/vega-embed@{embed}/build/vega-embed.min.js",
                ],
            )
            for name, vega, embed in [
                ("3+json", "3.3.1", "3.30.0"),
                ("4.json", "4.4.0", "3.30.0"),
                ("5+json", "5.33.1", "6.29.0"),
                ("6.json", "6.4.0", "7.3.0"),
            ]
        ],
        (
            "application/vnd.vega.v2+json",
            {"marks": []},
            [
                f"{NPM}/d3@3.5.17/d3.min.js",
                f"{NPM}/vega@2.6.5/vega.min.js",
                f"{NPM}/vega-embed@2.2.0/vega-embed.min.js",
            ],
        ),
    ],
)
def test_a_chart_that_comes_as_json_becomes_a_page(
    tmp_path: Path, mime_type: str, chart: dict[str, Any], fetched: list[str]
) -> None:
    rendering = render([Display({mime_type: chart})], into(tmp_path))
    (page,) = pages(rendering)
    assert rendering.text == f"HTML data saved to {rendering.files[0]}"
    assert sources(page) == fetched
    assert f"const chart = {json.dumps(chart)};" in page


# One row for each figure of plotly with a feature of only some releases.
@pytest.mark.field("B1")
@pytest.mark.parametrize(
    ("figure", "release"),
    [
        ({"data": []}, "4.1.1"),
        ({"data": [{"type": "scattermap"}], "layout": {"template": {"data": {}}}}, "4.1.1"),
        ({"data": [{"type": "scattermapbox"}]}, "3.7.0"),
        ({"data": [], "layout": {"mapbox": {}}}, "3.7.0"),
        ({"data": [], "layout": {"template": {"data": {"scattermapbox": []}}}}, "3.7.0"),
        ({"data": [{"type": "pointcloud"}]}, "2.35.3"),
        (
            {"data": [], "layout": {"template": {"data": {"heatmapgl": [], "scattermapbox": []}}}},
            "2.35.3",
        ),
        ({"data": ["odd", 1], "layout": "odd"}, "4.1.1"),
    ],
)
def test_a_figure_is_drawn_by_a_release_that_can(
    tmp_path: Path, figure: dict[str, Any], release: str
) -> None:
    page = one_page(tmp_path, Display({"application/vnd.plotly.v1+json": figure}))
    assert sources(page) == [f"https://cdn.plot.ly/plotly-{release}.min.js"]


@pytest.mark.field("B1")
def test_data_of_a_chart_cannot_end_the_script(tmp_path: Path) -> None:
    hostile = "</script><script>alert(1)</script><!--\u2028\u2029\ud800"
    figure = {"data": [{"y": [float("nan"), float("inf"), None], "text": hostile}]}
    page = one_page(tmp_path, Display({"application/vnd.plotly.v1+json": figure}))
    assert page.count("</script>") == 2
    assert "alert(1)</" not in page
    assert not {"\u2028", "\u2029", "?"} & set(page)
    assert '"y": [NaN, Infinity, null]' in page


# One row for each display with a chart, and the form that is used.
@pytest.mark.field("B1")
@pytest.mark.parametrize(
    ("forms", "taken"),
    [
        ({"image/png": "iVBORw0KGgo="}, ".png"),
        ({"image/svg+xml": "<svg/>"}, ".svg"),
        (
            {"text/html": '<p></p><script src="https://cdn.plot.ly/plotly-3.1.0.min.js"></script>'},
            "html",
        ),
        ({"text/html": '<div></div><script>require(["plotly"], draw)</script>'}, "chart"),
        ({"text/html": '<iframe src="figures/1.html"></iframe>'}, "chart"),
        ({"text/plain": "Figure()"}, "chart"),
    ],
)
def test_the_form_of_a_chart_that_draws_is_used(
    tmp_path: Path, forms: dict[str, str], taken: str
) -> None:
    display = Display({"application/vnd.plotly.v1+json": FIGURE, **forms})
    (path,) = render([display], into(tmp_path)).files
    if taken.startswith("."):
        assert path.suffix == taken
    else:
        assert ("const chart" in path.read_text(encoding="utf-8")) == (taken == "chart")


@pytest.mark.parametrize(
    "form", [{}, [], 1, None, "", "{", {"a": 1}, '{"a": 1}', "[" * 100_000, {"data": float("nan")}]
)
def test_invalid_charts_make_no_page(tmp_path: Path, form: Any) -> None:
    display = Display({"application/vnd.vega.v99999+json": form, "text/plain": "plain"})
    rendering = render([display], into(tmp_path))
    assert (rendering.text, rendering.files) == ("plain", ())


def test_a_chart_that_is_nested_too_deep_makes_no_page(tmp_path: Path) -> None:
    deep: Any = []
    for _ in range(50_000):
        deep = [deep]
    display = Display({"application/vnd.vega.v5+json": {"marks": deep}, "text/plain": "plain"})
    assert render([display], into(tmp_path)).text == "plain"


def test_a_page_with_a_chart_does_not_say_that_the_chart_cannot_be_drawn(tmp_path: Path) -> None:
    plain = "<VegaLite 6 object>\n\nIf you see this message, it means the renderer is not\nenabled"
    display = Display({"application/vnd.vegalite.v6.json": BARS, "text/plain": plain})
    rendering = render([display], into(tmp_path))
    assert rendering.text == f"HTML data saved to {rendering.files[0]}"


# As bokeh sends them, shortened.
ANNOUNCEMENT = Display(
    {"text/html": '<a class="bk-notebook-logo"></a><span id="a889a96d-dc47">Loading</span>'}
)
LOAD = "load(['https://cdn.bokeh.org/bokeh-3.9.2.min.js'], 'a889a96d-dc47', window.Bokeh)"
LOADER = Display(
    {"application/javascript": "jupyter()", "application/vnd.bokehjs_load.v0+json": LOAD}
)
PLACE = Display({"text/html": '<div id="e8cd1830-ac65" data-root-id="p1008"></div>'})
DRAW = 'docs = {"version":"3.9.2"}; Bokeh.embed.embed_items(docs, "e8cd1830-ac65")'
DRAWING = Display({"application/javascript": DRAW, "application/vnd.bokehjs_exec.v0+json": ""})


@pytest.mark.field("B2")
def test_a_script_goes_into_the_page_that_it_draws_on(tmp_path: Path) -> None:
    table = Display({"text/html": "<table><tr><td>1</td></tr></table>", "text/plain": "1"})
    rendering = render([ANNOUNCEMENT, LOADER, PLACE, table, DRAWING], into(tmp_path))
    chart, other = pages(rendering)
    assert other == "<table><tr><td>1</td></tr></table>"
    assert chart.index(LOAD) < chart.index('<div id="e8cd1830-ac65"') < chart.index(DRAW)
    assert rendering.text.splitlines() == [
        f"HTML data saved to {rendering.files[0]}",
        f"HTML data saved to {rendering.files[1]}",
        "1",
    ]


@pytest.mark.field("B2")
def test_a_page_contains_the_scripts_that_an_earlier_cell_has_loaded(tmp_path: Path) -> None:
    notebook_page = NotebookPage()
    first = render([ANNOUNCEMENT, LOADER], into(tmp_path), notebook_page)
    assert (first.text, first.files) == ("", ())
    for _ in range(2):
        page = one_page(tmp_path, PLACE, DRAWING, page=notebook_page)
        assert page.index(LOAD) < page.index(DRAW)


def test_a_script_of_a_later_cell_draws_on_the_page_of_an_earlier_one(tmp_path: Path) -> None:
    notebook_page = NotebookPage()
    html = "<h1 id='heading'>x</h1>"
    for _ in range(3):
        page = one_page(tmp_path, Display({"text/html": html}), page=notebook_page)
        assert page == html
    script = "document.getElementById('heading').textContent = 'drawn'"
    for _ in range(2):
        display = Display({"application/javascript": script})
        page = one_page(tmp_path, display, page=notebook_page)
        assert page.index(html) < page.index(script)
        assert (page.count(html), page.count(script)) == (1, 1)


def test_small_displays_cannot_cause_endless_pages() -> None:
    notebook_page = NotebookPage(max_loaded=100_000)
    loader = Display({"application/javascript": f"Bokeh; // {'x' * 90_000}"})
    saved: list[int] = []

    def write(suffix: str, data: bytes) -> Path:
        saved.append(len(data))
        return Path(f"file{suffix}")

    for _ in range(2):
        render([loader, *[PLACE, DRAWING] * 100], write, notebook_page)
    assert len(saved) == 200
    assert 1_000_000 < sum(saved) < 2_000_000


@pytest.mark.field("B2")
def test_a_figure_of_bokeh_without_a_loaded_script_fetches_its_release(tmp_path: Path) -> None:
    page = one_page(tmp_path, PLACE, DRAWING)
    assert sources(page)[0] == "https://cdn.bokeh.org/bokeh/release/bokeh-3.9.2.min.js"


def test_a_page_gets_only_the_libraries_that_it_mentions(tmp_path: Path) -> None:
    plotly = Display({"text/html": "<script>window.PlotlyConfig = {}; /* plotly.js */</script>"})
    mine = Display({"application/javascript": "window.mine = 1"})
    notebook_page = NotebookPage()
    assert render([LOADER, plotly, mine], into(tmp_path), notebook_page).files == ()
    for script, has in [
        ("Plotly.newPlot()", (False, True, True)),
        ("Bokeh.draw()", (True, False, True)),
        ("mine.draw()", (False, False, True)),
    ]:
        html = f"<p>{script}</p><script>{script}</script>"
        page = one_page(tmp_path, Display({"text/html": html}), page=notebook_page)
        assert (LOAD in page, "plotly.js" in page, "window.mine" in page) == has
        assert html in page
    still = "<p>Plotly and Bokeh</p>"
    assert one_page(tmp_path, Display({"text/html": still}), page=notebook_page) == still


def test_a_page_that_needs_requirejs_fetches_it(tmp_path: Path) -> None:
    html = '<div></div><script>require(["plotly"], function (Plotly) {})</script>'
    assert "require.min.js" in one_page(tmp_path, Display({"text/html": html}))
    either = f"{html}<script>if (define.amd) {{}}</script>"
    assert one_page(tmp_path, Display({"text/html": either})) == either


# One row for each script without HTML: whether it makes a page.
@pytest.mark.parametrize(
    ("script", "is_page"),
    [
        ("element.append('drawn')", True),
        ("document.body.append('drawn')", True),
        ("document.write('drawn')", True),
        ("console.log(1)", False),
        ("window.library = function (theelements) {}", False),
        ("element;" + "x" * 1_000_000, False),
    ],
)
@pytest.mark.parametrize("is_html", [False, True])
def test_a_lone_script_makes_a_page_if_it_draws(
    tmp_path: Path, script: str, is_page: bool, is_html: bool
) -> None:
    data = {"text/html": f"<script>{script}</script>"} if is_html else {"text/javascript": script}
    rendering = render([Display(data)], into(tmp_path))
    assert [script in page for page in pages(rendering)] == ([True] if is_page else [])


def test_a_script_that_does_not_draw_is_mentioned_in_the_text(tmp_path: Path) -> None:
    (text,) = [render([Display({"application/javascript": "x"})], into(tmp_path)).text]
    assert text == "[output of type application/javascript is not shown]"


def test_a_script_after_html_has_the_element_that_notebooks_define(tmp_path: Path) -> None:
    html, script = Display({"text/html": "<h1>x</h1>"}), "element.textContent = 'drawn'"
    page = one_page(tmp_path, html, Display({"application/javascript": script}))
    assert page.index("<h1>x</h1>") < page.index("var element") < page.index(script)


def test_code_in_a_page_does_not_end_its_script(tmp_path: Path) -> None:
    script = "element.innerHTML = '</script><!-- </SCRIPT>'"
    page = one_page(tmp_path, Display({"application/javascript": script}))
    assert r"<\/script><\!-- <\/SCRIPT>" in page


def test_styles_alone_make_no_page(tmp_path: Path) -> None:
    html = "<!-- wide --><style>.container { width: 100% }</style>\n<link href='x'><meta x>"
    assert render([Display({"text/html": html})], into(tmp_path)).files == ()


def test_a_script_that_is_loaded_again_replaces_the_old_one(tmp_path: Path) -> None:
    notebook_page = NotebookPage(max_loaded=100_000)
    for n in range(20):
        again = f"Bokeh; // {n:08x}-dc47-4774-a533-e3af206170f6"
        render([Display({"application/javascript": again})], into(tmp_path), notebook_page)
    page = one_page(tmp_path, PLACE, DRAWING, page=notebook_page)
    assert page.count("// ") == 1
    for n in range(200):
        other = f"Bokeh; // {n} {'x' * 10_000}"
        render([Display({"application/javascript": other})], into(tmp_path), notebook_page)
    page = one_page(tmp_path, PLACE, DRAWING, page=notebook_page)
    assert 90_000 < len(page) < 110_000
    assert "// 199 x" in page


@pytest.mark.field("B1")
def test_a_library_can_be_contained_or_fetched_from_elsewhere(tmp_path: Path) -> None:
    script = tmp_path / "vega.js"
    script.write_text("vega('é </script>')", encoding="utf-8")
    libraries = Libraries.of({"vega": script, "vega-lite": "https://mirror.test/lite.js?a&b"})
    display = Display({"application/vnd.vegalite.v6+json": BARS})
    page = one_page(tmp_path, display, page=NotebookPage(libraries))
    assert r"<script>vega('é <\/script>')</script>" in page
    assert sources(page) == [
        "https://mirror.test/lite.js?a&amp;b",
        f"{NPM}/vega-embed@7.3.0/build/vega-embed.min.js",
    ]


@pytest.mark.parametrize(
    "scripts", [{"jquery": "https://x.test"}, {"plotly": "/no/such/file"}, {"plotly": 3}]
)
def test_a_library_that_cannot_be_read_is_a_wrong_argument(
    fake_gateway: FakeGateway, tmp_path: Path, scripts: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="page_scripts"):
        JupyterCodeExecutor(fake_gateway, output_dir=tmp_path, page_scripts=scripts)
    with JupyterClient(fake_gateway.connection_info) as client:
        assert client.list_kernels() == []


@pytest.mark.field("B1", "B2")
def test_an_executor_makes_pages_with_the_scripts_of_its_kernel(
    fake_gateway: FakeGateway, tmp_path: Path
) -> None:
    fake_gateway.script("output_notebook()").display(ANNOUNCEMENT.data).display(LOADER.data)
    fake_gateway.script("show(p)").display(PLACE.data).display(DRAWING.data)
    chart = {"application/vnd.plotly.v1+json": FIGURE}
    fake_gateway.script("fig.show()").display(chart)
    plotly = tmp_path / "plotly.js"
    plotly.write_text("Plotly = {}", encoding="utf-8")
    with JupyterCodeExecutor(
        fake_gateway, output_dir=tmp_path, page_scripts={"plotly": plotly}
    ) as executor:
        assert executor.execute_code_blocks([CodeBlock("output_notebook()", "python")]).output == ""
        blocks = [CodeBlock("show(p)", "python"), CodeBlock("fig.show()", "python")]
        result = executor.execute_code_blocks(blocks)
    bokeh, figure = (Path(name).read_text(encoding="utf-8") for name in result.output_files)
    assert (LOAD in bokeh, DRAW in bokeh) == (True, True)
    assert "<script>Plotly = {}</script>" in figure
    assert result.output.splitlines() == [f"HTML data saved to {f}" for f in result.output_files]


@pytest.mark.field("B1")
def test_the_asynchronous_executor_takes_libraries_too(
    fake_gateway: FakeGateway, tmp_path: Path
) -> None:
    fake_gateway.script("fig").result({"application/vnd.plotly.v1+json": FIGURE})

    async def run() -> CodeResult:
        async with AsyncJupyterCodeExecutor(
            fake_gateway,
            output_dir=tmp_path,
            page_scripts={"plotly": "http://mirror.test/plotly.js"},
        ) as executor:
            return await executor.execute_code_blocks([CodeBlock("fig", "python")])

    (name,) = asyncio.run(run()).output_files
    assert sources(Path(name).read_text(encoding="utf-8")) == ["http://mirror.test/plotly.js"]


# One row for each text that is slow to read with backtracking.
HOSTILE = [
    *("<", "<pre>", "<style>", "<style", "&#", "&#9", "&amp", "<!--", "<script", "<script>"),
    *("</script", "<script></script>", " ", "id", "id=", "id ='aaaa' ", 'id="', "<a>x</a>"),
    *("<script src=", "\x1b]8;", "\u0130"),
]


@rows("text", HOSTILE)
@rows(
    "look",
    [
        lambda html: markup.text_of(html, html),
        markup.shows_nothing,
        lambda html: markup.loads(html, "plotly"),
        lambda html: markup.mentions_id_of("script", html),
    ],
    ids=["text_of", "shows_nothing", "loads", "mentions_id_of"],
)
def test_html_is_read_in_linear_time(look: Callable[[str], bool], text: str) -> None:
    def took(size: int) -> float:
        html = "<pre>" + text * (size // len(text))
        started = time.process_time()
        look(html)
        return time.process_time() - started

    # With quadratic time, the second text would take 16 times as long, which is minutes.
    assert took(200_000) < 12 * took(50_000) + 1
