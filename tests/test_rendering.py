from __future__ import annotations

import codecs
import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import BOUNDED, JSON
from tables import rows

import jkg_client
from jkg_client.protocol.outputs import Display, Failure, Output, Stream
from jkg_client.rendering import into, render, text_at_once

PNG = b"\x89PNG\r\n\x1a\n\x00\xff"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF"
GIF = b"GIF89a\x01\x00\x01\x00"
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 "
PDF = b"%PDF-1.4\n%\xe2\xe3"
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><text>\u00e9</text></svg>'


def encoded(data: bytes) -> str:
    return b64encode(data).decode()


def rendered(folder: Path, *outputs: Output) -> tuple[str, list[tuple[str, bytes]]]:
    """The text with FILE for each path, and suffix and content of each file."""
    rendering = render(outputs, into(folder))
    text = rendering.text
    for path in rendering.files:
        assert path.parent == folder
        text = text.replace(str(path), "FILE", 1)
    return text, [(path.suffix, path.read_bytes()) for path in rendering.files]


# One row for each MIME type: text, suffix and bytes of the file.
FILES: list[tuple[str, Any, str, str, bytes]] = [
    ("image/png", encoded(PNG), "Image data saved to FILE", ".png", PNG),
    ("image/jpeg", encoded(JPEG), "Image data saved to FILE", ".jpeg", JPEG),
    ("image/gif", encoded(GIF), "Image data saved to FILE", ".gif", GIF),
    ("image/webp", encoded(WEBP), "Image data saved to FILE", ".webp", WEBP),
    ("image/svg+xml", SVG, "Image data saved to FILE", ".svg", SVG.encode()),
    ("image/svg+xml", ["<svg>", "</svg>"], "Image data saved to FILE", ".svg", b"<svg></svg>"),
    ("application/pdf", encoded(PDF), "PDF data saved to FILE", ".pdf", PDF),
    (
        "text/html",
        "<b>\u043f\u0440\u0438</b>\r\n",
        "HTML data saved to FILE",
        ".html",
        b"<b>\xd0\xbf\xd1\x80\xd0\xb8</b>\r\n",
    ),
    ("text/html", "\ud800", "HTML data saved to FILE", ".html", b"?"),
    ("image/bmp", encoded(PDF), "Image data saved to FILE", ".bmp", PDF),
    ("image/x-icon", encoded(PDF), "Image data saved to FILE", ".ico", PDF),
    ("image/avif", encoded(PDF), "Image data saved to FILE", ".avif", PDF),
    ("image/tiff", encoded(PDF), "Image data saved to FILE", ".tiff", PDF),
    ("image/x-ms-bmp", encoded(PDF), "Image data saved to FILE", ".bmp", PDF),
    ("audio/aac", encoded(PDF), "Audio data saved to FILE", ".aac", PDF),
    ("video/x-matroska", encoded(PDF), "Video data saved to FILE", ".mkv", PDF),
    ("audio/wav", encoded(PDF), "Audio data saved to FILE", ".wav", PDF),
    ("video/mp4", encoded(PDF), "Video data saved to FILE", ".mp4", PDF),
    ("image/png", "iVBO\nRw0K\nGgo=\n", "Image data saved to FILE", ".png", PNG[:8]),
    ("image/png", ["iVBO", "Rw0KGgo="], "Image data saved to FILE", ".png", PNG[:8]),
]


@pytest.mark.pitfall(16)
@pytest.mark.parametrize(("mime_type", "data", "text", "suffix", "content"), FILES)
def test_images_and_pages_become_files(
    tmp_path: Path, mime_type: str, data: Any, text: str, suffix: str, content: bytes
) -> None:
    assert rendered(tmp_path, Display({mime_type: data})) == (text, [(suffix, content)])


# One row for each MIME type that is shown as text.
@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"text/plain": "x"}, "x"),
        ({"text/plain": ""}, ""),
        ({}, ""),
        ({"text/markdown": "# x", "text/plain": "<Markdown>"}, "# x"),
        ({"text/markdown": ["# x\n", "y"]}, "# x\ny"),
        ({"text/latex": "$x$", "text/plain": "<Latex>"}, "$x$"),
        ({"text/latex": "$x$", "text/markdown": "# x"}, "# x"),
        (
            {"application/json": {"a": ["\u00e9", None]}, "text/plain": "<JSON>"},
            '{"a": ["\u00e9", null]}',
        ),
        ({"application/json": 0}, "0"),
        ({"application/geo+json": {"type": "Point"}}, '{"type": "Point"}'),
        ({"application/vnd.x.v1+json": {"a": [1]}}, 'application/vnd.x.v1+json: {"a": [1]}'),
        ({"application/vnd.x.v1+json": {"a": [1]}, "text/plain": "one"}, "one"),
        (
            {"application/vnd.x.v1+json": [1], "text/plain": "<lib.Thing object at 0x7f85>"},
            "application/vnd.x.v1+json: [1]",
        ),
        ({"text/plain": "<lib.Thing object at 0x7f85>"}, "<lib.Thing object at 0x7f85>"),
        ({"text/plain": "\x1b[1;31mred\x1b[0m"}, "red"),
        ({"text/plain": "10%\r20%\rdone"}, "done"),
        ({"text/plain": "a_\bb\b_\nc"}, "a_\nc"),
        ({"text/markdown": "1\r\n\x1b[1m2\x1b[0m"}, "1\n2"),
        (
            {"application/vnd.vegalite.v5+json": {"data": 1}, "text/plain": "<Chart>"},
            "<Chart>",
        ),
        (
            {
                "application/vnd.jupyter.widget-view+json": {"model_id": "m"},
                "text/plain": "Button()",
            },
            "Button()",
        ),
        (
            {"application/javascript": "x", "a/b": "", "text/plain": ""},
            "[output of type application/javascript, a/b is not shown]",
        ),
        ({f"a/{i}": "" for i in range(9)}, "[output of type a/0, a/1, a/2, a/3, a/4 is not shown]"),
        ({"a" * 500: ""}, f"[output of type {'a' * 80} is not shown]"),
        ({"text/markdown": 3, "text/plain": "x"}, "x"),
    ],
)
@pytest.mark.pitfall(16)
def test_other_forms_are_shown_as_text(tmp_path: Path, data: dict[str, Any], text: str) -> None:
    assert rendered(tmp_path, Display(data)) == (text, [])


@pytest.mark.field("B5")
@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ("  0%|          | 0/20 [00:00<?, ?it/s]", ""),
        ("train:   0%|          | 0/20 [00:00<?, ?it/s]", ""),
        ("0it [00:00, ?it/s]", ""),
        ("Output()", ""),
        ("IntSlider(value=0)", "IntSlider(value=0)"),
    ],
)
def test_the_first_state_of_a_changed_widget_is_not_shown(
    tmp_path: Path, plain: str, said: str
) -> None:
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "m"}, "text/plain": plain}
    assert rendered(tmp_path, Display(view)) == (said, [])
    assert text_at_once(Display(view)) == said


@pytest.mark.parametrize("mime_type", ["application/json", "application/vnd.x.v1+json"])
@pytest.mark.parametrize(
    "data", [{"a": list(range(1_000_000))}, {"a": "QUJD" * 1_000_000}, ["x" * 400] * 100_000]
)
def test_json_is_never_shown_in_full_if_it_is_large(
    tmp_path: Path, mime_type: str, data: Any
) -> None:
    text, _ = rendered(tmp_path, Display({mime_type: data}))
    assert 200 < len(text) < 10_100


# One row for each text beside an image: whether it is worth reading.
@pytest.mark.field("B16")
@pytest.mark.parametrize(
    ("plain", "is_shown"),
    [
        ("<PIL.Image.Image image mode=RGB size=640x480>", True),
        ("<PIL.PngImagePlugin.PngImageFile image mode=RGBA size=8x8 at 0x7F036BB3E190>", True),
        ("\x1b[1mIntegral(x**2, x)\x1b[0m", True),
        ("<POINT (1 2)>", True),
        ("<Figure size 640x480 with 1 Axes>", False),
        ("<IPython.core.display.Image object>", False),
        ("<graphviz.sources.Source at 0x7fbbcc987890>", False),
        ("\x1b[1m<\x1b[0mgraphviz.graphs.Graph object at 0x7fbbcc987890>", False),
        ("alt.Chart(...)", False),
        ("Integral(f(x), x)", True),
        ("a picture", False),
        ("<A picture at 0x7fbbcc987890>", False),
        ("", False),
    ],
)
def test_text_beside_an_image_is_shown_if_it_is_more_than_a_type_name(
    tmp_path: Path, plain: str, is_shown: bool
) -> None:
    text, _ = rendered(tmp_path, Display({"image/png": encoded(PNG), "text/plain": plain}))
    words = plain.replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert text == (
        f"Image data saved to FILE\n{words}" if is_shown else "Image data saved to FILE"
    )


# Displays of rich for printed text.
PRINTED = """<pre style="white-space:pre;font-family:Menlo,'DejaVu Sans Mono'">\
<span style="font-weight: bold">{</span>\
<span style="color: #008000">'a'</span>: <span>&lt;1&gt; &amp;</span> &#x27;b&#39;
</pre>
"""


# One row for each page: whether its plain text repeats it.
@pytest.mark.field("B6")
@pytest.mark.parametrize(
    ("html", "plain", "is_text"),
    [
        (PRINTED, "\x1b[1m{\x1b[0m\x1b[32m'a'\x1b[0m: <1> & 'b'\n", True),
        ("<PRE class='x'>a\n b</PRE>", "a\n b", True),
        ("<b>bold</b>", "bold", True),
        ("<p>a</p><p>b<br/>c</p>", "a\nb\nc", True),
        ('<a href="http://x.y">link</a>', "link", True),
        ("<style>pre { color: red }</style><div><pre>print(1)\n</pre></div>", "print(1)", True),
        ("<a href='f.txt'>f.txt</a><br>", "/home/me/f.txt", True),
        ("<pre></pre>", "", True),
        ("<!-- x --><pre>a</pre>", "a", True),
        ("<!DOCTYPE html><html><head><title>T</title></head><body>a</body></html>", "a", True),
        ("H<sub>2</sub>O<hr>", "H2O", True),
        ("<dl><dt>a</dt><dd>b</dd></dl>", "a\nb", True),
        ("<link rel='stylesheet' href='x.css'><p>a</p>", "a", True),
        ("<!-- x > y -->a", "a", False),
        ("<pre>another</pre>", "one", False),
        ("<table><tr><td>1</td></tr></table>", "1", False),
        ("<p><img src='x.png'>a</p>", "a", False),
        ("<pre>a<script>draw()</script></pre>", "a", False),
        ("<p>", "", False),
        ("<div id='chart'></div>", "", False),
        ("<b>1 < 2</b>", "1 < 2", False),
    ],
)
def test_html_that_only_repeats_the_text_is_text(
    tmp_path: Path, html: str, plain: str, is_text: bool
) -> None:
    text, files = rendered(tmp_path, Display({"text/html": html, "text/plain": plain}))
    assert (files == []) == is_text
    if is_text:
        assert (
            text.split()
            == plain.replace("\x1b[1m", "").replace("\x1b[32m", "").replace("\x1b[0m", "").split()
        )


BAR = "<div><progress max='3' value='3'></progress> 100.00% [3/3 00:00&lt;00:00]</div>"


@pytest.mark.field("B5")
@rows(
    ("html", "plain", "text"),
    [
        (BAR, BAR, "100.00% [3/3 00:00<00:00]"),
        (BAR, "<IPython.core.display.HTML object>", "100.00% [3/3 00:00<00:00]"),
        ("<progress max='3' value='3'></progress>", "[====] 3/3", "[====] 3/3"),
        ("<div><p>e0</p>\n<p>e1 </p></div>", "<div><p>e0</p>\n<p>e1 </p></div>", "e0\ne1"),
    ],
)
def test_a_progress_bar_in_html_and_html_source_are_text(
    tmp_path: Path, html: str, plain: str, text: str
) -> None:
    assert rendered(tmp_path, Display({"text/html": html, "text/plain": plain})) == (text, [])


@rows("html", ["<table><tr><td>1</td></tr></table>", "<img src='x'> <progress></progress>"])
def test_the_source_of_a_page_is_not_shown_beside_it(tmp_path: Path, html: str) -> None:
    text, files = rendered(tmp_path, Display({"text/html": html, "text/plain": f"{html}</p>"}))
    assert (text, len(files)) == ("HTML data saved to FILE", 1)


@pytest.mark.field("B6")
def test_thirty_prints_of_rich_make_no_file(tmp_path: Path) -> None:
    prints = [
        Display({"text/html": f"<pre><b>{i}</b>\n</pre>", "text/plain": f"\x1b[1m{i}\x1b[0m\n"})
        for i in range(30)
    ]
    text, files = rendered(tmp_path, *prints)
    assert (text, files) == ("".join(f"{i}\n" for i in range(30)), [])


# One row for each choice: the best form, and the text beside it.
@pytest.mark.parametrize(
    ("data", "text", "suffix"),
    [
        ({"text/plain": "<Figure>", "image/png": encoded(PNG)}, "Image data saved to FILE", ".png"),
        ({"text/html": "<img>", "image/png": encoded(PNG)}, "Image data saved to FILE", ".png"),
        ({"image/svg+xml": SVG, "image/png": encoded(PNG)}, "Image data saved to FILE", ".png"),
        (
            {"application/pdf": encoded(PDF), "image/svg+xml": SVG},
            "Image data saved to FILE",
            ".svg",
        ),
        (
            {"text/html": "<p>", "text/plain": "   a\n0  1"},
            "HTML data saved to FILE\n   a\n0  1",
            ".html",
        ),
        ({"text/html": "<p>", "text/markdown": "# x"}, "HTML data saved to FILE", ".html"),
        (
            {"application/vnd.plotly.v1+json": {}, "text/html": "<p>"},
            "HTML data saved to FILE",
            ".html",
        ),
        (
            {"application/vnd.vega.v5+json": {}, "image/png": encoded(PNG)},
            "Image data saved to FILE",
            ".png",
        ),
    ],
)
@pytest.mark.pitfall(16)
def test_the_best_form_is_shown(
    tmp_path: Path, data: dict[str, Any], text: str, suffix: str
) -> None:
    said, files = rendered(tmp_path, Display(data))
    assert (said, [kind for kind, _ in files]) == (text, [suffix])


@pytest.mark.parametrize(
    ("mime_type", "data", "text"),
    [
        ("image/png", "iVBOR", "Image data could not be read"),
        ("image/png", "no base64!", "Image data could not be read"),
        ("image/png", "\u00e9", "Image data could not be read"),
        ("image/png", None, "Image data could not be read"),
        ("image/svg+xml", {"a": 1}, "Image data could not be read"),
        ("application/pdf", 3, "PDF data could not be read"),
        ("text/html", [1, 2], "HTML data could not be read"),
    ],
)
def test_invalid_data_is_reported(tmp_path: Path, mime_type: str, data: Any, text: str) -> None:
    assert rendered(tmp_path, Display({mime_type: data})) == (text, [])


def test_json_may_be_nested_too_deep(tmp_path: Path) -> None:
    deep: Any = []
    for _ in range(50_000):
        deep = [deep]
    text, _ = rendered(tmp_path, Display({"application/json": deep}))
    assert text == "[JSON nested too deeply to be shown]"


@pytest.mark.pitfall(15)
def test_streams_stay_as_printed_and_other_texts_are_on_separate_lines(tmp_path: Path) -> None:
    outputs = (
        Stream("stdout", "a"),
        Stream("stderr", "b"),
        Display({"image/png": encoded(PNG)}),
        Stream("stdout", "c\n"),
        Display({"text/plain": "2"}),
        Failure("E", "v", ("\x1b[31mE\x1b[0m: v",)),
    )
    text, files = rendered(tmp_path, *outputs)
    assert text == "ab\nImage data saved to FILE\nc\n2\nE: v"
    assert files == [(".png", PNG)]


def test_a_page_without_useful_plain_text_is_only_saved(tmp_path: Path) -> None:
    text, _ = rendered(tmp_path, Display({"text/html": "<p>", "text/plain": ""}))
    assert text == "HTML data saved to FILE"


@pytest.mark.field("B6")
@rows("html", ["", " \n", "<style>a{}</style>", "<!-- x --><link rel='x'>"])
@rows(("plain", "text"), [("<IPython.core.display.HTML object>", ""), ("", ""), ("x", "x")])
def test_html_that_shows_nothing_makes_no_file_and_no_text(
    tmp_path: Path, html: str, plain: str, text: str
) -> None:
    display = Display({"text/html": html, "text/plain": plain})
    assert rendered(tmp_path, display) == (text, [])


@pytest.mark.field("B16")
@rows(("objects", "is_shown"), [(0, True), (2, True), (3, False)])
def test_a_list_of_attributes_is_not_shown_beside_a_page(
    tmp_path: Path, objects: int, is_shown: bool
) -> None:
    plain = f"GT({', '.join(['_body=<gt._data.Body object at 0x7f>'] * objects)})"
    text, _ = rendered(tmp_path, Display({"text/html": "<table>", "text/plain": plain}))
    assert text == "HTML data saved to FILE" + (f"\n{plain}" if is_shown else "")


def test_files_come_in_order_and_never_collide(tmp_path: Path) -> None:
    pages = [Display({"text/html": str(i)}) for i in range(50)]
    first, second = (render(pages, into(tmp_path)) for _ in range(2))
    assert [path.read_text() for path in first.files] == [str(i) for i in range(50)]
    assert len({*first.files, *second.files}) == len(list(tmp_path.iterdir())) == 100


@pytest.mark.pitfall(52)
def test_the_kernel_cannot_choose_names_of_files(tmp_path: Path) -> None:
    hostile = Display(
        {"image/png": encoded(PNG)}, {"filename": "../../x", "image/png": {"name": "/x"}}, "../id"
    )
    (path,) = render([hostile], into(tmp_path)).files
    assert path.parent == tmp_path
    assert path.stem.isalnum()


def test_the_folder_is_made_when_it_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert rendered(folder, Display({"text/html": "x"}))[1] == [(".html", b"x")]


def test_no_folder_is_created_without_files(tmp_path: Path) -> None:
    rendered(tmp_path / "a", Stream("stdout", "x"), Display({"text/plain": "y"}))
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_folder_loses_only_the_file(tmp_path: Path) -> None:
    # No user can create a folder below a file.
    (tmp_path / "file").touch()
    outputs = (Stream("stdout", "a\n"), Display({"text/html": "<p>", "text/plain": "p"}))
    rendering = render(outputs, into(tmp_path / "file" / "x"))
    assert rendering.text.startswith("a\nHTML data could not be saved: ")
    assert rendering.text.endswith("\np")
    assert rendering.files == ()


MIME_TYPES = st.sampled_from(
    [mime_type for mime_type, *_ in FILES]
    + ["text/plain", "text/markdown", "text/latex", "application/json", "a/b"]
)


@BOUNDED
@given(st.dictionaries(MIME_TYPES | st.text(max_size=8), JSON))
def test_no_data_raises_an_exception(data: dict[str, Any]) -> None:
    saved: list[bytes] = []

    def save(suffix: str, content: bytes) -> Path:
        saved.append(content)
        return Path(f"file{suffix}")

    rendering = render([Display(data)], save)
    assert len(rendering.files) == len(saved) <= 1
    assert isinstance(rendering.text, str)


WRITES_A_PAGE = """
import locale, sys
from pathlib import Path
from jkg_client.protocol.outputs import Display
from jkg_client.rendering import into, render
print(locale.getpreferredencoding(False))
print(*render([Display({"text/html": "<b>\\u6f22\\u5b57</b>"})], into(Path(sys.argv[1]))).files)
"""


@pytest.mark.pitfall(24)
def test_a_page_is_written_in_utf8_in_every_locale(tmp_path: Path) -> None:
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    root = Path(jkg_client.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", WRITES_A_PAGE, str(tmp_path)],
        env={**os.environ, **plain, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    encoding, path = done.stdout.splitlines()
    assert codecs.lookup(encoding).name != "utf-8"
    assert Path(path).read_bytes() == b"<b>\xe6\xbc\xa2\xe5\xad\x97</b>"
