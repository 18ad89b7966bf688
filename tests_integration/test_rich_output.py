"""Outputs of real libraries for charts and tables: as text, as files and in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser import drawn
from environments import environment

from jkg_client import CodeBlock, CodeResult, JupyterCodeExecutor, LocalJupyterServer

LIBRARIES = [
    *("jupyter_kernel_gateway>=3.0.1", "ipykernel>=6.29", "plotly==7.1.0", "altair==6.3.0"),
    *("vl-convert-python==1.9.0.post1", "bokeh==3.9.2", "pandas", "rich", "tqdm", "ipywidgets"),
    "matplotlib",
]

Run = Callable[..., CodeResult]


@pytest.fixture(scope="module")
def python(pytestconfig: pytest.Config) -> Path:
    """An interpreter that has the libraries."""
    return environment(pytestconfig, "rich-output", *LIBRARIES) / "python"


@pytest.fixture(scope="module")
def remote(python: Path) -> Iterator[LocalJupyterServer]:
    with LocalJupyterServer(python=python) as running:
        yield running


@pytest.fixture(scope="module")
def scripts(remote: LocalJupyterServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """JavaScript files of the chart libraries, taken from Python packages."""
    folder = tmp_path_factory.mktemp("scripts")
    code = f"""
        import pathlib, plotly, vl_convert
        folder = pathlib.Path({str(folder)!r})
        script = pathlib.Path(plotly.__file__).parent / "package_data/plotly.min.js"
        (folder / "plotly").write_text(script.read_text(encoding="utf-8"), encoding="utf-8")
        # One file that holds all three.
        (folder / "vega-embed").write_text(vl_convert.javascript_bundle(), encoding="utf-8")
        (folder / "vega").touch()
        (folder / "vega-lite").touch()
    """
    with JupyterCodeExecutor(remote, output_dir=folder) as executor:
        done = executor.execute_code_blocks([CodeBlock("if True:\n" + code, "python")])
        assert done.exit_code == 0, done.output
    return {name: str(folder / name) for name in ("plotly", "vega", "vega-lite", "vega-embed")}


@pytest.fixture
def run(remote: LocalJupyterServer, scripts: dict[str, str], tmp_path: Path) -> Iterator[Run]:
    """Runs cells in a new kernel. Saved pages contain the JavaScript of the libraries."""
    with JupyterCodeExecutor(remote, output_dir=tmp_path, page_scripts=scripts) as executor:

        def run(*cells: str) -> CodeResult:
            blocks = [CodeBlock(cell, "python") for cell in cells]
            result = executor.execute_code_blocks(blocks, timeout=120)
            assert result.exit_code == 0, result.output
            return result

        yield run


def saved(result: CodeResult, *suffixes: str) -> list[Path]:
    files = [Path(name) for name in result.output_files]
    assert [path.suffix for path in files] == list(suffixes), result.output
    return files


PLOTLY = (
    "import plotly.express as px\nfig = px.line(x=[1, 2, 3], y=[1, float('nan'), 2], title='é')"
)


@pytest.mark.field("B1")
def test_figures_of_plotly_draw_themselves(run: Run, tmp_path: Path) -> None:
    result = run(PLOTLY, "fig.show()", "fig", "fig.show(renderer='notebook')")
    pages = saved(result, ".html", ".html", ".html")
    assert result.output.splitlines() == [f"HTML data saved to {page}" for page in pages]
    for page in pages:
        counts = drawn(page, tmp_path, "svg.main-svg", "path.js-line")
        assert counts["svg.main-svg"] > 0
        assert counts["path.js-line"] > 0


@pytest.mark.field("B1")
def test_a_page_of_plotly_fetches_the_release_of_the_package(
    remote: LocalJupyterServer, tmp_path: Path
) -> None:
    release = "from plotly.offline import get_plotlyjs_version\nprint(get_plotlyjs_version())"
    with JupyterCodeExecutor(remote, output_dir=tmp_path) as executor:
        blocks = [CodeBlock(code, "python") for code in (PLOTLY, release, "fig")]
        result = executor.execute_code_blocks(blocks, timeout=120)
    (page,) = saved(result, ".html")
    address = f"https://cdn.plot.ly/plotly-{result.output.split()[0]}.min.js"
    assert f'src="{address}"' in page.read_text(encoding="utf-8")


ALTAIR = """
import altair as alt
rows = [{"a": "x</script>", "b": 1}, {"a": "é", "b": 2}]
chart = alt.Chart(alt.Data(values=rows)).mark_bar().encode(x="a:N", y="b:Q")
"""
VEGA = """
from IPython.display import display
import vl_convert
spec = vl_convert.vegalite_to_vega(chart.to_dict())
display({"application/vnd.vega.v6+json": spec}, raw=True)
display({"application/vnd.vegalite.v5+json": chart.to_dict()}, raw=True)
"""


@pytest.mark.field("B1")
def test_charts_of_altair_and_vega_draw_themselves(run: Run, tmp_path: Path) -> None:
    result = run(ALTAIR, "alt.renderers.enable('mimetype')\nchart", VEGA)
    pages = saved(result, ".html", ".html", ".html")
    assert result.output.splitlines() == [f"HTML data saved to {page}" for page in pages]
    for page in pages:
        assert drawn(page, tmp_path, "canvas.marks, svg.marks") == {"canvas.marks, svg.marks": 1}


def test_an_image_or_a_page_of_altair_is_not_changed(run: Run) -> None:
    image, page = saved(
        run(ALTAIR, "alt.renderers.enable('png')\nchart", "alt.renderers.enable('html')\nchart"),
        ".png",
        ".html",
    )
    assert image.read_bytes().startswith(b"\x89PNG")
    assert page.read_text(encoding="utf-8").lstrip().startswith("<style>")


BOKEH = """
from bokeh.io import output_notebook
from bokeh.plotting import figure, show
from bokeh.resources import INLINE
output_notebook({resources})
"""
SHOW = "p = figure(width=300, height=300)\np.line([1, 2], [3, 4])\nshow(p)"


@pytest.mark.field("B2")
def test_figures_of_bokeh_draw_themselves(run: Run, tmp_path: Path) -> None:
    run(BOKEH.format(resources="INLINE"))
    result = run(SHOW, SHOW)
    pages = saved(result, ".html", ".html")
    assert result.output.splitlines() == [f"HTML data saved to {page}" for page in pages]
    for page in pages:
        assert drawn(page, tmp_path, "canvas")["canvas"] > 0


@pytest.mark.field("B2")
def test_a_figure_of_bokeh_fetches_the_release_of_its_package(run: Run) -> None:
    result = run(BOKEH.format(resources=""), SHOW, "import bokeh\nprint(bokeh.__version__)")
    (page,) = saved(result, ".html")
    text = page.read_text(encoding="utf-8")
    release = result.output.split()[-1]
    assert f"https://cdn.bokeh.org/bokeh/release/bokeh-{release}.min.js" in text
    assert "embed_items" in text


RICH = """
from rich import print
for n in range(30):
    print(f"[bold red]step[/bold red] {n} <tag>", "[link=https://example.org]there[/link]")
"""


@pytest.mark.field("B6")
def test_output_of_rich_is_text(run: Run) -> None:
    result = run(RICH)
    saved(result)
    assert result.output == "".join(f"step {n} <tag> there\n" for n in range(30))


@pytest.mark.field("B6")
def test_progress_and_pretty_values_of_rich_are_text(run: Run) -> None:
    track = "from rich.progress import track\nfor _ in track(range(3)): pass"
    result = run(track, "from rich import pretty\npretty.install()", "{'a': [1]}")
    saved(result)
    assert "100%" in result.output
    assert result.output.rstrip().endswith("{'a': [1]}")
    assert "\x1b" not in result.output


@pytest.mark.field("B5")
@pytest.mark.parametrize("module", ["auto", "notebook"])
def test_the_first_state_of_a_tqdm_widget_is_not_shown(run: Run, module: str) -> None:
    bar = f"from tqdm.{module} import tqdm\nfor _ in tqdm(range(20)): pass\nprint('done')"
    assert run(bar).output == "done\n"


# Text on stdout gets its own lines beside a progress bar on stderr. "N" stands for the bar.
@pytest.mark.field("B5")
@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("for _ in tqdm(range(3)): pass\nprint('end')", ["N", "end"]),
        ("for i in tqdm(range(3)): print('step', i)", ["N", "step 0", "step 1", "step 2"]),
        ("for i in tqdm(range(3)): tqdm.write(f'l{i}')", ["N", "l0", "l1", "l2"]),
        (
            "for _ in tqdm(range(3)):\n  for _ in tqdm(range(3), leave=False): pass\nprint('end')",
            ["N", "end"],
        ),
    ],
)
def test_a_print_does_not_continue_the_line_of_a_bar(run: Run, code: str, lines: list[str]) -> None:
    shown = run(f"from tqdm import tqdm\n{code}").output.splitlines()
    assert ["N" if line.startswith("100%|") else line for line in shown] == lines


@pytest.mark.field("B5")
def test_a_spinner_of_rich_is_removed_at_its_end(run: Run) -> None:
    code = "from rich.console import Console\nwith Console().status('Working'): time.sleep(0.2)"
    assert run(f"import time\n{code}\nprint('done')").output == "done\n"


@pytest.mark.field("B7")
def test_an_exit_shows_no_traceback_if_rich_shows_tracebacks(run: Run) -> None:
    run("import sys, rich.traceback\nrich.traceback.install()")
    assert run("print('bye')\nsys.exit(0)").output == "bye\n"


@pytest.mark.field("B9")
def test_a_failed_installation_is_reported_if_rich_prints_values(run: Run) -> None:
    result = run("from rich import pretty\npretty.install()", "!pip install nosuch --no-index")
    assert result.output.endswith("failed with exit status 1.\n")


# A row for each value: the cell, its text, and the suffixes of saved files.
@pytest.mark.parametrize(
    ("code", "said", "suffixes"),
    [
        ("import pandas as pd\npd.DataFrame({'a': [1]})", "FILE\n   a\n0  1", [".html"]),
        ("import pandas as pd\npd.DataFrame({'a': [1]})['a'].sum()", "np.int64(1)", []),
        ("import ipywidgets\nipywidgets.IntSlider()", "IntSlider(value=0)", []),
        ("%matplotlib inline\nimport matplotlib.pyplot as p\np.plot([1]);", "FILE", [".png"]),
        (
            "from PIL import Image\nImage.new('RGB', (64, 48))",
            "FILE\n<PIL.Image.Image image mode=RGB size=64x48>",
            [".png"],
        ),
        ("from IPython.display import HTML\nHTML('<table></table>')", "FILE", [".html"]),
        ("from IPython.display import HTML\nHTML('<style>a {}</style>')", "", []),
        ("from IPython.display import JSON\nJSON({'a': [1]})", '{"a": [1]}', []),
        ("from IPython.display import Code\nCode('x = 1', language='python')", "x = 1", []),
        ("from IPython.display import Markdown\nMarkdown('# x')", "# x", []),
        ("from IPython.display import SVG\nSVG('<svg xmlns=\"x\"/>')", "FILE", [".svg"]),
        (
            "from IPython.display import Video\nVideo(b'x', embed=True, mimetype='video/mp4')",
            "FILE",
            [".html"],
        ),
    ],
)
def test_other_values_have_a_text_and_a_file(
    run: Run, code: str, said: str, suffixes: list[str]
) -> None:
    result = run(code)
    text = result.output
    for path in saved(result, *suffixes):
        kind = "HTML" if path.suffix == ".html" else "Image"
        text = text.replace(f"{kind} data saved to {path}", "FILE")
    assert text == said


def test_an_animation_of_matplotlib_is_a_page(run: Run, tmp_path: Path) -> None:
    code = """
        import matplotlib.pyplot as plt
        from IPython.display import HTML
        from matplotlib.animation import FuncAnimation
        figure, axes = plt.subplots()
        (line,) = axes.plot([1, 2])
        animation = FuncAnimation(figure, lambda i: line.set_ydata([i, 2]), frames=2)
        plt.close(figure)
        HTML(animation.to_jshtml())
    """
    (page,) = saved(run("\n".join(line.strip() for line in code.splitlines())), ".html")
    assert drawn(page, tmp_path, "img[src^='data:image/png']") == {"img[src^='data:image/png']": 1}
