"""A kernel's process, played by a thread: requests in, messages out, in a kernel's order.

Everything that happens to it, requests, output of the cell, its end, an interrupt, comes
through one queue to one thread; nothing here needs a lock.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Mapping
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Callable, Literal

from attrs import frozen

from ..protocol.messages import Json, Message
from . import streams
from .cells import CellThread, Job
from .environment import kernel_env
from .introspection import ANSWERS, KERNEL_INFO
from .outbox import Deliver, Outbox, Request, Said
from .python import Outcome, PythonShell, execute_reply
from .terminal import Calls, Terminal
from .tracebacks import CELL

Order = Literal["before idle", "after idle", "before output"]
"""When the reply comes: real kernels send it on another socket than the output."""

GATHER = 0.02
"""Seconds in which prints become one message."""

GRACE = 0.2
"""Seconds that a busy cell has to end when its kernel is restarted."""

Play = Callable[[Terminal, int], Outcome]
"""A cell that is played, not run."""


@frozen(kw_only=True)
class Fate:
    """What a process needs of the world outside.

    Attributes:
        deliver: Sends a message.
        died: Told when the process ends by itself.
        find_play: A script for a cell, None to run it.
        reply: When the reply comes.
    """

    deliver: Deliver
    died: Callable[[KernelProcess], None]
    find_play: Callable[[str], Play | None]
    reply: Order


class KernelProcess:
    """One life of a kernel, from start to restart, death or deletion."""

    def __init__(self, fate: Fate, env: Mapping[str, str] | None) -> None:
        self._fate = fate
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._waiting: deque[Request] = deque()
        self._running: Request | None = None
        self._kick = False
        self._after = 0.0
        self._ended = threading.Event()
        self._outbox = Outbox(fate.deliver)
        self._cells = CellThread("jkg fake cells", self._close)
        flush = partial(self._outbox.send_all, but_last=fate.reply == "before output")
        calls = Calls(self._inbox.put, _nothing, flush, self._die)
        self._terminal = Terminal(self._outbox, self._cells, calls)
        self._cell = streams.Cell(
            self._terminal.streams, lambda lost: self._inbox.put(partial(self._interrupt, lost))
        )
        self._shell = PythonShell(self._terminal, kernel_env(env))
        self._thread = threading.Thread(target=self._serve, name="jkg fake kernel", daemon=True)

    def start(self, after: float = 0.0) -> None:
        """Begin to answer, ``after`` seconds from now."""
        if not after:
            # Now, so that who connects from now on does not hear of it.
            self._announce()
        self._after = after
        self._thread.start()

    def ask(self, request: Request) -> None:
        """Take a request from the shell or control channel."""
        handle = self._control if request.message.channel == "control" else self._take
        self._inbox.put(partial(handle, request))

    def answer(self, message: Message) -> None:
        """Take an answer to what a cell asked."""
        self._terminal.answer(str(message.content.get("value", "")))

    def interrupt(self) -> None:
        """Interrupt the cell that runs, if one does."""
        self._inbox.put(self._interrupt)

    def shut_down(self, request: Request) -> None:
        """End in good order, as before a restart. Returns when it is over."""
        self._inbox.put(partial(self._shut_down, request))
        self._thread.join()

    def kill(self) -> None:
        """End without a word. Returns at once."""
        self._ended.set()
        self._outbox.close()
        self._inbox.put(_nothing)

    def join(self) -> None:
        """Wait for the end, after ``kill``."""
        if self._thread.ident is None:
            self._cells.end(0)
        elif self._thread is not threading.current_thread():
            self._thread.join()

    def _serve(self) -> None:
        try:
            if self._after:
                self._ended.wait(self._after)
                self._announce()
            while not self._ended.is_set():
                self._step()
        finally:
            self._outbox.close()
            streams.detach(self._cells.ident)
            self._cells.end(0.05)

    def _announce(self) -> None:
        self._send("status", {"execution_state": "starting"}, None)

    def _step(self) -> None:
        try:
            event = self._inbox.get(timeout=None if self._outbox.is_empty else GATHER)
        except Empty:
            event = self._outbox.send_all
        event()

    def _take(self, request: Request) -> None:
        task = self._shell.task
        if self._kick and task is not None:
            # A cell that awaits hears of the interrupt when the next request comes.
            self._kick = False
            task.get_loop().call_soon_threadsafe(task.cancel)
        self._waiting.append(request)
        self._next()

    def _next(self) -> None:
        while self._waiting and self._running is None and not self._ended.is_set():
            request = self._waiting.popleft()
            if request.message.msg_type == "execute_request":
                self._start(request)
            else:
                self._tell(request)

    def _tell(self, request: Request) -> None:
        answer = ANSWERS.get(request.message.msg_type)
        if answer is None:
            return
        self._status("busy", request)
        # Of a request that lacks a field kernels say nothing.
        with contextlib.suppress(KeyError):
            self._reply(request, answer(self._shell, request.message.content))
        self._status("idle", request)

    def _start(self, request: Request) -> None:
        content = request.message.content
        code = content.get("code")
        if not isinstance(code, str):
            return
        self._running = self._terminal.request = request
        self._status("busy", request)
        number = self._shell.count + 1
        if not content.get("silent"):
            self._send("execute_input", {"code": code, "execution_count": number}, request)
        streams.attach(self._cells.ident, self._cell)
        play = self._fate.find_play(code)
        work: Callable[[], Outcome] = partial(self._shell.run, content, number)
        if play is not None:
            work = partial(play, self._terminal, number)
        finished = partial(partial, self._finished, request)
        self._cells.run(Job(work, lambda result: self._inbox.put(finished(result))))

    def _finished(self, request: Request, result: Any) -> None:
        if self._running is not request:
            return
        self._cells.settle()
        streams.detach(self._cells.ident)
        outcome = self._shell.failed(result) if isinstance(result, BaseException) else result
        self._conclude(request, outcome)
        self._running = None
        self._kick = False
        content = request.message.content
        if outcome.error and content.get("stop_on_error", True) and not content.get("silent"):
            self._abort_waiting()
        if outcome.exits:
            self._die()
        self._next()

    def _conclude(self, request: Request, outcome: Outcome) -> None:
        said = self._outbox.gather()
        self._shell.remember(request.message.content)
        if outcome.error and not outcome.quiet:
            said.append(Said(request=request, msg_type="error", content=outcome.error))
        reply = execute_reply(request, outcome, self._shell.count, self._outbox.session)
        idle = Said(request=request, msg_type="status", content={"execution_state": "idle"})
        plans: dict[Order, list[Said]] = {
            "before idle": [*said, reply, idle],
            "after idle": [*said, idle, reply],
            "before output": [*said[:-1], reply, *said[-1:], idle],
        }
        ends = {"reply": reply, "idle": idle}
        lost = [ends[ending] for ending in outcome.loses]
        for one in plans[self._fate.reply]:
            if one not in lost:
                self._outbox.send(one)

    def _abort_waiting(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        for request in waiting:
            if request.message.msg_type == "execute_request":
                self._reply(request, {"status": "aborted"}, "execute_reply")
                self._status("busy", request)
                self._status("idle", request)
            else:
                self._waiting.append(request)

    def _control(self, request: Request) -> None:
        msg_type = request.message.msg_type
        if msg_type == "shutdown_request":
            self._shut_down(request)
            self._fate.died(self)
            return
        replies = {"kernel_info_request": KERNEL_INFO, "interrupt_request": {"status": "ok"}}
        if msg_type in replies:
            self._status("busy", request)
            self._reply(request, replies[msg_type])
            self._status("idle", request)
        if msg_type == "interrupt_request":
            self._interrupt()

    def _interrupt(self, exception: type[BaseException] = KeyboardInterrupt) -> None:
        if self._running is None:
            return
        if self._shell.task is not None and not self._cells.runs(CELL):
            self._kick = True
        else:
            self._cells.interrupt(exception)

    def _shut_down(self, request: Request) -> None:
        self._status("busy", request)
        content = {"status": "ok", "restart": bool(request.message.content.get("restart"))}
        self._send("shutdown_reply", content, request)
        self._reply(request, content)
        # A kernel that ends tells of its cell on iopub only.
        self._outbox.mute("shell")
        if self._running is not None:
            self._cells.interrupt()
            timer = threading.Timer(GRACE, self._inbox.put, [self._give_up])
            timer.start()
            while self._running is not None:
                self._step()
            timer.cancel()
        self._status("idle", request)
        self._ended.set()

    def _close(self) -> None:
        self._shell.close()

    def _give_up(self) -> None:
        self._running = None

    def _die(self) -> None:
        self._outbox.send_all()
        self._ended.set()
        self._fate.died(self)

    def _status(self, state: str, request: Request) -> None:
        self._send("status", {"execution_state": state}, request)

    def _reply(self, request: Request, content: Json, msg_type: str = "") -> None:
        kind = msg_type or request.message.msg_type.replace("_request", "_reply")
        self._send(kind, content, request, request.message.channel)

    def _send(
        self, msg_type: str, content: Json, request: Request | None, channel: str = "iopub"
    ) -> None:
        said = Said(request=request, msg_type=msg_type, content=content, channel=channel)
        self._outbox.send(said)


def _nothing() -> None:
    pass
