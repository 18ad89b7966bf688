"""One start of a kernel: its process, where it listens, and how it is ended."""

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
"""Characters of a command line in a message."""

_TOLD = 4000
"""Characters of the output in a message."""


@frozen(kw_only=True)
class Plan:
    """What a kernel is started with, each time.

    Attributes:
        spec: Which kernel.
        env: Added to its environment.
        cwd: Where it starts; None for the current directory.
        transport: ``ipc`` or ``tcp``; None for ``ipc`` where that is possible.
        scheme: Of the signatures.
        times: For its end.
    """

    spec: KernelSpec
    env: Mapping[str, str]
    cwd: Path | None
    transport: Transport | None
    scheme: str
    times: EndTimes


@define(eq=False)
class Launch:
    """A process of a kernel.

    Attributes:
        plan: What it was started with.
        info: Where it listens.
        process: The process.
        answered: It has answered on shell.
        was_stopped: It was ended by us.
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
            plan: With what.
            again: It has ended too early once: not in the same way, if there is another.

        Raises:
            KernelStartError: There is no such program, or no place for its files.
        """
        try:
            folder = Folder.new()
        except OSError as exc:
            raise KernelStartError(f"no place for the kernel's files: {exc}") from exc
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
            raise KernelStartError(f"cannot start kernel {plan.spec.name!r}: {exc}") from exc
        except BaseException:
            folder.remove()
            raise
        return cls(plan, info, process)

    def stop(self, *, restart: bool = False) -> None:
        """End it and remove its files; may be called twice, and from any thread.

        Args:
            restart: Another one will follow.
        """
        if not self.process.is_ours:
            return
        self.was_stopped = self.was_stopped or not self.process.has_ended
        with contextlib.ExitStack() as stack:
            stack.callback(self.process.folder.remove)
            stack.callback(self._keep_output)
            self.process.stop(self.plan.times, self._asking(stack, restart=restart))

    def _asking(self, stack: contextlib.ExitStack, *, restart: bool) -> Callable[[], None]:
        """What sends a shutdown request; its socket is there until all is over."""
        session = new_session()
        try:
            sockets = KernelSockets.connected(self.info, session, ["control"])
        except GatewayUnreachable as exc:
            _log.info("no shutdown request can be sent: %s", exc)
            return lambda: None
        stack.callback(sockets.close)
        return lambda: sockets.send(shutdown_request(session, restart=restart))

    def described(self) -> str:
        """Command line, and the end of what the process said."""
        line = " ".join(map(shlex.quote, self.plan.spec.argv))[:_SHOWN]
        said = (self._output or self.process.output_tail())[-_TOLD:]
        return f"{line}\n{said}" if said else line

    def _keep_output(self) -> None:
        self._output = self._output or self.process.output_tail()
