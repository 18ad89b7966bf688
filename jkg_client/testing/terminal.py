"""What a cell can say while it runs, and what it can ask."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import Any, Callable

from attrs import frozen

from ..protocol.messages import EOT, Json
from .captures import CapturedIO
from .cells import CellThread, Killed
from .outbox import Outbox, Request, Said
from .streams import KernelStream


class StdinNotImplementedError(Exception):
    """As ipykernel's: the client does not want to be asked."""


@frozen
class Calls:
    """What a terminal has its kernel do, in the kernel's own thread.

    Attributes:
        post: Has the kernel's thread call something.
        printed: Something was printed; it can wait a little for more.
        flush: What was said has to go out now.
        die: The kernel is dead.
    """

    post: Callable[[Callable[[], None]], None]
    printed: Callable[[], None]
    flush: Callable[[], None]
    die: Callable[[], None]


class Terminal:
    """Between the cells of a kernel and the kernel."""

    def __init__(self, outbox: Outbox, thread: CellThread, calls: Calls) -> None:
        self.request: Request | None = None
        self._outbox = outbox
        self._thread = thread
        self._calls = calls
        self._answers: SimpleQueue[str | None] = SimpleQueue()
        self.captured: CapturedIO | None = None
        self._streams = {name: KernelStream(name, self.write) for name in ("stdout", "stderr")}

    @property
    def streams(self) -> dict[str, KernelStream]:
        """The streams to print on."""
        return self._streams

    @property
    def stdout(self) -> KernelStream:
        """Where cells print."""
        return self._streams["stdout"]

    def write(self, name: str, text: str) -> None:
        """Print ``text``; nothing flushes."""
        if not text:
            self._calls.post(self._calls.flush)
            return
        if self.captured is not None and self.captured.takes_text(name, text):
            return
        content = {"name": name, "text": text}
        if self._outbox.append(Said(request=self.request, msg_type="stream", content=content)):
            self._calls.post(self._calls.printed)

    def say(
        self,
        msg_type: str,
        content: Json,
        *,
        channel: str = "iopub",
        metadata: Json | None = None,
        buffers: tuple[bytes, ...] = (),
    ) -> bool:
        """Send a message, at once and after everything that was printed; False if it is kept."""
        if self.captured is not None and self.captured.takes_output(msg_type, content):
            return False
        said = Said(
            request=self.request,
            channel=channel,
            msg_type=msg_type,
            content=content,
            metadata=metadata or {},
            buffers=buffers,
        )
        self._outbox.append(said)
        self._calls.post(self._calls.flush)
        return True

    def ask(self, prompt: str, password: bool) -> str:
        """Ask the client that sent the cell.

        Raises:
            StdinNotImplementedError: If it said that it cannot answer.
            EOFError: If it answers that there is no more.
        """
        if self.request is None or not self.request.message.content.get("allow_stdin"):
            what = "getpass" if password else "raw_input"
            raise StdinNotImplementedError(
                f"{what} was called, but this frontend does not support input requests."
            )
        # A new queue: answers to earlier questions are stale.
        answers: SimpleQueue[str | None] = SimpleQueue()
        self._answers = answers
        self.say("input_request", {"prompt": prompt, "password": password}, channel="stdin")
        answer = None
        while answer is None:
            answer = self._thread.wait(answers)
        if answer == EOT:
            raise EOFError
        return str(answer)

    def answer(self, value: str) -> None:
        """Take the client's answer."""
        self._answers.put(value)

    def wait(self, awaited: SimpleQueue[Any], timeout: float | None = None) -> Any:
        """Wait in the cell's thread, so that an interrupt ends it."""
        return self._thread.wait(awaited, timeout)

    def sync(self) -> None:
        """Wait until everything said so far has been handed to the sockets."""
        flushed: SimpleQueue[bool] = SimpleQueue()
        self._calls.post(self._outbox.send_all)
        self._calls.post(lambda: flushed.put(True))
        self.wait(flushed)

    def die(self) -> None:
        """End the kernel at once."""
        self._calls.post(self._calls.die)
        if threading.get_ident() == self._thread.ident:
            raise Killed

    def interrupt(self) -> None:
        """Interrupt the cell that runs."""
        self._thread.interrupt()
