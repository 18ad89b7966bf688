"""Messages of a kernel that never came, counted by the numbers in their ids.

Kernels throw output away, and say nothing, when whoever listens is more than some thousand
messages behind. Sessions of jupyter_client, which ipykernel and its kin use, number what they
send: ``<session>_<process>_<number>``. Ids of others tell nothing, and then nothing is claimed.
See https://jupyter-client.readthedocs.io/en/stable/api/jupyter_client.html#jupyter_client.session.Session
"""

from __future__ import annotations

from attrs import define, field

from .messages import Message

_LONGEST_ID = 200
"""Characters of ids that are looked at; those of jupyter_client have some 40."""

_MOST_FOREIGN = 10_000
"""Requests of others that are told apart. With more of them nothing is claimed any more."""


@define
class MessageGaps:
    """Which messages came while a kernel answered one request. Feed it every message.

    Attributes:
        msg_id: Id of the request.
    """

    msg_id: str
    _series: str = ""
    _first: int = 0
    _last: int = -1
    _came: int = 0
    # Whether anything of it has come on iopub, where messages keep their order.
    _begun: bool = False
    # IPython numbers the value of a cell before it knows whether the value shows itself.
    _unsent: int = 1
    # Requests of others: what the kernel replies goes to them alone.
    _foreign: set[int] = field(factory=set)

    @property
    def missing(self) -> int:
        """How many never came, at least."""
        # A reply and a question each may have gone elsewhere.
        if len(self._foreign) >= _MOST_FOREIGN:
            return 0
        unseen = 2 * len(self._foreign) + self._unsent
        return max(0, self._last - self._first + 1 - self._came - unseen)

    def feed(self, message: Message) -> None:
        """Take in one message."""
        series, _, digits = message.msg_id.rpartition("_")
        if len(message.msg_id) > _LONGEST_ID or not series:
            return
        if not digits.isdecimal() or len(digits) > 15:
            return
        parent, number = message.parent_id, int(digits)
        own = parent == self.msg_id
        if own and not self._series:
            self._series, self._first = series, number
        if series != self._series:
            return
        if own and message.msg_type == "execute_result":
            self._unsent = 0
        if own and not self._begun:
            # Channels overtake each other, and the reply all output, on a busy machine.
            self._begun = message.channel == "iopub"
            self._first = min(self._first, number)
        if number >= self._first:
            self._came += 1
            self._last = max(self._last, number)
            if parent is not None and not own and len(self._foreign) < _MOST_FOREIGN:
                # As a number: ids of the kernel's choice may be megabytes long.
                self._foreign.add(hash(parent))
