"""Hostile kernels and servers: the client returns a result or a typed error in time."""

from __future__ import annotations

import ast
import contextlib
import gc
import json
import logging
import re
import time
import traceback
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from fixtures import Executors
from hostile_server import KERNEL_ID, endless, frame, hostile, http
from tables import rows, table

import jkg_client
from jkg_client import (
    CodeBlock,
    JkgError,
    JupyterClient,
    JupyterCodeExecutor,
    JupyterConnectionInfo,
    JupyterKernelClient,
)
from jkg_client.client.timeouts import Timeouts
from jkg_client.protocol.exchange import Exchange
from jkg_client.protocol.late_output import LateOutput
from jkg_client.protocol.messages import Message
from jkg_client.protocol.outputs import OutputArea
from jkg_client.testing import FakeGateway

SUFFIXES = {".png", ".jpeg", ".gif", ".webp", ".svg", ".pdf", ".html"}
QUICK = Timeouts(
    first_heartbeat=0.1, heartbeat=0.2, pong=0.3, reconnect=0.5, grace=0.3, ready=0.5, sending=1.0
)
IMPATIENT = Timeouts(
    first_heartbeat=0.05,
    heartbeat=0.1,
    pong=0.1,
    reconnect=0.05,
    grace=0.05,
    ready=0.05,
    sending=0.1,
    overtime=0.1,
)
SOON = 15.0
"""Time limit in seconds, which is much longer than a call takes."""


@pytest.fixture(autouse=True)
def no_collection() -> Iterator[None]:
    """No garbage collection: within deeply nested data, finalizers would have no stack left."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def server() -> Iterator[FakeGateway]:
    # Without the subprotocol messages are JSON in text frames, easy to write by hand.
    with FakeGateway(subprotocol=False) as running:
        yield running


def run(executor: JupyterCodeExecutor, code: str) -> jkg_client.CodeResult:
    return executor.execute_code_blocks([CodeBlock(code=code, language="python")])


def document(msg_type: str, content: str, parent: str, channel: str = "iopub") -> str:
    header = json.dumps({"msg_id": "m", "msg_type": msg_type})
    return (
        f'{{"channel": "{channel}", "header": {header}, "parent_header": {parent},'
        f' "metadata": {{}}, "content": {content}, "buffers": []}}'
    )


class Hostile:
    """Frames that the fake gateway sends in the middle of a cell."""

    def __init__(self, server: FakeGateway) -> None:
        self._server = server

    def cell(self, *frames: Callable[[str], str]) -> None:
        """The cell ``hostile``. Each function makes a frame from the JSON of the parent header."""

        def send() -> None:
            asked = self._server.journal.messages("execute_request")[-1].message
            for make in frames:
                self._server.faults.send_frame(make(json.dumps(asked.header)))

        self._server.script("hostile").stream("before\n").then(send).stream("after\n")


@pytest.fixture
def harm(server: FakeGateway) -> Hostile:
    return Hostile(server)


def says(msg_type: str, content: str, channel: str = "iopub") -> Callable[[str], str]:
    return lambda parent: document(msg_type, content, parent, channel)


# Every field that the client reads in each message, with a valid value.
FIELDS: dict[tuple[str, str], dict[str, Any]] = {
    ("iopub", "stream"): {"name": "stdout", "text": "t"},
    ("iopub", "display_data"): {
        "data": {"text/plain": "t"},
        "metadata": {},
        "transient": {"display_id": "i"},
    },
    ("iopub", "execute_result"): {"data": {"text/plain": "t"}, "execution_count": 1},
    ("iopub", "update_display_data"): {
        "data": {"image/png": "aaaa"},
        "metadata": {},
        "transient": {"display_id": "i"},
    },
    ("iopub", "error"): {"ename": "E", "evalue": "v", "traceback": ["t"]},
    ("iopub", "clear_output"): {"wait": True},
    ("iopub", "status"): {"execution_state": "busy"},
    ("iopub", "execute_input"): {"code": "c", "execution_count": 1},
    ("stdin", "input_request"): {"prompt": "p", "password": False},
    ("shell", "execute_reply"): {
        "status": "ok",
        "execution_count": 1,
        "payload": [{"source": "page", "data": {"text/plain": "t"}}],
        "user_expressions": {},
    },
}

# JSON text in the frame. Our encoder would not write some of it.
VALUES = [
    *("null", "true", "-1", "1e999", "NaN", "-Infinity", "9" * 4000, "-0.0", '""', "[]", "{}"),
    *('"\\ud800"', '"a\\u0000b"', '"../../../x"', '"' + "x" * 300 + '"', "[[]]", '["a", 1]'),
    *('{"a": null}', '{"text/plain": {"a": [1]}}', '{"image/png": 5}', '{"display_id": []}'),
    *('[{"source": []}]', '[{"source": "page", "data": [1]}]', "[[[" * 100 + "]]]" * 100),
]


@rows("value", VALUES)
def test_a_field_may_have_any_value(
    server: FakeGateway, executor: JupyterCodeExecutor, harm: Hostile, value: str
) -> None:
    frames = []
    for (channel, msg_type), fields in FIELDS.items():
        right = {name: json.dumps(field) for name, field in fields.items()}
        rows = [{**right, name: value} for name in fields]
        for row in [*rows, dict.fromkeys(fields, value)]:
            content = ", ".join(f'"{name}": {field}' for name, field in row.items())
            frames.append(says(msg_type, f"{{{content}}}", channel))
        frames.append(says(msg_type, value, channel))
        frames.append(says(msg_type, "{}", channel))
    server.reset()
    harm.cell(*frames, says("clear_output", "{}"))
    result = run(executor, "hostile")
    assert result.output.startswith("after\n")
    assert repr(result.results)
    assert run(executor, "print('fine')").output == "fine\n"


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_endless_nesting_loses_only_its_message(
    executors: Executors, harm: Hostile, opening: str
) -> None:
    deep = opening * 100_000
    harm.cell(*[says(msg_type, deep) for _, msg_type in FIELDS])
    result = run(executors(), "hostile")
    assert (result.status, result.output.splitlines()[:2]) == ("ok", ["before", "after"])
    assert result.truncated is not None
    assert result.truncated.messages == len(FIELDS)


# The parser and the encoder fail at depths that depend on the version of Python, but the limit of
# 1000 calls is always near. To encode these depths takes long.
def test_the_deepest_readable_nesting_can_be_shown(executors: Executors, harm: Hostile) -> None:
    depths = [*range(100, 850, 50), *range(850, 1050, 12), *range(1050, 1500, 50)]
    bundle = '{{"data": {{"application/json": {0}, "text/plain": {0}}}, "metadata": {0}}}'
    frames = [says("display_data", bundle.format("[" * n + "]" * n)) for n in depths]
    error = '{{"ename": {{"a": {0}}}, "traceback": [{0}]}}'
    errors = [says("error", error.format("[" * n + "]" * n)) for n in depths]
    harm.cell(*frames, *errors)
    result = run(executors(), "hostile")
    assert result.output.startswith("before\n")
    assert "after" in result.output
    assert str(result)


# One row for each wrong parent as JSON. Some of them make the frame unreadable.
@rows(
    ("parent", "unread"),
    [
        ("{}", 0),
        ("null", 0),
        ("[]", 0),
        ('{"msg_id": "another"}', 0),
        ('{"msg_id": 5}', 0),
        ('{"msg_id": ["x"], "session": {}}', 0),
        ('"text"', 1),
        ("[1]", 1),
        ("1e999", 1),
    ],
)
def test_messages_with_another_parent_do_not_belong_to_the_cell(
    server: FakeGateway, executor: JupyterCodeExecutor, harm: Hostile, parent: str, unread: int
) -> None:
    server.reset()
    stream = '{"name": "stdout", "text": "foreign"}'
    reply = '{"status": "error", "ename": "Foreign", "evalue": ""}'
    harm.cell(
        lambda _: document("stream", stream, parent),
        lambda _: document("execute_reply", reply, parent, "shell"),
        lambda _: document("status", '{"execution_state": "idle"}', parent),
    )
    (result,) = run(executor, "hostile").results
    assert (result.status, result.output) == ("ok", "before\nafter\n")
    assert (result.truncated.messages if result.truncated else 0) == 3 * unread


def objects_after(feed: Callable[[int], None], counts: tuple[int, int]) -> list[int]:
    """Numbers of objects after these numbers of calls."""
    found, done = [], 0
    for count in counts:
        gc.disable()
        for i in range(done, count):
            feed(i)
        done = count
        gc.enable()
        gc.collect()
        found.append(len(gc.get_objects()))
    return found


# This takes long if each display needs a search among the displays with its id.
@pytest.mark.parametrize("ids", [1, 10**9])
def test_a_hundred_thousand_displays_with_any_ids_take_bounded_memory(ids: int) -> None:
    area = OutputArea()

    def feed(i: int) -> None:
        display = {"data": {"text/plain": "x"}, "transient": {"display_id": str(i % ids)}}
        area.feed("display_data", display)

    before, after = objects_after(feed, (51_000, 56_000))
    assert after < before + 1000
    assert len(area.outputs) == 50_001


# This takes minutes if each changed display needs a search among all displays.
def test_one_update_of_very_many_displays_is_quick() -> None:
    area = OutputArea()
    transient = {"transient": {"display_id": "i"}}
    for _ in range(20_000):
        area.feed("display_data", {"data": {"text/plain": "x"}, **transient})
    started = time.monotonic()
    for text in ("xx", "x" * 1000, "x" * 100_000):
        area.feed("update_display_data", {"data": {"text/plain": text}, **transient})
    assert time.monotonic() - started < SOON
    assert sum(len(output.text) for output in area.outputs) < 64 * 2**20 + 200_000


MEGABYTE = 2**20

# One row for each place with large data that is not shown as text.
LARGE: dict[str, Callable[[int], tuple[str, dict[str, Any]]]] = {
    "name of a stream": lambda i: ("stream", {"name": f"{i}" + "x" * MEGABYTE, "text": "x"}),
    "MIME type": lambda i: ("display_data", {"data": {f"{i}" + "x" * MEGABYTE: ""}}),
    "MIME types": lambda i: ("display_data", {"data": {f"{i} {n}": "" for n in range(2000)}}),
    "display id": lambda i: (
        "display_data",
        {"data": {}, "transient": {"display_id": f"{i}" + "x" * MEGABYTE}},
    ),
    "lines": lambda _: ("display_data", {"data": {"text/plain": [""] * 20_000}}),
    "numbers": lambda i: ("display_data", {"data": {"application/json": [i * 7.5] * 20_000}}),
    "metadata": lambda i: (
        "display_data",
        {"data": {}, "metadata": {"a": "x" * MEGABYTE + str(i)}},
    ),
    "colours": lambda i: ("error", {"ename": "E", "traceback": ["\x1b[31m" * 30_000 + f"{i}"]}),
    "name of an error": lambda i: (
        "error",
        {"ename": "E" * MEGABYTE + str(i), "traceback": ["short"]},
    ),
    "line that moves": lambda i: (
        "stream",
        {"name": f"out{i % 2}", "text": "\r" + "\u4e00" * 4000},
    ),
}


@pytest.mark.parametrize("place", LARGE)
def test_the_memory_for_hidden_data_is_bounded_too(place: str) -> None:
    area = OutputArea(MEGABYTE // 4)
    tracemalloc.start()
    try:
        for i in range(16):
            area.feed(*LARGE[place](i))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * MEGABYTE


# One row for each way to send two megabytes that no result shows.
UNSEEN: dict[str, Callable[[int], dict[str, Any]]] = {
    "requests of others": lambda i: {
        "channel": "iopub",
        "parent_header": {"msg_id": f"{i}" + "x" * 2 * MEGABYTE},
    },
    "ids": lambda i: {
        "channel": "iopub",
        "header": {"msg_id": "x" * 2 * MEGABYTE + f"_{i}", "msg_type": "status"},
        "parent_header": {"msg_id": "request"},
    },
    "late output": lambda i: {
        "channel": "iopub",
        "header": {"msg_id": f"s_1_{i}", "msg_type": "stream"},
        "parent_header": {"msg_id": f"other {i}", "session": "ours"},
        "content": {"name": f"{i}" + "x" * MEGABYTE, "text": "x" * MEGABYTE},
    },
    "comm messages": lambda i: {
        "channel": "iopub",
        "header": {"msg_id": f"s_1_{i}", "msg_type": "comm_msg"},
        "content": {"comm_id": "x" * MEGABYTE, "data": {"value": "x" * MEGABYTE}},
    },
    "execute_input": lambda i: {
        "channel": "iopub",
        "header": {"msg_id": f"s_1_{i}", "msg_type": "execute_input"},
        "content": {"code": "x" * 2 * MEGABYTE, "execution_count": i},
    },
    "pages": lambda i: {
        "channel": "shell",
        "header": {"msg_id": f"s_1_{i}", "msg_type": "execute_reply"},
        "content": {
            "status": "ok",
            "payload": [{"source": "page", "data": {"text/plain": f"{i}" + "x" * MEGABYTE}}],
        },
    },
    "values of expressions": lambda i: {
        "channel": "shell",
        "header": {"msg_id": f"s_1_{i}", "msg_type": "execute_reply"},
        "content": {"user_expressions": {f"{n}": "x" * MEGABYTE + f"{i}" for n in range(2)}},
    },
    "questions": lambda i: {
        "channel": "stdin",
        "header": {"msg_id": f"s_1_{i}", "msg_type": "input_request"},
        "content": {"prompt": f"{i}" + "x" * MEGABYTE},
    },
}


@pytest.mark.field("B15")
@pytest.mark.parametrize("what", UNSEEN)
def test_repeated_messages_of_a_kernel_take_bounded_memory(what: str) -> None:
    exchange, late = Exchange("request", OutputArea(MEGABYTE)), LateOutput("ours", MEGABYTE)
    tracemalloc.start()
    try:
        for i in range(25):
            header = {"msg_id": f"s_1_{i}", "msg_type": "stream"}
            fields = {"header": header, "parent_header": {"msg_id": "request"}, **UNSEEN[what](i)}
            message = Message(**fields)
            exchange.feed(message)
            late.feed(message)
        del message, fields
        held, _ = tracemalloc.get_traced_memory()
        result = exchange.result(late=late.take(MEGABYTE))
    finally:
        tracemalloc.stop()
    assert held < 10 * MEGABYTE
    assert len(str(result)) < 3 * MEGABYTE


@pytest.mark.field("B3")
def test_values_of_expressions_are_bounded_by_the_limit_of_the_output() -> None:
    exchange = Exchange("request", OutputArea(1000))
    values = {"large": {"status": "ok", "data": {"text/plain": "x" * 5000}}, "small": {"a": "b"}}
    header = {"msg_id": "s_1_1", "msg_type": "execute_reply"}
    content = {"status": "ok", "user_expressions": values}
    parent = {"msg_id": "request"}
    exchange.feed(Message(channel="shell", header=header, parent_header=parent, content=content))
    told = exchange.result().user_expressions
    assert told["small"] == {"a": "b"}
    assert (told["large"]["status"], told["large"]["ename"]) == ("error", "TooLarge")


BUNDLES: list[dict[str, Any]] = [
    {"image/png": "no base64 \x00 at all"},
    {"image/png": "\ud800\udfff"},
    {"image/png": {"a": 1}},
    {"image/png": "=" * 300},
    {"image/../../../x": "aaaa", "text/plain": "p"},
    {"image/png/../../x.py": "aaaa"},
    {"../../x": "aaaa"},
    {"image/" + "x" * 300: "aaaa"},
    {"image/png\x00.py": "aaaa"},
    {"text/html": "\ud800<b>\udfff</b>\x00"},
    {"image/svg+xml": ["<svg>", "\ud800"]},
    {"application/pdf": "JVBERi0=", "text/plain": "../../etc/passwd"},
    dict.fromkeys([f"image/{i}" for i in range(5000)], "aaaa"),
    {"image/png": "aaaa", "name": "../../x", "filename": "/tmp/x", "path": "~/x"},
]


def test_files_stay_in_their_folder_and_have_our_names(
    executors: Executors, harm: Hostile, tmp_path: Path
) -> None:
    about = dict.fromkeys(("filename", "name", "path", "image/png"), "../../../x")
    shown = [{"data": bundle, "metadata": about} for bundle in BUNDLES]
    harm.cell(*[says("display_data", json.dumps(display)) for display in shown])
    folder = tmp_path / "a"
    result = run(executors(output_dir=folder), "hostile")
    assert result.status == "ok"
    made = sorted(path for path in tmp_path.rglob("*") if not path.is_dir())
    assert made == sorted(map(Path, result.output_files))
    assert {path.parent for path in made} == {folder}
    assert all(len(path.stem) == 32 and path.suffix in SUFFIXES for path in made)
    assert len(made) == 4


def modules(pattern: str) -> Iterator[tuple[str, str]]:
    """The names and texts of the modules that match, because parsing all modules takes a second."""
    root = Path(jkg_client.__file__).parent
    for path in root.rglob("*.py"):
        text = path.read_text("utf-8")
        if "testing" not in path.relative_to(root).parts and re.search(pattern, text):
            yield path.relative_to(root).as_posix(), text


def last_word(function: ast.expr) -> str:
    """``write_text`` of ``path.write_text``."""
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


EVALUATING = {"eval", "exec", "compile", "__import__"}
EXECUTING = {"cloudpickle", "code", "dill", "joblib", "marshal", "pickle", "shelve", "yaml"}


@pytest.mark.pitfall(51)
def test_nothing_that_a_kernel_sends_is_unpickled_or_evaluated() -> None:
    calls, names = "|".join(EVALUATING), "|".join(EXECUTING)
    for name, text in modules(rf"(?<![.\w])({calls})\s*\(|\b(import|from)\b.*(\\\n|\b({names})\b)"):
        # The text of this module runs in the kernel, where it compiles the script of the user.
        if name == "cli/script_runner.py":
            continue
        for node in ast.walk(ast.parse(text)):
            imported: list[str] = []
            if isinstance(node, ast.Import):
                imported = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported = [node.module or ""]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in EVALUATING, name
            assert not {module.partition(".")[0] for module in imported} & EXECUTING, name


@pytest.mark.pitfall(52)
def test_files_with_data_of_a_kernel_have_random_names() -> None:
    writing = {"open", "write_bytes", "write_text", "mkstemp", "NamedTemporaryFile"}
    texts = dict(modules(rf"\b({'|'.join(writing)})\s*\("))
    # These write only where the caller says: servers/ and embedded/ the files of what they start,
    # notebooks/ and session_file.py notebooks, cli/ nothing but what it was asked to copy.
    elsewhere = (
        "cli/",
        "embedded/",
        "integrations/mcp/streams.py",
        "notebooks/",
        "servers/",
        "session_file.py",
    )
    here = {name: ast.parse(text) for name, text in texts.items() if not name.startswith(elsewhere)}
    found = {
        (name, ast.unparse(node.func))
        for name, tree in here.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and last_word(node.func) in writing
    }
    reading = {("integrations/smolagents.py", "PIL.Image.open")}
    assert found - reading == {("rendering.py", "path.write_bytes")}
    (path,) = [
        ast.unparse(node.value)
        for node in ast.walk(here["rendering.py"])
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "path"
    ]
    assert path == "folder / f'{uuid.uuid4().hex}{suffix}'"


# One row for each invalid model of a kernel.
MODELS = [
    *('{"id": "../../x"}', '{"id": ".."}', '{"id": "."}', '{"id": "a\\nb"}', '{"id": "a/b"}'),
    *('{"id": "\\ud800"}', '{"id": ""}', '{"id": "a\\u0000"}', '{"id": "a?b#c%2e"}'),
    *('{"id": 5}', '{"id": null}', '{"id": ["a"]}', '{"name": "python3"}', "[]", "[[]]", "1e999"),
    *("null", '"id"', "", "{", "[" * 100_000, '{"id": ' + "9" * 5000 + "}"),
    '{"id": "' + "x" * MEGABYTE + '"}',
    *(f'{{"message": {"[" * n}{"]" * n}}}' for n in range(100, 1100, 101)),
    *("[" * n + "]" * n for n in range(800, 1000, 7)),
]


def test_an_invalid_kernel_model_is_a_typed_error(server: FakeGateway, tmp_path: Path) -> None:
    with table() as row:
        for model in MODELS:
            server.faults.status(201, method="POST", path="/api/kernels", body=model or " ")
            with row(f"{len(model)} {model[:16]}"):
                with pytest.raises(JkgError) as caught:
                    JupyterCodeExecutor(server, output_dir=tmp_path, timeouts=QUICK)
                assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("status", [200, 404, 500])
def test_any_request_may_get_a_hostile_answer(server: FakeGateway, status: int) -> None:
    with JupyterClient(server.connection_info) as client, table() as row:
        questions = (
            client.list_kernel_specs,
            client.list_kernels,
            lambda: client.get_kernel("x"),
        )
        for model in MODELS:
            server.faults.status(status, body=model or " ", times=len(questions))
            for ask in questions:
                with row(f"{len(model)} {model[:16]}"), contextlib.suppress(JkgError):
                    ask()


GARBAGE = bytes(range(256)).replace(b"\r", b"").replace(b"\n", b"")
SPECS = b'{"kernelspecs": {"python3": {}}}'

# One row for each answer to REST requests.
ANSWERS: dict[str, Iterable[bytes]] = {
    "location with controls": [http(b"302 x", b"Location: /\x1b[2J\x07\x00x" + b"y" * 9000)],
    "location of garbage": [http(b"302 x", b"Location: " + GARBAGE)],
    "location nowhere": [http(b"301 x", b"Location: http://[::1")],
    "long header": [http(b"200 x", b"X: " + b"y" * 10**6, body=SPECS)],
    "many headers": [http(b"200 x", *[b"X: y"] * 5000, body=SPECS)],
    "headers without end": endless(b"X: y\r\n", b"HTTP/1.1 200 x\r\n"),
    "header without end": endless(b"x", b"HTTP/1.1 200 x\r\nX: "),
    "body without end": endless(b"x", http(b"200 x", b"Content-Length: 4611686018427387904")),
    "chunks without end": endless(b"1\r\nx\r\n", http(b"200 x", b"Transfer-Encoding: chunked")),
    "chunk of garbage": [http(b"200 x", b"Transfer-Encoding: chunked", body=GARBAGE)],
    "huge chunk": [http(b"200 x", b"Transfer-Encoding: chunked", body=b"f" * 40 + b"\r\nx")],
    "continues without end": endless(b"HTTP/1.1 100 x\r\n\r\n"),
    "negative length": [http(b"200 x", b"Content-Length: -5")],
    "length of garbage": [http(b"200 x", b"Content-Length: 1e9\x00")],
    "status of garbage": [http(GARBAGE)],
    "status 999": [http(b"999 x", body=b"<html>")],
    "no HTTP": [GARBAGE],
    "encoding of garbage": [http(b"200 x", b"Content-Encoding: gzip", body=GARBAGE)],
    "encodings": [http(b"200 x", b"Content-Encoding: " + b"gzip, " * 500 + b"gzip", body=b"x")],
    "charset": [http(b"200 x", b"Content-Type: text/html; charset=no-such\x00", body=GARBAGE)],
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_of_any_bytes_is_a_typed_error(answer: str) -> None:
    started = time.monotonic()
    with hostile(ANSWERS[answer]) as info, JupyterClient(info, request_timeout=0.1) as client:
        with pytest.raises(JkgError) as caught:
            client.list_kernel_specs()
        assert len(str(caught.value)) < 2000
        with contextlib.suppress(JkgError):
            client.delete_kernel("x")
    assert time.monotonic() - started < SOON


COOKIES = [
    b"a=b\r\n c=d",
    b"a=b\r\n\tInjected: yes",
    b'a="\\015\\012Injected: yes"',
    b"a=" + GARBAGE,
    b"a/b=c; domain=127.0.0.1",
    b"=",
    b"a=" + b"x" * 60_000,
    b'a="\\015\\012Injected: yes"; domain=127.0.0.1',
    "a=\u20ac".encode(),
    b"a=b; expires=Thu, 99 Xxx 99999 99:99:99 GMT; max-age=99999",
]


@pytest.mark.parametrize("cookie", COOKIES, ids=lambda cookie: repr(cookie[:24]))
def test_a_cookie_of_any_bytes_injects_nothing(server: FakeGateway, cookie: bytes) -> None:
    answer = http(b"200 x", b"Set-Cookie: " + cookie, body=SPECS)
    with hostile([answer]) as info, JupyterClient(info, request_timeout=2.0) as client:
        for _ in range(2):
            with contextlib.suppress(JkgError):
                client.list_kernel_specs()
        with contextlib.suppress(JkgError):
            client.channels_address(KERNEL_ID, "s")
        with contextlib.suppress(JkgError):
            JupyterKernelClient(client, KERNEL_ID, connect_timeout=2.0).stop()
    refused = http(b"302 x", b"Set-Cookie: " + cookie)
    with (
        hostile(handshake=refused) as info,
        JupyterClient(info) as client,
        pytest.raises(JkgError),
    ):
        JupyterKernelClient(client, KERNEL_ID, connect_timeout=2.0).stop()
    with JupyterClient(server.connection_info) as client:
        kernel_id = client.start_kernel("python3")
        client.get_kernel_client(kernel_id).stop()
    assert "Injected" not in "".join(str(dict(r.headers)) for r in server.journal.requests())


UPGRADE = (b"Upgrade: websocket", b"Connection: Upgrade")

# One row for each answer to the handshake.
HANDSHAKES = {
    "wrong key": http(b"101 x", *UPGRADE, b"Sec-WebSocket-Accept: AAAA"),
    "key of garbage": http(b"101 x", *UPGRADE, b"Sec-WebSocket-Accept: " + GARBAGE),
    "no key": http(b"101 x", *UPGRADE),
    "status of words": http(b"one hundred"),
    "no status": b"HTTP/1.1\r\n\r\n",
    "garbage": GARBAGE + b"\r\n\r\n",
    "header of garbage": http(b"101 x", b"X: " + GARBAGE),
    "no header": http(b"101 x", b"header"),
    "length of words": http(b"404 x", b"Content-Length: many"),
    "negative length": http(b"500 x", b"Content-Length: -5"),
    "huge length": http(b"500 x", b"Content-Length: 9" + b"9" * 12, body=b"x"),
    "absurd length": http(b"500 x", b"Content-Length: 9" + b"9" * 30, body=b"x"),
    "body of garbage": http(b"403 x", body=GARBAGE),
    "redirect": http(b"302 x", b"Location: /login?next=\x1b[2J"),
    "redirect nowhere": http(b"302 x", b"Location: ws://[::1"),
    "redirect without a word": http(b"302 x"),
    "illegal cookie": http(b"101 x", *UPGRADE, b"Set-Cookie: a/b=c; domain=x"),
    "refused with an illegal cookie": http(b"302 x", b"Set-Cookie: a/b@c=d", b"Location: /"),
    "nothing": b"\r\n\r\n",
    "wide header": http(b"101 x", b"X: " + b"y" * 10**6),
}


@pytest.mark.parametrize("handshake", HANDSHAKES)
def test_a_handshake_of_any_bytes_is_a_typed_error(handshake: str) -> None:
    started = time.monotonic()
    with (
        hostile(handshake=HANDSHAKES[handshake]) as info,
        JupyterClient(info) as client,
        pytest.raises(JkgError) as caught,
    ):
        JupyterKernelClient(client, KERNEL_ID, connect_timeout=2.0).stop()
    assert len(str(caught.value)) < 2000
    assert time.monotonic() - started < SOON


# One row for the bytes that a server sends on each new WebSocket.
FRAMES: dict[str, Iterable[bytes]] = {
    "compressed": [frame(b"x", first=0xC1)],
    "all reserved bits": [frame(b"x", first=0xF1)],
    "unknown opcode": [frame(b"x", first=0x83)],
    "close of garbage": [frame(GARBAGE, first=0x88)],
    "close of one byte": [frame(b"x", first=0x88)],
    "close with a code that is none": [frame(b"\xff\xff", first=0x88)],
    "close that is no text": [frame(b"\x03\xe8\xff\xfe", first=0x88)],
    "close without end": [frame(b"", first=0x88, claims=2**62)],
    "text that is none": [frame(b"\xff\xfe\x80")],
    "masked": [bytes([0x81, 0x85, 1, 2, 3, 4]) + b"xxxxx"],
    "ping of a megabyte": [frame(b"x" * MEGABYTE, first=0x89)],
    "part of a ping": [frame(b"x", first=0x09)],
    "continuation of nothing": [frame(b"x", first=0x80)],
    "a message in a message": [frame(b"x", first=0x01), frame(b"x")],
    "garbage": [GARBAGE],
    "fragments without end": endless(frame(b"", first=0x00), frame(b"x", first=0x01)),
    "large fragments without end": endless(
        frame(b"x" * 60_000, first=0x00), frame(b"x", first=0x01)
    ),
    "pings without end": endless(frame(b"", first=0x89)),
    "pongs without end": endless(frame(b"", first=0x8A)),
    "messages without end": endless(frame(b"{}")),
    "frame without end": endless(b"x", frame(b"", claims=2**30)),
    "frame of 2**62 bytes": endless(b"x", frame(b"", claims=2**62)),
    "frame of 2**64 - 1 bytes": [frame(b"x", claims=2**64 - 1)],
}


@pytest.mark.parametrize("frames", FRAMES)
def test_a_websocket_may_send_any_bytes(frames: str) -> None:
    with (
        hostile(socket=FRAMES[frames]) as info,
        JupyterClient(info) as client,
        JupyterKernelClient(client, KERNEL_ID, timeouts=IMPATIENT) as kernel,
    ):
        started = time.monotonic()
        with contextlib.suppress(JkgError):
            assert not kernel.wait_for_ready(0.05)
        with contextlib.suppress(JkgError):
            assert not kernel.execute("1", 0.05).is_ok
        assert time.monotonic() - started < SOON


TOKEN = "s3cr3t-0f-th1s-t3st"
ECHO = b"GET /api HTTP/1.1\r\nHost: x\r\nAuthorization: token %s\r\n\r\n" % TOKEN.encode()


Provoke = Callable[[FakeGateway], None]


def refused(token: str, ask: Callable[[JupyterClient], object]) -> Provoke:
    """Ask a gateway whose token is ``TOKEN``, with ``token``."""

    def provoke(server: FakeGateway) -> None:
        info = evolve(server.connection_info, token=token)
        with JupyterClient(info) as client:
            ask(client)

    return provoke


def faulty(code: int, ask: Callable[[JupyterClient], object], **fault: Any) -> Provoke:
    """Ask a gateway that answers with a status and repeats the token everywhere."""

    def provoke(server: FakeGateway) -> None:
        said = f"limit: Authorization: token {TOKEN}"
        server.faults.status(code, **{"times": None, "body": said, **fault})
        with JupyterClient(server.connection_info) as client:
            ask(client)

    return provoke


def silent(server: FakeGateway) -> None:
    server.faults.never_answer()
    with JupyterClient(server.connection_info, request_timeout=0.1) as client:
        client.list_kernel_specs()


def away(server: FakeGateway) -> None:
    server.faults.refuse_connections()
    with JupyterClient(server.connection_info) as client:
        client.delete_kernel(KERNEL_ID)  # not tried again


def echoing(way: str) -> Provoke:
    def provoke(_: FakeGateway) -> None:
        with (
            hostile([ECHO], handshake=ECHO) as info,
            JupyterClient(evolve(info, token=TOKEN)) as client,
        ):
            list_or_connect(client, way)

    return provoke


def list_or_connect(client: JupyterClient, way: str) -> None:
    if way == "list":
        client.list_kernels()
    else:
        JupyterKernelClient(client, KERNEL_ID, connect_timeout=2.0).stop()


def cell_that(code: str, timeout: float) -> Provoke:
    def provoke(server: FakeGateway) -> None:
        with (
            JupyterClient(server.connection_info) as client,
            client.get_kernel_client(client.start_kernel("python3")) as kernel,
        ):
            kernel.execute(code, timeout).raise_for_error()

    return provoke


def line_lost(server: FakeGateway) -> None:
    with JupyterClient(server.connection_info) as client:
        kernel_id = client.start_kernel("python3")
        timeouts = evolve(QUICK, reconnect=0.1)
        with JupyterKernelClient(client, kernel_id, timeouts=timeouts) as kernel:
            server.faults.refuse_connections()
            server.faults.cut_now()
            kernel.execute("1", 1.0)


def stopped(server: FakeGateway) -> None:
    with JupyterClient(server.connection_info) as client:
        kernel = client.get_kernel_client(client.start_kernel("python3"))
        kernel.stop()
        kernel.execute("1")


def never_ready(server: FakeGateway) -> None:
    with JupyterClient(server.connection_info) as client:
        kernel_id = client.start_kernel("python3")
        with JupyterKernelClient(client, kernel_id, timeouts=QUICK) as kernel:
            server.faults.hold()
            kernel.kernel_info(0.1)


LOGIN = {"Location": f"/hub/login?next=/x&token={TOKEN}"}
ELSEWHERE = {"Location": f"https://other.example/{TOKEN}/"}
CHANNELS = "/api/kernels/*/channels"

# One row for each error, with a way to cause it.
ERRORS: list[tuple[type[BaseException], Provoke]] = [
    (jkg_client.GatewayUnauthorized, refused(TOKEN[::-1], lambda c: c.list_kernel_specs())),
    (jkg_client.GatewayUnauthorized, faulty(401, lambda c: c.list_kernel_specs())),
    (jkg_client.GatewayUnauthorized, faulty(302, lambda c: c.list_kernels(), headers=LOGIN)),
    (jkg_client.GatewayUnauthorized, faulty(403, lambda c: list_or_connect(c, "connect"))),
    (jkg_client.GatewayStatus, faulty(302, lambda c: c.list_kernels(), headers=ELSEWHERE)),
    (jkg_client.GatewayStatus, faulty(500, lambda c: c.list_kernels())),
    (jkg_client.GatewayStatus, faulty(500, lambda c: list_or_connect(c, "connect"))),
    (jkg_client.GatewayFull, faulty(403, lambda c: c.start_kernel("python3"))),
    (jkg_client.NotAGateway, faulty(404, lambda c: c.list_kernels())),
    (jkg_client.NotAGateway, faulty(200, lambda c: c.list_kernels())),
    (jkg_client.NotAGateway, echoing("list")),
    (jkg_client.GatewayUnreachable, echoing("connect")),
    (jkg_client.GatewayUnreachable, away),
    (jkg_client.GatewayUnreachable, line_lost),
    (jkg_client.GatewayTimeout, silent),
    (jkg_client.KernelNotFound, refused(TOKEN, lambda c: c.get_kernel(KERNEL_ID))),
    (jkg_client.KernelNotFound, refused(TOKEN, lambda c: c.get_kernel_client(KERNEL_ID))),
    (jkg_client.KernelSpecNotFound, refused(TOKEN, lambda c: c.start_kernel("no-such"))),
    (jkg_client.ExecutionError, cell_that("1 / 0", 5.0)),
    (jkg_client.ExecutionTimeout, cell_that("import time; time.sleep(60)", 0.1)),
    (jkg_client.KernelDied, cell_that("import os\nos._exit(1)", 5.0)),
    (jkg_client.ClientClosed, stopped),
    (jkg_client.KernelNotReady, never_ready),
    (
        jkg_client.ServerStartError,
        lambda _: jkg_client.LocalJupyterServer(token=TOKEN, python="no-such-python").stop(),
    ),
    (ValueError, lambda _: print(JupyterConnectionInfo("h", False, token=f"{TOKEN}\n"))),
]


@pytest.fixture
def guarded() -> Iterator[FakeGateway]:
    with FakeGateway(token=TOKEN) as running:
        yield running
        running.faults.clear()


def shown_by(exc: BaseException | None) -> Iterator[str]:
    """All texts that a program may print about an exception and its causes."""
    while exc is not None:
        yield from (str(exc), repr(exc), repr(exc.args), repr(vars(exc)))
        yield from traceback.format_exception(type(exc), exc, exc.__traceback__)
        exc = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)


@pytest.mark.pitfall(53)
@pytest.mark.parametrize(("error", "provoke"), ERRORS, ids=lambda row: getattr(row, "__name__", ""))
def test_no_error_shows_the_token(
    guarded: FakeGateway,
    caplog: pytest.LogCaptureFixture,
    error: type[BaseException],
    provoke: Provoke,
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(error) as caught:
        provoke(guarded)
    assert type(caught.value) is error
    shown = "".join(shown_by(caught.value))
    for secret in (TOKEN, TOKEN[::-1]):
        assert secret not in shown
        assert secret not in logged(caplog)


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """All log messages, except for those of the library that the fake gateway uses."""
    ours = [record for record in caplog.records if not record.name.startswith("websockets")]
    formatter = logging.Formatter("%(message)s")
    return "".join(f"{formatter.format(record)} {vars(record)}" for record in ours)


@pytest.mark.pitfall(53)
def test_neither_logs_nor_objects_nor_urls_show_the_token(
    guarded: FakeGateway, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("jkg_client", "urllib3", "websocket"):
        caplog.set_level(logging.DEBUG, logger=name)
    with JupyterCodeExecutor(guarded, output_dir=tmp_path, timeouts=QUICK) as executor:
        guarded.faults.cut_before("stream")
        result = run(executor, "print('said')")
        assert result.status == "ok"
        executor.restart()
        with JupyterClient(guarded.connection_info) as client:
            assert executor.kernel_id is not None
            with client.get_kernel_client(executor.kernel_id) as kernel:
                objects = [executor, client, kernel, guarded, guarded.connection_info, result]
                shown = "".join(f"{one!r} {one!s}" for one in [*objects, guarded.journal])
                address = client.channels_address(executor.kernel_id, "session")
                shown += f"{address!r} {address!s}"
    assert TOKEN not in shown
    assert {record.name.partition(".")[0] for record in caplog.records} >= {"jkg_client", "urllib3"}
    assert TOKEN not in logged(caplog)
    asked = guarded.journal.requests()
    assert len([r for r in asked if r.path.endswith("/channels")]) > 2
    for request in asked:
        headers = {name: value for name, value in request.headers.items() if TOKEN in value}
        assert headers == {"Authorization": f"token {TOKEN}"}
        assert TOKEN not in f"{request.path} {request.query} {request.body}"
