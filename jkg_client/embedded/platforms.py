"""Signals and process groups, which differ between POSIX and Windows.

The code for Windows has never been run. On Windows, ipykernel waits for an event whose handle is in
its environment:
https://jupyter-client.readthedocs.io/en/stable/kernels.html (interrupts on Windows)
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

_POLL = 0.01

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    APART: dict[str, Any] = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}

    class _SecurityAttributes(ctypes.Structure):
        _fields_ = [
            ("nLength", wintypes.DWORD),
            ("lpSecurityDescriptor", wintypes.LPVOID),
            ("bInheritHandle", wintypes.BOOL),
        ]

    class Interrupts:
        """Interrupts one kernel by an event that the kernel inherits."""

        def __init__(self) -> None:
            attributes = _SecurityAttributes(ctypes.sizeof(_SecurityAttributes), None, True)
            kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
            kernel32.CreateEventW.restype = wintypes.HANDLE
            self._event = kernel32.CreateEventW(ctypes.byref(attributes), False, False, None)
            self._kernel32 = kernel32

        @property
        def environment(self) -> Mapping[str, str]:
            """Variables that name the event. JPY_PARENT_PID must not be a process id here."""
            event = str(int(self._event))
            return {
                "JPY_INTERRUPT_EVENT": event,
                "IPY_INTERRUPT_EVENT": event,
                "JPY_PARENT_PID": "",
            }

        @property
        def options(self) -> dict[str, Any]:
            """Options of Popen with which the kernel inherits the event and nothing else."""
            startup = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [int(self._event)]})
            return {**APART, "startupinfo": startup}

        def send(self, process: subprocess.Popen[bytes]) -> None:  # noqa: ARG002 - as on POSIX
            """Interrupt the kernel."""
            self._kernel32.SetEvent(wintypes.HANDLE(self._event))

        def close(self) -> None:
            """Close the event. Call it only once."""
            self._kernel32.CloseHandle(wintypes.HANDLE(self._event))

    def exit_code(process: subprocess.Popen[bytes]) -> int | None:
        """The exit code. None while the process runs."""
        return process.poll()

    def terminate(process: subprocess.Popen[bytes]) -> None:
        """End the process at once, because Windows has no signal that asks it to end."""
        process.terminate()

    kill = terminate

    def end_children(process: subprocess.Popen[bytes], seconds: float) -> None:
        """Do nothing: Windows has no process groups, so the children are unknown."""

else:
    APART: dict[str, Any] = {"start_new_session": True}

    class Interrupts:
        """Interrupts one kernel, and the programs that its cell runs, by SIGINT."""

        environment: Mapping[str, str] = {}
        options = APART

        def send(self, process: subprocess.Popen[bytes]) -> None:
            """Interrupt the kernel."""
            _signal_group(process, signal.SIGINT)

        def close(self) -> None:
            """There is nothing to close."""

    def exit_code(process: subprocess.Popen[bytes]) -> int | None:
        """The exit code. None while the process runs, negative for a signal.

        The process is not reaped, so that no other process can get its id.
        """
        if sys.platform == "darwin":
            return process.poll()  # macOS has no waitid before Python 3.13
        try:
            ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            # The process was reaped, here or by the program, which may ignore SIGCHLD.
            return process.poll()
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def terminate(process: subprocess.Popen[bytes]) -> None:
        """Ask the process group to end."""
        _signal_group(process, signal.SIGTERM)
        # A stopped process receives the signal only when it continues.
        _signal_group(process, signal.SIGCONT)

    def kill(process: subprocess.Popen[bytes]) -> None:
        """Kill the process group."""
        _signal_group(process, signal.SIGKILL)

    def end_children(process: subprocess.Popen[bytes], seconds: float) -> None:
        """End the rest of the group of a process that has ended. Kill it after the time limit."""
        _signal_group(process, signal.SIGTERM)
        process.poll()
        until = time.monotonic() + seconds
        with contextlib.suppress(ProcessLookupError, PermissionError):
            while time.monotonic() < until:
                os.killpg(process.pid, 0)
                time.sleep(_POLL)
            os.killpg(process.pid, signal.SIGKILL)

    def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
        # Until the process is reaped, no other process can get its id.
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
