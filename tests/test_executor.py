"""The executor: its results, and its cleanup."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import define, evolve, frozen
from fixtures import Executors
from tables import rows

from jkg_client import (
    AsyncJupyterCodeExecutor,
    ClientClosed,
    CodeBlock,
    CodeResult,
    GatewayError,
    GatewayStatus,
    GatewayUnauthorized,
    JupyterClient,
    JupyterCodeExecutor,
    JupyterConnectable,
    JupyterConnectionInfo,
    KernelNotFound,
    Output,
    Stream,
)
from jkg_client.client.deadline import Deadline
from jkg_client.client.timeouts import Timeouts
from jkg_client.gateway.prespawned_kernels import PrespawnedKernels
from jkg_client.testing import FakeGateway


def run(executor: JupyterCodeExecutor, *codes: str, language: str = "python") -> CodeResult:
    return executor.execute_code_blocks([CodeBlock(code, language) for code in codes])


# To notice soon that the server has no such kernel any more.
IMPATIENT = Timeouts(first_heartbeat=0.05)


def run_twice(executor: JupyterCodeExecutor) -> CodeResult:
    """Run two blocks, because the first one may only find out that the kernel is gone."""
    run(executor, "1")
    return run(executor, "1")


BAD_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"timeout": 0}, "timeout must be a positive number"),
    ({"timeout": -1}, "timeout must be a positive number"),
    ({"timeout": float("nan")}, "timeout must be a positive number"),
    ({"timeout": None}, "timeout must be a positive number"),
    ({"timeout": "60"}, "timeout must be a positive number"),
    ({"max_output": 1}, "max_output must be at least 2"),
    ({"max_output": None}, "max_output must be an integer, not None"),
    ({"kernel_name": ""}, "must be the name of a kernel"),
    ({"env": {"A": 1}}, "values of env must be strings"),
    ({"kernel_id": ""}, "must be the id of a kernel"),
    ({"timeout": True}, "timeout must be a positive number, not True"),
    ({"timeout": Decimal("NaN")}, "timeout must be a positive number"),
    ({"timeout": [60]}, "timeout must be a positive number"),
    ({"max_output": True}, "max_output must be an integer, not True"),
    ({"max_output": 1e6}, "max_output must be an integer, not 1000000.0"),
    ({"max_output": "9"}, "max_output must be an integer, not '9'"),
    ({"kernel_name": 3}, "kernel_name must .* not 3"),
    ({"kernel_name": None}, "kernel_name must .* not None"),
    ({"kernel_id": 3}, "kernel_id must .* not 3"),
    ({"output_dir": None}, "output_dir must be a path, not None"),
    ({"output_dir": 3}, "output_dir must be a path, not 3"),
    ({"output_dir": b"x"}, "output_dir must be a path"),
    ({"env": [("A", "1")]}, "env must be a mapping, not list"),
    ({"env": {1: "A"}}, "names and values of env must be strings"),
    ({"env": {"A=B": "1"}}, "env: 'A=B' cannot be the name of a variable"),
    ({"env": {"A": "\0"}}, "env: the value of 'A' has a null character"),
    ({"on_output": 3}, "on_output must be a function or None, not 3"),
    ({"timeouts": 5}, "timeouts must be a Timeouts, not int"),
]


@pytest.mark.field("E10")
@rows("kind", [JupyterCodeExecutor, AsyncJupyterCodeExecutor])
@rows(("options", "message"), BAD_OPTIONS)
def test_bad_arguments_are_reported_before_anything_is_sent(
    server: FakeGateway, kind: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(server, **options)
    assert server.journal.requests() == []


BAD_BLOCKS: list[tuple[Any, str]] = [
    ("x", "code_blocks must be a list of code blocks, not str"),
    (b"x", "code_blocks must be a list of code blocks, not bytes"),
    (CodeBlock("1", "python"), "code_blocks must be a list of code blocks, not CodeBlock"),
    (None, "code_blocks must be a list of code blocks, not NoneType"),
    (3, "code_blocks must be a list of code blocks, not int"),
    (["x"], r"code_blocks\[0\] must be a CodeBlock, not str"),
    ([CodeBlock("1", "python"), None], r"code_blocks\[1\] must be a CodeBlock, not NoneType"),
    ([SimpleNamespace(code=3, language="python")], "must be a string, not int"),
    ([SimpleNamespace(code="1", language=None)], r"language of code_blocks\[0\] must be a string"),
]


@pytest.mark.field("E10")
@rows(("blocks", "message"), BAD_BLOCKS)
def test_a_wrong_list_of_blocks_is_reported_before_anything_is_sent(
    executor: JupyterCodeExecutor, server: FakeGateway, blocks: Any, message: str
) -> None:
    asked = len(server.journal.requests())
    with pytest.raises(ValueError, match=message):
        executor.execute_code_blocks(blocks)
    assert len(server.journal.requests()) == asked


@pytest.mark.field("E10")
@rows(("blocks", "message"), BAD_BLOCKS)
def test_a_wrong_list_of_blocks_is_reported_before_the_kernel_is_started(
    server: FakeGateway, blocks: Any, message: str
) -> None:
    async def run_them() -> None:
        await AsyncJupyterCodeExecutor(server).execute_code_blocks(blocks)

    with pytest.raises(ValueError, match=message):
        asyncio.run(run_them())
    assert server.journal.requests() == []


@pytest.mark.field("E10")
@pytest.mark.parametrize("limit", [Decimal(5), Fraction(11, 2), 5])
def test_a_time_limit_may_be_a_number_of_any_kind(executors: Executors, limit: Any) -> None:
    executor = executors(timeout=limit)
    assert run(executor, "6 * 7").output == "42"
    assert executor.execute_code_blocks([CodeBlock("7", "python")], limit).output == "7"


@pytest.mark.field("E10")
@rows("limit", [0, True, "5", Decimal("NaN"), [5]])
def test_a_time_limit_of_blocks_is_checked_too(executor: JupyterCodeExecutor, limit: Any) -> None:
    with pytest.raises(ValueError, match="timeout must be a positive number"):
        executor.execute_code_blocks([CodeBlock("7", "python")], limit)


@pytest.mark.field("E10")
@pytest.mark.parametrize(
    ("code", "language", "message"),
    [
        (None, "python", "code must be a string, not NoneType"),
        (b"1", "python", "code must be a string, not bytes"),
        ("1", None, "language must be a string, not NoneType"),
    ],
)
def test_a_code_block_is_made_of_strings(code: Any, language: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CodeBlock(code, language)


@pytest.mark.field("E14")
def test_an_output_dir_without_a_parent_folder_is_refused(
    server: FakeGateway, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"Output directory .* does not exist."):
        JupyterCodeExecutor(server, output_dir=tmp_path / "no" / "where")
    assert server.journal.requests() == []
    assert list(tmp_path.iterdir()) == []


def test_the_error_for_a_class_in_place_of_a_server_says_what_to_write() -> None:
    with pytest.raises(ValueError, match=r"not the class FakeGateway: write FakeGateway\(…\)$"):
        JupyterCodeExecutor(FakeGateway)  # type: ignore[arg-type]  # this is the mistake


def test_an_unwritable_parent_folder_is_not_reported_as_missing(
    server: FakeGateway,
) -> None:
    with pytest.raises(ValueError, match=r"It cannot be created: /proc does not allow it$"):
        JupyterCodeExecutor(server, output_dir="/proc/plots")


@pytest.mark.field("E14")
def test_the_error_for_an_unknown_kernel_lists_the_installed_kernels(
    server: FakeGateway, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"Kernel .* is not installed.") as told:
        JupyterCodeExecutor(server, kernel_name="julia", output_dir=tmp_path)
    assert "'julia'" in str(told.value)
    assert "python3" in str(told.value)


@pytest.mark.field("E12")
def test_the_repr_of_an_executor_shows_its_server_and_kernel(
    executors: Executors, server: FakeGateway
) -> None:
    executor = executors()
    info = server.connection_info
    kernel = executor.kernel_id
    assert repr(executor) == f"<JupyterCodeExecutor at {info.url}, kernel {kernel} (python3)>"
    executor.stop()
    assert repr(executor) == f"<JupyterCodeExecutor at {info.url}, stopped>"
    assert info.token is not None
    assert info.token not in repr(executor)


@pytest.mark.field("E12")
def test_the_repr_of_an_async_executor_shows_whether_it_was_started(
    server: FakeGateway, tmp_path: Path
) -> None:
    shown: list[str] = []

    async def look() -> None:
        executor = AsyncJupyterCodeExecutor(server, output_dir=tmp_path)
        shown.append(repr(executor))
        async with executor:
            shown.append(repr(executor).replace(str(executor.kernel_id), "ID"))
        shown.append(repr(executor))

    asyncio.run(look())
    begin = f"<AsyncJupyterCodeExecutor at {server.connection_info.url}"
    states = ["not started (python3)", "kernel ID (python3)", "stopped"]
    assert shown == [f"{begin}, {state}>" for state in states]


class AutoGensInfo:
    """A class like AutoGen's connection info."""

    host, use_https, port, token = "x", False, 1, "secret"

    def __repr__(self) -> str:
        return f"JupyterConnectionInfo(token={self.token!r})"


class AutoGensServer:
    """A class like a server of AutoGen."""

    connection_info = AutoGensInfo()


@pytest.mark.parametrize(
    ("server", "kind"),
    [
        ("http://x?token=secret", "str"),
        (AutoGensInfo(), f"{__name__}.AutoGensInfo"),
        (AutoGensServer(), f"{__name__}.AutoGensInfo"),
        (None, "NoneType"),
    ],
)
def test_the_error_for_a_wrong_server_object_does_not_show_its_token(
    server: Any, kind: str
) -> None:
    for make in (JupyterCodeExecutor, JupyterClient):
        with pytest.raises(ValueError, match=rf"JupyterConnectionInfo is needed, .* type {kind}$"):
            make(server)


def test_an_output_dir_that_cannot_be_created_is_reported(
    server: FakeGateway, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot be created"):
        JupyterCodeExecutor(server, output_dir=tmp_path / "file" / "below")
    assert server.journal.requests() == []


@pytest.mark.pitfall(25)
def test_a_removed_output_dir_is_created_again(executors: Executors, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    executor = executors(output_dir=str(folder))
    folder.rmdir()
    code = "class Page:\n    def _repr_html_(self): return '<p>'\nPage()"
    (path,) = run(executor, code).output_files
    assert Path(path).parent == folder


@frozen
class PrespawningServer:
    """The fake gateway with prespawned kernels."""

    connection_info: JupyterConnectionInfo
    prespawned_kernels: PrespawnedKernels


@pytest.fixture
def prespawning_server() -> Iterator[PrespawningServer]:
    with (
        FakeGateway(kernel_names=["python3", "other"]) as server,
        JupyterClient(server.connection_info) as client,
    ):
        yield PrespawningServer(server.connection_info, PrespawnedKernels(client, 2, Deadline(10)))


def kernels_of(server: JupyterConnectable) -> list[str]:
    with JupyterClient(server.connection_info) as client:
        return [kernel["id"] for kernel in client.list_kernels()]


def test_a_prespawned_kernel_is_taken_once_and_deleted(
    prespawning_server: PrespawningServer, tmp_path: Path
) -> None:
    first, second = kernels_of(prespawning_server)
    with (
        JupyterCodeExecutor(prespawning_server, output_dir=tmp_path) as one,
        JupyterCodeExecutor(prespawning_server, output_dir=tmp_path) as two,
        JupyterCodeExecutor(prespawning_server, output_dir=tmp_path) as three,
    ):
        assert (one.kernel_id, two.kernel_id) == (first, second)
        assert three.kernel_id not in {first, second, None}
        assert run(one, "6 * 7").output == "42"
    assert kernels_of(prespawning_server) == []


def test_a_prespawned_kernel_that_is_gone_is_skipped(
    prespawning_server: PrespawningServer, tmp_path: Path
) -> None:
    first, second = kernels_of(prespawning_server)
    with JupyterClient(prespawning_server.connection_info) as client:
        client.delete_kernel(first)
    with JupyterCodeExecutor(prespawning_server, output_dir=tmp_path) as executor:
        assert executor.kernel_id == second


@pytest.mark.parametrize("wish", [{"env": {"KERNEL_A": "1"}}, {"kernel_name": "other"}])
def test_another_kernel_name_takes_no_prespawned_kernel(
    prespawning_server: PrespawningServer, tmp_path: Path, wish: Any
) -> None:
    with JupyterCodeExecutor(prespawning_server, output_dir=tmp_path, **wish) as executor:
        assert executor.kernel_id not in kernels_of(prespawning_server)[:2]


@frozen
class LoggingServer:
    """The fake gateway as a server of this program, which has a log."""

    connection_info: JupyterConnectionInfo
    prespawned_kernels: PrespawnedKernels
    log: str

    def log_summary(self) -> str:
        return self.log


@pytest.fixture
def logging_server(server: FakeGateway) -> LoggingServer:
    with JupyterClient(server.connection_info) as client:
        no_kernels = PrespawnedKernels(client, 0, Deadline(10))
    return LoggingServer(server.connection_info, no_kernels, "no such program")


_SOCKET = {"path": "/api/kernels/*/channels"}
_LOG = r"the end of the server's log:\nno such program"


@rows(
    ("status", "where", "kind", "message"),
    [
        (500, {"method": "POST"}, GatewayStatus, rf"answered 500.*\({_LOG}\)$"),
        (500, _SOCKET, GatewayStatus, rf"answered 500 \({_LOG}\)$"),
        (404, _SOCKET, KernelNotFound, rf"no such kernel.*; {_LOG}\)$"),
        (403, {"method": "POST"}, GatewayUnauthorized, r"answered 403.*(?<!program\))$"),
    ],
)
def test_the_error_for_a_kernel_that_does_not_start_quotes_the_log_of_our_server(
    server: FakeGateway,
    logging_server: LoggingServer,
    status: int,
    where: Any,
    kind: Any,
    message: str,
) -> None:
    server.faults.status(status, **where, times=None)
    with pytest.raises(kind, match=message):
        JupyterCodeExecutor(logging_server)
    server.faults.clear()


def test_the_error_for_an_empty_log_or_an_unknown_kernel_id_quotes_no_log(
    server: FakeGateway, logging_server: LoggingServer
) -> None:
    with pytest.raises(KernelNotFound) as unknown:
        JupyterCodeExecutor(logging_server, kernel_id="nosuch")
    server.faults.status(500, method="POST")
    with pytest.raises(GatewayStatus) as silent:
        JupyterCodeExecutor(evolve(logging_server, log=""))
    assert "log" not in f"{unknown.value} {silent.value}"


@pytest.mark.pitfall(26, 30)
def test_a_constructor_that_fails_leaves_no_kernel(server: FakeGateway) -> None:
    server.faults.status(500, method="GET", path="/api/kernels/*/channels", times=None)
    with pytest.raises(GatewayError):
        JupyterCodeExecutor(server)
    with JupyterClient(server.connection_info) as client:
        assert client.list_kernels() == []


def test_the_private_attributes_that_autogen_reads_exist(
    executors: Executors, tmp_path: Path
) -> None:
    executor = executors(timeout=7)
    assert (executor._timeout, executor._kernel_name) == (7, "python3")
    assert executor._output_dir == tmp_path


def test_blocks_of_other_classes_are_accepted(executor: JupyterCodeExecutor) -> None:
    class Block:
        code, language = "print('theirs')", "python"

    result = executor.execute_code_blocks(code_blocks=[Block()])  # type: ignore[list-item]
    assert result.output == "theirs\n"


def test_extracted_blocks_can_be_run(executor: JupyterCodeExecutor) -> None:
    message = "First\n```python\nx = 20\n```\nthen\n```python\nx + 1\n```\n"
    blocks = executor.code_extractor.extract_code_blocks(message)
    assert executor.execute_code_blocks(blocks).output == "21"


@pytest.mark.field("A4")
def test_data_and_prose_are_not_run_and_a_note_says_so(executor: JupyterCodeExecutor) -> None:
    message = "```python\nx = 20\n```\n```json\n{]\n```\n```md\n# A\n```\n```python\nx + 1\n```"
    result = executor.execute_code_blocks(executor.code_extractor.extract_code_blocks(message))
    assert (result.exit_code, result.status) == (0, "ok")
    note = "Note: 2 blocks were not run: json, md are not code for this kernel."
    assert result.output == f"21\n{note}"
    assert result.skipped == ("json", "md")
    assert len(result.results) == 2


@pytest.mark.field("A4")
def test_a_final_answer_in_json_is_a_success(executor: JupyterCodeExecutor) -> None:
    result = executor.execute_code_blocks([CodeBlock('{"answer": 42}', "json")])
    assert (result.exit_code, result.results) == (0, ())
    assert result.output == "Note: 1 block was not run: json is not code for this kernel."


@pytest.mark.field("A4")
def test_an_error_comes_after_the_note_about_skipped_blocks(executor: JupyterCodeExecutor) -> None:
    blocks = [CodeBlock("{}", "json"), CodeBlock("1 / 0", "python"), CodeBlock("", "yaml")]
    result = executor.execute_code_blocks(blocks)
    assert result.exit_code == 1
    assert result.output.startswith("Note: 1 block was not run: json")
    assert "ZeroDivisionError" in result.output.splitlines()[-1]


@pytest.mark.field("A4")
def test_an_unknown_programming_language_is_an_error(executor: JupyterCodeExecutor) -> None:
    result = executor.execute_code_blocks([CodeBlock("fn main() {}", "rust")])
    assert result.exit_code == 1
    assert "cannot run a 'rust' block" in result.output


def test_outputs_are_streamed(executors: Executors) -> None:
    seen: list[Output] = []
    run(executors(on_output=seen.append), "print('one')", "print('two')")
    assert "".join(o.text for o in seen if isinstance(o, Stream)) == "one\ntwo\n"


def test_results_of_earlier_blocks_survive_the_end_of_the_server(
    executors: Executors, server: FakeGateway
) -> None:
    def vanish(output: Output) -> None:
        if output == Stream("stdout", "going\n"):
            server.faults.status(401, path="*/channels", times=None)
            server.faults.cut_now()

    executor = executors(on_output=vanish, timeout=5)
    loop = "print('going', flush=True)\nimport time; time.sleep(60)"
    with pytest.raises(GatewayError) as caught:
        run(executor, "print('before')", loop)
    server.faults.clear()
    assert caught.value.result.output.startswith("before\ngoing\n")
    assert [r.is_ok for r in caught.value.result.results] == [True, False]


def test_an_attached_kernel_that_is_gone_is_not_replaced(
    executor: JupyterCodeExecutor, executors: Executors
) -> None:
    guest = executors(kernel_id=executor.kernel_id, timeouts=IMPATIENT)
    executor.stop()
    assert run(guest, "1").status == "died"
    with pytest.raises(KernelNotFound):
        run(guest, "1")


def test_notes_about_timeout_and_death_are_at_the_end_of_the_output(executors: Executors) -> None:
    stopped = run(executors(timeout=0.3), "print('on', flush=True)\nimport time; time.sleep(60)")
    assert stopped.output == ("on\nTimeout: the code ran longer than 0.3 seconds and was stopped.")
    died = run(executors(), "import os\nos._exit(1)")
    assert died.output == (
        "Error: the kernel died while the code ran.\n"
        "Note: the kernel was restarted, variables are gone."
    )


@pytest.mark.pitfall(22)
def test_missing_output_is_reported_and_counted(executors: Executors) -> None:
    executor = executors(max_output=1000)
    result = run(executor, "print('x' * 5000)", "print('y' * 5000)")
    assert result.truncated is not None
    assert result.truncated.characters == sum(
        r.truncated.characters for r in result.results if r.truncated
    )
    assert "characters of output were dropped" in result.output


def test_a_result_prints_as_autogens_does() -> None:
    result = CodeResult(exit_code=1, output="it's\n", output_files=["a.png"])
    assert str(result) == "exit_code=1 output=\"it's\\n\" output_files=['a.png']"


def test_an_attached_kernel_that_is_gone_is_not_replaced_by_a_restart(
    executor: JupyterCodeExecutor, executors: Executors, server: FakeGateway
) -> None:
    guest = executors(kernel_id=executor.kernel_id)
    executor.stop()
    with pytest.raises(KernelNotFound):
        guest.restart()
    with JupyterClient(server.connection_info) as client:
        assert client.list_kernels() == []


def test_a_server_that_starts_no_new_kernel_is_asked_again_by_the_next_block(
    executors: Executors, server: FakeGateway
) -> None:
    executor = executors(timeouts=IMPATIENT)
    with JupyterClient(server.connection_info) as client:
        client.delete_kernel(str(executor.kernel_id))
    server.faults.status(503, method="POST", path="/api/kernels", times=None)
    told: list[bool] = []

    def run_until_it_fails() -> None:
        while len(told) < 2:  # the first block may only find out that the kernel is gone
            told.append(run(executor, "1").kernel_restarted)

    with pytest.raises(GatewayError):
        run_until_it_fails()
    server.faults.clear()
    result = run(executor, "print('here')")
    assert result.status == "ok"
    assert [*told, result.kernel_restarted].count(True) == 1
    assert not run(executor, "1").kernel_restarted


def test_stop_while_a_new_kernel_is_started_leaves_none(
    executors: Executors, server: FakeGateway
) -> None:
    executor = executors(timeouts=IMPATIENT)
    with JupyterClient(server.connection_info) as client:
        client.delete_kernel(str(executor.kernel_id))
    server.faults.delay(0.2, method="POST", path="/api/kernels")
    said: list[BaseException] = []

    def work() -> None:
        try:
            run_twice(executor)
        except ClientClosed as exc:
            said.append(exc)

    thread = threading.Thread(target=work)
    thread.start()
    while not server.journal.requests("POST", "/api/kernels")[1:]:
        thread.join(0.02)
    executor.stop()
    thread.join(10)
    assert len(said) == 1
    with JupyterClient(server.connection_info) as client:
        assert client.list_kernels() == []


DIES = "import os\nos._exit(1)"


def test_a_kernel_that_died_for_good_is_reported_once(tmp_path: Path) -> None:
    with (
        FakeGateway(restart_limit=0) as server,
        JupyterCodeExecutor(server, output_dir=tmp_path, timeouts=IMPATIENT) as executor,
    ):
        for code in ("1", DIES):
            died = run(executor, DIES)
            assert (died.status, died.kernel_restarted) == ("died", True)
            after = run(executor, code)
            assert after.kernel_restarted == (code == DIES)
        run(executor, "x = 1")
        with JupyterClient(server.connection_info) as client:
            client.delete_kernel(str(executor.kernel_id))
        assert run(executor, "1").kernel_restarted


def test_interrupted_blocks_do_not_run_on_a_new_kernel(tmp_path: Path) -> None:
    with (
        FakeGateway(restart_limit=0) as server,
        JupyterCodeExecutor(server, output_dir=tmp_path, timeouts=IMPATIENT) as executor,
        ThreadPoolExecutor(1) as threads,
    ):
        run(executor, DIES)
        server.faults.delay(0.4, method="POST", path="/api/kernels")
        blocks = threads.submit(run, executor, "print('never')", "2")
        server.journal.wait_for(lambda journal: journal.requests("POST", "/api/kernels")[1:])
        executor.interrupt()
        result = blocks.result(30)
        assert [each.status for each in result.results] == ["aborted"]
        assert "never" not in result.output
        assert run(executor, "print('here')").output == "here\n"


WAITS = """
print('on', flush=True)
while not os.path.exists(free):
    time.sleep(0.01)
"""
"""Code that ends when a file exists."""
STUBBORN = f"""
import signal
before = signal.signal(signal.SIGINT, lambda *_: None)
{WAITS}
_ = signal.signal(signal.SIGINT, before)
"""
"""The same code, but it ignores interrupts."""


@define
class Interrupted:
    """Interrupts code at its first output, while other code waits for the kernel.

    Attributes:
        grace: Time limit for the code to end after the interrupt.
        until: The code runs until the server has received this request.
    """

    executors: Executors
    server: FakeGateway
    free: Path
    grace: float
    until: str

    def run(self, *codes: str, then: str) -> tuple[CodeResult, CodeResult]:
        """The result of ``codes``, and of ``then``, which waits."""
        began = threading.Event()
        timeouts = Timeouts(grace=self.grace)
        executor = self.executors(on_output=lambda _: began.set(), timeouts=timeouts)
        run(executor, f"import os, time\nx, free = 1, {str(self.free)!r}")
        with ThreadPoolExecutor(3) as threads:
            first = threads.submit(run, executor, *codes)
            assert began.wait(30)
            second = threads.submit(run, executor, then)
            asked = threads.submit(executor.interrupt)
            deadline = Deadline(30)
            while not self.server.journal.requests("POST", self.until):
                assert not deadline.passed
                time.sleep(0.01)
            self.free.touch()
            asked.result(30)
            return first.result(30), second.result(30)


def test_a_late_interrupt_does_not_end_another_call(
    executors: Executors, server: FakeGateway, tmp_path: Path
) -> None:
    server.faults.delay(0.2, method="POST", path="*/interrupt")
    late = Interrupted(executors, server, tmp_path / "free", 5, "*/interrupt")
    _, second = late.run(WAITS, then="time.sleep(0.3)\n'whole'")
    assert second.output == "'whole'"


def test_a_late_restart_is_reported_by_the_next_call(
    executors: Executors, server: FakeGateway, tmp_path: Path
) -> None:
    server.faults.delay(0.35, method="POST", path="*/restart")
    late = Interrupted(executors, server, tmp_path / "free", 0.1, "*/restart")
    first, second = late.run(STUBBORN, then="'x' in globals()")
    assert (first.status, first.kernel_restarted) == ("ok", False)
    assert (second.results[0].output, second.kernel_restarted) == ("False", True)


def test_the_note_for_an_aborted_block_also_mentions_interrupts(
    executors: Executors, server: FakeGateway, tmp_path: Path
) -> None:
    stopped = Interrupted(executors, server, tmp_path / "free", 5, "*/interrupt")
    first, _ = stopped.run(STUBBORN, "2", then="3")
    assert [result.status for result in first.results] == ["ok", "aborted"]
    assert first.output.endswith("because code before it failed or was interrupted.")


PAGE = "class Page:\n    def _repr_html_(self): return '<p>'\nprint('before')\nPage()"


@pytest.mark.pitfall(13)
@pytest.mark.parametrize(
    ("end", "exit_code"),
    [("1/0", 1), ("import time; time.sleep(60)", 124), ("import os\nos._exit(1)", 137)],
)
def test_output_of_earlier_blocks_is_kept_however_a_later_block_ends(
    executors: Executors, end: str, exit_code: int
) -> None:
    executor = executors(timeout=0.3 if exit_code == 124 else 30)
    result = run(executor, PAGE, f"print('on', flush=True)\n{end}")
    assert result.exit_code == exit_code
    (path,) = result.output_files
    assert Path(path).read_text(encoding="utf-8") == "<p>"
    assert result.output.startswith(f"before\nHTML data saved to {path}\n")
    assert result.results[0].status == "ok"


@pytest.mark.field("CMD38")
def test_a_block_is_one_message_on_the_open_connection(
    executor: JupyterCodeExecutor, server: FakeGateway
) -> None:
    run(executor, "x = 1")
    asked, sent = len(server.journal.requests()), len(server.journal.messages())
    assert run(executor, "print(x)").output == "1\n"
    assert len(server.journal.requests()) == asked
    assert len(server.journal.messages()) == sent + 1


@pytest.mark.pitfall(28)
def test_path_prefix_and_headers_are_used_for_rest_and_websocket() -> None:
    with FakeGateway(base_path="/user/me") as server:
        info = evolve(server.connection_info, headers={"X-Team": "blue"})
        with JupyterCodeExecutor(info) as executor:
            assert run(executor, "print(1)").output == "1\n"
        assert len(server.journal.requests("GET", "/api/kernels/*/channels")) == 1
        assert {r.headers["X-Team"] for r in server.journal.requests()} == {"blue"}


@pytest.mark.pitfall(30)
def test_restarts_leave_no_open_files(executor: JupyterCodeExecutor) -> None:
    def restarted() -> int:
        executor.restart()
        assert run(executor, "print(1)").output == "1\n"
        gc.collect()
        return len(list(Path("/dev/fd").iterdir()))

    restarted()
    before = restarted()
    after = [restarted() for _ in range(3)]
    assert min(after) <= before


@pytest.mark.pitfall(31)
def test_with_starts_no_second_kernel_and_leaves_none(server: FakeGateway) -> None:
    with JupyterCodeExecutor(server) as executor, executor, executor as same:
        assert same is executor
        assert run(executor, "print(1)").output == "1\n"
    assert len(server.journal.requests("POST", "/api/kernels")) == 1
    with JupyterClient(server.connection_info) as client:
        assert client.list_kernels() == []
    for use in (lambda: run(executor, "1"), executor.restart):
        with pytest.raises(ClientClosed):
            use()
