"""Watches one kernel: saves its last output, and ends it when its owner has ended.

It is run by ``python -I -S -c`` and uses only the standard library.

Arguments: the file for the last output, the folder of the kernel, and the process id of the owner.
File descriptor 1 is the reading end of the pipe with the kernel's output. The first line on stdin
is the kernel's process id. The second line says that the kernel has ended. If stdin ends before the
second line, or the owner is no longer the parent, the owner was killed. Then the watchdog ends the
kernel with its process group, and removes the folder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator

KEPT = 65536
"""At least this number of bytes of the last output is kept."""

GRACE = 1.0
"""Seconds between SIGTERM and SIGKILL."""

LAST_WORDS = 0.3
"""Seconds to wait for the rest of the output. A process outside the group may keep it open."""


def main() -> None:
    """Watch until the kernel has ended."""
    log_file, folder, owner = sys.argv[1:]
    reader = threading.Thread(target=keep_end, args=(1, log_file), daemon=True)
    reader.start()
    lines = read_lines(int(owner))
    kernel = next(lines, "")
    if next(lines, None) is None:
        if kernel:
            end(int(kernel))
        shutil.rmtree(folder, ignore_errors=True)
    reader.join(LAST_WORDS)


def keep_end(output: int, log_file: str) -> None:
    """Write the last bytes of ``output`` to a file, until it ends."""
    tail = b""
    with open(log_file, "wb", buffering=0) as log:  # noqa: PTH123 - pathlib takes long to import
        while True:
            chunk = os.read(output, KEPT)
            if not chunk:
                return
            tail = (tail + chunk)[-KEPT:]
            if log.tell() + len(chunk) > 2 * KEPT:
                log.seek(0)
                log.truncate()
                chunk = tail
            log.write(chunk)


def read_lines(owner: int) -> Iterator[str]:
    """The lines of stdin, until stdin or the owner ends."""
    rest = b""
    while is_owned(owner):
        chunk = os.read(0, 4096)
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode("ascii")


def is_owned(owner: int) -> bool:
    """Wait for input on stdin. False if the owner has ended.

    The end of stdin alone is not enough: a forked child of the owner may keep it open.
    """
    if sys.platform == "win32":
        return True
    import select  # noqa: PLC0415 - on Windows, select works with sockets only

    while os.getppid() == owner:
        if select.select([0], [], [], 1.0)[0]:
            return True
    return False


def end(kernel: int) -> None:
    """End the kernel's process group. Kill it after ``GRACE`` seconds."""
    if sys.platform == "win32":
        with contextlib.suppress(OSError):
            os.kill(kernel, signal.SIGTERM)
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(kernel, signal.SIGTERM)
        until = time.monotonic() + GRACE
        while time.monotonic() < until:
            os.killpg(kernel, 0)
            time.sleep(0.02)
        os.killpg(kernel, signal.SIGKILL)


if __name__ == "__main__":
    main()
