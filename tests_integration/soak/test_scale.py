"""Load tests: many kernels, executors, servers and blocks, and endless output.

They take minutes, so they have their own command: ``tox -e soak``. The printed figures are in
docs/faults.md.
"""

from __future__ import annotations

import gc
import resource
import statistics
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jkg_client import CodeBlock, JupyterClient, JupyterCodeExecutor, LocalJupyterServer

Say = pytest.CaptureFixture[str]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalJupyterServer]:
    # With a shared history, so many kernels would print "database is locked".
    settings = tmp_path / "ipython" / "profile_default" / "ipython_kernel_config.py"
    settings.parent.mkdir(parents=True)
    settings.write_text('get_config().HistoryManager.hist_file = ":memory:"')
    with LocalJupyterServer(env={"IPYTHONDIR": str(tmp_path / "ipython")}) as running:
        yield running


def run(executor: JupyterCodeExecutor, code: str) -> str:
    result = executor.execute_code_blocks([CodeBlock(code, "python")])
    assert (result.exit_code, result.truncated, result.kernel_restarted) == (0, None, False)
    return result.output


def resident() -> float:
    """Megabytes of memory in use."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def descriptors() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def report(capsys: Say, text: str) -> None:
    with capsys.disabled():
        print(f"\n{text}")


def test_64_executors_in_threads(server: LocalJupyterServer, tmp_path: Path, capsys: Say) -> None:
    before, threads = descriptors(), set(threading.enumerate())

    def work(number: int) -> list[str]:
        with JupyterCodeExecutor(server, timeout=300, output_dir=tmp_path) as executor:
            run(executor, f"mine = {number}")
            meeting.wait(600)  # until all kernels run at the same time
            return [run(executor, f"print(mine, {turn})") for turn in range(20)]

    meeting = threading.Barrier(64)
    started = time.monotonic()
    with ThreadPoolExecutor(64) as pool:
        said = list(pool.map(work, range(64)))
    took = time.monotonic() - started
    assert said == [[f"{number} {turn}\n" for turn in range(20)] for number in range(64)]
    with JupyterClient(server.connection_info) as client:
        assert client.list_kernels() == []
    assert set(threading.enumerate()) == threads
    assert descriptors() <= before
    report(capsys, f"64 executors, 64 kernels, 1280 blocks: {took:.0f} s")


def test_64_kernels_of_one_client(server: LocalJupyterServer) -> None:
    with server.get_client() as client:
        ids = [client.start_kernel("python3") for _ in range(64)]
        kernels = [client.get_kernel_client(kernel_id) for kernel_id in ids]
        assert all(kernel.wait_for_ready(300) for kernel in kernels)
        for number, kernel in enumerate(kernels):
            assert kernel.execute(f"mine = {number}", 60).is_ok
        said = [kernel.execute("mine", 60).output for kernel in kernels]
        assert said == [str(number) for number in range(64)]
        for kernel in kernels:
            kernel.stop()
        for kernel_id in ids:
            client.delete_kernel(kernel_id)
        assert client.list_kernels() == []


def test_10000_blocks_on_one_executor(server: LocalJupyterServer, capsys: Say) -> None:
    times: list[float] = []
    with JupyterCodeExecutor(server) as executor:
        for number in range(10_000):
            started = time.perf_counter()
            assert run(executor, f"print({number})") == f"{number}\n"
            times.append(time.perf_counter() - started)
            if number == 1000:
                before = (resident(), descriptors(), threading.active_count())
        after = (resident(), descriptors(), threading.active_count())
    assert after[1:] == before[1:]
    assert after[0] - before[0] < 5
    report(
        capsys,
        f"10,000 blocks: median {statistics.median(times) * 1000:.1f} ms, slowest"
        f" {max(times) * 1000:.0f} ms, {after[0] - before[0]:+.1f} MB since the 1000th",
    )


def test_200_executors_one_after_the_other(server: LocalJupyterServer, capsys: Say) -> None:
    for number in range(200):
        with JupyterCodeExecutor(server) as executor:
            assert run(executor, "6 * 7") == "42"
        if number == 20:
            before = (resident(), descriptors(), threading.active_count())
    after = (resident(), descriptors(), threading.active_count())
    assert after[1:] == before[1:]
    assert after[0] - before[0] < 5
    with JupyterClient(server.connection_info) as client:
        assert client.list_kernels() == []
    report(capsys, f"200 executors: {after[0] - before[0]:+.1f} MB since the 20th")


def test_50_servers_one_after_the_other(capsys: Say) -> None:
    for number in range(50):
        with LocalJupyterServer() as server, JupyterCodeExecutor(server) as executor:
            assert run(executor, "6 * 7") == "42"
        if number == 10:
            before = (resident(), descriptors(), threading.active_count())
    after = (resident(), descriptors(), threading.active_count())
    assert after[1:] == before[1:]
    assert after[0] - before[0] < 5
    report(capsys, f"50 servers: {after[0] - before[0]:+.1f} MB since the 10th")


@pytest.mark.pitfall(1)
def test_an_idle_executor_outlives_the_pings_of_the_server(server: LocalJupyterServer) -> None:
    with JupyterCodeExecutor(server) as executor:
        run(executor, "x = 7")
        time.sleep(200)  # the server pings at 30 and 60 s and closes at about 90 s
        assert run(executor, "x") == "7"
        assert run(executor, "x") == "7"


@pytest.mark.pitfall(22)
def test_an_endless_printer_takes_three_times_max_output(capsys: Say) -> None:
    program = """
        import resource
        from jkg_client import CodeBlock, JupyterCodeExecutor, LocalJupyterServer
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        printer = "i = 0\\nwhile True: print(f'{i:080d}'); i += 1"
        with LocalJupyterServer() as server:
            with JupyterCodeExecutor(server, timeout=20, max_output=64 * 2**20) as executor:
                executor.execute_code_blocks([CodeBlock("print(1)", "python")])
                before = peak()
                result = executor.execute_code_blocks([CodeBlock(printer, "python")])
                assert result.status == "timeout" and result.truncated.characters > 64 * 2**20
                print((peak() - before) / 64)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert float(done.stdout) < 3.5
    report(capsys, f"endless printer: peak {float(done.stdout):.1f} times max_output of 64 Mi")
