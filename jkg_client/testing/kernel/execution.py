"""Runs cells, from the request to the reply."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from queue import SimpleQueue

from attrs import frozen

from ...protocol.messages import Json, Message
from .bundles import clean
from .console import Console
from .interrupts import awaited, code_begins, expect_interrupts, interruptible
from .outbox import Outbox
from .plays import Calls, Play
from .shells import Cell, Outcome, Shell
from .streams import KernelStreams
from .tracebacks import error_content


@frozen
class Request:
    """A message from a client, and the session of its WebSocket."""

    message: Message
    session: str

    @property
    def content(self) -> Json:
        """Content of the message."""
        return self.message.content


class Execution:
    """Runs cells, one at a time, or plays their scripts.

    Attributes:
        is_idle: An event that is set while no cell runs.
        console: Sends the messages of the cell.
    """

    def __init__(self, outbox: Outbox, streams: KernelStreams, shell: Shell) -> None:
        self.is_idle: threading.Event = threading.Event()
        self.is_idle.set()
        self.console: Console = Console(outbox, streams)
        self._outbox = outbox
        self._streams = streams
        self._shell = shell
        self._calls = Calls(self.console)
        self._decisions: SimpleQueue[Message] = SimpleQueue()

    def take(self, message: Message) -> None:
        """Process a message of the gateway about a scripted cell."""
        if message.msg_type == "called":
            self._calls.take(message.content)
        else:
            self._decisions.put(message)

    async def run(self, request: Request) -> Outcome:
        """Run a cell and send its reply. Raises an exception if the request lacks a field."""
        cell = _cell(request.content)
        expect_interrupts()
        if not cell.silent:
            given = {"code": cell.code, "execution_count": self._shell.count}
            self._outbox.say("execute_input", given, request.message.header)
        if cell.code is None or request.content.get("allow_stdin", False) not in (True, False):
            raise TypeError("ipykernel raises an error for this request, too")
        self.console.session = request.session
        self.console.prompts.allowed = bool(request.content.get("allow_stdin"))
        self.is_idle.clear()
        try:
            outcome = await self._outcome(cell)
            self._streams.flush()
        finally:
            self.is_idle.set()
        self._conclude(request, outcome)
        return outcome

    async def _outcome(self, cell: Cell) -> Outcome:
        self.console.tell_gateway("begin", {"code": cell.code})
        decision = self._decisions.get()
        try:
            if decision.msg_type == "play":
                return self._play(cell, decision.content)
            with _environment(decision.content["env"]):
                return await self._run(cell)
        except BaseException as exc:  # noqa: BLE001 - any exception is an outcome of the cell
            error = error_content(exc)
            self.console.say("error", error)
            return Outcome(error=error)

    def _play(self, cell: Cell, script: Json) -> Outcome:
        try:
            with interruptible():
                code_begins()
                return Play(self.console, self._calls, script, self._shell.count).run()
        finally:
            self._shell.skip(cell)

    async def _run(self, cell: Cell) -> Outcome:
        with interruptible():
            outcome = self._shell.run(cell)
            return outcome if isinstance(outcome, Outcome) else await awaited(outcome)

    def _conclude(self, request: Request, outcome: Outcome) -> None:
        if "reply" in outcome.loses:
            return
        status = "error" if outcome.error else "ok"
        about = {"engine_uuid": self._outbox.session, "engine_id": -1, "method": "execute"}
        content = {
            "status": status,
            **({**outcome.error, "engine_info": about} if outcome.error else {}),
            "execution_count": self._shell.count - 1,
            "user_expressions": outcome.user_expressions,
            "payload": list(outcome.payload),
        }
        self._outbox.say(
            "execute_reply",
            clean(content),
            request.message.header,
            channel=request.message.channel,
            session=request.session,
            metadata=self.reply_metadata(status),
        )

    def reply_metadata(self, status: str) -> Json:
        """Metadata of a reply to a cell."""
        return {
            "started": datetime.now(timezone.utc).isoformat(),
            "dependencies_met": True,
            "engine": self._outbox.session,
            "status": status,
        }


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name, None)


def _cell(content: Json) -> Cell:
    silent = content.get("silent", False)
    return Cell(
        code=content["code"],
        silent=silent,
        store_history=content.get("store_history", not silent),
        user_expressions=content.get("user_expressions") or {},
    )
