"""Finds out which messages of a kernel were lost, from gaps and from the numbers in message ids.

Messages are lost when a connection breaks. Kernels also drop output, silently, when the reader is
some thousand messages behind. Sessions of jupyter_client, which ipykernel and similar kernels use,
number their messages: ``<session>_<process>_<number>``. Other ids prove nothing.
See
https://jupyter-client.readthedocs.io/en/stable/api/jupyter_client.html#jupyter_client.session.Session
"""

from __future__ import annotations

from attrs import define, field, frozen

from .messages import Message

_LONGEST_ID = 200
"""Longer ids are ignored. Those of jupyter_client have about 40 characters."""

_MOST_FOREIGN = 10_000
"""Number of requests of other clients that are counted. With more, nothing can be proved."""

_MOST_HOLES = 1000
"""Largest number of holes that are remembered. A late message may still fill one of them."""

ASKED_AT_CONNECT = 12
"""Numbers that may be missing after each reconnect, although no message to us was lost.

When a client connects, servers ask the kernel on two channels whether it is alive, and again if the
answer is late. Only the server receives the answers. Each answer is three messages. On all servers
that we test, we measured three missing numbers after each reconnect.
"""


@frozen(kw_only=True)
class Gap:
    """A place between two messages where others may have been lost.

    Every gap is reported once, at its place. The reader decides whether the running cell has lost
    messages, and whether the numbers in the message ids prove that nothing is missing.

    Attributes:
        unread: Number of messages that arrived at this place and could not be decoded.
        may_lack: Whether other messages may have been lost here. False if it is certain that no
            message was lost, for example because the server has kept and repeated the messages.
        end_unseen: Whether we may have missed the end of a request. A reader that waits for the end
            should send the kernel another request, which it answers after the end.
    """

    unread: int = 0
    may_lack: bool = False
    end_unseen: bool = False


@define
class _Hole:
    """The numbers ``first`` to ``last`` have not arrived. ``is_certain``: there was a gap."""

    first: int
    last: int
    is_certain: bool

    @property
    def size(self) -> int:
        return self.last - self.first + 1


@define
class MessageGaps:
    """The messages that have arrived while a kernel answered a request.

    Feed it every message and gap.

    Attributes:
        msg_id: Id of the request.
    """

    msg_id: str
    _cuts: int = field(default=0, init=False)  # gaps in which messages may have been lost
    _unread: int = field(default=0, init=False)
    _series: str = field(default="", init=False)
    _first: int = field(default=0, init=False)
    _last: int = field(default=-1, init=False)
    _holes: list[_Hole] = field(factory=list, init=False)
    _forgotten: int = field(default=0, init=False)  # numbers in holes beyond ``_MOST_HOLES``
    _at_gap: bool = field(default=False, init=False)
    _earlier: tuple[str, int] = field(default=("", 0), init=False)
    _has_input: bool = field(default=False, init=False)
    _busy: int = field(default=-1, init=False)  # the number of the request's "busy"
    # Whether an answer has arrived on iopub, where messages keep their order.
    _begun: bool = field(default=False, init=False)
    _begin_seen: bool = field(default=False, init=False)
    _own_last: int = field(default=-1, init=False)
    _end: int | None = field(default=None, init=False)  # the number of the request's ``idle``
    _is_overtaken: bool = field(default=False, init=False)
    _replied: bool = field(default=False, init=False)
    # IPython uses a message number for the value of a cell, even if it does not send the value.
    _unsent: int = field(default=1, init=False)
    # Requests of other clients; we do not receive the replies to them.
    _foreign: set[int] = field(factory=set, init=False)
    _session: object = field(default=None, init=False)

    @property
    def position(self) -> tuple[str, int]:
        """The series of the message ids, and the last number. Later requests begin after it."""
        return self._series, self._last

    @property
    def is_cut(self) -> bool:
        """Whether there was a gap in which messages may have been lost."""
        return self._cuts > 0

    @property
    def missing(self) -> int:
        """The smallest possible number of lost messages."""
        certain = tail = 0
        others = self._forgotten
        for hole in self._holes:
            if hole.first > self._until:
                continue
            if self.is_cut and hole.first > self._own_last:
                tail += hole.size
            elif hole.is_certain:
                certain += hole.size
            else:
                others += hole.size
        # A reply and an input request may have been sent to another client.
        if len(self._foreign) >= _MOST_FOREIGN:
            return self._unread
        unseen = 2 * len(self._foreign) + self._unsent
        others = max(0, others - unseen) + max(0, tail - self._cuts * ASKED_AT_CONNECT)
        return max(self._unread, certain + others)

    @property
    def is_whole(self) -> bool:
        """Whether the numbers prove that no output is missing."""
        if not self._is_begin_known or self._forgotten:
            return False
        if self._end is None and not (self._is_overtaken and self._last > self._own_last):
            # It is unknown how many messages would have followed. A later number is not enough,
            # because kernels answer requests on the control channel while the code runs.
            return False
        absent = sum(hole.size for hole in self._holes if hole.first <= self._until)
        # The end and the reply have no output. If they are missing, they are the last messages.
        return absent == int(self._end is None) + int(not self._replied and absent > 0)

    @property
    def may_lack(self) -> bool:
        """Whether messages may have been lost at a gap, and nothing proves the opposite."""
        return self.is_cut and not self.is_whole

    def begin_cell(self, request: Message, position: tuple[str, int]) -> None:
        """Note what is known before the first answer, to prove that nothing was lost before it.

        Args:
            request: The cell. If it is silent, the kernel sends no ``execute_input``.
            position: Position at the end of an earlier request.
        """
        self._has_input, self._earlier = not request.content.get("silent"), position

    def overtake(self) -> None:
        """Note that the kernel has answered a later request, so it is done with this one."""
        self._is_overtaken = True

    def skip(self, gap: Gap) -> None:
        """Process a gap."""
        self._unread += gap.unread
        self._cuts += gap.may_lack
        self._at_gap |= gap.may_lack or gap.unread > 0

    def feed(self, message: Message) -> None:
        """Process one message."""
        series, _, digits = message.msg_id.rpartition("_")
        if len(message.msg_id) > _LONGEST_ID or not series:
            return
        if not digits.isdecimal() or len(digits) > 15:
            return
        parent, number = message.parent_id, int(digits)
        own = parent == self.msg_id
        if own and not self._series:
            self._series, self._first, self._last = series, number, number
            self._session = message.parent_header.get("session")
        if series != self._series:
            return
        if own:
            self._take_own(message, number)
        if number >= self._first:
            self._take(number)
            # A request after the end explains no number before the end.
            if number <= self._until and parent is not None and not own:
                self._note_foreign(message, parent)

    def _note_foreign(self, message: Message, parent: str) -> None:
        if self._is_foreign(message) and len(self._foreign) < _MOST_FOREIGN:
            # Keep only the hash of the id: the kernel chooses the id, which may have megabytes.
            self._foreign.add(hash(parent))

    @property
    def _is_begin_known(self) -> bool:
        """Whether no output was lost before the first answer that has arrived."""
        # Before all output come "busy" and ``execute_input``.
        opening = 1 + self._has_input
        return self._begin_seen or self._earlier == (self._series, self._first - opening - 1)

    @property
    def _until(self) -> int:
        return self._last if self._end is None else self._end

    def _is_foreign(self, message: Message) -> bool:
        session = message.parent_header.get("session")
        return session is None or session != self._session

    def _take_own(self, message: Message, number: int) -> None:
        msg_type = message.msg_type
        is_status = msg_type == "status"
        is_idle = is_status and message.content.get("execution_state") == "idle"
        if msg_type == "execute_result":
            self._unsent = 0
        if not self._begun:
            # On a busy machine, channels overtake each other: the reply may arrive before output.
            self._open(number, self._first)
            self._first = min(self._first, number)
        if message.channel in ("shell", "control"):
            self._replied = True
        elif message.channel == "iopub" and not self._begun:
            self._begun = True
            self._begin_seen = msg_type == "execute_input" or (is_status and not is_idle)
        if is_idle:
            self._end = number
        elif is_status:
            self._busy = number
        self._own_last = max(self._own_last, number)

    def _take(self, number: int) -> None:
        if number > self._last:
            # ``execute_input`` follows "busy". It is not output, so nobody misses it.
            is_input_next = self._has_input and self._last == self._busy
            self._open(self._last + is_input_next, number)
            self._last = number
        elif number < self._last:
            self._fill(number)
        self._at_gap = False

    def _open(self, before: int, after: int) -> None:
        """Note that nothing has arrived between these two numbers."""
        if after - before > 1:
            self._holes.append(_Hole(before + 1, after - 1, self._at_gap))
            if len(self._holes) > _MOST_HOLES:
                self._forgotten += self._holes.pop(0).size

    def _fill(self, number: int) -> None:
        for place, hole in enumerate(self._holes):
            if hole.first <= number <= hole.last:
                parts = (
                    _Hole(hole.first, number - 1, hole.is_certain or self._at_gap),
                    _Hole(number + 1, hole.last, hole.is_certain),
                )
                self._holes[place : place + 1] = [part for part in parts if part.size]
                return
