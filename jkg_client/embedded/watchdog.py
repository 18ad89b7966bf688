"""Stands by one kernel: keeps the end of its output, and ends it when its owner is gone.

Run by ``python -I -S -c``, so it needs nothing but the standard library. Arguments: the file for
the end of the output, the folder to be removed with the kernel, and the process id of the owner.
The output comes on file descriptor 1, which systems let us hand over as easily as 0. The first line
on stdin is the kernel's process id; a second line says that the kernel has ended. If stdin ends
without it, or the owner is not our parent any more, the owner was killed: then the kernel, its
process group and its folder go.
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
"""Bytes of output that are kept at least."""

GRACE = 1.0
"""Seconds between SIGTERM and SIGKILL."""

LAST_WORDS = 0.3
"""Seconds to wait for the rest of the output: a process that left the group may hold it open."""


def main() -> None:
    """Stand by until the kernel has ended."""
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
    """Lines of stdin, up to its end or that of the owner."""
    rest = b""
    while is_owned(owner):
        chunk = os.read(0, 4096)
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode("ascii")


def is_owned(owner: int) -> bool:
    """Wait for something on stdin; False if the owner is gone.

    A process that the owner has forked may hold stdin open when the owner is dead.
    """
    if sys.platform == "win32":
        return True
    import select  # noqa: PLC0415 - Windows can watch sockets only

    while os.getppid() == owner:
        if select.select([0], [], [], 1.0)[0]:
            return True
    return False


def end(kernel: int) -> None:
    """End the kernel's process group, by force if need be."""
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
