"""Pipes that another process has set to non-blocking, here and as streams of commands."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
from forked_commands import Command, Commands, environment
from surroundings import in_the_foreground

from jkg_client.testing import FakeGateway
from jkg_client.waiting_files import WaitingReader, WaitingWriter

SECONDS = 60
SMALL = 4096
LARGE = 200_000
"""Bytes that fill a small pipe so often that its other end cannot always be quicker."""

Pipe = tuple[io.FileIO, io.FileIO]
Start = Callable[..., Command]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """The ends of a small pipe. Both are non-blocking."""
    reading, writing = os.pipe()
    for fd in (reading, writing):
        os.set_blocking(fd, False)
    # Other systems than Linux cannot change the size.
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, SMALL)
    with io.FileIO(reading) as reader, io.FileIO(writing, "w") as writer:
        yield reader, writer


@pytest.fixture
def environ(server: FakeGateway) -> dict[str, str]:
    return environment(server)


@pytest.fixture
def start(commands: Commands, environ: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts the command in its own process, which ends with the test."""
    with contextlib.ExitStack() as stack, in_the_foreground():

        def start(*words: str, **streams: int) -> Command:
            options: Any = {"stdout": -1, "stderr": -1, **streams}
            command = commands.start([*words], env=environ, cwd=tmp_path, **options)
            stack.callback(command.close)
            return command

        yield start


def all_of(reader: io.FileIO) -> bytes:
    """Everything until the end of the pipe."""
    os.set_blocking(reader.fileno(), True)
    return reader.readall()


def give(writer: io.FileIO, data: bytes) -> None:
    """Write everything, and end the input."""
    os.set_blocking(writer.fileno(), True)
    with io.BufferedWriter(writer) as file:
        file.write(data)


def test_a_file_waits_for_space_in_a_pipe(pipe: Pipe) -> None:
    reader, writer = pipe

    def write() -> None:
        with WaitingWriter(writer) as file:
            file.write(b"x" * LARGE)

    writing = threading.Thread(target=write)
    writing.start()
    assert len(all_of(reader)) == LARGE
    writing.join()


def test_a_wait_takes_no_processor_time(pipe: Pipe) -> None:
    reader, writer = pipe
    used: list[float] = []

    def wait() -> None:
        with WaitingReader(reader.fileno(), "rb", closefd=False) as file:
            begun = time.thread_time()
            assert file.read(1) == b"x"
            used.append(time.thread_time() - begun)

    waiting = threading.Thread(target=wait)
    waiting.start()
    waiting.join(0.3)
    writer.write(b"x")
    waiting.join()
    assert used[0] < 0.1


def test_a_file_is_read_up_to_the_end_of_the_pipe(pipe: Pipe) -> None:
    reader, writer = pipe
    found: list[bytes] = []

    def read() -> None:
        with WaitingReader(reader.fileno(), "rb", closefd=False) as file:
            found.extend([file.read(2), file.read()])

    reading = threading.Thread(target=read)
    reading.start()
    give(writer, b"ab" + b"x" * LARGE)
    reading.join()
    assert found == [b"ab", b"x" * LARGE]


def test_a_full_pipe_without_a_reader_is_an_error(pipe: Pipe) -> None:
    reader, writer = pipe
    ended: list[bool] = []

    def write() -> None:
        with contextlib.suppress(BrokenPipeError), WaitingWriter(writer) as file:
            file.write(b"x" * LARGE)
        ended.append(True)

    writing = threading.Thread(target=write)
    writing.start()
    writing.join(0.1)
    reader.close()
    writing.join(SECONDS)
    assert ended


def test_the_output_of_a_command_is_complete(start: Start, pipe: Pipe) -> None:
    reader, writer = pipe
    command = start("run", "-c", f"print('x' * {LARGE}); 6 * 7", stdout=writer.fileno())
    writer.close()
    assert all_of(reader) == b"x" * LARGE + b"\n42\n"
    assert command.communicate() == ("", "")
    assert command.returncode == 0


def test_messages_of_a_command_are_complete(start: Start, pipe: Pipe) -> None:
    reader, writer = pipe
    code = f"import sys; print('x' * {LARGE}, file=sys.stderr)"
    command = start("run", "-c", code, stderr=writer.fileno())
    writer.close()
    assert all_of(reader) == b"x" * LARGE + b"\n"
    assert command.wait() == 0


def test_the_output_is_also_complete_if_python_has_no_buffer(
    environ: dict[str, str], pipe: Pipe
) -> None:
    reader, writer = pipe
    words = ["-W", "error", "-u", "-m", "jkg_client", "run", "-c", f"print('x' * {LARGE})"]
    with subprocess.Popen(
        [sys.executable, *words], env=environ, stdin=subprocess.DEVNULL, stdout=writer.fileno()
    ) as process:
        writer.close()
        assert all_of(reader) == b"x" * LARGE + b"\n"
    assert process.returncode == 0


def test_a_command_needs_no_stdin(environ: dict[str, str]) -> None:
    shell = ["sh", "-c", 'exec "$0" -m jkg_client run -c "6 * 7" <&-', sys.executable]
    done = subprocess.run(shell, env=environ, capture_output=True, check=True, timeout=SECONDS)
    assert (done.stdout, done.stderr) == (b"42\n", b"")


def test_a_command_ends_silently_if_a_full_pipe_loses_its_reader(start: Start, pipe: Pipe) -> None:
    reader, writer = pipe
    command = start("run", "-c", f"print('x' * {LARGE})", stdout=writer.fileno())
    writer.close()
    os.set_blocking(reader.fileno(), True)
    assert reader.read(1) == b"x"
    reader.close()
    assert command.communicate() == ("", "")
    assert command.returncode == 141


def test_code_is_read_up_to_the_end_of_stdin(start: Start, pipe: Pipe) -> None:
    reader, writer = pipe
    command = start("run", "-", stdin=reader.fileno())
    reader.close()
    give(writer, b"#" * LARGE + b"\n6 * 7\n")
    assert command.communicate() == ("42\n", "")
    assert command.returncode == 0


def test_input_waits_for_a_line(start: Start, pipe: Pipe) -> None:
    reader, writer = pipe
    command = start("run", "-c", "print(input('?'))", stdin=reader.fileno())
    assert command.stdout is not None
    assert command.stdout.read(1) == "?"
    writer.write(b"hel")
    writer.write(b"lo\n")
    assert command.communicate() == ("hello\n", "")
    assert command.returncode == 0


def test_ctrl_c_ends_the_wait_for_a_line(start: Start, pipe: Pipe) -> None:
    reader, _ = pipe
    command = start("run", "-c", "input('?')", stdin=reader.fileno())
    assert command.stdout is not None
    assert command.stdout.read(1) == "?"
    command.send_signal(signal.SIGINT)
    assert command.wait() == 130


def test_the_flag_of_a_shared_pipe_is_not_changed(start: Start, pipe: Pipe) -> None:
    reader, writer = pipe
    command = start("run", "-c", "6 * 7", stdin=reader.fileno(), stdout=writer.fileno())
    assert command.wait() == 0
    assert not any(os.get_blocking(file.fileno()) for file in pipe)
