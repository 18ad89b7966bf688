"""Large code and large output do not block the event loop of the program for long."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from forked_commands import Commands

from jkg_client import AsyncJupyterCodeExecutor, CodeBlock, JupyterConnectionInfo

# In a separate process, because the work of the gateway would stop our loop, too. Its kernel runs
# plain Python: IPython takes seconds to read code of megabytes. It does not run cells from CODES:
# the time to make them counts. Errors have the form that IPython gives them.
GATEWAY = """
import re, sys
from jkg_client.testing import FakeGateway

with FakeGateway(ipython=False) as server:
    server.script(re.compile("exit|pip install"))
    for text in ("\\x1b[A.", "x\\n"):
        said = text * (int(sys.argv[1]) // len(text))
        cell = server.script(re.compile("fail.*" + re.escape(repr(text))))
        cell.error("ValueError", said, ["-" * 75, "ValueError: " + said])
    print(server.connection_info.url, server.connection_info.token, flush=True)
    sys.stdin.read()
"""
SIZE = 400_000
"""Number of characters. It is small to keep the tests quick; 10 MB were measured by hand."""

CODES = {
    "here-documents": CodeBlock("exit\n" + "cat <<A\n" * (SIZE // 8) + "pip install", "bash"),
    "processes": CodeBlock("%%bash\nexit\n" + ": && " * (SIZE // 5) + ":", "python"),
    "commands": CodeBlock("exit\n" + "!pip\n" * (SIZE // 5) + "pip install", "bash"),
    "words": CodeBlock("exit\npip install " + "x " * (SIZE // 2), "bash"),
    "a string": CodeBlock('exit\npip install "' + "x" * SIZE + '"', "bash"),
    "a string of Python": CodeBlock("'pip install " + "x" * SIZE + "'; 1", "python"),
}
# Texts of megabytes: printed, in an exception, as a value.
SHOWN = {
    "backspaces": "print('a\\x08' * {half})",
    "cursor up": "print('a\\x1b[A' * {quarter})",
    "letters": "print('é' * {size})",
    "codes of one character": "print('\\x9b1m' * {third})",
    "the text of an error": "fail('\\x1b[A.' * {quarter})",
    "lines of an error": "fail('x\\n' * {half})",
    "a value": "'x\\n' * {half}",
}


@pytest.fixture(scope="module")
def gateway(
    commands: Commands, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JupyterConnectionInfo]:
    folder = tmp_path_factory.mktemp("gateway")
    with contextlib.closing(
        commands.start(
            [str(SIZE)], program=GATEWAY, env=dict(os.environ), cwd=folder, stdin=-1, stdout=-1
        )
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url, token = process.stdout.readline().split()
        yield JupyterConnectionInfo.from_url(url, token=token)
        process.stdin.close()
        assert process.wait() == 0


async def longest_gap(task: Awaitable[object]) -> float:
    """The longest time in seconds for which an event loop was blocked."""
    running, longest = asyncio.ensure_future(task), 0.0
    last = time.perf_counter()
    while not running.done():
        await asyncio.sleep(0.001)
        last, before = time.perf_counter(), last
        longest = max(longest, last - before)
    await running
    return longest


def busy(seconds: float) -> None:
    """A thread of plain Python, which lets other threads run each few milliseconds."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


async def gaps(
    connection: JupyterConnectionInfo,
    folder: Path,
    jobs: Callable[[AsyncJupyterCodeExecutor], list[Awaitable[object]]],
) -> tuple[float, list[float]]:
    """The usual gap of this machine beside a busy thread, and the gaps of the jobs."""
    async with AsyncJupyterCodeExecutor(connection, timeout=60, output_dir=folder) as executor:
        own = await longest_gap(asyncio.to_thread(busy, 0.15))
        return own, [await longest_gap(job) for job in jobs(executor)]


def test_the_loop_goes_on_while_code_of_megabytes_becomes_cells(
    gateway: JupyterConnectionInfo, tmp_path: Path
) -> None:
    def jobs(executor: AsyncJupyterCodeExecutor) -> list[Awaitable[object]]:
        return [executor.execute_code_blocks([block]) for block in CODES.values()]

    own, measured = asyncio.run(gaps(gateway, tmp_path, jobs))
    assert max(measured) < 0.2 + 8 * own, dict(zip(CODES, measured))


def test_the_loop_goes_on_while_output_of_megabytes_is_folded(
    gateway: JupyterConnectionInfo, tmp_path: Path
) -> None:
    def jobs(executor: AsyncJupyterCodeExecutor) -> list[Awaitable[object]]:
        sizes = {"size": SIZE, "half": SIZE // 2, "third": SIZE // 3, "quarter": SIZE // 4}
        codes = [code.format(**sizes) for code in SHOWN.values()]
        return [executor.execute_code_blocks([CodeBlock(code, "python")]) for code in codes]

    own, measured = asyncio.run(gaps(gateway, tmp_path, jobs))
    assert max(measured) < 0.2 + 8 * own, dict(zip(SHOWN, measured))
