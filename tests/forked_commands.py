"""Starts the command in its own process, without the time to import its modules.

A start of the command needs a third of a second for imports. Here one process imports the modules,
and forks for each command. The signals, the terminal, the streams and the end of such a command are
real. Only the start of Python itself is not tested. A few tests start a new interpreter for that.

Other programs that use the package can be started in the same way.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import types
import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from attrs import define, field
from surroundings import leave_out_grammars

import jkg_client

if TYPE_CHECKING:
    from jkg_client import JupyterConnectable

ROOT = Path(jkg_client.__file__).parent.parent
SIZE = struct.Struct(">I")
STATUS = struct.Struct(">i")
DEAD_LATE = 60.0
"""Seconds after which a command that a test waits for is killed."""


@define(eq=False)
class Command:
    """A command that was started. It can be used as a ``subprocess.Popen``."""

    pid: int
    stdin: IO[str] | None
    stdout: IO[str] | None
    stderr: IO[str] | None
    ending: socket.socket
    returncode: int | None = field(default=None, init=False)

    def poll(self) -> int | None:
        """The exit status. None while the command runs."""
        return self._ended(0.0)

    def wait(self, timeout: float = DEAD_LATE) -> int:
        """Wait for the end, and return the exit status. It is negative for a signal."""
        status = self._ended(timeout)
        assert status is not None, "the command does not end"
        return status

    def _ended(self, timeout: float) -> int | None:
        if self.returncode is None and select.select([self.ending], [], [], timeout)[0]:
            (status,) = STATUS.unpack(self.ending.recv(STATUS.size))
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal if the command still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the command."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, given: str | None = None, timeout: float = DEAD_LATE) -> tuple[str, str]:
        """Write to stdin, read all of stdout and stderr, and wait until the command ends."""
        said = {"out": "", "err": ""}

        def read(name: str, stream: IO[str]) -> None:
            said[name] = stream.read()

        streams = [("out", self.stdout), ("err", self.stderr)]
        threads = [
            threading.Thread(target=read, args=(name, stream)) for name, stream in streams if stream
        ]
        for thread in threads:
            thread.start()
        if self.stdin is not None:
            # As in subprocess: a command may end without reading its input.
            with contextlib.suppress(BrokenPipeError):
                self.stdin.write(given or "")
                self.stdin.close()
        self.wait(timeout)
        for thread in threads:
            thread.join()
        return said["out"], said["err"]

    def close(self) -> None:
        """Kill the command if it still runs, and close its streams."""
        self.kill()
        self.wait()
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        self.ending.close()


def environment(server: JupyterConnectable) -> dict[str, str]:
    """Environment of a command that uses ``server``."""
    plain = {name: value for name, value in os.environ.items() if "JUPYTER" not in name}
    plain.pop("PYTHONUNBUFFERED", None)  # it would hide missing flushes
    here = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    url, token = server.connection_info.url, server.connection_info.token or ""
    return {**plain, **here, "JUPYTER_GATEWAY_URL": url, "JKG_TOKEN": token}


class Commands:
    """Starts commands. All tests of a process share one object."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair()
        with theirs:
            folders = [str(Path(__file__).parent), str(ROOT)]
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", __file__, str(theirs.fileno())],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
                pass_fds=[theirs.fileno()],
                # Ctrl-C in the terminal must only reach the tests.
                start_new_session=True,
            )

    def start(
        self,
        words: list[str],
        *,
        env: dict[str, str],
        cwd: Path,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        terminal: bool = False,
        encoding: str = "utf-8",
        ignored: tuple[signal.Signals, ...] = (),
        program: str | None = None,
    ) -> Command:
        """Start ``jkg WORDS``, or another program.

        Args:
            words: Arguments of the command or the program.
            env: The whole environment of the command.
            cwd: Current folder of the command.
            stdin: A file descriptor. None for an empty input, -1 for a pipe.
            stdout: As ``stdin``. None drops the output.
            stderr: As ``stdout``.
            terminal: Whether stdin is a terminal, which becomes the controlling terminal.
            encoding: Encoding of the pipes.
            ignored: Signals that are ignored at the start, as ``nohup`` does it.
            program: Code in Python that runs as the main module. None for the command.
        """
        ours, theirs = socket.socketpair()
        nothing = os.open(os.devnull, os.O_RDWR)
        pipes = [os.pipe() if fd == -1 else None for fd in (stdin, stdout, stderr)]
        far = [pipe[bool(n)] if pipe else None for n, pipe in enumerate(pipes)]
        given = [nothing if fd is None else fd for fd in (stdin, stdout, stderr)]
        fds = [given[n] if fd is None else fd for n, fd in enumerate(far)]
        order = {"words": words, "env": env, "cwd": str(cwd), "terminal": terminal}
        order |= {"ignored": ignored, "program": program}
        data = json.dumps(order).encode()
        socket.send_fds(self._line, [SIZE.pack(len(data))], [theirs.fileno(), *fds])
        self._line.sendall(data)
        (pid,) = SIZE.unpack(ours.recv(SIZE.size))
        theirs.close()
        for fd in [nothing, *(fd for fd in far if fd is not None)]:
            os.close(fd)
        near = [
            open(pipe[not n], "r" if n else "w", encoding=encoding) if pipe else None  # noqa: SIM115, PTH123
            for n, pipe in enumerate(pipes)
        ]
        return Command(pid, near[0], near[1], near[2], ours)

    def close(self) -> None:
        """End the process that has imported the command."""
        self._line.close()
        self._process.wait()


def serve(line: socket.socket) -> dict[str, Any]:
    """Fork for each order. Returns in the process of a command, with its order."""
    while True:
        head, fds, _, _ = socket.recv_fds(line, SIZE.size, 4)
        if not head:
            line.close()
            sys.exit(0)
        data = b""
        while len(data) < SIZE.unpack(head)[0]:
            data += line.recv(65536)
        # One process waits for the command and reports how it ended.
        if os.fork() == 0:
            line.close()
            ending = socket.socket(fileno=fds[0])
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            pid = os.fork()
            if pid == 0:
                ending.close()
                order: dict[str, Any] = json.loads(data)
                become(order, fds[1:])
                return order
            for fd in fds[1:]:
                os.close(fd)
            ending.sendall(SIZE.pack(pid))
            ending.sendall(STATUS.pack(os.waitpid(pid, 0)[1]))
            os._exit(0)
        for fd in fds:
            os.close(fd)


def become(order: dict[str, Any], fds: list[int]) -> None:
    """Set the streams, the folder, the environment and the terminal of the order."""
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    if order["terminal"]:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # As if a person had started the command: the tests may run in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    for number in order["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    encoding, _, errors = os.environ.get("PYTHONIOENCODING", "utf-8").partition(":")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = open(  # noqa: SIM115
            number,
            "w" if number else "r",
            1 if number == 2 or os.isatty(number) else -1,
            encoding=encoding,
            errors="backslashreplace" if number == 2 else errors or "strict",
            closefd=False,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


# Modules that few commands need, and that import large libraries.
HEAVY = {
    f"jkg_client.cli.{name}" for name in ("build", "console.editor", "console.history", "notebook")
}


def import_all() -> None:
    """Import the modules that most commands import, if they are installed."""
    for name in ("cli", "client", "gateway", "protocol", "code_blocks", "pages"):
        package = importlib.import_module(f"jkg_client.{name}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name not in HEAVY:
                with contextlib.suppress(ImportError):
                    importlib.import_module(module.name)
    importlib.import_module("jkg_client.jupyter_executors")


def run(order: dict[str, Any]) -> None:
    """Run the command or the program of an order to its end."""
    if order["program"] is None:
        sys.argv = ["jkg", *order["words"]]
        sys.exit(importlib.import_module("jkg_client.cli").main())
    sys.argv = ["-c", *order["words"]]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    code = compile(order["program"], "<string>", "exec", dont_inherit=True)
    exec(code, main.__dict__)


if __name__ == "__main__":
    leave_out_grammars()
    import_all()
    # The forked processes share this memory, and do not search it for garbage at their end.
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    asked = serve(socket.socket(fileno=int(sys.argv[1])))
    warnings.simplefilter("error")
    run(asked)
