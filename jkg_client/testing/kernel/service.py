"""Answers the requests to a kernel, in the order of a real one.

The main thread answers requests on the shell channel one after the other. The main thread has an
event loop, as in ipykernel, so cells find a running loop. A second thread answers requests on the
control channel, and a third thread reads the connection to the gateway.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Collection
from queue import SimpleQueue
from typing import Callable

from ...protocol.messages import Json, Message
from .answers import ANSWERS
from .execution import Execution, Request
from .interrupts import send_interrupt, wake_later
from .outbox import Outbox
from .parents import set_parent
from .shells import Shell
from .streams import KernelStreams
from .transport import SCRIPT, MessageSocket

GRACE = 0.25
"""Time limit for a busy cell to end when its kernel is shut down, in seconds."""


EXITING = 0.1
"""Seconds that a kernel continues to run after ``exit()``, as ipykernel does."""


class Service:
    """Answers requests until the kernel has to end."""

    def __init__(
        self, transport: MessageSocket, outbox: Outbox, streams: KernelStreams, shell: Shell
    ) -> None:
        self._transport = transport
        self._outbox = outbox
        self._streams = streams
        self._shell = shell
        self._loop = asyncio.new_event_loop()
        # Before Python 3.10, an event belongs to the loop of the thread that creates it.
        asyncio.set_event_loop(self._loop)
        self._arrived = asyncio.Event()
        self._waiting: deque[Request] = deque()
        self._digests: set[int] = set()
        self._behind_failure = 0
        self._control: SimpleQueue[Request] = SimpleQueue()
        self._answers_control = threading.Lock()
        self._handlers: dict[str, Callable[[Message], None]] = {}
        self._is_leaving = False
        self._over = False
        self._execution = Execution(outbox, streams, shell)

    def serve(self) -> None:
        """Answer requests; returns when the kernel has to end."""
        self._handlers = dict(self._shell.connect(self._execution.console))
        for target in (self._read, self._serve_control):
            threading.Thread(target=target, name="jkg kernel", daemon=True).start()
        self._loop.run_until_complete(self._serve())
        # The thread with the shutdown request still has to send its idle message.
        self._answers_control.acquire(timeout=GRACE)

    async def _serve(self) -> None:
        while not self._over:
            self._arrived.clear()
            if not self._waiting:
                await self._arrived.wait()
            while self._waiting and (self._is_leaving or not self._over):
                await self._take_turn(self._waiting.popleft())

    async def _take_turn(self, request: Request) -> None:
        is_behind, self._behind_failure = self._behind_failure > 0, max(self._behind_failure - 1, 0)
        if is_behind and request.message.msg_type == "execute_request":
            metadata = self._execution.reply_metadata("aborted")
            self._reply(request, {"status": "aborted"}, metadata)
            self._status("busy", request)
            self._status("idle", request)
        else:
            await self._answer(request)

    def _read(self) -> None:
        while True:
            received = self._transport.receive()
            if received is None and self._is_leaving:
                self._loop.call_soon_threadsafe(self._end)
                return
            if received is None:
                # The gateway has ended. End the child processes of the cells, too.
                if sys.platform != "win32":
                    os.killpg(0, signal.SIGKILL)
                os._exit(1)
            self._take(*received)

    def _take(self, message: Message, session: str) -> None:
        if message.channel != SCRIPT and self._is_repeated(message):
            return
        if message.channel == "shell":
            self._waiting.append(Request(message, session))
            self._loop.call_soon_threadsafe(self._arrived.set)
        elif message.channel == "control":
            self._control.put(Request(message, session))
        elif message.channel == "stdin":
            self._execution.console.prompts.answer(message.content)
        elif message.channel == SCRIPT and message.msg_type == "interrupt":
            send_interrupt()
        elif message.channel == SCRIPT and message.msg_type == "wake":
            wake_later()
        elif message.channel == SCRIPT:
            self._execution.take(message)

    def _is_repeated(self, message: Message) -> bool:
        """Whether the same message came before. Kernels ignore it: it may be an attack."""
        signed = (message.header, message.parent_header, message.metadata, message.content)
        digest = hash(json.dumps(signed))
        is_repeated = digest in self._digests
        self._digests.add(digest)
        return is_repeated

    def _serve_control(self) -> None:
        loop = asyncio.new_event_loop()
        while True:
            request = self._control.get()
            with self._answers_control:
                loop.run_until_complete(self._answer(request))

    async def _answer(self, request: Request) -> None:
        set_parent(request.message.header)
        self._status("busy", request)
        lost: Collection[str] = ()
        try:
            lost = await self._handle(request)
        except Exception:  # noqa: BLE001 - kernels ignore a request without a field
            self._streams.log(traceback.format_exc())
        if "idle" not in lost:
            self._status("idle", request)

    async def _handle(self, request: Request) -> Collection[str]:
        msg_type, channel = request.message.msg_type, request.message.channel
        if msg_type == "execute_request":
            return await self._execute(request)
        if msg_type == "shutdown_request":
            self._shut_down(request)
        elif msg_type == "interrupt_request":
            # On the shell channel, the request interrupts its own handler, so there is no reply.
            if channel == "control":
                self._reply(request, {"status": "ok"})
            send_interrupt()
        elif msg_type in self._handlers and channel == "shell":
            self._handlers[msg_type](request.message)
        elif msg_type in ANSWERS and not (msg_type == "debug_request" and channel == "shell"):
            self._reply(request, ANSWERS[msg_type](self._shell, request.content))
        return ()

    async def _execute(self, request: Request) -> Collection[str]:
        outcome = await self._execution.run(request)
        is_silent = request.content.get("silent")
        if outcome.error and request.content.get("stop_on_error", True) and not is_silent:
            # Cells that wait now are aborted later, each at its turn.
            self._behind_failure = len(self._waiting)
        if outcome.exits:
            self._loop.call_later(EXITING, self._leave)
        return outcome.loses

    def _shut_down(self, request: Request) -> None:
        content = {"status": "ok", "restart": request.content["restart"]}
        self._reply(request, content)
        self._outbox.say("shutdown_reply", content, request.message.header)
        # The cell that ends now gets no reply, only messages on iopub.
        self._outbox.flush()
        self._outbox.mute("shell")
        self._over = True
        if not self._execution.is_idle.is_set():
            send_interrupt()
            if not self._execution.is_idle.wait(GRACE):
                self._status("idle", request)
                self._outbox.flush()
                os._exit(0)
        self._loop.call_soon_threadsafe(self._arrived.set)

    def _leave(self) -> None:
        # Answer the requests that have arrived. The gateway keeps the others for the next process.
        self._is_leaving = True
        self._transport.stop_receiving()

    def _end(self) -> None:
        self._over = True
        self._arrived.set()

    def _status(self, state: str, request: Request) -> None:
        self._outbox.say("status", {"execution_state": state}, request.message.header)

    def _reply(self, request: Request, content: Json, metadata: Json | None = None) -> None:
        message = request.message
        self._outbox.say(
            message.msg_type.replace("_request", "_reply"),
            content,
            message.header,
            channel=message.channel,
            session=request.session,
            metadata=metadata,
        )
