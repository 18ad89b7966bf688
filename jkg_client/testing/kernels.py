"""The kernels of a gateway, with their clients, kept messages, restarts and deaths."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Callable

from attrs import field, frozen

from ..protocol.messages import Message, kernel_info_request, new_session, parentless_status
from .processes import FakeProcess, KernelOptions

STABLE = 10.0
"""If a kernel runs for this number of seconds, its deaths are counted from 0 again."""


@frozen(eq=False)
class Client:
    """A WebSocket of a kernel.

    Attributes:
        session: The ``session_id`` in its address.
        send: Sends a message, after the waiting messages.
        close: Sends a close frame, after the waiting messages.
    """

    session: str
    send: Callable[[Message], None]
    close: Callable[[], object]


class FakeKernel:
    """A kernel. A restart replaces its process."""

    def __init__(
        self,
        kernel_id: str,
        name: str,
        env: Mapping[str, str] | None,
        options: KernelOptions,
        forget: Callable[[FakeKernel], None],
    ) -> None:
        self.id = kernel_id
        self.name = name
        self.env = env
        self._options = options
        self._forget = forget
        self._lock = threading.RLock()
        self._clients: list[Client] = []
        self._kept_for: str | None = None
        self._kept: list[tuple[Message, str | None]] = []
        self._gateway = new_session()
        self._state = "starting"
        self._nudged = False
        self._active = datetime.now(timezone.utc)
        self._deaths = 0
        self._gone = False
        self._stumbles = False
        self._born = time.monotonic()
        self._process = self._new_process()
        self._process.start()

    @property
    def model(self) -> dict[str, Any]:
        """Description of the kernel in the REST API."""
        with self._lock:
            return {
                "id": self.id,
                "name": self.name,
                "last_activity": self._active.isoformat().replace("+00:00", "Z"),
                "execution_state": self._state,
                "connections": len(self._clients),
            }

    def attach(self, client: Client) -> None:
        """Add a WebSocket, and send it the messages that were kept for its session."""
        with self._lock:
            for stale in [one for one in self._clients if one.session == client.session]:
                self._clients.remove(stale)
                stale.close()
            self._clients.append(client)
            kept, self._kept = self._kept, []
            if self._kept_for == client.session:
                for message, _ in kept:
                    client.send(message)
            self._kept_for = None
            if not self._nudged:
                self._nudge()

    def detach(self, client: Client, unsent: Callable[[], list[Message]]) -> None:
        """Remove a WebSocket. After the last one, keep messages; ``unsent`` ones come first."""
        with self._lock:
            if client not in self._clients:
                return
            self._clients.remove(client)
            if not self._clients:
                self._kept_for = client.session
                self._kept = [(message, None) for message in unsent()]

    def drop_kept(self) -> None:
        """Lose the kept messages, and keep no further messages."""
        with self._lock:
            self._kept_for, self._kept = None, []

    def receive(self, message: Message, session: str) -> None:
        """Process a message from a WebSocket."""
        with self._lock:
            process = self._process
        if message.channel in {"shell", "control", "stdin"}:
            process.ask(message, session)

    def interrupt(self) -> None:
        """Interrupt the running cell."""
        self._process.interrupt()

    def restart(self) -> None:
        """Shut the process down, and start another. WebSockets stay open."""
        with self._lock:
            old, self._process = self._process, self._new_process()
            new = self._process
        old.shut_down(restart=True)
        with self._lock:
            self._state, self._nudged = "idle", False
        self._start(new)

    def shut_down(self) -> None:
        """Ask the process to end."""
        with self._lock:
            self._gone = True
        self._process.shut_down(restart=False)

    def kill(self) -> None:
        """Kill the process, without a message to clients. Returns at once."""
        with self._lock:
            self._gone = True
            self._process.kill()

    def join(self) -> None:
        """Wait for the end of its process, after ``kill``."""
        self._process.join()

    def deliver(self, message: Message, session: str | None) -> None:
        """Send a message to the socket of ``session``, or to all. Without a socket, keep it."""
        with self._lock:
            self._note(message)
            for client in self._clients:
                if session in (None, client.session):
                    client.send(message)
            if self._kept_for is not None and session in (None, self._kept_for):
                self._kept.append((message, session))

    def stumbles(self) -> bool:
        """Whether the process has died and was not restarted yet. True only once for each death."""
        with self._lock:
            stumbles, self._stumbles = self._stumbles, False
            return stumbles

    def _new_process(self) -> FakeProcess:
        # ``_died`` gets the process as an argument, because an old process may end late.
        return FakeProcess(self._options, self.env, self.deliver, self._died)

    def _start(self, process: FakeProcess) -> None:
        with self._lock:
            if self._gone:
                return
            process.start()
            if self._clients:
                self._nudge()

    def _nudge(self) -> None:
        # Gateways check whether the kernel answers. Clients receive the status messages of this
        # check.
        self._nudged = True
        self._process.ask(kernel_info_request(self._gateway), self._gateway)

    def _tell(self, state: str) -> None:
        self.deliver(parentless_status(state, self._gateway), None)

    def _note(self, message: Message) -> None:
        self._active = datetime.now(timezone.utc)
        state = message.content.get("execution_state")
        if message.msg_type == "status" and state in {"starting", "busy", "idle"}:
            self._state, self._stumbles = str(state), False

    def _died(self, process: FakeProcess) -> None:
        with self._lock:
            if process is not self._process or self._gone:
                return
            now = time.monotonic()
            self._deaths = 1 if now - self._born > STABLE else self._deaths + 1
            self._born = now
            if self._deaths <= self._options.restart_limit:
                self._tell("restarting")
                self._state, self._nudged, self._stumbles = "starting", True, True
                self._process = self._new_process()
                self._process.start(after=self._options.restart_delay)
                for message, session in process.unsent():
                    self._process.ask(message, session)
                return
        self._forget(self)
        self._tell("dead")


@frozen
class FakeSession:
    """A session: the path of a notebook as the client gave it, and its kernel."""

    id: str
    path: Any
    kernel: FakeKernel

    @property
    def model(self) -> dict[str, Any]:
        """Description of the session in the REST API."""
        return {"id": self.id, "notebook": {"path": self.path}, "kernel": self.kernel.model}


@frozen
class Kernels:
    """All kernels and sessions of a gateway."""

    options: KernelOptions
    running: dict[str, FakeKernel] = field(factory=dict, init=False)
    sessions: dict[str, FakeSession] = field(factory=dict, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def start(
        self, name: str, env: Mapping[str, str] | None = None, kernel_id: str | None = None
    ) -> FakeKernel:
        """A new kernel, or the one that has this id already."""
        if kernel_id in self.running:
            return self.running[kernel_id]
        kernel_id = kernel_id or str(uuid.uuid4())
        kernel = FakeKernel(kernel_id, name, env, self.options, self.forget)
        with self._lock:
            self.running[kernel.id] = kernel
        return kernel

    def delete(self, kernel: FakeKernel) -> None:
        """End a kernel. Its WebSockets stay open."""
        self.forget(kernel)
        kernel.shut_down()

    def forget(self, kernel: FakeKernel) -> None:
        """Remove a kernel from the list."""
        with self._lock:
            self.running.pop(kernel.id, None)

    def stop(self) -> None:
        """End all kernels."""
        with self._lock:
            kernels = list(self.running.values())
            self.running.clear()
        for kernel in kernels:
            kernel.kill()
        for kernel in kernels:
            kernel.join()
