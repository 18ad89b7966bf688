"""How much of a cell's output is kept, so that an endless printer cannot fill the memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Union

from attrs import define, field

from .terminal import TerminalText

MAX_OUTPUT = 64 * 2**20
"""Characters of output that are kept of one cell, unless told otherwise."""

MAX_SLOTS = 50_000
"""Slots that are kept, however little is in them: each takes about a kilobyte by itself."""


@define(eq=False)
class StreamSlot:
    """Text of one stream, still growing; ``owner`` is the widget that it was captured by."""

    name: str
    terminal: TerminalText = field(factory=TerminalText)
    owner: str | None = None

    @property
    def size(self) -> int:
        """Characters in it."""
        return len(self.terminal)


@define(eq=False)
class ValueSlot:
    """Anything else: ``value`` takes ``size`` characters; ``kept`` until it was dropped."""

    value: Any
    size: int
    kept: bool = True
    owner: str | None = None


Slot = Union[StreamSlot, ValueSlot]


@define
class BoundedOutput:
    """Slots in order: all of them up to ``limit``, beyond that the first and the last half.

    A value that came last is kept, however large: it is in memory already, and often it
    is the traceback that tells what went wrong.

    The methods that add return the value slots that had to go for it.
    """

    limit: int
    dropped: int = 0
    _head: list[Slot] = field(factory=list, init=False)
    _tail: deque[Slot] | None = field(default=None, init=False)
    _size: int = field(default=0, init=False)

    def halves(self) -> tuple[list[Slot], list[Slot]]:
        """What comes before the gap and what after it; the second is empty without one."""
        return self._head, list(self._tail or ())

    def append(self, slot: Slot) -> list[ValueSlot]:
        """Add a slot at the end."""
        self._settle_last()
        self._slots().append(slot)
        self._size += slot.size
        return self._trim()

    def write(self, name: str, text: str, owner: str | None = None) -> list[ValueSlot]:
        """Add text at the end, to the last slot if that is the same stream."""
        slots = self._slots()
        last = slots[-1] if slots else None
        if not (isinstance(last, StreamSlot) and (last.name, last.owner) == (name, owner)):
            self._settle_last()
            last = StreamSlot(name, owner=owner)
            slots.append(last)
        before = last.size
        last.terminal.feed(text)
        self._size += last.size - before
        return self._trim()

    def replace(self, slots: Iterable[ValueSlot], value: Any, size: int) -> list[ValueSlot]:
        """Put another value into those of ``slots`` that are still there."""
        grows = False
        for slot in slots:
            if slot.kept:
                grows |= size > slot.size
                self._size += size - slot.size
                slot.value, slot.size = value, size
        return [*(self._shorten_head() if grows else ()), *self._trim()]

    def remove(self, value: Any) -> None:
        """Take out the slot of ``value``, if it is there."""
        for slots in (self._head, self._tail or deque()):
            for slot in [s for s in slots if isinstance(s, ValueSlot) and s.value is value]:
                slots.remove(slot)
                self._size -= slot.size

    def remove_owned(self, owner: str) -> list[ValueSlot]:
        """Take out what a widget has captured."""
        gone: list[ValueSlot] = []
        for slots in (self._head, self._tail or deque()):
            kept = [slot for slot in slots if slot.owner != owner]
            for slot in slots:
                if slot.owner == owner:
                    self._size -= slot.size
                    gone += [slot] if isinstance(slot, ValueSlot) else []
            slots.clear()
            slots.extend(kept)
        return gone

    def _slots(self) -> list[Slot] | deque[Slot]:
        return self._head if self._tail is None else self._tail

    def _settle_last(self) -> None:
        """Nothing will be written any more to the stream that comes last."""
        slots = self._slots()
        if slots and isinstance(slots[-1], StreamSlot):
            slots[-1].terminal.settle()

    def _too_much(self) -> bool:
        return self._size > self.limit or len(self._head) + len(self._tail or ()) > MAX_SLOTS

    def _trim(self) -> list[ValueSlot]:
        gone: list[ValueSlot] = []
        if self._tail is None and self._too_much():
            self._tail = self._part()
        while self._tail and self._too_much() and not self._is_last_value(self._tail):
            first, excess = self._tail[0], self._size - self.limit
            if isinstance(first, StreamSlot) and 0 < excess < first.size:
                self.dropped += first.terminal.drop_left(excess)
                self._size -= excess
            else:
                gone += self._drop(self._tail.popleft())
        return gone

    @staticmethod
    def _is_last_value(slots: deque[Slot]) -> bool:
        return len(slots) == 1 and isinstance(slots[0], ValueSlot)

    def _part(self) -> deque[Slot]:
        """Leave the first half of ``limit`` in the head for good; the rest is the tail."""
        room, rest = self.limit // 2, deque(self._head)
        self._head.clear()
        while rest and rest[0].size <= room and len(self._head) < MAX_SLOTS // 2:
            room -= rest[0].size
            self._head.append(rest.popleft())
        crossing = rest[0] if rest else None
        if isinstance(crossing, StreamSlot) and 0 < room < crossing.size:
            head = StreamSlot(crossing.name, crossing.terminal.take_left(room), crossing.owner)
            self._head.append(head)
        return rest

    def _shorten_head(self) -> list[ValueSlot]:
        """Make room in the head, where an update has grown, at the cost of its end."""
        gone: list[ValueSlot] = []
        if self._tail is None:
            return gone
        room = self.limit // 2 - sum(slot.size for slot in self._head)
        while room < 0:
            slot = self._head.pop()
            room += slot.size
            gone += self._drop(slot)
        return gone

    def _drop(self, slot: Slot) -> list[ValueSlot]:
        self._size -= slot.size
        if isinstance(slot, StreamSlot):
            self.dropped += slot.size
            return []
        self.dropped += max(1, slot.size)
        slot.kept = False
        return [slot]
