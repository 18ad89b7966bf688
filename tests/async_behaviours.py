"""Behaviour of the executor for event loops that users can rely on, on any server.

These tests are collected twice, in the same way as ``behaviours``.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from behaviours import LOOP, SLEEP, STUBBORN

from jkg_client import (
    AsyncJupyterCodeExecutor,
    ClientClosed,
    CodeBlock,
    CodeResult,
    JupyterClient,
    JupyterConnectable,
    JupyterConnectionInfo,
    KernelSpecNotFound,
    Output,
    Stream,
)
from jkg_client.client.timeouts import Timeouts

T = TypeVar("T")

Executors = Callable[..., AsyncJupyterCodeExecutor]


@pytest.fixture
def executors(server: JupyterConnectable, tmp_path: Path, timeouts: Timeouts) -> Executors:
    def executor(**options: Any) -> AsyncJupyterCodeExecutor:
        options = {"timeout": 30, "output_dir": tmp_path, "timeouts": timeouts, **options}
        return AsyncJupyterCodeExecutor(server, **options)

    return executor


def run(main: Callable[[], Awaitable[T]]) -> T:
    """Longest time that a callback may block the event loop, in seconds. The loop reports more."""

    async def timed() -> T:
        return await asyncio.wait_for(main(), 60)

    return asyncio.run(timed())


async def execute(executor: AsyncJupyterCodeExecutor, *codes: str) -> CodeResult:
    return await executor.execute_code_blocks([CodeBlock(code, "python") for code in codes])


def kernels_of(server: JupyterConnectable) -> list[str]:
    """Ids of the kernels of a server, or of a provider of kernels without a server."""
    if hasattr(server, "kernel_ids"):
        return list(server.kernel_ids)
    with JupyterClient(server.connection_info) as client:
        return [kernel["id"] for kernel in client.list_kernels()]


def until(path: Path) -> str:
    """Code that waits until a file exists."""
    return f"import os, time\nwhile not os.path.exists({str(path)!r}): time.sleep(0.01)"


class Outputs(list[str]):
    """An ``on_output`` that keeps the outputs, and the time of the first one."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()
        self.came = asyncio.Event()

    def __call__(self, output: Output) -> None:
        self.threads.add(threading.get_ident())
        if isinstance(output, Stream):
            self.append(output.text)
        self.came.set()


def test_variables_are_kept_between_calls(executors: Executors) -> None:
    async def main() -> list[str]:
        async with executors() as executor:
            return [(await execute(executor, code)).output for code in ("x = 41", "x += 1", "x")]

    assert run(main) == ["", "", "42"]


def test_the_kernel_is_deleted_at_the_end(executors: Executors, server: JupyterConnectable) -> None:
    async def main() -> list[str]:
        async with executors() as executor:
            assert executor.kernel_id is not None
            return [executor.kernel_id]

    before, threads = kernels_of(server), threads_of_ours()
    (kernel_id,) = run(main)
    assert kernel_id not in before
    assert kernels_of(server) == before
    assert threads_of_ours() <= threads


def test_the_first_blocks_start_the_kernel_and_stop_ends_it(executors: Executors) -> None:
    async def main() -> None:
        executor = executors()
        assert executor.kernel_id is None
        assert (await execute(executor, "6 * 7")).output == "42"
        await executor.stop()
        await executor.stop()
        with pytest.raises(ClientClosed):
            await execute(executor, "1")

    run(main)


def test_the_event_loop_continues_while_a_block_runs(executors: Executors) -> None:
    async def main() -> None:
        async with executors() as executor:
            block = asyncio.ensure_future(execute(executor, "import time\ntime.sleep(0.3)"))
            turns = 0
            while not block.done():
                turns += 1
                await asyncio.sleep(0.005)
            assert (await block).exit_code == 0
            assert turns > 20

    run(main)


@pytest.mark.field("B14")
def test_a_block_becomes_a_cell_in_another_thread(executors: Executors) -> None:
    threads: list[threading.Thread] = []

    class Block:
        language = "python"

        @property
        def code(self) -> str:
            threads.append(threading.current_thread())
            return "6 * 7"

    async def main() -> str:
        async with executors() as executor:
            blocks: Any = [Block()]
            return (await executor.execute_code_blocks(blocks)).output

    assert run(main) == "42"
    # Only its type is checked in the loop. Converting it to a cell may take longer.
    assert threads[-1] is not threading.main_thread()


def test_output_is_passed_in_the_event_loop_before_the_result(executors: Executors) -> None:
    async def main() -> None:
        shown = Outputs()
        async with executors(on_output=shown) as executor:
            result = await execute(executor, "for i in range(3): print(i, flush=True)")
            assert "".join(shown) == result.output == "0\n1\n2\n"
        assert shown.threads == {threading.get_ident()}

    run(main)


def test_output_is_passed_in_the_event_loop_of_the_call(
    executors: Executors, tmp_path: Path
) -> None:
    ended = tmp_path / "ended"

    async def main() -> None:
        shown = Outputs()
        executor = executors(on_output=shown)
        block = asyncio.ensure_future(
            execute(executor, f"print(1, flush=True)\n{until(ended)}\nprint(2)")
        )
        await shown.came.wait()

        async def gives_up() -> None:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(execute(executor, "3"), 0.1)

        # Another loop, which is closed before the block ends.
        await asyncio.get_running_loop().run_in_executor(None, asyncio.run, gives_up())
        ended.touch()
        assert (await block).output == "".join(shown) == "1\n2\n"
        assert shown.threads == {threading.get_ident()}
        await executor.stop()

    run(main)


def test_executors_in_one_loop_run_at_the_same_time(executors: Executors, tmp_path: Path) -> None:
    def meets(own: str, other: str) -> str:
        begun = f"open({str(tmp_path / own)!r}, 'x').close()"
        return f"{begun}\n{until(tmp_path / other)}\n'met'"

    async def main() -> list[str]:
        async with executors() as one, executors() as two:
            results = await asyncio.gather(
                execute(one, meets("a", "b")), execute(two, meets("b", "a"))
            )
            return [result.output for result in results]

    assert run(main) == ["'met'", "'met'"]


def test_blocks_of_one_executor_run_in_order(executors: Executors) -> None:
    async def main() -> list[str]:
        async with executors() as executor:
            await execute(executor, "order = []")
            await asyncio.gather(*(execute(executor, f"order.append({i})") for i in range(5)))
            return [(await execute(executor, "order")).output]

    assert run(main) == ["[0, 1, 2, 3, 4]"]


RESTARTED = "False\nNote: the kernel was restarted, variables are gone."


@pytest.mark.parametrize(
    ("code", "kept"),
    [(LOOP, "True"), pytest.param(STUBBORN, RESTARTED, marks=pytest.mark.short_grace)],
)
def test_a_cancelled_task_ends_its_block_and_the_kernel_stays_usable(
    executors: Executors, code: str, kept: str
) -> None:
    async def main() -> str:
        shown = Outputs()
        async with executors(on_output=shown) as executor:
            await execute(executor, "x = 1")
            task = asyncio.ensure_future(execute(executor, code, "never = 1"))
            await shown.came.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            output = (await execute(executor, "'x' in globals()")).output
            assert (await execute(executor, "'never' in globals()")).output == "False"
            return output

    assert run(main) == kept


@pytest.mark.short_grace
def test_a_task_that_is_cancelled_several_times_waits_for_its_kernel(
    executors: Executors, timeouts: Timeouts
) -> None:
    async def main() -> str:
        shown, loop = Outputs(), asyncio.get_running_loop()
        async with executors(on_output=shown) as executor:
            task = asyncio.ensure_future(execute(executor, STUBBORN))
            await shown.came.wait()
            begun = loop.time()
            while not task.done():
                task.cancel()
                await asyncio.sleep(0.01)
            assert task.cancelled()
            assert loop.time() - begun >= timeouts.grace
            return (await execute(executor, "x = 1")).output

    assert run(main) == "Note: the kernel was restarted, variables are gone."


def test_after_a_cancelled_task_the_next_result_reports_a_death(
    executors: Executors,
) -> None:
    async def main() -> str:
        async with executors() as executor:
            await execute(executor, "x = 1")
            task = asyncio.ensure_future(execute(executor, "import os\nos._exit(1)"))
            await asyncio.sleep(0)
            # This loop waits until the other call has run. So it does not process the result.
            with ThreadPoolExecutor(1) as other:
                other.submit(asyncio.run, executor.start()).result(30)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return (await execute(executor, "'x' in globals()")).output

    assert run(main) == RESTARTED


def test_a_call_may_have_its_own_time_limit(executors: Executors) -> None:
    async def main() -> int:
        async with executors() as executor:
            block = CodeBlock(SLEEP, "python")
            return (await executor.execute_code_blocks([block], timeout=0.2)).exit_code

    assert run(main) == 124


def test_a_cancelled_task_does_not_end_blocks_of_another_task(executors: Executors) -> None:
    async def main() -> set[str]:
        outputs = set()
        async with executors() as executor:
            for n in range(25):
                first = asyncio.ensure_future(execute(executor, "1"))
                second = asyncio.ensure_future(
                    execute(executor, "import time\ntime.sleep(0.01)\n2")
                )
                await asyncio.sleep(n * 0.0003)
                first.cancel()
                # An interrupt during a reply sometimes breaks the kernel. Then a note says so.
                outputs.add((await second).output.partition("\n")[0])
        return outputs

    assert run(main) == {"2"}


def test_a_task_that_is_cancelled_at_once_runs_nothing(executors: Executors) -> None:
    async def main() -> str:
        async with executors() as executor:
            for delay in (0.0, 0.001, 0.01):
                task = asyncio.ensure_future(execute(executor, LOOP, LOOP))
                await asyncio.sleep(delay)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            return (await execute(executor, "6 * 7")).output

    assert run(main) == "42"


EAGER = getattr(asyncio, "eager_task_factory", None)  # of Python 3.12


@pytest.mark.parametrize("factory", [None, EAGER], ids=["as ever", "eager"])
def test_a_waiting_task_can_be_cancelled_alone(
    executors: Executors, factory: Any, tmp_path: Path
) -> None:
    cancelled = tmp_path / "cancelled"

    async def main() -> str:
        asyncio.get_running_loop().set_task_factory(factory)
        async with executors() as executor:
            first = asyncio.ensure_future(execute(executor, f"{until(cancelled)}\nx = 1"))
            second = asyncio.ensure_future(execute(executor, "x = 2"))
            await asyncio.sleep(0.1)
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            cancelled.touch()
            assert (await first).exit_code == 0
            return (await execute(executor, "x")).output

    assert run(main) == "1"


def test_a_start_that_is_cancelled_leaves_no_kernel(
    executors: Executors, server: JupyterConnectable
) -> None:
    async def main() -> None:
        executor = executors()
        task = asyncio.ensure_future(executor.__aenter__())
        await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    before, threads = kernels_of(server), threads_of_ours()
    run(main)
    ends = time.monotonic() + 30
    while not threads_of_ours() <= threads and time.monotonic() < ends:
        time.sleep(0.05)
    assert kernels_of(server) == before


def threads_of_ours() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("jkg_client")}


def test_a_cancelled_stop_is_completed(executors: Executors, server: JupyterConnectable) -> None:
    async def main() -> None:
        loop, free = asyncio.get_running_loop(), threading.Event()
        loop.set_default_executor(ThreadPoolExecutor(1))
        executor = executors()
        await executor.start()
        busy = loop.run_in_executor(None, free.wait, 30)
        stopping = asyncio.ensure_future(executor.stop())
        await asyncio.sleep(0)
        stopping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopping
        free.set()
        await busy

    before = kernels_of(server)
    run(main)
    assert kernels_of(server) == before


def test_with_does_not_start_a_stopped_executor(executors: Executors) -> None:
    async def main() -> None:
        executor = executors()
        await executor.stop()
        with pytest.raises(ClientClosed):
            await executor.__aenter__()

    run(main)


def test_calls_that_wait_during_stop_get_an_error(executors: Executors) -> None:
    async def main() -> None:
        shown = Outputs()
        executor = executors(on_output=shown)
        first = asyncio.ensure_future(execute(executor, LOOP))
        second = asyncio.ensure_future(execute(executor, "1"))
        await shown.came.wait()
        await executor.stop()
        results = await asyncio.gather(first, second, return_exceptions=True)
        assert [type(result) for result in results] == [ClientClosed, ClientClosed]

    run(main)


def test_calls_that_wait_for_the_start_during_stop_never_run(
    executors: Executors, server: JupyterConnectable
) -> None:
    async def main() -> None:
        executor = executors()
        waiting = [asyncio.ensure_future(execute(executor, LOOP)) for _ in range(2)]
        await asyncio.sleep(0)
        await executor.stop()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [ClientClosed, ClientClosed]

    before = kernels_of(server)
    run(main)
    assert kernels_of(server) == before


def test_an_unknown_kernel_is_an_error_at_the_start(executors: Executors) -> None:
    async def main() -> None:
        executor = executors(kernel_name="nosuch")
        with pytest.raises(KernelSpecNotFound):
            await executor.start()
        await executor.stop()

    run(main)


def test_a_server_that_cannot_be_reached_is_an_error(executors: Executors) -> None:
    async def main() -> None:
        nobody = JupyterConnectionInfo("127.0.0.1", use_https=False, port=1)
        executor = AsyncJupyterCodeExecutor(nobody)
        with pytest.raises(ConnectionError):
            await execute(executor, "1")
        await executor.stop()

    run(main)
