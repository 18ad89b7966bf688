"""Behaviour that users can rely on, as tests that any server must pass.

These tests are collected twice: in tests/ for the fake gateway, in tests_integration/ for real
servers. The fixtures ``server``, ``executor`` and ``kernel`` choose the server. If the fake differs
from a real server, the fake is wrong. The fixture ``limit`` is a time limit in seconds that code
exceeds after it has printed something.
"""

from __future__ import annotations

import socket
import textwrap
import threading
import time
from pathlib import Path

import pytest
from fixtures import Executors
from tables import rows

from jkg_client import (
    ClientClosed,
    CodeBlock,
    CodeResult,
    Display,
    ExecutionError,
    ExecutionTimeout,
    Failure,
    GatewayUnauthorized,
    InputRequest,
    JupyterClient,
    JupyterCodeExecutor,
    JupyterConnectable,
    JupyterConnectionInfo,
    JupyterKernelClient,
    KernelDied,
    KernelNotFound,
    KernelSpecNotFound,
    Output,
    Stream,
)

LOOP = "print('on', flush=True)\nwhile True: pass"
SLEEP = "import time\nprint('on', flush=True)\ntime.sleep(60)"
"""Instead of a loop that would keep a core busy until the time limit."""
STUBBORN = """
import time
said = False
while True:
    try:
        if not said:
            said = True
            print('on', flush=True)
        time.sleep(0.05)
    except KeyboardInterrupt:
        pass
"""
"""``print`` is within ``try``, because an interrupt may come before ``print`` has returned."""
PNG = bytes.fromhex("89504e470d0a1a0a") + bytes(range(256))


def run(executor: JupyterCodeExecutor, *codes: str, language: str = "python") -> CodeResult:
    return executor.execute_code_blocks([CodeBlock(code, language) for code in codes])


@pytest.mark.same_everywhere
def test_hello_world_has_exactly_the_output_of_the_seed(executor: JupyterCodeExecutor) -> None:
    result = run(executor, "print('Hello, World!')")
    assert str(result) == r"exit_code=0 output='Hello, World!\n' output_files=[]"


def test_variables_are_kept_between_blocks(executor: JupyterCodeExecutor) -> None:
    run(executor, "x = 41")
    assert run(executor, "x += 1", "x").output == "42"


def test_each_executor_has_its_own_kernel(executors: Executors) -> None:
    first, second = executors(), executors()
    run(first, "x = 1")
    run(second, "x = 2")
    assert run(first, "print(x)").output == "1\n"
    assert first.kernel_id != second.kernel_id


@pytest.mark.same_everywhere
def test_an_empty_list_and_an_empty_block_succeed_without_output(
    executor: JupyterCodeExecutor,
) -> None:
    assert str(run(executor)) == "exit_code=0 output='' output_files=[]"
    assert str(run(executor, "")) == "exit_code=0 output='' output_files=[]"


@pytest.mark.pitfall(14)
def test_printed_chunks_are_joined(executor: JupyterCodeExecutor) -> None:
    code = "\n".join(["import sys"] + ["print(1, end='')", "sys.stdout.flush()"] * 3)
    assert run(executor, code).output == "111"


def test_no_output_is_lost_without_quick_acknowledgements(
    executor: JupyterCodeExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(socket, "TCP_QUICKACK", raising=False)
    code = "for i in range(300): print(i, flush=True)"
    for _ in range(2):
        assert run(executor, code).output == "".join(f"{i}\n" for i in range(300))


@pytest.mark.parametrize(
    ("code", "kept"),
    [(LOOP, "True"), pytest.param(STUBBORN, "False", marks=pytest.mark.short_grace)],
)
def test_another_thread_ends_the_running_blocks(executors: Executors, code: str, kept: str) -> None:
    began = threading.Event()
    executor = executors(on_output=lambda output: began.set())
    run(executor, "x = 1")
    results: list[CodeResult] = []
    thread = threading.Thread(target=lambda: results.append(run(executor, code, "never = 1")))
    thread.start()
    assert began.wait(30)
    executor.interrupt()
    thread.join(30)
    (result,) = results
    assert result.exit_code != 0
    assert result.output.startswith("on\n")
    assert len(result.results) == 1
    assert result.kernel_restarted == (kept == "False")
    assert run(executor, "'never' in globals()", "'x' in globals()").output == f"False\n{kept}"


def test_an_interrupt_without_running_code_has_no_effect(executor: JupyterCodeExecutor) -> None:
    executor.interrupt()
    assert run(executor, "6 * 7").output == "42"


@pytest.mark.same_everywhere
def test_blocks_are_joined_without_blank_lines(executor: JupyterCodeExecutor) -> None:
    assert run(executor, "print('a')", "print('b', end='')", "3").output == "a\nb\n3"


@pytest.mark.pitfall(11, 13, 15)
def test_a_failed_block_keeps_its_output_and_ends_the_list(
    executor: JupyterCodeExecutor,
) -> None:
    result = run(executor, "print('one')", "print('two')\n1/0", "print('three')")
    assert result.exit_code == 1
    assert result.output.startswith("one\ntwo\n")
    assert result.output.rstrip().endswith("ZeroDivisionError: division by zero")
    assert "\x1b" not in result.output
    assert "three" not in result.output
    assert [r.status for r in result.results] == ["ok", "error"]


@pytest.mark.pitfall(11)
def test_the_block_after_an_error_has_its_whole_output(executor: JupyterCodeExecutor) -> None:
    run(executor, "1/0")
    assert str(run(executor, "print('fine')")) == r"exit_code=0 output='fine\n' output_files=[]"


def test_stdout_and_stderr_are_kept_apart(kernel: JupyterKernelClient) -> None:
    code = (
        "import sys\nprint('out', flush=True)\nprint('err', file=sys.stderr, flush=True)\n"
        "print('again', flush=True)"
    )
    result = kernel.execute(code, 20)
    assert {o for o in result.outputs if isinstance(o, Stream) and o.name == "stderr"} == {
        Stream("stderr", "err\n")
    }
    stdout = [o.text for o in result.outputs if isinstance(o, Stream) and o.name == "stdout"]
    assert "".join(stdout) == "out\nagain\n"


@pytest.mark.same_everywhere
def test_unicode_and_nul_are_returned_exactly(kernel: JupyterKernelClient) -> None:
    text = "žluťoučký 漢字 🎉 \x00 end"
    assert kernel.execute(f"print({text!r})", 20).output == text + "\n"


@pytest.mark.same_everywhere
@pytest.mark.pitfall(17)
def test_carriage_returns_and_backspaces_are_applied(kernel: JupyterKernelClient) -> None:
    code = "for i in range(5): print(f'\\r{i}0 %', end='', flush=True)\nprint('\\nabc\\b\\bX')"
    assert kernel.execute(code, 20).output == "40 %\naXc\n"


@pytest.mark.same_everywhere
def test_the_value_of_the_last_expression_is_shown(kernel: JupyterKernelClient) -> None:
    result = kernel.execute("print('said', end='')\n'value'", 20)
    assert result.output == "said\n'value'"
    (display,) = [o for o in result.outputs if isinstance(o, Display)]
    assert display.execution_count == result.execution_count


@pytest.mark.same_everywhere
@rows(
    ("method", "value", "suffix", "said"),
    [
        ("_repr_png_", PNG, ".png", "Image data saved to"),
        ("_repr_jpeg_", PNG, ".jpeg", "Image data saved to"),
        ("_repr_pdf_", PNG, ".pdf", "PDF data saved to"),
        ("_repr_svg_", "<svg>é</svg>", ".svg", "Image data saved to"),
        ("_repr_html_", "<b>漢字</b>", ".html", "HTML data saved to"),
    ],
)
@pytest.mark.pitfall(16)
def test_rich_output_becomes_a_file_byte_for_byte(
    executor: JupyterCodeExecutor,
    tmp_path: Path,
    method: str,
    value: str | bytes,
    suffix: str,
    said: str,
) -> None:
    code = (
        f"class It:\n    def {method}(self): return {value!r}\n    def __repr__(self): return 'it'"
    )
    result = run(executor, code, "It()")
    (path,) = result.output_files
    assert f"{said} {path}" in result.output
    assert Path(path).suffix == suffix
    assert Path(path).parent == tmp_path
    assert Path(path).read_bytes() == (value.encode() if isinstance(value, str) else value)
    # The plain text beside a page has the content; beside an image it has only a type.
    assert ("it" in result.output.splitlines()) == (suffix == ".html")


@pytest.mark.same_everywhere
@pytest.mark.ipython
@pytest.mark.pitfall(17)
def test_a_display_is_updated_in_place(kernel: JupyterKernelClient) -> None:
    code = (
        "from IPython.display import display\n"
        "h = display('first', display_id=True)\nprint('between')\nh.update('second')"
    )
    assert kernel.execute(code, 20).output == "'second'\nbetween\n"


@pytest.mark.same_everywhere
@pytest.mark.ipython
@pytest.mark.pitfall(17)
def test_clear_output_clears_now_or_with_the_next_output(kernel: JupyterKernelClient) -> None:
    start = "from IPython.display import clear_output\nprint('gone', flush=True)\n"
    assert kernel.execute(start + "clear_output()", 20).output == ""
    assert kernel.execute(start + "clear_output(wait=True)", 20).output == "gone\n"
    assert kernel.execute(start + "clear_output(wait=True)\nprint('new')", 20).output == "new\n"


@pytest.mark.same_everywhere
@pytest.mark.ipython
@pytest.mark.pitfall(19)
def test_a_question_mark_shows_the_help_text(kernel: JupyterKernelClient) -> None:
    output = kernel.execute("len?", 20).output
    assert "Return the number of items in a container." in output
    assert "\x1b" not in output


def test_input_is_refused_at_once(kernel: JupyterKernelClient) -> None:
    result = kernel.execute("input('name? ')", 20)
    assert result.status == "error"
    assert result.failure is not None
    assert result.failure.ename == "StdinNotImplementedError"


def test_input_requests_are_answered(kernel: JupyterKernelClient) -> None:
    asked: list[InputRequest] = []

    def answer(request: InputRequest) -> str:
        asked.append(request)
        return "Ada"

    result = kernel.execute("print('hello', input('name? '))", 20, on_input=answer)
    assert result.output == "hello Ada\n"
    assert asked == [InputRequest("name? ")]


def test_the_end_of_input_is_an_eoferror(kernel: JupyterKernelClient) -> None:
    def answer(request: InputRequest) -> str:
        raise EOFError

    result = kernel.execute("input()", 20, on_input=answer)
    assert result.failure is not None
    assert result.failure.ename == "EOFError"


def test_outputs_are_passed_on_as_they_arrive(kernel: JupyterKernelClient) -> None:
    seen: list[Output] = []
    code = "print('a', flush=True)\nprint('b', flush=True)\n5\n"
    result = kernel.execute(code, 20, on_output=seen.append)
    assert "".join(o.text for o in seen if isinstance(o, Stream)) == "a\nb\n"
    assert seen[-1] == result.outputs[-1]


@pytest.mark.pitfall(3, 13)
def test_a_timeout_keeps_output_and_state(kernel: JupyterKernelClient, limit: float) -> None:
    kernel.execute("x = 7", 20)
    result = kernel.execute(LOOP, timeout_seconds=limit)
    assert (result.status, result.output, result.kernel_restarted) == ("timeout", "on\n", False)
    assert kernel.execute("print(x)", timeout_seconds=10).output == "7\n"


@pytest.mark.pitfall(3)
@pytest.mark.short_grace
def test_code_that_ignores_the_interrupt_is_ended_by_a_restart(
    kernel: JupyterKernelClient, limit: float
) -> None:
    kernel.execute("x = 7", 20)
    result = kernel.execute(STUBBORN, timeout_seconds=limit)
    assert (result.status, result.output, result.kernel_restarted) == ("timeout", "on\n", True)
    after = kernel.execute("print('x' in globals())", timeout_seconds=20)
    assert (after.status, after.output, after.kernel_restarted) == ("ok", "False\n", False)


@pytest.mark.pitfall(2)
def test_the_time_limit_is_for_the_block_and_not_for_each_message(
    executors: Executors, limit: float
) -> None:
    code = "import time\nfor i in range(100):\n    print(i, flush=True)\n    time.sleep(0.1)"
    result = run(executors(timeout=1.5 * limit), code)
    assert result.exit_code == 124
    assert result.output.startswith("0\n1\n")
    assert "Timeout" in result.output.splitlines()[-1]


@pytest.mark.same_everywhere
def test_a_call_may_have_its_own_time_limit(executors: Executors, limit: float) -> None:
    executor = executors(timeout=60)
    blocks = [CodeBlock(SLEEP, "python")]
    result = executor.execute_code_blocks(blocks, timeout=limit)
    assert result.exit_code == 124
    told = f"Timeout: the code ran longer than {limit:g} seconds and was stopped."
    assert result.output == f"on\n{told}"
    with pytest.raises(ValueError, match="timeout must be a positive number, not 0"):
        executor.execute_code_blocks(blocks, timeout=0)
    assert run(executor, f"import time\ntime.sleep({limit + 0.1})\n7").output == "7"


@pytest.mark.pitfall(4)
def test_the_death_of_a_kernel_is_reported_with_its_output(executor: JupyterCodeExecutor) -> None:
    run(executor, "x = 1")
    # Without the pause, the thread that sends the output would die before it has sent all.
    code = "print('bye', flush=True)\nimport os, time\ntime.sleep(0.3)\nos._exit(1)"
    result = run(executor, code)
    assert result.exit_code == 137
    assert result.output.startswith("bye\n")
    assert result.kernel_restarted
    assert run(executor, "print('x' in globals())").output == "False\n"


def test_a_new_kernel_has_no_values_and_no_error_yet(executor: JupyterCodeExecutor) -> None:
    code = """
    import sys
    known = globals()
    print(known.get("_", ""), known.get("Out") or "", "_0" in known, hasattr(sys, "last_value"))
    """
    assert run(executor, textwrap.dedent(code)).output == "  False False\n"


def test_exit_ends_the_kernel_and_the_next_block_runs(executor: JupyterCodeExecutor) -> None:
    run(executor, "x = 1")
    result = run(executor, "print('last')\nexit()")
    assert (result.exit_code, result.kernel_restarted) == (0, True)
    assert run(executor, "print('x' in globals())").output == "False\n"


# Code that ends a script, its exit status, and the output that is shown.
EXITS = [
    ("import sys; sys.exit()", 0, ""),
    ("import sys; sys.exit(0)", 0, ""),
    ("raise SystemExit", 0, ""),
    ("raise SystemExit(None)", 0, ""),
    ("raise SystemExit(False)", 0, ""),
    ("def leave(): raise SystemExit(3)\nleave()", 3, "SystemExit: 3"),
    ("import sys; sys.exit(-1)", 255, "SystemExit: -1"),
    ("raise SystemExit(True)", 1, "SystemExit: True"),
    ("import sys; sys.exit('no such file')", 1, "SystemExit: no such file"),
    ("import asyncio; await asyncio.sleep(0); raise SystemExit(4)", 4, "SystemExit: 4"),
]


@pytest.mark.same_everywhere
@pytest.mark.field("B7")
@rows(("leave", "code", "shown"), EXITS)
def test_code_that_exits_ends_like_a_script_and_the_kernel_keeps_running(
    executor: JupyterCodeExecutor, leave: str, code: int, shown: str
) -> None:
    result = run(executor, f"x = 1\nprint('bye')\n{leave}")
    assert (result.status, result.exit_code) == ("error" if code else "ok", code)
    assert result.output == f"bye\n{shown}"
    assert not result.kernel_restarted
    assert run(executor, "x").output == "1"


@pytest.mark.same_everywhere
@pytest.mark.field("B7")
@pytest.mark.parametrize("leave", ["raise SystemExit", "exit()"])
def test_blocks_after_an_exit_do_not_run(executor: JupyterCodeExecutor, leave: str) -> None:
    result = run(executor, "x = 1", f"print('bye')\n{leave}", "print('never')", "print('never')")
    assert (result.status, result.exit_code) == ("ok", 0)
    assert result.output.startswith("bye\n")
    assert result.output.endswith("Note: the code exited; code blocks that did not run: 2.")
    assert "never" not in result.output


@pytest.mark.same_everywhere
@pytest.mark.field("B7")
def test_an_exit_with_another_status_is_a_failure_without_a_note(
    executor: JupyterCodeExecutor,
) -> None:
    result = run(executor, "raise SystemExit(3)", "print('never')")
    assert (result.status, result.exit_code, result.output) == ("error", 3, "SystemExit: 3")


@pytest.mark.same_everywhere
@pytest.mark.ipython
@pytest.mark.field("B9")
def test_a_failed_installation_is_reported_and_does_not_end_the_block(
    executor: JupyterCodeExecutor,
) -> None:
    result = run(executor, "!pip install --no-index no-such-package", "print('goes on')")
    assert (result.status, result.exit_code) == ("ok", 0)
    assert result.output.startswith("ERROR: ")
    note = "Note: '!pip install --no-index no-such-package' failed with exit status 1.\n"
    assert result.output.endswith(f"{note}goes on\n")


@pytest.mark.same_everywhere
@pytest.mark.ipython
@pytest.mark.field("B8")
@pytest.mark.parametrize("language", ["bash", "sh", "python"])
def test_a_shell_block_ends_when_its_shell_ends(
    executor: JupyterCodeExecutor, language: str
) -> None:
    magic = "%%bash\n" if language == "python" else ""
    result = run(executor, f"{magic}sleep 60 &\necho started $!", language=language)
    assert result.status == "ok"
    word, process = result.output.split()
    assert word == "started"
    # The process continues to run, and can be ended.
    assert run(executor, f"kill {process}", language="sh").status == "ok"


@pytest.mark.same_everywhere
@pytest.mark.ipython
@pytest.mark.field("B8")
def test_background_processes_may_continue_to_print(executor: JupyterCodeExecutor) -> None:
    # If nobody read the pipe, the loop would end at its next echo.
    loop = "(while sleep 0.02; do echo on || exit; done; exit) &\necho $!"
    process = run(executor, loop, language="sh").output.split()[0]
    assert run(executor, f"sleep 0.2; kill {process}", language="sh").status == "ok"


@pytest.mark.same_everywhere
@pytest.mark.ipython
@pytest.mark.field("B8")
def test_output_of_background_processes_is_shown_while_the_shell_runs(
    executor: JupyterCodeExecutor,
) -> None:
    result = run(executor, "(echo one; echo two >&2) &\nwait\necho 'a&b'\nexit 3", language="bash")
    assert (result.status, result.exit_code) == ("error", 3)
    assert sorted(result.output.splitlines()[:3]) == ["a&b", "one", "two"]


@pytest.mark.ipython
@pytest.mark.field("B8")
def test_a_time_limit_ends_a_shell_with_a_background_process(
    executors: Executors, limit: float
) -> None:
    executor = executors(timeout=2 * limit)  # it takes a while to start a shell
    result = run(executor, "sleep 9 &\necho started\nsleep 60", language="sh")
    assert result.status == "timeout"
    assert "started" in result.output
    assert run(executor, "6 * 7").output == "42"


@pytest.mark.pitfall(5)
def test_a_kernel_deleted_by_another_program_is_replaced(
    executor: JupyterCodeExecutor, server: JupyterConnectable
) -> None:
    assert executor.kernel_id is not None
    with JupyterClient(server.connection_info) as client:
        client.delete_kernel(executor.kernel_id)
    first = run(executor, "print('here')")
    assert first.kernel_restarted
    assert (first.exit_code, first.status) in {(0, "ok"), (137, "died")}
    assert run(executor, "print('here')").exit_code == 0


def test_an_interrupt_from_another_thread_ends_the_cell(kernel: JupyterKernelClient) -> None:
    def interrupt(output: Output) -> None:
        if isinstance(output, Stream):
            threading.Thread(target=kernel.interrupt).start()

    result = kernel.execute(LOOP, 20, on_output=interrupt)
    assert result.status == "error"
    assert result.failure is not None
    assert result.failure.ename == "KeyboardInterrupt"


def test_ctrl_c_interrupts_the_kernel_and_is_raised(kernel: JupyterKernelClient) -> None:
    def ctrl_c(_: Output) -> None:
        raise KeyboardInterrupt

    kernel.execute("x = 7", 20)
    with pytest.raises(KeyboardInterrupt):
        kernel.execute(LOOP, 20, on_output=ctrl_c)
    assert kernel.execute("print(x)", 20).output == "7\n"


@pytest.mark.pitfall(6)
def test_cells_of_threads_run_in_turn_and_each_gets_its_own_output(
    executor: JupyterCodeExecutor,
) -> None:
    said: dict[int, str] = {}

    def work(number: int) -> None:
        said[number] = run(executor, f"for _ in range(3): print({number}, flush=True)").output

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {number: f"{number}\n" * 3 for number in range(6)}


def test_restart_removes_variables_and_the_result_does_not_report_it(
    executor: JupyterCodeExecutor,
) -> None:
    run(executor, "x = 1")
    executor.restart()
    result = run(executor, "print('x' in globals())")
    assert (result.output, result.kernel_restarted) == ("False\n", False)


def test_a_restart_by_another_thread_ends_the_running_cell(kernel: JupyterKernelClient) -> None:
    threads: list[threading.Thread] = []

    def restart(_: Output) -> None:
        if not threads:
            threads.append(threading.Thread(target=kernel.restart))
            threads[0].start()

    result = kernel.execute(LOOP, 30, on_output=restart)
    threads[0].join()
    # Some kernels still report the interrupt.
    assert result.status in {"died", "error"}
    assert result.failure is None or result.failure.ename == "KeyboardInterrupt"
    assert kernel.execute("print('fine')", 20).output == "fine\n"


@pytest.mark.same_everywhere
@pytest.mark.ipython
def test_shell_blocks_run_in_a_shell(executor: JupyterCodeExecutor) -> None:
    result = run(executor, 'echo "one"\n!echo "two"\n', language="bash")
    assert (result.exit_code, result.output) == (0, "one\ntwo\n")


@pytest.mark.same_everywhere
@pytest.mark.ipython
def test_a_shell_block_that_fails_is_an_error(executor: JupyterCodeExecutor) -> None:
    result = run(executor, "echo before\nexit 3", language="sh")
    assert result.exit_code == 3
    assert result.output.startswith("before\n")


@pytest.mark.same_everywhere
def test_a_language_that_the_kernel_does_not_run_is_an_error(executor: JupyterCodeExecutor) -> None:
    result = run(executor, "puts 1", language="ruby")
    assert result.exit_code == 1
    assert "ruby" in result.output
    assert "python" in result.output


@pytest.mark.same_everywhere
def test_code_with_half_of_a_character_is_an_error_and_the_next_block_runs(
    executor: JupyterCodeExecutor,
) -> None:
    result = run(executor, "print('\ud83d')")
    assert (result.exit_code, result.output) == (
        1,
        "InvalidCode: the code contains half of a character (U+D83D, a lone surrogate)",
    )
    assert run(executor, "print('\ud83d\ude00')").output == "\U0001f600\n"
    background = run(executor, "echo '\ud83d' &", language="bash")
    assert background.output.startswith("InvalidCode:")


def test_the_error_for_an_unknown_kernel_lists_the_installed_ones(executors: Executors) -> None:
    with pytest.raises(KernelSpecNotFound, match=r"nosuch.*installed( there)?: .*python3"):
        executors(kernel_name="nosuch")


@pytest.mark.pitfall(27)
def test_a_wrong_token_is_reported_at_once(server: JupyterConnectable) -> None:
    info = server.connection_info
    wrong = JupyterConnectionInfo(
        info.host, info.use_https, info.port, "wrong", base_path=info.base_path, verify=info.verify
    )
    with pytest.raises(GatewayUnauthorized, match="the token is wrong"):
        JupyterCodeExecutor(wrong)


@pytest.mark.pitfall(31)
def test_stop_deletes_the_kernel_and_may_be_called_twice(
    executors: Executors, server: JupyterConnectable
) -> None:
    executor = executors()
    kernel_id = executor.kernel_id
    assert kernel_id is not None
    executor.stop()
    executor.stop()
    with JupyterClient(server.connection_info) as client, pytest.raises(KernelNotFound):
        client.get_kernel(kernel_id)
    with pytest.raises(ClientClosed):
        run(executor, "1")


def test_an_attached_kernel_keeps_running(
    executor: JupyterCodeExecutor, executors: Executors
) -> None:
    run(executor, "x = 'shared'")
    with executors(kernel_id=executor.kernel_id) as guest:
        assert run(guest, "print(x)").output == "shared\n"
    assert run(executor, "print(x)").output == "shared\n"


def test_stop_from_another_thread_wakes_waiting_threads(kernel: JupyterKernelClient) -> None:
    def stop(_: Output) -> None:
        threading.Thread(target=kernel.stop).start()

    with pytest.raises(ClientClosed):
        kernel.execute(LOOP, 60, on_output=stop)


@pytest.mark.same_everywhere
def test_a_callback_cannot_run_another_cell(kernel: JupyterKernelClient) -> None:
    def nested(_: Output) -> None:
        kernel.execute("1", 5)

    with pytest.raises(RuntimeError, match="callback"):
        kernel.execute("print('x')", 20, on_output=nested)
    assert kernel.execute("print('usable')", 20).output == "usable\n"


@pytest.mark.same_everywhere
@pytest.mark.ipython
@pytest.mark.field("B11")
def test_a_shell_block_keeps_neither_directory_nor_variables(executor: JupyterCodeExecutor) -> None:
    show = 'echo "$PWD $COLOR"'
    change = "cd /\nexport COLOR=red"
    result = run(executor, show, f"{change}\n{show}", show, language="sh")
    before, changed, after = (one.output for one in result.results)
    assert changed == "/ red\n"
    assert before == after != changed


@pytest.mark.same_everywhere
@pytest.mark.field("A4")
def test_data_is_skipped_between_blocks_that_run(executor: JupyterCodeExecutor) -> None:
    message = "Here: ```python\nx = 20\n```\n```json\n{}\n```\n```python\nx + 1\n```\nDone"
    blocks = executor.code_extractor.extract_code_blocks(message)
    result = executor.execute_code_blocks(blocks)
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "21",
        "Note: 1 block was not run: json is not code for this kernel.",
    ]


def test_queries_are_answered(kernel: JupyterKernelClient) -> None:
    kernel.execute("spam = 1", 20)
    assert kernel.kernel_info()["language_info"]["name"] == "python"
    assert "spam" in kernel.complete("spa")["matches"]
    assert kernel.inspect("len")["found"] is True
    assert kernel.is_complete("for x in y:")["status"] == "incomplete"
    assert kernel.is_complete("x = 1")["status"] == "complete"
    assert [entry[2] for entry in kernel.history(1)["history"]] == ["spam = 1"]


def test_expressions_silence_and_history_are_passed_on(kernel: JupyterKernelClient) -> None:
    first = kernel.execute("y = 5", 20, user_expressions={"six": "y + 1", "bad": "1/0"})
    assert first.user_expressions["six"]["data"]["text/plain"] == "6"
    assert first.user_expressions["bad"]["status"] == "error"
    silent = kernel.execute("print(y)\ny", 20, silent=True)
    assert [type(o) for o in silent.outputs] == [Stream]
    unstored = kernel.execute("y", 20, store_history=False)
    assert unstored.output == "5"
    assert kernel.execute("y", 20).execution_count == (first.execution_count or 0) + 1


@pytest.mark.same_everywhere
@pytest.mark.pitfall(22)
def test_output_beyond_max_output_keeps_head_and_tail_and_counts(executors: Executors) -> None:
    executor = executors(max_output=10_000)
    result = run(executor, "for i in range(10_000): print(f'{i:05d}')")
    assert result.exit_code == 0
    assert result.output.startswith("00000\n00001\n")
    assert "09999\n" in result.output
    assert len(result.output) < 10_500
    assert result.truncated is not None
    assert 49_000 < result.truncated.characters < 52_000


@pytest.mark.same_everywhere
def test_raise_for_error_raises_what_a_caller_would_catch(
    kernel: JupyterKernelClient, limit: float
) -> None:
    kernel.execute("1", 20).raise_for_error()
    with pytest.raises(ExecutionError, match="ZeroDivisionError: division by zero") as caught:
        kernel.execute("print('x')\n1/0", 20).raise_for_error()
    assert caught.value.result.output.startswith("x\n")
    assert isinstance(caught.value.result.failure, Failure)
    with pytest.raises(ExecutionTimeout):
        kernel.execute(SLEEP, limit).raise_for_error()
    with pytest.raises(KernelDied):
        kernel.execute("import os\nos._exit(1)", 20).raise_for_error()


def test_late_output_of_a_thread_comes_with_the_next_cell(
    executor: JupyterCodeExecutor,
) -> None:
    start = """
        import threading, time
        def late():
            time.sleep(0.2)
            print("late")
        thread = threading.Thread(target=late)
        thread.start()
        print("in time")
    """
    assert run(executor, textwrap.dedent(start)).output == "in time\n"
    # The output should come between the two cells, but the test does not depend on that.
    time.sleep(0.3)
    assert run(executor, "thread.join()\nprint('next')").output == "late\nnext\n"
