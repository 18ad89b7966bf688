"""Parts of running a notebook that need no kernel."""

from __future__ import annotations

import json
from datetime import datetime, time, timedelta, timezone
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

import nbformat
import pytest
from fixtures import Programs
from notebooks import code, markdown, notebook, read, shown
from tables import rows

from jkg_client import inspect_notebook, run_notebook
from jkg_client.client.deadline import Clock
from jkg_client.notebooks.documents import read_notebook
from jkg_client.notebooks.json_text import pieces
from jkg_client.notebooks.kernel_choice import InstalledKernels, choose
from jkg_client.notebooks.outputs import NotebookOutputs
from jkg_client.notebooks.parameters import Parameters, inject
from jkg_client.notebooks.python_values import expression
from jkg_client.notebooks.saving import NotebookFile
from jkg_client.protocol.messages import Message

UPDATE = "update_display_data"
STATES = "application/vnd.jupyter.widget-state+json"


def message(
    msg_type: str, parent: str = "r", buffers: tuple[bytes, ...] = (), **content: Any
) -> Message:
    return Message(
        channel="shell" if msg_type.endswith("_reply") else "iopub",
        header={"msg_id": "m", "msg_type": msg_type},
        parent_header={"msg_id": parent},
        content=content,
        buffers=buffers,
    )


def text(words: str, name: str = "stdout", parent: str = "r") -> Message:
    return message("stream", parent, name=name, text=words)


def display(words: str, display_id: str | None = None, kind: str = "display_data") -> Message:
    transient = {} if display_id is None else {"display_id": display_id}
    return message(kind, data={"text/plain": words}, metadata={}, transient=transient)


def folded(*messages: Message) -> Any:
    """A cell after these messages."""
    outputs = NotebookOutputs()
    cell = code("x")
    outputs.sent("r", outputs.begin(cell))
    for one in messages:
        outputs.feed(one)
    outputs.settle()
    return cell


@pytest.mark.field("N12")
def test_an_update_reaches_the_cell_that_shows_it() -> None:
    outputs, cells = NotebookOutputs(), [code("1"), code("2")]
    outputs.sent("r", outputs.begin(cells[0]))
    outputs.feed(display("old", "d"))
    outputs.sent("s", outputs.begin(cells[1]))
    update = display("new", "d", UPDATE)
    outputs.feed(Message(channel="iopub", header=update.header, parent_header={"msg_id": "s"},
                         content=update.content))  # fmt: skip
    assert [shown(cell) for cell in cells] == [["new"], []]


@pytest.mark.field("N31")
@rows(
    ("messages", "left"),
    [
        ([text("a"), message("clear_output", wait=True)], ["a"]),
        ([text("a"), message("clear_output", wait=True), text("b")], ["b"]),
        ([text("a"), message("clear_output", wait=False)], []),
        (
            [display("q", "z"), message("clear_output"), display("r", "z", "update_display_data")],
            [],
        ),
        ([display("q"), message("clear_output", wait=True), display("r"), text("t")], ["r", "t"]),
    ],
)
def test_clear_output_removes_the_outputs(messages: list[Message], left: list[str]) -> None:
    assert shown(folded(*messages)) == left


@pytest.mark.field("N30")
def test_alternating_streams_stay_separate_outputs() -> None:
    cell = folded(text("a"), text("b"), text("c", "stderr"), text("d"), text(""), text("e"))
    assert shown(cell) == ["ab", "c", "de"]


def test_rich_forms_stay_as_they_are() -> None:
    data = {"image/png": "aGk=\n", "text/html": "<b>", "application/json": {"a": [1, None]}}
    result = message("execute_result", data=data, metadata={"x": {"y": 1}}, execution_count=4)
    (output,) = folded(result)["outputs"]
    assert output == {
        "output_type": "execute_result",
        "data": data,
        "metadata": {"x": {"y": 1}},
        "execution_count": 4,
    }


@pytest.mark.field("N32")
def test_a_widget_captures_the_outputs_of_its_request() -> None:
    outputs, cell = NotebookOutputs(), code("x")
    outputs.sent("r", outputs.begin(cell))
    model = {"_model_name": "OutputModel", "_model_module": "o", "msg_id": "", "outputs": []}
    opened: dict[str, Any] = {
        "comm_id": "w",
        "target_name": "jupyter.widget",
        "data": {"state": model},
    }
    outputs.feed(message("comm_open", **opened))
    for msg_id, words in (("r", "in"), ("other", "out"), ("r", " again"), ("", " more")):
        state = {"method": "update", "state": {"msg_id": msg_id}}
        outputs.feed(message("comm_msg", comm_id="w", data=state))
        outputs.feed(text(words))
    outputs.settle()
    ((comm_id, update),) = outputs.widgets.take_updates()
    metadata: dict[str, Any] = {}
    outputs.widgets.save_into(metadata)
    assert shown(cell) == ["out more"]
    assert (comm_id, shown(update["state"])) == ("w", ["in again"])
    assert shown(metadata["widgets"][STATES]["state"]["w"]["state"]) == ["in again"]
    assert outputs.widgets.take_updates() == []
    outputs.feed(message("comm_close", comm_id="w"))
    left: dict[str, Any] = {}
    outputs.widgets.save_into(left)
    assert left == {}


def test_captured_outputs_may_be_repeated_in_the_cell() -> None:
    outputs, cell = NotebookOutputs(repeats_captured=True), code("x")
    outputs.sent("r", outputs.begin(cell))
    model = {"_model_name": "OutputModel", "msg_id": "r", "outputs": []}
    opened: dict[str, Any] = {
        "comm_id": "w",
        "target_name": "jupyter.widget",
        "data": {"state": model},
    }
    outputs.feed(message("comm_open", **opened))
    outputs.feed(text("one"))
    outputs.feed(message("clear_output", wait=False))
    outputs.feed(text(" two"))
    outputs.settle()
    ((_, update),) = outputs.widgets.take_updates()
    assert (shown(cell), shown(update["state"])) == (["one two"], [" two"])


@pytest.mark.parametrize("times", [None, "x", [1]])
def test_metadata_that_cannot_have_times_is_kept(times: Any) -> None:
    outputs, cell = NotebookOutputs(), code("x", metadata={"execution": times})
    outputs.sent("r", outputs.begin(cell))
    header = {"msg_type": "execute_input", "msg_id": "m", "date": "2026-01-01T00:00:00Z"}
    outputs.feed(Message(channel="iopub", header=header, parent_header={"msg_id": "r"}, content={}))
    outputs.feed(text("one"))
    outputs.settle()
    assert (shown(cell), cell["metadata"]) == (["one"], {"execution": times})


def test_bytes_of_a_widget_are_in_its_state() -> None:
    outputs = NotebookOutputs()
    data = {"state": {"_model_name": "ImageModel"}, "buffer_paths": [["value"]]}
    opened: dict[str, Any] = {"comm_id": "w", "target_name": "jupyter.widget", "data": data}
    outputs.feed(message("comm_open", buffers=(b"hi",), **opened))
    metadata: dict[str, Any] = {}
    outputs.widgets.save_into(metadata)
    (buffer,) = metadata["widgets"][STATES]["state"]["w"]["buffers"]
    assert buffer == {"encoding": "base64", "path": ["value"], "data": "aGk="}


@pytest.mark.field("N28")
def test_ids_and_unknown_metadata_are_kept_and_the_file_is_valid(tmp_path: Path) -> None:
    cells = [code("1", id="abc", metadata={"mine": {"x": 1}}), markdown("m")]
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps(notebook(*cells)), "utf-8")
    found = read_notebook(path)
    nbformat.validate(found)
    assert (found.nbformat_minor, found.cells[0].id) == (5, "abc")
    assert found.cells[0].metadata.mine.x == 1
    newer = read_notebook(notebook(code("1", id="abc"), minor=9))
    assert (newer.nbformat_minor, newer.cells[0].id) == (9, "abc")
    assert "id" not in read_notebook(notebook("1")).cells[0]


@pytest.mark.field("N29")
def test_ids_that_are_missing_or_not_unique_are_the_same_in_each_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    given = notebook(code("1", id="a"), code("2", id="a"), code("3"), code("4", id="!"), minor=5)
    first, second = read_notebook(given), read_notebook(given)
    ids = [cell.id for cell in first.cells]
    assert ids == [cell.id for cell in second.cells]
    assert (ids[0], len(set(ids)), len(caplog.records)) == ("a", 4, 2)
    nbformat.validate(first)


@pytest.mark.field("N41")
def test_the_text_of_a_file_is_the_text_of_nbformat() -> None:
    cells = [
        markdown("a\nb"),
        {**markdown("![x](attachment:x.png)"), "attachments": {"x.png": {"image/png": "aGk="}}},
        {"cell_type": "raw", "source": "é", "metadata": {"format": "text/x"}},
        code("1\n\n", outputs=[
            {"output_type": "stream", "name": "stdout", "text": "a\nb"},
            {"output_type": "display_data", "metadata": {}, "data": {
                "text/html": "<a>\n</a>", "image/svg+xml": "<s>\n", "application/json": {"a": []},
                "image/png": "aGk=\n"}},
            {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["a", "b\n"]},
        ]),
    ]  # fmt: skip
    given = notebook(*cells, x={}, y=[1, 2.5, None, True])
    assert "".join(pieces(given)) == nbformat.writes(given) + "\n"


@pytest.mark.field("N11")
def test_a_file_is_always_strict_json() -> None:
    given = notebook(code("1", metadata={"x": [float("nan"), float("-inf")], "s": "\ud800"}))
    text = "".join(pieces(given))
    text.encode("utf-8")
    assert json.loads(text)["cells"][0]["metadata"] == {"x": ["nan", "-inf"], "s": "\ud800"}


@pytest.mark.field("N44")
def test_saving_takes_a_small_part_of_the_time(tmp_path: Path) -> None:
    now = [0.0]

    def tick() -> float:
        now[0] += 1.0
        return now[0]

    file = NotebookFile(tmp_path / "n.ipynb", Clock(tick))
    file.save(notebook("1"))
    saves = sum(file.is_due() for _ in range(15))
    assert saves == 0
    now[0] += 10
    assert file.is_due()
    assert not file.is_due(pause=1000)


@pytest.mark.field("N6")
def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    path.write_text("old", "utf-8")
    path.chmod(0o640)
    broken = notebook("1")
    broken.cells[0].pop("source")
    with pytest.raises((AttributeError, KeyError)):
        NotebookFile.at(path).save(broken)
    assert (path.read_text("utf-8"), len(list(tmp_path.iterdir()))) == ("old", 1)
    NotebookFile.at(path).save(notebook("1"))
    assert read(path).cells[0].source == ["1"]
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.field("N21")
@rows(
    "value",
    [
        None, True, -3, 1e300, 10**50, 1 + 2j, "é'\"\n\ud800", b"\x00'", (), (1,), (1, 2), [1, [2]],
        {}, {1: 2, (3,): None}, set(), {1, 2}, frozenset({1}), range(3), ...,
        time(1, 2), timedelta(days=-1), datetime(2026, 1, 2, 3, tzinfo=timezone.utc),
        datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2), "X")),
        PurePosixPath("/a"), UUID(int=5), bytearray(b"x"),
    ],
)  # fmt: skip
def test_an_expression_of_a_python_value_has_the_same_value(value: Any) -> None:
    again = eval(expression(value))
    assert (type(again), again) == (type(value), value)


@pytest.mark.field("N21")
def test_the_error_names_a_value_that_cannot_be_expressed() -> None:
    loop: list[Any] = []
    loop.append(loop)
    for value in (object(), [1, {2: print}], loop, notebook):
        with pytest.raises(ValueError, match="parameter 'x'"):
            _inject(x=value)


def _inject(**values: Any) -> Any:
    return inject(notebook("1"), Parameters.of(values, None), "python3", "python")


@pytest.mark.field("N22")
@rows("name", ["a-b", "class", "", "1a", "a b", "a.b"])
def test_an_invalid_parameter_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a name in Python"):
        _inject(**{name: 1})


def test_invalid_parameters_are_refused() -> None:
    for given in ([("x", 1)], 5):
        with pytest.raises(ValueError, match="parameters must be a mapping"):
            Parameters.of(given, None)
    with pytest.raises(ValueError, match="no parameter 'y'"):
        Parameters.of({"x": 1}, ["y"])
    with pytest.raises(ValueError, match="secret_parameters must be"):
        Parameters.of({"x": 1}, "x")


@pytest.mark.field("N26")
def test_parameters_are_found_by_the_grammar_of_python() -> None:
    source = (
        "a = 1  # the first = one\n"
        "b: 'Literal[\"a\"]' = 'a'\n"
        "c, d = 1, 2\n"
        "import datetime\n"
        "e: datetime.date = None\n"
        "f = [\n    1,  # x = y\n    2,\n]\n"
        "g = 5  # type: int the fifth\n"
        "h.x = 1\n"
    )
    found = inspect_notebook(notebook(markdown("m", "parameters"), code(source, "parameters")))
    assert list(found) == [*"abcdefg"]
    assert (found["a"].default, found["a"].help) == ("1", "the first = one")
    assert (found["b"].annotation, found["b"].default) == ('Literal["a"]', "'a'")
    assert (found["d"].default, found["e"].annotation) == ("2", "datetime.date")
    assert (found["g"].annotation, found["g"].help) == ("int", "the fifth")


@pytest.mark.field("N26")
def test_only_unknown_parameters_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    given = notebook(code("c, d = 1, 2", "parameters"))
    inject(given, Parameters.of({"d": 1, "z": 2}, None), "python3", "python")
    assert [record.getMessage() for record in caplog.records] == [
        "the notebook has no parameter 'z'"
    ]


@pytest.mark.field("N17", "N19")
def test_the_metadata_of_the_notebook_choose_the_kernel() -> None:
    specs = {name: {"spec": {"language": name[:1]}} for name in ("a1", "b1", "b2")}
    there = InstalledKernels.of({"default": "b2", "kernelspecs": specs})
    rows: list[tuple[dict[str, Any], str | None]] = [
        ({"kernelspec": {"name": "a1"}}, "a1"),
        ({"kernelspec": {"name": "A1"}}, "a1"),
        ({"kernelspec": {"name": "old", "language": "a"}}, "a1"),
        ({"kernelspec": {"name": "old", "language": "b"}}, None),
        ({"kernelspec": {"name": "old"}}, None),
        ({"language_info": {"name": "b"}}, "b2"),
        ({"language_info": {"name": "a"}}, "a1"),
        ({"language_info": {"name": "z"}}, None),
        ({"x": 1}, "b2"),
    ]
    for metadata, name in rows:
        given = notebook("1", **metadata)
        if name is None:
            with pytest.raises(ValueError, match="a1, b1, b2"):
                choose(given, None, there)
        else:
            assert choose(given, None, there).name == name


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("{}", "not a notebook"),
        ("[]", "not a notebook"),
        ("not json", "not a notebook"),
        ('{"nbformat": 5, "cells": []}', "format 5"),
        ('{"nbformat": 4, "metadata": {}}', "no cells"),
        ('{"nbformat": 4, "cells": [{"cell_type": "code"}]}', "cell 0 has no source"),
        (
            '{"nbformat": 4, "cells": [{"cell_type": "raw", "source": "", "metadata": []}]}',
            "cell 0 has metadata that is not an object",
        ),
        ('{"nbformat": 4, "cells": [], "metadata": "x"}', "has metadata that is not an object"),
        (b"\xff\xfe", "not text in UTF-8"),
    ],
)
def test_invalid_notebooks_are_refused(tmp_path: Path, given: Any, complaint: str) -> None:
    path = tmp_path / "n.ipynb"
    path.write_bytes(given if isinstance(given, bytes) else given.encode())
    with pytest.raises(ValueError, match=complaint):
        read_notebook(path)


@rows(
    ("options", "complaint"),
    [
        ({"timeout": 0}, "timeout"),
        ({"cell_timeout": "5"}, "cell_timeout"),
        ({"start_timeout": -1}, "start_timeout"),
        ({"final_wait": -1}, "final_wait"),
        ({"kernel_name": ""}, "kernel_name"),
        ({"kernel_id": "x", "env": {"a": "b"}}, "kernel_id"),
        ({"env": {"a": 1}}, "env"),
        ({"env": {"a=b": "c"}}, "env: 'a=b' cannot be"),
        ({"cwd": 5}, "cwd"),
        ({"output": 5}, "output"),
        ({"output": "/no/such/folder/n.ipynb"}, "no folder"),
        ({"max_output": 0}, "max_output"),
        ({"on_cell": 1}, "on_cell"),
        ({"on_input": 1}, "on_input"),
        ({"server": 5}, "server"),
    ],
)
def test_bad_arguments_are_named_before_anything_happens(
    options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        run_notebook(notebook("1"), options.pop("server", None), **options)


def test_without_nbformat_the_error_names_the_extra(programs: Programs) -> None:
    code = """
import sys
sys.modules["nbformat"] = None
import jkg_client
for run in (jkg_client.run_notebook, jkg_client.inspect_notebook):
    try:
        run({"cells": []})
    except ImportError as exc:
        print(exc)
"""
    said = 'notebooks need the package nbformat: pip install "jkg-client[notebook]"\n'
    assert programs(code) == (0, 2 * said, "")
