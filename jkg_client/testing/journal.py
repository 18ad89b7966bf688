"""The requests and messages that a fake gateway has received, in order."""

from __future__ import annotations

import fnmatch
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Callable, TypeVar, Union

from attrs import evolve, field, frozen

from ..client import arguments
from ..protocol.messages import Json, Message, execute_request

T = TypeVar("T")

USUAL: Json = {**execute_request("", "").content, "code": None}
"""Usual values in an ``execute_request``. The journal does not show them."""


@frozen(kw_only=True)
class RestRequest:
    """An HTTP request.

    Attributes:
        seconds: Time since the start of the gateway.
        method: The HTTP method, such as ``GET``.
        path: Path below the gateway's base path, without the query.
        query: Names and values of the query.
        headers: The headers as they were received.
        body: The object if the body is JSON, otherwise the body as it was received.
        status: Status of the answer. None if there is no answer, or no answer yet.
    """

    seconds: float
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: Any = None
    status: int | None = None

    def __str__(self) -> str:
        body = "" if self.body is None else f" {self.body!r:.200}"
        return f"{self.seconds:7.3f} {self.method} {self.path}{body} -> {self.status or 'nothing'}"


@frozen(kw_only=True)
class KernelMessage:
    """A message that a client has sent on a kernel's WebSocket.

    Attributes:
        seconds: Time since the start of the gateway.
        kernel_id: Id of the kernel.
        session: The ``session_id`` of the socket.
        message: The message.
    """

    seconds: float
    kernel_id: str
    session: str
    message: Message

    @property
    def channel(self) -> str:
        """Channel of the message."""
        return self.message.channel

    @property
    def msg_type(self) -> str:
        """Type of the message."""
        return self.message.msg_type

    @property
    def content(self) -> Json:
        """Content of the message."""
        return self.message.content

    def __str__(self) -> str:
        content = dict(self.content)
        if self.msg_type == "execute_request":
            content = {name: content[name] for name in content if _tells(name, content[name])}
        about = f"{self.channel} {self.msg_type} {content!r:.200}"
        return f"{self.seconds:7.3f} kernel {self.kernel_id[:8]} {about}"


def _fit(*pairs: tuple[str, str]) -> bool:
    return all(fnmatch.fnmatchcase(text, pattern) for text, pattern in pairs)


def _tells(name: str, value: Any) -> bool:
    # Some clients let a failed cell abort the waiting cells, our client does not. Both are usual.
    return name != "stop_on_error" and (name not in USUAL or value != USUAL[name])


Entry = Union[RestRequest, KernelMessage]


class Journal:
    """Every request and every message, in the order in which they were received.

    Example::

        (request,) = gateway.journal.messages("execute_request")
        assert request.content["code"] == "print(1)"
    """

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._entries: list[Entry] = []
        self._forgotten = 0
        self._changed = threading.Condition()

    def __repr__(self) -> str:
        return f"<Journal of {len(self)} entries>"

    def __iter__(self) -> Iterator[Entry]:
        with self._changed:
            return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def __str__(self) -> str:
        return self.tail(len(self))

    def tail(self, count: int = 30) -> str:
        """The last ``count`` entries, one per line."""
        arguments.at_least("count", count, 0)
        return "\n".join(map(str, tuple(self)[-count:])) or "(nothing was received)"

    def forget(self) -> None:
        """Remove all entries."""
        with self._changed:
            self._forgotten += len(self._entries)
            self._entries.clear()

    def requests(self, method: str = "*", path: str = "*") -> list[RestRequest]:
        """The HTTP requests so far with this ``method`` and ``path``; wildcards are allowed."""
        arguments.each(arguments.text, method=method, path=path)
        requests = [entry for entry in self if isinstance(entry, RestRequest)]
        return [one for one in requests if _fit((one.method, method), (one.path, path))]

    def messages(self, msg_type: str = "*", kernel_id: str = "*") -> list[KernelMessage]:
        """The messages so far of this ``msg_type`` to ``kernel_id``; wildcards are allowed."""
        arguments.each(arguments.text, msg_type=msg_type, kernel_id=kernel_id)
        messages = [entry for entry in self if isinstance(entry, KernelMessage)]
        return [
            one for one in messages if _fit((one.msg_type, msg_type), (one.kernel_id, kernel_id))
        ]

    def wait_for(self, look: Callable[[Journal], T], timeout: float = 5.0) -> T:
        """Wait until ``look(journal)`` finds something, and return it.

        ``look`` is called after each change, at most for ``timeout`` seconds::

            gateway.journal.wait_for(lambda journal: journal.messages("execute_request"))

        Raises:
            AssertionError: ``look`` finds nothing in time. The message shows the journal.
        """
        arguments.function("look", look)
        end = time.monotonic() + arguments.seconds("timeout", timeout)
        with self._changed:
            while True:
                found = look(self)
                if found:
                    return found
                if not self._changed.wait(end - time.monotonic()):
                    raise AssertionError(f"nothing found within {timeout} s:\n{self.tail()}")

    def add_request(self, **facts: Any) -> int:
        """Add a ``RestRequest`` with these ``facts``. Returns its number, for ``add_answer``."""
        return self._add(RestRequest(seconds=self._seconds(), **facts))

    def add_answer(self, number: int, status: int) -> None:
        """Add the ``status`` of the answer to the request with this ``number``."""
        with self._changed:
            at = number - self._forgotten
            entry = self._entries[at] if at >= 0 else None
            if isinstance(entry, RestRequest):
                self._entries[at] = evolve(entry, status=status)
            self._changed.notify_all()

    def add_message(self, kernel_id: str, session: str, message: Message) -> None:
        """Add a ``message`` to the kernel ``kernel_id`` from the socket of ``session``."""
        seconds = self._seconds()
        self._add(
            KernelMessage(seconds=seconds, kernel_id=kernel_id, session=session, message=message)
        )

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _add(self, entry: Entry) -> int:
        with self._changed:
            self._entries.append(entry)
            self._changed.notify_all()
            return self._forgotten + len(self._entries) - 1
