"""How much of a cell's output is kept, so that an endless printer cannot fill the memory."""

from __future__ import annotations

from collections import deque
from typing import Any, Union

from attrs import define, field

from .terminal import TerminalText

MAX_OUTPUT = 64 * 2**20
"""Characters of output that are kept of one cell, unless told otherwise."""

_EACH = 300
"""What a slot costs besides its text, so that a million empty ones are bounded too."""


@define(eq=False)
class StreamSlot:
    """Text of one stream, still growing."""

    name: str
    terminal: TerminalText = field(factory=TerminalText)

    @property
    def cost(self) -> int:
        """What it takes of the budget."""
        return len(self.terminal) + _EACH


@define(eq=False)
class ValueSlot:
    """Anything else: ``value`` takes ``size`` characters."""

    value: Any
    size: int

    @property
    def cost(self) -> int:
        """What it takes of the budget."""
        return self.size + _EACH


Slot = Union[StreamSlot, ValueSlot]


@define
class Kept:
    """Slots in order: all of them up to ``limit``, beyond that the first and the last half.

    The methods that add return the value slots that had to go for it.
    """

    limit: int
    dropped: int = 0
    _head: list[Slot] = field(factory=list, init=False)
    _tail: deque[Slot] | None = field(default=None, init=False)
    _cost: int = field(default=0, init=False)

    def halves(self) -> tuple[list[Slot], list[Slot]]:
        """What comes before the gap and what after it; the second is empty without one."""
        return self._head, list(self._tail or ())

    def append(self, slot: Slot) -> list[ValueSlot]:
        """Add a slot at the end."""
        self._slots().append(slot)
        self._cost += slot.cost
        return self._trim()

    def write(self, name: str, text: str) -> list[ValueSlot]:
        """Add text at the end, to the last slot if that is the same stream."""
        slots = self._slots()
        last = slots[-1] if slots else None
        if not (isinstance(last, StreamSlot) and last.name == name):
            last = StreamSlot(name)
            slots.append(last)
            self._cost += last.cost
        before = last.cost
        last.terminal.feed(text)
        self._cost += last.cost - before
        return self._trim()

    def replace(self, slot: ValueSlot, value: Any, size: int) -> list[ValueSlot]:
        """Put another value into ``slot``."""
        self._cost += size - slot.size
        slot.value, slot.size = value, size
        return self._trim()

    def remove(self, value: Any) -> None:
        """Take out the slot of ``value``, if it is there."""
        for slots in (self._head, self._tail or deque()):
            for slot in [s for s in slots if isinstance(s, ValueSlot) and s.value is value]:
                slots.remove(slot)
                self._cost -= slot.cost

    def _slots(self) -> list[Slot] | deque[Slot]:
        return self._head if self._tail is None else self._tail

    def _trim(self) -> list[ValueSlot]:
        if self._cost <= self.limit:
            return []
        if self._tail is None:
            self._tail = self._part()
        gone: list[ValueSlot] = []
        while self._cost > self.limit and self._tail:
            slot = self._tail.popleft()
            self._cost -= slot.cost
            if isinstance(slot, ValueSlot):
                self.dropped += max(1, slot.size)
                gone.append(slot)
                continue
            self.dropped += slot.terminal.drop_left(self._cost + slot.cost - self.limit)
            if len(slot.terminal) or not self._tail:
                self._tail.appendleft(slot)
                self._cost += slot.cost
                break
        return gone

    def _part(self) -> deque[Slot]:
        """Leave the first half of ``limit`` in the head for good; the rest is the tail."""
        room, rest = self.limit // 2, deque(self._head)
        self._head.clear()
        while rest and rest[0].cost <= room:
            room -= rest[0].cost
            self._head.append(rest.popleft())
        crossing = rest[0] if rest else None
        if isinstance(crossing, StreamSlot) and room > _EACH:
            remainder = crossing.terminal.split_off(room - _EACH)
            self._head.append(rest.popleft())
            rest.appendleft(StreamSlot(crossing.name, remainder))
            self._cost += _EACH
        return rest
