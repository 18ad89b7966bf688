"""The cells of a session, and its form as a notebook. No gateway, no file."""

from __future__ import annotations

import json
from typing import Any

from tables import rows

from jkg_client import Display, ExecutionResult, Failure, Stream
from jkg_client.protocol.messages import Json
from jkg_client.protocol.outputs import Output
from jkg_client.protocol.result import Status, Truncation
from jkg_client.protocol.session import MAX_SESSION, RanCode, Session
from jkg_client.protocol.session_notebook import cells_of, notebook_text


def refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def texts(cell: dict[str, Any]) -> list[str]:
    return [output.get("text") or output["data"]["text/plain"] for output in cell["outputs"]]


def shown(text: str, display_id: str | None = None, *, is_update: bool = False) -> Display:
    return Display({"text/plain": text}, display_id=display_id, is_update=is_update)


def printed(text: str) -> Stream:
    return Stream("stdout", text)


def ok(
    *outputs: Output, late: tuple[Output, ...] = (), count: int | None = None
) -> ExecutionResult:
    return ExecutionResult(status="ok", outputs=outputs, late_outputs=late, execution_count=count)


def notebook(session: Session) -> Any:
    return json.loads("".join(notebook_text(session)), parse_constant=refuse)


def test_updates_change_outputs_of_earlier_cells() -> None:
    session = Session()
    session.ran("1", ExecutionResult(status="ok", outputs=(shown("a", "d"), shown("other"))))
    session.ran("2", ExecutionResult(status="ok", outputs=(shown("b", "d"),)))
    session.ran("3", ExecutionResult(status="ok", outputs=(shown("c", "d", is_update=True),)))
    session.ran("4", ExecutionResult(status="ok", outputs=(shown("x", "new", is_update=True),)))
    assert [texts(cell) for cell in cells_of(session)] == [["c", "other"], ["c"], [], ["x"]]


def test_late_output_is_added_to_its_cell() -> None:
    session = Session()
    session.ran("1", ExecutionResult(status="ok"))
    session.remark("between")
    session.ran("2", ExecutionResult(status="ok", late_outputs=(Stream("stdout", "late\n"),)))
    first, _, second = cells_of(session)
    assert (texts(first), texts(second)) == (["late\n"], [])


def test_a_long_session_loses_its_oldest_outputs_then_its_oldest_cells() -> None:
    session = Session(limit=12_000)
    for number in range(3):
        outputs = (Stream("stdout", "x" * 4000),)
        session.ran(str(number), ExecutionResult(status="ok", outputs=outputs))
    first, second, third = cells_of(session)
    assert texts(first) == ["\n[4000 characters of output dropped here]\n"]
    assert (len(texts(second)[0]), len(texts(third)[0])) == (4000, 4000)
    for number in range(20):
        session.ran("y" * 100 + str(number), ExecutionResult(status="ok"))
    remark, *rest = cells_of(session)
    assert remark["source"] == "*13 earlier cells are not kept: the session is too long.*"
    assert len(rest) == 10


def test_rich_forms_are_unchanged_and_the_file_is_strict_json() -> None:
    data = {"image/png": "aGk=", "application/json": {"nan": float("nan")}, "text/odd": 3}
    session = Session()
    session.ran("1", ExecutionResult(status="ok", outputs=(Display(data, {"a": 1}),)))
    document = json.loads("".join(notebook_text(session)), parse_constant=refuse)
    (output,) = document["cells"][0]["outputs"]
    assert output["data"]["image/png"] == "aGk="
    assert output["data"]["application/json"] == {"nan": "nan"}
    assert output["data"]["text/odd"] == "3"
    assert output["metadata"] == {"a": 1}


# An output, and its form in a notebook.
NODES: list[tuple[Output, Json]] = [
    (Stream("stderr", "a\n"), {"output_type": "stream", "name": "stderr", "text": "a\n"}),
    (
        Display({"text/plain": "x"}, {"m": 1}),
        {"output_type": "display_data", "data": {"text/plain": "x"}, "metadata": {"m": 1}},
    ),
    (
        Display({"text/plain": "4"}, execution_count=7),
        {
            "output_type": "execute_result",
            "execution_count": 7,
            "data": {"text/plain": "4"},
            "metadata": {},
        },
    ),
    (
        Failure("E", "v", ("one", "two")),
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["one", "two"]},
    ),
    (
        Failure("E", "v"),
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["E: v"]},
    ),
]


@rows(("output", "node"), NODES)
def test_an_output_is_written_in_the_format_of_notebooks(output: Output, node: Json) -> None:
    session = Session()
    session.ran("f()", ok(output, count=7))
    assert cells_of(session) == [
        {
            "cell_type": "code",
            "execution_count": 7,
            "id": "cell-1",
            "metadata": {},
            "outputs": [node],
            "source": "f()",
        }
    ]


# MIME type, data, and the data in the file.
FORMS: list[tuple[str, Any, Any]] = [
    ("text/plain", "a", "a"),
    ("text/plain", ["a\n", "b"], ["a\n", "b"]),
    ("text/plain", ["a", 3], '["a", 3]'),
    ("text/plain", 3, "3"),
    ("application/json", 3, 3),
    ("application/vnd.plotly.v1+json", {"a": [1]}, {"a": [1]}),
    ("application/json5", {"a": [1]}, '{"a": [1]}'),
    ("application/json", (1, [float("inf"), 2.5], "x"), [1, ["inf", 2.5], "x"]),
]


@rows(("mime_type", "form", "written"), FORMS)
def test_forms_are_text_or_json_as_their_type_says(mime_type: str, form: Any, written: Any) -> None:
    session = Session()
    session.ran("1", ok(Display({mime_type: form})))
    assert notebook(session)["cells"][0]["outputs"][0]["data"] == {mime_type: written}


# The name of the kernel, its language_info, and the metadata of the notebook.
METADATA: list[tuple[str, Json, Json]] = [
    ("", {}, {}),
    ("python3", {}, {"kernelspec": {"name": "python3", "display_name": "python3"}}),
    (
        "python3",
        {"name": "python", "version": "3.12"},
        {
            "kernelspec": {"name": "python3", "display_name": "python3", "language": "python"},
            "language_info": {"name": "python", "version": "3.12"},
        },
    ),
    ("", {"name": "R"}, {"language_info": {"name": "R"}}),
    ("", {"version": "4"}, {}),
]


@rows(("name", "language", "metadata"), METADATA)
def test_a_notebook_has_the_known_metadata_of_the_kernel(
    name: str, language: Json, metadata: Json
) -> None:
    session = Session(kernel_name=name, language_info=language)
    assert notebook(session) == {
        "cells": [],
        "metadata": metadata,
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def test_a_notebook_is_indented_as_jupyter_indents_it() -> None:
    session = Session()
    session.remark("# One")
    session.remark("nan is no number")
    assert "".join(notebook_text(session)) == (
        '{\n "cells": [\n'
        '{\n "cell_type": "markdown",\n "id": "cell-1",\n "metadata": {},\n "source": "# One"\n}'
        ",\n"
        '{\n "cell_type": "markdown",\n "id": "cell-2",\n "metadata": {},\n'
        ' "source": "nan is no number"\n}'
        '\n ],\n "metadata": {},\n "nbformat": 4,\n "nbformat_minor": 5\n}\n'
    )


def test_a_cell_with_a_number_that_json_lacks_is_indented_like_the_others() -> None:
    session = Session()
    session.ran("1", ok(Display({"application/json": float("nan")})))
    _, _, cell, *_ = notebook_text(session)
    assert cell.startswith('{\n "cell_type": "code",\n "execution_count": null,\n')


def test_an_update_changes_all_displays_with_its_id_or_becomes_an_output() -> None:
    session = Session()
    session.ran("1", ok(shown("a", "d")))
    session.ran("2", ok(shown("b", "d", is_update=True), shown("c", "new", is_update=True)))
    session.ran("3", ok(shown("d", "new", is_update=True)))
    assert [texts(cell) for cell in cells_of(session)] == [["b"], ["d"], []]


@rows(
    ("ran", "words"),
    [
        (2, "*1 earlier cell is not kept: the session is too long.*"),
        (3, "*2 earlier cells are not kept: the session is too long.*"),
    ],
)
def test_a_notebook_says_how_many_cells_were_dropped(ran: int, words: str) -> None:
    session = Session(limit=1)
    for _ in range(ran):
        session.ran("x", ok())
    first, last = cells_of(session)
    assert first == {"cell_type": "markdown", "id": "cell-0", "metadata": {}, "source": words}
    assert last["id"] == f"cell-{ran}"


# How a cell ended, and the outputs that explain this.
ENDS: list[tuple[Status, Truncation | None, list[Output]]] = [
    ("ok", None, []),
    ("error", None, []),
    (
        "timeout",
        None,
        [
            Failure(
                "ExecutionTimeout",
                "the cell exceeded its time limit",
                ("ExecutionTimeout: the cell exceeded its time limit",),
            )
        ],
    ),
    (
        "died",
        None,
        [
            Failure(
                "KernelDied",
                "the kernel died while the cell ran",
                ("KernelDied: the kernel died while the cell ran",),
            )
        ],
    ),
    (
        "aborted",
        None,
        [
            Failure(
                "NotRun",
                "the cell did not run because an earlier one failed",
                ("NotRun: the cell did not run because an earlier one failed",),
            )
        ],
    ),
    ("ok", Truncation(messages=2), [Stream("stderr", "[2 messages were lost]\n")]),
    # The outputs themselves contain a note about missing characters.
    ("ok", Truncation(characters=2, messages=2), []),
]


@rows(("status", "truncated", "told"), ENDS)
def test_a_session_adds_the_ending_of_a_cell_if_its_outputs_do_not_show_it(
    status: Status, truncated: Truncation | None, told: list[Output]
) -> None:
    session = Session()
    result = ExecutionResult(status=status, outputs=(printed("a"),), truncated=truncated)
    session.ran("x", result)
    (cell,) = session
    assert isinstance(cell, RanCode)
    assert cell.outputs == (printed("a"), *told)


# An output, and its size in characters.
SIZES: list[tuple[Output, int]] = [
    (printed("abcde"), 5),
    (Display({"text/plain": "abc", "text/html": "de"}), 5),
    (Display({"text/plain": "abc"}, {"k": "vw"}), 3 + 16 + 1 + 2),
    (Failure("E", "abc", ("de", "f")), 6),
]


@rows(("output", "size"), SIZES)
@rows("is_late", [False, True])
def test_a_session_keeps_characters_up_to_its_limit(
    output: Output, size: int, is_late: bool
) -> None:
    # A cell counts as 1000 characters in addition to its text.
    for lacking in (0, 1):
        session = Session(limit=1002 + size + 1003 - lacking)
        session.ran("ab", ok() if is_late else ok(output))
        session.ran("abc", ok(late=(output,)) if is_late else ok())
        first, _ = session
        assert isinstance(first, RanCode)
        dropped = Stream("stderr", f"\n[{size} characters of output dropped here]\n")
        assert first.outputs == ((dropped,) if lacking else (output,))
        assert first.size == 1002 + (0 if lacking else size)


@rows(("limit", "numbers"), [(2008, [1, 2]), (2007, [2])])
def test_a_remark_counts_as_a_cell(limit: int, numbers: list[int]) -> None:
    session = Session(limit=limit)
    session.remark("abcde")
    session.remark("abc")
    assert [cell.number for cell in session] == numbers


def test_after_cells_were_dropped_the_outputs_of_the_next_are_dropped_first() -> None:
    session = Session(limit=5000)
    kept = []
    for size in (2000, 2000, 3000, 900):
        session.ran("x", ok(printed("y" * size)))
        kept.append([(cell.number, cell.size) for cell in session])
    assert kept == [
        [(1, 3001)],
        [(1, 1001), (2, 3001)],
        [(3, 4001)],
        [(3, 1001), (4, 1901)],
    ]
    assert session.forgotten == 2


def test_remarks_and_code_without_output_are_dropped_as_whole_cells() -> None:
    session = Session(limit=3005)
    session.remark("a")
    session.ran("b", ok())
    session.ran("c", ok(printed("dd")))
    session.remark("e")
    assert [(cell.number, cell.size) for cell in session] == [(2, 1001), (3, 1001), (4, 1001)]


def test_late_output_of_a_session_without_code_is_dropped() -> None:
    session = Session()
    session.remark("a")
    session.ran("b", ok(late=(printed("late"),)))
    assert [cell.size for cell in session] == [1001, 1001]


def test_a_session_holds_64_mib_by_default() -> None:
    assert Session().limit == MAX_SESSION == 64 * 2**20


def test_no_more_outputs_are_dropped_than_have_to_be() -> None:
    session = Session(limit=8000)
    for _ in range(4):
        session.ran("x", ok(printed("y" * 500)))
    session.ran("x", ok(printed("y" * 1500)))
    assert [cell.size for cell in session] == [1001, 1001, 1501, 1501, 2501]


def test_each_dropped_output_has_one_note() -> None:
    session = Session(limit=4500)
    for _ in range(8):
        session.ran("x", ok(printed("y" * 500)))
    outputs = [cell.outputs for cell in session if isinstance(cell, RanCode)]
    gone = printed("y" * 500), Stream("stderr", "\n[500 characters of output dropped here]\n")
    assert outputs == [(gone[1],), (gone[1],), (gone[1],), (gone[0],)][-len(outputs) :]
