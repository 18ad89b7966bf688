"""Child processes of cells: ``!command``, ``%%bash``, ``%pip``, ``os.system``."""

from __future__ import annotations

import codecs
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import MutableMapping
from queue import SimpleQueue
from typing import IO, Any, Callable

from attrs import define, field, frozen

Write = Callable[[str], None]


@frozen
class Commands:
    """Runs commands for one kernel, so that an interrupt of the cell ends them.

    Attributes:
        env: The kernel's environment.
        wait: Waits in the cell's thread; returns early when the cell is interrupted.
    """

    env: MutableMapping[str, str]
    wait: Callable[[SimpleQueue[Any]], Any]

    def run(
        self, argv: list[str] | str, out: Write, err: Write | None = None, stdin: str = ""
    ) -> int:
        """Exit code of ``argv``, a command line for the shell if it is a string.

        Args:
            argv: The command.
            out: Takes what it prints, as it comes.
            err: Takes its standard error; None to have it among the rest.
            stdin: What it can read.
        """
        command = _Command(argv, dict(self.env), out, err, stdin)
        # An interrupt may strike anywhere in a cell's thread: what must not be left half done
        # is done in another.
        thread = threading.Thread(target=command.run, name="jkg fake command", daemon=True)
        try:
            thread.start()
            code = None
            while code is None:
                code = self.wait(command.ended)
            return int(code)
        finally:
            command.abandon()


@define
class _Command:
    argv: list[str] | str
    env: dict[str, str]
    out: Write
    err: Write | None
    stdin: str
    ended: SimpleQueue[int] = field(factory=SimpleQueue, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _abandoned: bool = field(default=False, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def run(self) -> None:
        with self._lock:
            if self._abandoned:
                return
            self._process = process = self._start()
        readers = [
            threading.Thread(target=_copy, args=(pipe, write), daemon=True)
            for pipe, write in ((process.stdout, self.out), (process.stderr, self.err))
            if pipe is not None
        ]
        for reader in readers:
            reader.start()
        with contextlib.suppress(OSError), process.stdin or contextlib.nullcontext():
            assert process.stdin is not None
            process.stdin.write(self.stdin.encode())
        process.wait()
        for reader in readers:
            # A grandchild may hold the pipes for ever.
            reader.join(1)
        self.ended.put(process.returncode)

    def abandon(self) -> None:
        with self._lock:
            self._abandoned = True
            if self._process is None or self._process.poll() is not None:
                return
            if hasattr(os, "killpg"):
                # The shell's children too; it leads a group of its own.
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.argv,
            shell=isinstance(self.argv, str),
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if self.err is None else subprocess.PIPE,
            start_new_session=True,
        )


def _copy(pipe: IO[bytes], write: Write) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with pipe:
        while True:
            chunk = pipe.read1(65536)  # type: ignore[attr-defined]  # a BufferedReader
            write(decoder.decode(chunk, final=not chunk))
            if not chunk:
                return
