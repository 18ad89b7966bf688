"""A program leaves nothing behind, and its forked children cannot use its kernels, on any server.

The programs run in separate processes, so that signals, forks and ends of programs are real. These
processes are forked, because most of the time of a new interpreter would be for imports.
"""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
from fixtures import Executors, Programs

from jkg_client import (
    JupyterClient,
    JupyterCodeExecutor,
    JupyterConnectable,
)
from jkg_client.client.deadline import Deadline

ENDING = 60.0
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked there")

PRELUDE = """
import asyncio, os, random, signal, sys, threading, time, warnings
from jkg_client import *

server = JupyterConnectionInfo.from_url(sys.argv[1], token=os.environ.pop("TEST_TOKEN"))
block = lambda code: [CodeBlock(code, "python")]
"""


def kernels(server: JupyterConnectable) -> set[str]:
    with JupyterClient(server.connection_info) as client:
        return {kernel["id"] for kernel in client.list_kernels()}


@pytest.fixture
def run(programs: Programs, server: JupyterConnectable) -> Programs:
    """Runs a program that begins with ``PRELUDE``."""
    info = server.connection_info

    def run(program: str, **options: Any) -> tuple[int, str, str]:
        return programs(PRELUDE + program, info.url, TEST_TOKEN=info.token or "", **options)

    return run


def gone(server: JupyterConnectable, before: set[str]) -> set[str]:
    """New kernels that still exist after a while."""
    deadline = Deadline(20.0)
    while (left := kernels(server) - before) and not deadline.passed:
        time.sleep(0.1)
    return left


FORKED = """
with JupyterCodeExecutor(server, output_dir="/tmp") as executor:
    executor.execute_code_blocks(block("x = 6"))
    child = os.fork()
    if not child:
        said = []
        for attempt in (
            lambda: executor.execute_code_blocks(block("x = 0")),
            executor.restart,
            lambda: executor.stop(),
        ):
            try:
                attempt()
            except ClientClosed as exc:
                said.append("forked" in str(exc))
        os._exit(0 if said == [True, True] else 1)
    print(os.waitpid(child, 0)[1], executor.execute_code_blocks(block("x * 7")).output)
"""


@FORKS
@pytest.mark.field("D3")
def test_a_forked_child_can_neither_use_nor_end_objects_of_its_parent(
    server: JupyterConnectable, run: Programs
) -> None:
    before = kernels(server)
    assert run(FORKED) == (0, "0 42\n", "")
    assert gone(server, before) == set()


FORKED_AND_ENDED = """
warnings.simplefilter("ignore", ResourceWarning)  # of descriptors that the child inherits
executor = JupyterCodeExecutor(server, output_dir="/tmp")
executor.execute_code_blocks(block("x = 6"))
child = os.fork()
if child:
    os.waitpid(child, 0)
    print(executor.execute_code_blocks(block("x * 7")).output)
    executor.stop()
"""


@FORKS
@pytest.mark.field("D3")
def test_the_end_of_a_forked_child_leaves_the_kernel_to_its_parent(run: Programs) -> None:
    assert run(FORKED_AND_ENDED) == (0, "42\n", "")


CHILD_WITH_ITS_OWN = """
with JupyterClient(server) as client:
    default = client.list_kernel_specs()["default"]
    child = os.fork()
    if not child:
        with JupyterCodeExecutor(server, output_dir="/tmp") as own:
            good = own.execute_code_blocks(block("6 * 7")).output == "42"
        specs = [client.list_kernel_specs()["default"] for _ in range(20)]
        os._exit(0 if good and set(specs) == {default} else 1)
    specs = [client.list_kernel_specs()["default"] for _ in range(20)]
    print(os.waitpid(child, 0)[1], set(specs) == {default})
"""


@FORKS
@pytest.mark.field("D3")
def test_a_forked_child_may_have_its_own_executor(run: Programs) -> None:
    assert run(CHILD_WITH_ITS_OWN) == (0, "0 True\n", "")


INTERRUPTED = """
import _thread

warnings.simplefilter("ignore", ResourceWarning)  # a forgotten one is told, and ended
random.seed(7)


def strike(after):
    time.sleep(after)
    _thread.interrupt_main()


def life():
    executor = JupyterCodeExecutor(server, output_dir="/tmp")
    executor.execute_code_blocks(block("1"))
    executor.stop()


life()  # with imports
begun = time.monotonic()
life()
whole = 1.2 * (time.monotonic() - begun)
struck = 0
for _ in range(int(os.environ["TRIES"])):
    thread = threading.Thread(target=strike, args=[random.random() * whole])
    try:
        thread.start()
        life()
        thread.join()
        time.sleep(0.001)
    except KeyboardInterrupt:
        struck += 1
    thread.join()
print(struck > 0, threading.active_count())
"""


@pytest.mark.field("D4")
def test_ctrl_c_at_any_moment_leaves_no_kernel_and_no_thread(
    server: JupyterConnectable, tries: int, run: Programs
) -> None:
    before = kernels(server)
    assert run(INTERRUPTED, seconds=5 * ENDING, TRIES=str(tries)) == (0, "True 1\n", "")
    assert gone(server, before) == set()


@pytest.mark.field("D5")
def test_a_forgotten_executor_is_ended_and_causes_a_warning(
    server: JupyterConnectable, executors: Executors
) -> None:
    before = kernels(server)
    forgotten = JupyterCodeExecutor(server, output_dir=executors()._output_dir)
    assert forgotten.kernel_id in kernels(server) - before
    kernel_id = forgotten.kernel_id
    with pytest.warns(ResourceWarning, match=f"kernel {kernel_id} was not stopped"):
        del forgotten
    assert kernel_id not in kernels(server)


NEVER_STOPPED = """
warnings.simplefilter("ignore", ResourceWarning)
executor = JupyterCodeExecutor(server, output_dir="/tmp")
print(executor.execute_code_blocks(block("6 * 7")).output)
"""

AMID_A_CELL = """
warnings.simplefilter("ignore", ResourceWarning)
executor = AsyncJupyterCodeExecutor(server, output_dir="/tmp", on_output=lambda _: begun.set())
loop = asyncio.new_event_loop()
warnings.simplefilter("ignore")  # the loop is left as it is
code = "print('on', flush=True); import time; time.sleep(50)"


async def main():
    global begun
    begun = asyncio.Event()  # Python 3.9 ties it to the loop that runs
    await executor.start()
    loop.create_task(executor.execute_code_blocks(block(code)))
    await begun.wait()


loop.run_until_complete(main())
print("42")
"""

AMID_A_THREAD = """
warnings.simplefilter("ignore", ResourceWarning)
begun = threading.Event()
executor = JupyterCodeExecutor(server, output_dir="/tmp", on_output=lambda _: begun.set())
code = "print('on', flush=True); import time; time.sleep(50)"
threading.Thread(target=executor.execute_code_blocks, args=(block(code),), daemon=True).start()
begun.wait()
print("42")
"""


@pytest.mark.field("D5", "D6")
@pytest.mark.parametrize("program", [NEVER_STOPPED, AMID_A_CELL, AMID_A_THREAD])
def test_the_end_of_the_program_ends_the_kernel_and_waits_for_no_cell(
    program: str, server: JupyterConnectable, run: Programs
) -> None:
    before = kernels(server)
    begun = time.monotonic()
    status, out, err = run(program)
    assert (status, out) == (0, "42\n"), err
    assert time.monotonic() - begun < 40
    assert gone(server, before) == set()
