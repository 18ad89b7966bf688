"""Two clients of one kernel do not disturb each other, on any server."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from raw_client import RawKernel

from jkg_client import (
    ExecutionResult,
    JupyterClient,
    JupyterConnectable,
    JupyterKernelClient,
    Stream,
    Timeouts,
)

PRINTS = "import time; print('on', flush=True); time.sleep({}); print('whole')"


@pytest.mark.field("C8")
def test_a_time_limit_interrupts_no_code_of_another_program(
    server: JupyterConnectable, kernel: JupyterKernelClient, timeouts: Timeouts
) -> None:
    with (
        JupyterClient(server.connection_info) as client,
        JupyterKernelClient(client, kernel.kernel_id, timeouts=timeouts) as ours,
        ThreadPoolExecutor(1) as pool,
    ):
        assert ours.execute("1", 30).is_ok
        begun = threading.Event()
        code = PRINTS.format(timeouts.grace + 0.5)
        theirs = pool.submit(kernel.execute, code, 60, on_output=lambda _: begun.set())
        assert begun.wait(30)
        late = ours.execute("import time; time.sleep(60); print('never')", 0.3)
        assert (late.status, late.output.partition(":")[0]) == ("timeout", "NotBegun")
        assert not late.kernel_restarted
        # The waiting cell is ours. It is interrupted when it begins.
        after = ours.execute("print('after')", 30)
        assert theirs.result(60).output == "on\nwhole\n"
        assert (after.status, after.output, after.kernel_restarted) == ("ok", "after\n", False)


@pytest.mark.field("C8")
@pytest.mark.pitfall(18)
def test_a_failure_of_another_program_does_not_abort_our_cells(
    server: JupyterConnectable, kernel: JupyterKernelClient
) -> None:
    with (
        RawKernel(server, kernel.kernel_id, "theirs") as theirs,
        ThreadPoolExecutor(1) as pool,
    ):
        code = "import time; print('on', flush=True); time.sleep(0.3); 1/0"
        theirs.send("execute_request", {"code": code, "stop_on_error": True})
        theirs.until("iopub stream on\n")
        ours = pool.submit(kernel.execute, "print('ours')", 60).result(90)
    assert (ours.status, ours.outputs) == ("ok", (Stream("stdout", "ours\n"),))


@pytest.mark.field("C8")
def test_a_failure_of_our_cell_does_not_abort_cells_of_another_program(
    server: JupyterConnectable, kernel: JupyterKernelClient
) -> None:
    begun = threading.Event()
    with (
        RawKernel(server, kernel.kernel_id, "theirs") as theirs,
        ThreadPoolExecutor(1) as pool,
    ):
        code = "import time; print('on', flush=True); time.sleep(0.3); 1/0"
        ours = pool.submit(kernel.execute, code, 60, on_output=lambda _: begun.set())
        assert begun.wait(30)
        asked = theirs.send("execute_request", {"code": "print('theirs')"})
        answers = theirs.answers(asked)
        result: ExecutionResult = ours.result(60)
    assert result.status == "error"
    assert "theirs\n" in [message["content"].get("text") for message in answers]
