"""Scripted cells, recorded conversations and the pytest plugin."""

from __future__ import annotations

import base64
import configparser
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from raw_client import RawClient, RawKernel, raw_client, says
from tables import rows, table

import jkg_client
from jkg_client import CodeBlock, JupyterCodeExecutor
from jkg_client.testing import FakeGateway, Recording
from jkg_client.testing.scripts import Script

pytest_plugins = ["pytester"]

RECORDINGS = sorted((Path(__file__).parent / "recordings").glob("*.json"))


@pytest.fixture
def client() -> Iterator[RawClient]:
    with raw_client() as client:
        yield client


@pytest.fixture
def kernel(client: RawClient) -> Iterator[RawKernel]:
    with client.connect() as kernel:
        yield kernel


def test_a_script_sends_the_messages_of_a_cell(client: RawClient, kernel: RawKernel) -> None:
    script = client.gateway.script("cell")
    script.stream("a").stream("b").stream("c", "stderr").display({"a/b": 1}, display_id="d")
    script.display({"a/b": 2}, display_id="d", update=True).clear_output(wait=True).result("5")
    script.payload("page", data={})
    said = kernel.execute("cell")
    assert [says(message) for message in said] == [
        "iopub status busy",
        "iopub execute_input",
        "iopub stream ab",
        "iopub stream c",
        "iopub display_data",
        "iopub update_display_data",
        "iopub clear_output",
        "iopub execute_result",
        "shell execute_reply ok",
        "iopub status idle",
    ]
    assert said[7]["content"]["data"] == {"text/plain": "5"}
    assert said[5]["content"]["transient"] == {"display_id": "d"}
    assert said[8]["content"]["payload"] == [{"source": "page", "data": {}}]


def test_bytes_in_a_script_are_sent_in_base64(client: RawClient, kernel: RawKernel) -> None:
    script = client.gateway.script("cell").display({"image/png": b"\x89PNG"})
    script.result({"image/png": bytearray(b"\x89PNG")}).message("x", {"a": [b"\x89PNG"]})
    shown, result, other = kernel.outputs("cell")
    assert shown["data"] == result["data"] == {"image/png": "iVBORw=="}
    assert other == {"a": ["iVBORw=="]}


UNSAYABLE: list[Callable[[Script], object]] = [
    lambda script: script.display({"a/b": {1, 2}}),
    lambda script: script.display({"a/b": 1}, metadata={"a": object()}),
    lambda script: script.result({"a/b": float("nan")}),
    lambda script: script.message("x", {"a": object()}),
    lambda script: script.message("x", {}, metadata={"a": object()}),
    lambda script: script.error("ValueError", object()),  # type: ignore[arg-type]
    lambda script: script.payload("page", data=object()),
    lambda script: script.stream(b"text"),  # type: ignore[arg-type]
]


@rows("step", UNSAYABLE)
def test_values_that_json_cannot_express_are_refused_by_the_script(
    step: Callable[[Script], object],
) -> None:
    with pytest.raises(ValueError, match=r"sent as JSON|must be a string"):
        step(Script("cell"))


async def nothing() -> None:
    """An async function, which a script cannot call."""


@rows(
    ("make", "message"),
    [
        (lambda: Script(re.compile(b"x")), "cell must be a string or a pattern of one"),  # type: ignore[arg-type]
        (lambda: Script("x").result(5), "data must be a string or a mapping, not int"),  # type: ignore[arg-type]
        (lambda: Script("x").stream("a", "stdou"), "name must be one of stdout, stderr"),
        (lambda: Script("x").message("a", {}, channel="io"), "channel must be one of iopub"),
        (lambda: Script("x").then(nothing), "act must not be an async function"),
        (lambda: Script("x").stream("a").installs(), "it has no other steps"),
        (lambda: Script("x").installs().dies(), "it has no other steps"),
        (lambda: Script("x").installs().error("E"), "it has no other steps"),
        (lambda: FakeGateway(kernel_names=("a b",)), r"kernel_names[0] may have letters"),
        (lambda: FakeGateway(kernel_names=("a", "a")), "must be different names"),
    ],
)
def test_mistakes_are_errors_at_once(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_only_reply_and_idle_can_be_lost() -> None:
    with pytest.raises(ValueError, match="must be reply or idle"):
        Script("cell").loses("status")  # type: ignore[arg-type]


def test_a_script_copies_its_data(client: RawClient, kernel: RawKernel) -> None:
    data = {"text/plain": "before"}
    client.gateway.script("cell").result(data)
    data["text/plain"] = "after"
    assert kernel.value("cell") == "before"


def test_a_script_may_fail(client: RawClient, kernel: RawKernel) -> None:
    client.gateway.script("cell").stream("a").error("ValueError", "bad")
    assert [says(message) for message in kernel.execute("cell")][2:] == [
        "iopub stream a",
        "iopub error ValueError",
        "shell execute_reply error",
        "iopub status idle",
    ]


def test_a_script_may_ask(client: RawClient, kernel: RawKernel) -> None:
    client.gateway.script("cell").asks("who? ", password=True).stream("thanks")
    msg_id = kernel.send("execute_request", {"code": "cell", "allow_stdin": True})
    asked = kernel.until("stdin input_request")[-1]
    assert asked["content"] == {"prompt": "who? ", "password": True}
    kernel.send("input_reply", {"value": "x"}, channel="stdin")
    assert says(kernel.answers(msg_id)[0]) == "iopub stream thanks"


def test_a_script_hangs_until_it_is_interrupted(client: RawClient, kernel: RawKernel) -> None:
    client.gateway.script("cell").stream("on").hangs()
    msg_id = kernel.send("execute_request", {"code": "cell"})
    kernel.until("iopub stream on")
    client.interrupt(kernel)
    assert says(kernel.answers(msg_id)[0]) == "iopub error KeyboardInterrupt"


def test_a_script_that_ignores_interrupts_ends_with_its_kernel(
    client: RawClient, kernel: RawKernel
) -> None:
    client.gateway.script("cell").stream("on").hangs().ignores_interrupts()
    kernel.send("execute_request", {"code": "cell"})
    kernel.until("iopub stream on")
    client.interrupt(kernel)
    kernel.answers(kernel.send("kernel_info_request", {}, channel="control"))
    assert client.model(kernel.id)["execution_state"] == "idle"
    client.rest("POST", f"/api/kernels/{kernel.id}/restart")
    said = [says(message) for message in kernel.until("iopub status starting")]
    assert "iopub error KeyboardInterrupt" not in said


def test_a_script_may_kill_its_kernel(client: RawClient, kernel: RawKernel) -> None:
    client.gateway.script("cell").stream("bye").dies()
    kernel.send("execute_request", {"code": "cell"})
    assert says(kernel.until("iopub status restarting")[-2]) == "iopub stream bye"


def test_a_pause_takes_its_time_or_is_interrupted(client: RawClient, kernel: RawKernel) -> None:
    client.gateway.script("short").pauses(0.001)
    client.gateway.script("long").stream("on").pauses(60)
    assert says(kernel.execute("short")[-2]) == "shell execute_reply ok"
    kernel.send("execute_request", {"code": "long"})
    kernel.until("iopub stream on")
    client.interrupt(kernel)
    kernel.until("iopub error KeyboardInterrupt")


def test_then_is_called_after_all_earlier_messages_were_sent(
    client: RawClient, kernel: RawKernel
) -> None:
    go = threading.Event()
    client.gateway.script("cell").stream("before").then(go.wait).stream("after")
    kernel.send("execute_request", {"code": "cell"})
    kernel.until("iopub stream before")
    go.set()
    kernel.until("iopub stream after")


def test_scripts_for_one_cell_are_played_in_turn(client: RawClient, kernel: RawKernel) -> None:
    client.gateway.script("cell").stream("1")
    client.gateway.script("cell").stream("2")
    assert [kernel.text(" cell\n") for _ in range(3)] == ["1", "2", "2"]


def test_a_pattern_may_choose_the_cells(client: RawClient, kernel: RawKernel) -> None:
    client.gateway.script(re.compile(r"fit\(")).stream("fitted")
    assert kernel.text("model.fit(x)") == "fitted"
    assert kernel.text("print(1)") == "1\n"


def test_a_script_never_played_fails_the_test() -> None:
    with (
        pytest.raises(AssertionError, match=r"script\('cell'\) was never run"),
        FakeGateway() as it,
    ):
        it.script("cell")


def test_a_strict_gateway_runs_no_cell_without_a_script() -> None:
    with (
        pytest.raises(AssertionError, match=r"without a script was run: '1 [+] 1'") as caught,
        raw_client(strict=True) as client,
        client.connect() as kernel,
    ):
        assert kernel.outputs("1 + 1")[0]["ename"] == "UnscriptedCell"
    assert "execute_request {'code': '1 + 1'}" in str(caught.value)


def test_the_error_for_a_second_script_of_a_cell_says_that_it_is_the_second(
    client: RawClient, kernel: RawKernel
) -> None:
    for text in "12":
        client.gateway.script("cell").result(text)
    assert kernel.value("cell") == "1"
    (complaint,) = client.gateway.complaints()
    assert complaint == "script('cell') was never run: it is number 2 for this cell"
    assert kernel.value("cell") == "2"


def test_the_error_for_a_long_cell_is_short() -> None:
    gateway = FakeGateway()
    gateway.stop()
    gateway.script("x" * 9000)
    (complaint,) = gateway.complaints()
    assert len(complaint) < 300


@pytest.mark.field("F12")
def test_the_error_for_an_unplayed_script_names_a_similar_cell() -> None:
    with (  # noqa: PT012 - it is raised at the end of the block
        pytest.raises(AssertionError, match=r"never run; similar to it was the cell 'fit\( \)'"),
        raw_client() as client,
        client.connect() as kernel,
    ):
        client.gateway.script("fit()").stream("fitted")
        assert kernel.outputs("fit( )")[0]["ename"] == "NameError"


def test_the_error_for_an_unscripted_cell_names_a_similar_script() -> None:
    with (  # noqa: PT012 - it is raised at the end of the block
        pytest.raises(AssertionError, match="was never run"),
        raw_client(strict=True) as client,
        client.connect() as kernel,
    ):
        client.gateway.script("model.fit(x)")
        (error,) = kernel.outputs("model.fit(y)")
        assert error["evalue"].endswith("similar is script('model.fit(x)')")


# Code of a user, its language, and the argument of ``script``.
WRITTEN: list[tuple[str, str, str | re.Pattern[str]]] = [
    ("pip install numpy", "bash", "pip install numpy"),
    ("pip install numpy\necho done", "sh", "pip install numpy\necho done"),
    ("$ ls -l", "console", "$ ls -l"),
    ("!ls", "bash", "!ls"),
    ("!pip install numpy", "python", "!pip install numpy"),
    ("%pip install numpy pandas", "python", "%pip install numpy pandas"),
    ("import os\n!pip install numpy", "python", re.compile(r"^!pip install numpy$", re.MULTILINE)),
    ("pip install numpy", "bash", re.compile(r"\Apip install (numpy|pandas)\Z")),
    ("ls", "bash", re.compile("%%bash")),
]


@pytest.mark.field("F12")
def test_a_script_is_chosen_by_the_code_that_the_user_wrote() -> None:
    with FakeGateway() as gateway, JupyterCodeExecutor(gateway) as executor, table() as row:
        for code, language, cell in WRITTEN:
            with row((code, language)):
                gateway.script(cell).stream("played\n")
                result = executor.execute_code_blocks([CodeBlock(code, language)])
                assert result.output == "played\n"
                gateway.reset()


def test_a_function_of_the_test_that_raises_fails_the_cell_and_the_test() -> None:
    with (  # noqa: PT012 - it is raised at the end of the block
        pytest.raises(AssertionError, match=r"a function of script\('cell'\) raised .*KeyError"),
        raw_client() as client,
        client.connect() as kernel,
    ):
        client.gateway.script("cell").then(lambda: os.environ["JKG_NONE"])
        assert kernel.outputs("cell")[0]["ename"] == "KeyError"


# A fault that never occurs, and the complaint.
UNMET: list[tuple[Callable[[FakeGateway], object], str]] = [
    (lambda it: it.faults.status(500, path="/api/kernel"), r"\* /api/kernel never occurred"),
    (lambda it: it.faults.delay(0.1, method="PUT"), r"PUT \* never occurred"),
    (lambda it: it.faults.never_answer(path="/nosuch"), r"/nosuch never occurred"),
    (lambda it: it.faults.cut_answer(path="/nosuch"), r"/nosuch never occurred"),
    (lambda it: it.faults.cut_before("nosuch"), "before a message of type nosuch never occurred"),
    (lambda it: it.faults.cut_after(10**6), "after 1000000 bytes never occurred"),
]


@pytest.mark.field("F12")
@pytest.mark.parametrize(("fault", "said"), UNMET)
def test_a_fault_that_never_occurs_fails_the_test(
    fault: Callable[[FakeGateway], object], said: str
) -> None:
    with pytest.raises(AssertionError, match=said), raw_client() as client:  # noqa: PT012 - as above
        fault(client.gateway)
        assert client.rest("GET", "/api").status_code == 200


def test_a_fault_that_occurred_or_was_cleared_fails_no_test() -> None:
    with raw_client() as client:
        client.gateway.faults.status(500, path="/nosuch")
        client.gateway.faults.clear()
        client.gateway.faults.status(500, path="/api", times=None)
        assert client.rest("GET", "/api").status_code == 500


def test_a_shared_gateway_is_checked_and_forgets_between_tests() -> None:
    with raw_client() as client, client.connect() as kernel:
        client.gateway.script("cell").stream("played")
        assert kernel.text("cell") == "played"
        client.gateway.reset()
        assert len(client.gateway.journal) == 0
        assert kernel.outputs("cell")[0]["ename"] == "NameError"
        client.gateway.script("never")
        with pytest.raises(AssertionError, match="never run"):
            client.gateway.reset()
        client.gateway.reset()


def test_an_unplayed_script_does_not_hide_another_failure() -> None:
    with pytest.raises(ZeroDivisionError), FakeGateway() as gateway:
        divmod(1, gateway.script("cell").runs)


def recorded(path: Path, who: str) -> list[Any]:
    frames = json.loads(path.read_text(encoding="utf-8"))["frames"]
    return [frame for frame in frames if frame["from"] == who]


def raw(frame: dict[str, str]) -> str | bytes:
    return frame["text"] if "text" in frame else base64.b64decode(frame["binary"])


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recordings_are_played_byte_for_byte(client: RawClient, path: Path) -> None:
    client.gateway.replay(path)
    v1 = ["v1.kernel.websocket.jupyter.org"] if path.stem.endswith("v1") else None
    with client.connect(subprotocols=v1) as kernel:
        # The client sends the recorded messages with the same ids.
        for frame in recorded(path, "client"):
            sent = raw(frame)
            kernel.socket.send(sent, 1 if isinstance(sent, str) else 2)
        expected = [raw(frame) for frame in recorded(path, "server")]
        seen: list[object] = []
        while len(seen) < len(expected) + 2:
            seen.append(kernel.socket.recv())
    # Two more messages: busy and idle for the query of the gateway to the new kernel.
    assert [frame for frame in seen if frame in expected] == expected


def test_ids_in_a_replay_are_those_of_the_client(client: RawClient, kernel: RawKernel) -> None:
    client.gateway.replay(next(path for path in RECORDINGS if path.name == "hello.default.json"))
    said = kernel.execute("print('Hello, World!')")
    assert "iopub stream Hello, World!\n" in [says(message) for message in said]
    assert {message["parent_header"]["session"] for message in said} == {kernel.session}


@pytest.mark.parametrize("name", ["comm.default.json", "comm.v1.json"])
def test_offsets_stay_right_when_ids_change_their_length(client: RawClient, name: str) -> None:
    path = next(path for path in RECORDINGS if path.name == name)
    recording = Recording.load(path)
    code = json.loads(
        re.search(r'"code": ("(?:[^"\\]|\\.)*")', _text(recording.frames[0][1]))[1]  # type: ignore[index]
    )
    client.gateway.replay(recording)
    with client.connect() as kernel:
        msg_id = kernel.send("execute_request", {"code": code})
        frames = [kernel.socket.recv() for _ in range(7)]
    (binary,) = [frame for frame in frames if isinstance(frame, bytes)]
    assert msg_id.encode() in binary
    assert binary.endswith(b"\x00\xff\x80hello")


def _text(frame: str | bytes) -> str:
    return frame if isinstance(frame, str) else frame.decode("latin-1")


def test_a_recording_not_played_to_its_end_fails_the_test() -> None:
    with pytest.raises(AssertionError, match="was not played to its end"), FakeGateway() as gateway:
        gateway.replay(RECORDINGS[0])


@rows(
    ("text", "message"),
    [
        ("no JSON", "JSONDecodeError"),
        ("[]", "TypeError"),
        ("{}", "KeyError('framing')"),
        ('{"framing": "x", "frames": []}', "KeyError('x')"),
        ('{"framing": "v1", "frames": []}', "it has no frames"),
        ('{"framing": "v1", "frames": [{"from": "Client", "text": ""}]}', "frame 0: "),
        ('{"framing": "v1", "frames": [{"from": "server"}]}', "frame 0: "),
        ('{"framing": "default", "frames": [{"from": "client", "text": "x"}]}', "frame 0: "),
    ],
)
def test_a_file_that_is_no_recording_is_an_error(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "recording.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        Recording.load(file)
    assert str(caught.value).startswith(f"{file} is no recording: ")


def run(pytester: pytest.Pytester, code: str) -> pytest.RunResult:
    """Run the tests in ``code`` with our plugin, without other installed plugins."""
    pytester.makepyfile(code)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        return pytester.runpytest_inprocess("--strict-markers", "-p", "jkg_client.testing.plugin")


def test_the_fixture_is_a_running_gateway(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import pytest, requests

        @pytest.mark.fake_gateway(token="secret", max_kernels=0)
        def test_it(fake_gateway):
            info = fake_gateway.connection_info
            answer = requests.post(f"{info.url}/api/kernels", headers=info.all_headers, timeout=10)
            assert (info.token, answer.status_code) == ("secret", 403)
    """,
    )
    result.assert_outcomes(passed=1)


def test_the_fixture_fails_a_test_that_does_not_play_its_script(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def test_it(fake_gateway):
            fake_gateway.script("never")
    """,
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["script('never') was never run"])
    # Our own source would not help the reader.
    result.stdout.no_fnmatch_line("*gateway.check()*")


def test_a_failure_shows_the_journal_and_is_not_doubled(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import requests

        def test_it(fake_gateway):
            fake_gateway.script("never")
            requests.get(f"{fake_gateway.connection_info.url}/api/nosuch", timeout=10)
            assert False
    """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*Differences from the script*",
            "script('never') was never run",
            "*Received by the fake gateway*",
            "*GET /api/nosuch -> 404",
        ]
    )


def test_the_fixture_fake_kernel_is_ready_to_run_cells(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def test_it(fake_kernel, fake_gateway):
            assert fake_kernel.execute("print(1)").output == "1\\n"
            assert fake_gateway.journal.messages("execute_request")
    """,
    )
    result.assert_outcomes(passed=1)


def test_the_fixture_fake_kernel_starts_the_first_kernel(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import pytest

        @pytest.mark.fake_gateway(kernel_names=("gpu", "python3"))
        def test_it(fake_kernel, fake_gateway):
            (request,) = fake_gateway.journal.requests("POST", "/api/kernels")
            assert request.body["name"] == "gpu"
    """,
    )
    result.assert_outcomes(passed=1)


def test_options_of_the_marker_have_names(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import pytest

        @pytest.mark.fake_gateway(["gpu"])
        def test_it(fake_gateway):
            pass
    """,
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*options of the marker fake_gateway need their names*"])


def test_the_gateway_of_the_session_is_checked_and_shown(pytester: pytest.Pytester) -> None:
    code = """
        def test_it(session_fake_gateway):
            session_fake_gateway.script("never")
    """
    result = run(pytester, code)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["script('never') was never run"])
    result = run(pytester, code + "        assert False\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Received by the fake gateway*"])


def test_pytest_finds_the_plugin_by_its_entry_point(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(__file__).parent.parent
    settings = configparser.ConfigParser()
    settings.read(root / "setup.cfg", encoding="utf-8")
    # The entry point, as an installation creates it. An installed package has the same one.
    installed = pytester.mkdir("site") / "jkg_client-0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: jkg-client\nVersion: 0\n")
    plugins = settings["options.entry_points"]["pytest11"]
    (installed / "entry_points.txt").write_text(f"[pytest11]{plugins}\n", encoding="utf-8")
    package = Path(jkg_client.__file__).parent.parent
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (installed.parent, package))))
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", raising=False)
    pytester.makepyfile("""
        import pytest

        @pytest.mark.fake_gateway(ipython=False)
        def test_it(fake_kernel):
            assert fake_kernel.execute("1", 10).is_ok
    """)
    # It starts faster without other plugins and without assertion rewriting.
    others = ("cacheprovider", "hypothesispytest", "randomly", "timeout", "xdist")
    options = [option for name in others for option in ("-p", f"no:{name}")]
    result = pytester.runpytest_subprocess("--assert=plain", *options, timeout=60)
    result.assert_outcomes(passed=1)
