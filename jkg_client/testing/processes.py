"""The process of a kernel, from its start to its restart, death or end."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Mapping
from typing import Callable

from attrs import frozen

from ..protocol.messages import Message, new_header, new_session, shutdown_request
from ..secret_variables import without_secrets
from .kernel.shells import Flavour
from .kernel.transport import SCRIPT, MessageSocket, script_message
from .launches import launch
from .orders import Addressed, Order, Reordering
from .prompter import Prompter

GRACE = 1.0
"""Time limit for a process to end after a shutdown request, in seconds."""

GONE = 5.0
"""Time limit for a process to disappear after it was killed, in seconds."""


Deliver = Callable[[Message, "str | None"], None]
"""Sends a message to the socket of a session, to all sockets for None."""


@frozen(kw_only=True)
class KernelOptions:
    """How the kernels of a gateway behave; see ``FakeGateway``.

    Attributes:
        prompter: The scripts.
        flavour: Whether cells run in IPython or in plain Python.
    """

    reply: Order
    restart_delay: float
    restart_limit: int
    prompter: Prompter
    flavour: Flavour


class FakeProcess:
    """A process of a kernel."""

    def __init__(
        self,
        options: KernelOptions,
        env: Mapping[str, str] | None,
        deliver: Deliver,
        died: Callable[[FakeProcess], None],
    ) -> None:
        self._options = options
        self._tell = deliver
        self._died = died
        self._env = kernel_env(env)
        self._session = new_session()
        self._reordering = Reordering(options.reply)
        self._lock = threading.Lock()
        self._waiting: list[tuple[Message, str]] = []
        self._transport: MessageSocket | None = None
        self._pid = 0
        self._muted = False
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """Id of the process; 0 before its start."""
        return self._pid

    def start(self, after: float = 0.0) -> None:
        """Begin to answer ``after`` this number of seconds."""
        if not after:
            # Launch it here, not in the new thread, so that the caller gets the exception.
            self._launch()
        thread = threading.Thread(
            target=self._live, args=(after,), name="jkg fake kernel", daemon=True
        )
        self._thread = thread
        thread.start()

    def ask(self, message: Message, session: str) -> None:
        """Process a request or an answer of the client with this session."""
        self._send(message, session)

    def interrupt(self) -> None:
        """Interrupt the running cell, if there is one."""
        if not hasattr(os, "killpg"):
            self._send(script_message("interrupt", {}), "")
        elif self._pid:
            _signal(self._pid, signal.SIGINT)
            self._send(script_message("wake", {}), "")

    def unsent(self) -> list[tuple[Message, str]]:
        """Messages of clients that came too late for this process, with their sessions."""
        with self._lock:
            return [one for one in self._waiting if one[0].channel != SCRIPT]

    def shut_down(self, *, restart: bool) -> None:
        """End the process in order, and wait for its end. Clients receive ``restart``."""
        self._ending.set()
        self._send(shutdown_request(new_session(), restart=restart), "")
        if self._thread is not None:
            self._thread.join(GRACE)
        self.kill()
        self.join()

    def mute(self) -> None:
        """Send no more messages."""
        self._muted = True

    def kill(self) -> None:
        """Kill the process, and send no more messages. Returns at once."""
        self._ending.set()
        self.mute()
        with self._lock:
            if self._thread is None or self._thread.is_alive():
                self._kill()

    def join(self) -> None:
        """Wait for the end, after ``kill``."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _kill(self) -> None:
        if self._pid:
            # There is no SIGKILL on Windows, where any signal ends a process.
            _signal(self._pid, getattr(signal, "SIGKILL", signal.SIGTERM))

    def _live(self, after: float) -> None:
        if after:
            if self._ending.wait(after):
                return
            self._launch()
        self._serve()

    def _launch(self) -> None:
        # This message is sent before the kernel answers. Clients that connect later do not receive
        # this message.
        header = {**new_header("status", self._session), "username": "kernel"}
        starting = {"execution_state": "starting"}
        self._deliver(Message(channel="iopub", header=header, content=starting), None)
        launched = launch(self._options.flavour, self._session, self._env)
        with self._lock:
            self._pid = launched.pid
            self._transport = MessageSocket(launched.line)
            waiting, self._waiting = self._waiting, []
            for message, session in waiting:
                self._transport.send(message, session)
            if self._ending.is_set():
                self._kill()

    def _send(self, message: Message, session: str) -> None:
        with self._lock:
            if self._transport is None:
                self._waiting.append((message, session))
            else:
                try:
                    self._transport.send(message, session)
                except OSError:
                    # The process has ended. The next process gets the message, as from a ZeroMQ
                    # queue.
                    self._waiting.append((message, session))

    def _serve(self) -> None:
        assert self._transport is not None
        while (received := self._transport.receive()) is not None:
            if received[0].channel != SCRIPT:
                self._deliver_all(self._reordering.feed(*received))
            else:
                self._deliver_all(self._reordering.release())
                self._prompt(received[0])
        self._deliver_all(self._reordering.release())
        self._wait_until_gone()
        self._transport.close()
        if not self._ending.is_set():
            self._died(self)

    def _wait_until_gone(self) -> None:
        # The connection of a process closes a moment before the process disappears.
        end = time.monotonic() + GONE
        while _is_there(self._pid) and time.monotonic() < end:
            time.sleep(0.0005)

    def _deliver_all(self, addressed: list[Addressed]) -> None:
        for message, session in addressed:
            self._deliver(message, session if message.channel != "iopub" else None)

    def _deliver(self, message: Message, session: str | None) -> None:
        if not self._muted:
            self._tell(message, session)

    def _prompt(self, message: Message) -> None:
        if message.msg_type == "begin":
            self._send(self._options.prompter.decide(message.content["code"]), "")
        else:
            # The call may take long, and other messages must not wait for it.
            threading.Thread(
                target=self._call, args=(message,), name="jkg fake call", daemon=True
            ).start()

    def _call(self, message: Message) -> None:
        answer = self._options.prompter.call(message.content)
        self._send(script_message("called", answer), "")


def kernel_env(asked: Mapping[str, str] | None) -> dict[str, str]:
    """The environment of a kernel. Gateways only accept variables KERNEL_* from clients."""
    # Programs look for this variable to find out whether they run in a kernel.
    parent = {"JPY_PARENT_PID": str(os.getpid())}
    if asked is None:
        return {**without_secrets(os.environ), **parent}
    kept = {name: value for name, value in asked.items() if name.startswith("KERNEL_")}
    return {"PATH": os.environ.get("PATH", ""), **kept, **parent}


def _signal(pid: int, number: int) -> None:
    """Send a signal to a kernel and, if the system has process groups, to its child processes."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        (os.killpg if hasattr(os, "killpg") else os.kill)(pid, number)


def _is_there(pid: int) -> bool:
    if os.name == "nt":
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
