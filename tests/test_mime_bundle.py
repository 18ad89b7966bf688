"""Results as notebooks show them, and ``repr`` of large outputs."""

from __future__ import annotations

import pytest
from tables import rows

from jkg_client import CodeResult, Display, ExecutionResult, Failure, Output, Stream

PNG = Display({"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"})


def bundle(*outputs: Output) -> dict[str, object]:
    return ExecutionResult(status="ok", outputs=outputs)._repr_mimebundle_(
        include=None, exclude=None
    )


@pytest.mark.field("E12")
def test_a_single_display_is_shown_as_it_is() -> None:
    assert bundle(PNG) == {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"}


@pytest.mark.field("E12")
def test_text_stays_text_without_colours() -> None:
    failure = Failure("E", "v", ("\x1b[31mE\x1b[39m: v",))
    assert bundle(Stream("stdout", "\x1b[1ma\x1b[0m\n"), failure) == {"text/plain": "a\nE: v"}


@pytest.mark.field("E12")
def test_several_outputs_are_a_page_in_order() -> None:
    page = Display({"text/html": "<b>bold</b>", "text/plain": "bold"})
    shown = bundle(Stream("stdout", "1 < 2\n"), PNG, page, Failure("E", "v"))
    assert shown["text/plain"] == "1 < 2\n<Figure>\nbold\nE: v"
    html = str(shown["text/html"])
    parts = ["1 &lt; 2", "data:image/png;base64,iVBORw0KGgo=", "<b>bold</b>", "E: v"]
    places = [html.index(part) for part in parts]
    assert places == sorted(places)


def test_displays_of_text_alone_need_no_page() -> None:
    assert bundle(Display({"text/plain": "a"}), Stream("stdout", "b")) == {"text/plain": "a\nb"}


# An output, and its HTML on a page of several.
PARTS: list[tuple[Output, str]] = [
    (Stream("stdout", '\x1b[31m1 < 2 & "3"\x1b[0m'), "<pre>1 &lt; 2 &amp; &quot;3&quot;</pre>"),
    (Failure("E", "<v>"), '<pre style="color: #b00">E: &lt;v></pre>'),
    (Display({"text/plain": "a"}), "<pre>a</pre>"),
    (Display({"image/png": "aGk="}), '<img src="data:image/png;base64,aGk=">'),
    (Display({"image/jpeg": "aGk="}), '<img src="data:image/jpeg;base64,aGk=">'),
    (Display({"image/gif": "aGk="}), '<img src="data:image/gif;base64,aGk=">'),
    (Display({"image/webp": 'a"b'}), '<img src="data:image/webp;base64,a&quot;b">'),
    # Forms that are not of the type that they should have.
    (Display({"image/png": 3, "text/html": "<i>b</i>"}), "<div><i>b</i></div>"),
    (Display({"text/html": 3, "text/plain": "b"}), "<pre>b</pre>"),
    # The first of these forms that exists is used.
    (Display({"text/html": "a", "image/png": "b"}), '<img src="data:image/png;base64,b">'),
    (Display({"text/html": "a", "image/svg+xml": "<svg/>"}), "<div><svg/></div>"),
    (Display({"text/markdown": "*a*", "text/html": "b"}), "<div>b</div>"),
    (Display({"x/y": "z", "text/markdown": "*a*", "text/plain": "b"}), "<pre>*a*</pre>"),
    (Display({"text/latex": "$a$", "text/plain": "b"}), "<pre>$a$</pre>"),
    (Display({"application/json": [1, "<"]}), "<pre>[1, &quot;&lt;&quot;]</pre>"),
    (Display({"x/y": "z", "text/plain": "b"}), "<pre>b</pre>"),
]


@rows(("output", "html"), PARTS)
def test_a_page_has_the_best_form_of_each_output(output: Output, html: str) -> None:
    image = Display({"image/png": "end"})
    end = '<img src="data:image/png;base64,end">'
    assert bundle(output, image)["text/html"] == f"{html}\n{end}"


@pytest.mark.field("E12")
def test_a_result_without_outputs_says_how_it_ended() -> None:
    assert bundle() == {"text/plain": "<ok, no output>"}


@rows("kind", ["text/markdown", "application/json", "image/svg+xml", "x/y"])
def test_other_forms_are_shown_too(kind: str) -> None:
    data = {kind: {"a": 1} if "json" in kind else "<i>", "text/plain": "plain"}
    html = str(bundle(Display(data), Stream("stdout", "end"))["text/html"])
    assert html.endswith("<pre>end</pre>")


@pytest.mark.field("E12")
def test_large_values_are_short_in_a_repr() -> None:
    image = Display({"image/png": "x" * 10**6, "application/json": list(range(10**5))})
    result = ExecutionResult(status="ok", outputs=(image, Stream("stdout", "y" * 10**6)))
    assert len(repr(result)) < 1000
    assert "1000000 characters" in repr(result)
    assert repr(Stream("stdout", "a")) == "Stream(name='stdout', text='a')"
    assert repr(Display({"text/plain": "a"})).startswith("Display(data={'text/plain': 'a'}, ")


@pytest.mark.field("E12")
def test_a_long_text_and_a_long_exception_are_short_in_a_repr() -> None:
    assert len(repr(CodeResult(exit_code=0, output="x" * 10**6))) < 400
    failure = Failure("E", "v" * 10**6, ("t" * 10**6,))
    assert len(repr(failure)) < 600
    assert repr(Failure("E", "v", ("t",))) == "Failure(ename='E', evalue='v', traceback=('t',))"


@pytest.mark.field("E12")
def test_a_notebook_shows_a_display_itself() -> None:
    shown = Display({"image/png": "iVBORw0KGgo="}, {"image/png": {"width": 3}})
    assert shown._repr_mimebundle_() == (shown.data, shown.metadata)


@pytest.mark.field("E12")
def test_a_notebook_shows_the_outputs_of_code_blocks() -> None:
    blocks = (
        ExecutionResult(status="ok", outputs=(PNG,)),
        ExecutionResult(status="error", outputs=(Failure("E", "v"),)),
    )
    result = CodeResult(exit_code=1, output="saved: a.png\nE: v", status="error", results=blocks)
    shown = result._repr_mimebundle_(include=None, exclude=None)
    assert shown["text/plain"] == "saved: a.png\nE: v"
    html = str(shown["text/html"])
    places = [html.index(part) for part in ("iVBORw0KGgo=", "E: v", "error, exit code 1")]
    assert places == sorted(places)


@pytest.mark.field("E12")
def test_a_notebook_shows_the_status_of_code_without_output() -> None:
    assert CodeResult(exit_code=0, output="")._repr_mimebundle_() == {
        "text/plain": "<ok, no output>"
    }


# A value, and its repr in the repr of an output.
REPRS: list[tuple[object, str]] = [
    (Stream("stdout", "x" * 200), f"Stream(name='stdout', text='{'x' * 200}')"),
    (Stream("stdout", "x" * 201), f"Stream(name='stdout', text='{'x' * 100}'… (201 characters))"),
    (
        Display({"a": [0] * 201, "b": dict.fromkeys(range(201)), "c": [0] * 3}),
        (
            "Display(data={'a': <list of 201>, 'b': <dict of 201>, 'c': [0, 0, 0]}, metadata={},"
            " display_id=None, execution_count=None)"
        ),
    ),
    (
        Display({"a": [0] * 200}),
        f"Display(data={{'a': {[0] * 200}}}, metadata={{}}, display_id=None, execution_count=None)",
    ),
    (Failure("E", "v"), "Failure(ename='E', evalue='v', traceback=())"),
    (Failure("E", "v", ("a", "b")), "Failure(ename='E', evalue='v', traceback=('a', 'b'))"),
    (
        Failure("E", "v", ("a",) * 200),
        "Failure(ename='E', evalue='v', traceback=(" + ", ".join(["'a'"] * 200) + "))",
    ),
    (
        Failure("E", "v", ("a",) * 201),
        "Failure(ename='E', evalue='v', traceback=("
        + ", ".join(["'a'"] * 200)
        + ", … (201 lines)))",
    ),
]


@rows(("value", "shown"), REPRS)
def test_a_repr_has_200_characters_and_items_at_most(value: object, shown: str) -> None:
    assert repr(value) == shown
