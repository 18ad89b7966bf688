"""One process of a kernel: its start, its addresses and its end."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Callable

from attrs import define, field, frozen

from ..errors import GatewayUnreachable, KernelStartError
from ..protocol.messages import new_session, shutdown_request
from .connection_file import ConnectionInfo, Transport, has_ipc
from .environment import command, environment
from .folders import Folder
from .kernelspecs import KernelSpec
from .process import EndTimes, KernelProcess
from .sockets import KernelSockets

_log = logging.getLogger("jkg_client")

_SHOWN = 300
"""Longest command line in a message, in characters."""

_TOLD = 4000
"""Longest output in a message, in characters."""


@frozen(kw_only=True)
class Plan:
    """Settings for every start of a kernel.

    Attributes:
        spec: The kernel.
        env: Environment variables to add.
        cwd: Folder in which it starts. None for the current folder.
        transport: ``ipc`` or ``tcp``. None for ``ipc`` if the system allows it.
        scheme: Scheme of the signatures.
        times: Time limits for its end.
    """

    spec: KernelSpec
    env: Mapping[str, str]
    cwd: Path | None
    transport: Transport | None
    scheme: str
    times: EndTimes


@define(eq=False)
class Launch:
    """One process of a kernel.

    Attributes:
        plan: Settings of the kernel.
        info: Addresses of the process.
        process: The process.
        answered: An event that is set when the process has answered on shell.
        was_stopped: Whether ``stop`` has ended the process.
    """

    plan: Plan
    info: ConnectionInfo
    process: KernelProcess
    answered: threading.Event = field(factory=threading.Event, init=False)
    was_stopped: bool = field(default=False, init=False)
    _output: str = field(default="", init=False)

    @classmethod
    def start(cls, plan: Plan, *, again: bool = False) -> Launch:
        """Start the kernel's process.

        Args:
            plan: Settings of the kernel.
            again: Whether the last process ended before it answered. Then TCP is tried.

        Raises:
            KernelStartError: The program is missing, or its files cannot be created.
        """
        try:
            folder = Folder.new()
        except OSError as exc:
            raise KernelStartError(f"cannot create the kernel's files: {exc}") from exc
        try:
            transport = plan.transport or ("tcp" if again or not has_ipc(folder.path) else "ipc")
            info = ConnectionInfo.new(folder.path, transport, plan.scheme)
            file = folder.path / "kernel.json"
            info.write(file, plan.spec.name)
            argv = command(plan.spec, file)
            env = environment(plan.spec, plan.env, argv[0], os.environ)
            process = KernelProcess.start(argv, folder, cwd=plan.cwd, env=env)
        except OSError as exc:
            folder.remove()
            name = f"{plan.spec.name!r}{_of_file(plan.spec)}"
            raise KernelStartError(f"cannot start kernel {name}: {exc}") from exc
        except BaseException:
            folder.remove()
            raise
        return cls(plan, info, process)

    def stop(self, *, restart: bool = False) -> None:
        """End the process and remove its files. Any thread may call this, also twice.

        Args:
            restart: Whether a new process will follow.
        """
        if not self.process.is_ours:
            return
        self.was_stopped = self.was_stopped or not self.process.has_ended
        with contextlib.ExitStack() as stack:
            stack.callback(self.process.folder.remove)
            stack.callback(self._keep_output)
            self.process.stop(self.plan.times, self._asking(stack, restart=restart))

    def _asking(self, stack: contextlib.ExitStack, *, restart: bool) -> Callable[[], None]:
        """A function that sends a shutdown request. Its socket stays open until ``stack`` ends."""
        session = new_session()
        try:
            sockets = KernelSockets.connected(self.info, session, ["control"])
        except GatewayUnreachable as exc:
            _log.info("cannot send a shutdown request: %s", exc)
            return lambda: None
        stack.callback(sockets.close)
        return lambda: sockets.send(shutdown_request(session, restart=restart))

    def described(self) -> str:
        """The command line, its kernelspec, and the last output of the process."""
        line = " ".join(map(shlex.quote, self.plan.spec.argv))[:_SHOWN] + _of_file(self.plan.spec)
        said = (self._output or self.process.output_tail())[-_TOLD:]
        return f"{line}\n{said}" if said else line

    def _keep_output(self) -> None:
        self._output = self._output or self.process.output_tail()


def _of_file(spec: KernelSpec) -> str:
    # A stale kernelspec of another environment hides the kernel that works.
    return f" ({spec.file})" if spec.file else ""
