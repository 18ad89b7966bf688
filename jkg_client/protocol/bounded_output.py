"""Keeps a limited part of a cell's output, so that endless output cannot fill the memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Union

from attrs import define, field

from .printed_text import PrintedText

MAX_OUTPUT = 64 * 2**20
"""Number of characters of output that are kept for one cell, by default."""

MAX_SLOTS = 50_000
"""Largest number of slots that are kept. Even an almost empty slot takes about a kilobyte."""


@define(eq=False)
class StreamSlot:
    """Text of one stream, which can grow. ``owner`` is the widget that has captured it."""

    name: str
    text: PrintedText = field(factory=PrintedText)
    owner: str | None = None

    @property
    def size(self) -> int:
        """Number of characters."""
        return len(self.text)


@define(eq=False)
class ValueSlot:
    """An output that is not a stream.

    Attributes:
        value: The output.
        size: Number of characters of the output.
        cut: Number of characters that were removed from it.
        kept: False if the output was dropped.
    """

    value: Any
    size: int
    cut: int = 0
    kept: bool = True
    owner: str | None = None


_WORTH_KEEPING = 200
"""A value is not shortened below this number of characters."""

Slot = Union[StreamSlot, ValueSlot]


Shorten = Callable[[Any, int], "tuple[Any, int]"]
"""Shortens a value to a number of characters. Returns the short value and its size."""


@define
class BoundedOutput:
    """Slots in order: all of them up to ``limit`` characters, then the first and the last half.

    A value that is too large for its half is shortened.

    The methods that add slots return the value slots that were dropped to make room.

    Attributes:
        dropped: Characters that are missing between the halves.
        cut: Characters that are missing within values.
    """

    limit: int
    shorten: Shorten = field(eq=False, repr=False)
    dropped: int = 0
    cut: int = 0
    _head: list[Slot] = field(factory=list, init=False)
    _tail: deque[Slot] | None = field(default=None, init=False)
    _size: int = field(default=0, init=False)
    _room: int = field(default=0, init=False)  # left in the head after the tail has begun

    def halves(self) -> tuple[list[Slot], list[Slot]]:
        """The slots before and after the gap. Without a gap, the second list is empty."""
        return self._head, list(self._tail or ())

    def append(self, slot: Slot) -> list[ValueSlot]:
        """Add a slot at the end."""
        self._slots().append(slot)
        self._size += slot.size
        return self._trim()

    def write(self, name: str, text: str, owner: str | None = None) -> list[ValueSlot]:
        """Add text at the end. If the last slot is the same stream, the text is added to it."""
        slots = self._slots()
        last = slots[-1] if slots else None
        if not (isinstance(last, StreamSlot) and (last.name, last.owner) == (name, owner)):
            last = StreamSlot(name, owner=owner)
            slots.append(last)
        self._size -= last.size
        last.text.append(text)
        self._size += last.size
        return self._trim()

    def replace(self, slots: Iterable[ValueSlot], value: Any, size: int) -> list[ValueSlot]:
        """Replace the value in each slot of ``slots`` that is still kept."""
        kept, whole = [slot for slot in slots if slot.kept], size
        after = self._size + sum(size - slot.size for slot in kept)
        if after > self.limit and size > self.limit // 2:
            value, size = self.shorten(value, self.limit // 2)
        grows = any(size > slot.size for slot in kept)
        for slot in kept:
            self._size += size - slot.size
            self.cut += whole - size - slot.cut
            slot.value, slot.size, slot.cut = value, size, whole - size
        return [*(self._shorten_head() if grows else ()), *self._trim()]

    def remove(self, is_gone: Callable[[Slot], bool]) -> list[ValueSlot]:
        """Remove some slots, for example the outputs that a widget has captured."""
        gone: list[ValueSlot] = []
        for slots in (self._head, self._tail or deque()):
            kept: list[Slot] = []
            for slot in slots:
                if not is_gone(slot):
                    kept.append(slot)
                    continue
                self._size -= slot.size
                gone += [slot] if isinstance(slot, ValueSlot) else []
            slots.clear()
            slots.extend(kept)
        return gone

    def _slots(self) -> list[Slot] | deque[Slot]:
        return self._head if self._tail is None else self._tail

    def _too_much(self) -> bool:
        return self._size > self.limit or len(self._head) + len(self._tail or ()) > MAX_SLOTS

    def _trim(self) -> list[ValueSlot]:
        gone: list[ValueSlot] = []
        if self._too_much():
            self._fold()
        if self._tail is None and self._too_much():
            self._tail = self._part()
        while self._tail and self._too_much():
            first, excess = self._tail[0], self._size - self.limit
            if isinstance(first, StreamSlot) and 0 < excess < first.size:
                dropped = first.text.drop_left(excess)
                self.dropped += dropped
                self._size -= dropped
            elif not (isinstance(first, ValueSlot) and self._shrink(first, self._tail, excess)):
                gone += self._drop(self._tail.popleft())
        return gone

    def _fold(self) -> None:
        """Drop overwritten text of streams that have grown a lot."""
        slots = self._slots()
        for slot in slots if self._tail is None else (slots[-1],):
            # Do not fold for each character, because folding takes time for the whole text.
            if isinstance(slot, StreamSlot) and 4 * slot.text.news >= self.limit:
                self._size -= slot.size
                slot.text.fold()
                self._size += slot.size

    def _part(self) -> deque[Slot]:
        """Keep the first half of ``limit`` in the head. The rest becomes the tail."""
        room, rest = self.limit // 2, deque(self._head)
        self._head.clear()
        while rest and rest[0].size <= room and len(self._head) < MAX_SLOTS // 2:
            room -= rest[0].size
            self._head.append(rest.popleft())
        crossing = rest[0]  # the head cannot hold all of it
        if isinstance(crossing, StreamSlot) and 0 < room < crossing.size:
            taken = crossing.text.take_left(room)
            self._head.append(StreamSlot(crossing.name, taken, crossing.owner))
            room -= len(taken)
        self._room = room
        return rest

    def _shrink(self, slot: ValueSlot, tail: deque[Slot], excess: int) -> bool:
        """Shorten the first value of the tail. False if that is not possible."""
        if excess <= 0:
            return False
        if len(tail) == 1:
            self._cut(slot, self.limit - self.limit // 2 + self._room)
        elif self._room >= _WORTH_KEEPING:
            self._cut(slot, self._room)
            self._room -= slot.size
            self._head.append(tail.popleft())
        else:
            # Shorten at least by half: to shorten a large value for each character would be slow.
            room = min(slot.size - excess, slot.size // 2)
            if room < _WORTH_KEEPING:
                return False
            self._cut(slot, room)
        return True

    def _cut(self, slot: ValueSlot, room: int) -> None:
        before = slot.size
        slot.value, slot.size = self.shorten(slot.value, room)
        slot.cut += before - slot.size
        self.cut += before - slot.size
        self._size -= before - slot.size

    def _shorten_head(self) -> list[ValueSlot]:
        """Drop slots at the end of the head, because an update has made it too large."""
        gone: list[ValueSlot] = []
        if self._tail is None:
            return gone
        room = self.limit // 2 - sum(slot.size for slot in self._head)
        while room < 0:
            slot = self._head.pop()
            room += slot.size
            gone += self._drop(slot)
        self._room = room
        return gone

    def _drop(self, slot: Slot) -> list[ValueSlot]:
        self._size -= slot.size
        if isinstance(slot, StreamSlot):
            self.dropped += slot.size
            return []
        self.dropped += max(1, slot.size)
        slot.kept = False
        return [slot]
