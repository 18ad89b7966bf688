"""The outputs of a cell, from its iopub messages.

The messages: https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-iopub-pub-sub-channel
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from attrs import define, evolve, field

from .bounded_output import MAX_OUTPUT, BoundedOutput, StreamSlot, ValueSlot
from .messages import Json
from .screens import shown
from .shortening import ITEM, cut, cut_forms, cut_traceback, dropped_here, is_dropped_here, weight
from .stepwise import slices
from .terminal import strip_ansi
from .values import WIDGET, Display, Failure, Output, Stream, mapping_of, text_of

__all__ = [
    "Display",
    "Failure",
    "Output",
    "OutputArea",
    "Stream",
    "as_seen",
    "encodable",
    "join_text",
    "plain_text",
]

_LONGEST_NAME = 80
"""Longest name of a stream, in characters. Usual names are ``stdout`` and ``stderr``."""

_FREE_NAMES = 1024
"""Number of characters of MIME types and display id that do not count as output."""

_RATE_NOTICE = re.compile(r"\s*IOPub (message|data) rate exceeded\.")


def plain_text(outputs: Iterable[Output]) -> str:
    """All outputs as text: streams as a terminal shows them, others on separate lines."""
    return join_text((o.text, not isinstance(o, Stream)) for o in as_seen(outputs))


def as_seen(outputs: Iterable[Output]) -> Iterator[Output]:
    """The outputs with streams as a terminal shows them. Adjacent streams become one text.

    A widget is omitted if its text only shows its first state, as for a progress bar.
    """
    screen: list[Stream] = []
    for output in outputs:
        # The cursor must not move from the text after a gap to the text before it.
        if screen and not (isinstance(output, Stream) and not is_dropped_here(output.text)):
            yield _on_screen(screen)
            screen = []
        if isinstance(output, Display) and output.has_stale_text:
            continue
        if not isinstance(output, Stream) or is_dropped_here(output.text):
            yield output
        else:
            screen.append(output)
    if screen:
        yield _on_screen(screen)


def _on_screen(streams: list[Stream]) -> Stream:
    return Stream(streams[0].name, shown(streams))


def join_text(pieces: Iterable[tuple[str, bool]]) -> str:
    """Join texts. A piece that comes with True gets lines of its own."""
    parts: list[str] = []
    alone_before = False
    for text, alone in pieces:
        if not text:
            continue
        if parts and (alone or alone_before) and not parts[-1].endswith("\n"):
            parts.append("\n")
        parts.append(text)
        alone_before = alone
    return encodable("".join(parts))


def encodable(text: str) -> str:
    """``text`` with pairs of surrogates joined and lone surrogates replaced.

    Kernels may print a character in two halves. A text that UTF-8 cannot encode would end the
    program that sends it to a model.
    """
    if text.isascii():
        return text
    try:
        for part in slices(text):
            part.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


@define
class OutputArea:
    """The outputs so far. Feed it every iopub message of one cell.

    Up to ``max_output`` characters, everything is kept. Beyond that, the first and the last half
    are kept, and ``dropped`` counts the characters between them.
    """

    max_output: int = MAX_OUTPUT
    rate_limited: bool = False
    _kept: BoundedOutput = field(init=False)
    _failed: ValueSlot | None = field(default=None, init=False)  # the exception that ends the cell
    _owner: str | None = field(default=None, init=False)  # the widget that captures outputs, if any
    _clear_next: set[str | None] = field(factory=set, init=False)  # owners of the outputs to clear
    # Slots by display id, in order. They are keys of a dict, because one id may have a million
    # slots.
    _displays: dict[str, dict[ValueSlot, None]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._kept = self._nothing()

    @property
    def failure(self) -> Failure | None:
        """The exception that ends the cell, if it was shown. It is shortened to fit."""
        return None if self._failed is None else self._failed.value

    @property
    def dropped(self) -> int:
        """Number of characters that were not kept."""
        return self._kept.dropped + self._kept.cut

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The outputs in order. A line on stderr replaces dropped outputs."""
        dropped = self._kept.dropped
        head, tail = self._kept.halves()
        remark = [Stream("stderr", dropped_here(dropped))] if dropped else []
        return (*map(_output, head), *remark, *map(_output, tail))

    def feed(self, msg_type: str, content: Json, owner: str | None = None) -> Output | None:
        """Process one message. Returns the output that it added or changed, if any.

        Args:
            msg_type: Type of the message.
            content: Content of the message.
            owner: The widget that has captured the output. None if no widget has captured it.
        """
        fold = _FOLDS.get(msg_type)
        self._owner = owner
        shown = fold(self, content) if fold else None
        self._owner = None
        return shown

    def show(self, output: Display | Failure) -> Output:
        """Add an output."""
        self._clear_if_due()
        slot = ValueSlot(output, _size(output), owner=self._owner)
        if isinstance(output, Failure):
            # An exception in a widget does not end the cell. An interrupt does.
            if self._owner is None or output.is_interrupt:
                self._failed = slot
        elif output.display_id is not None:
            self._displays.setdefault(output.display_id, {})[slot] = None
        for gone in self._kept.append(slot):
            self._forget(gone)
        return output

    def fitting(self, failure: Failure) -> Failure:
        """``failure``, shortened if it is larger than the limit."""
        is_large = _size(failure) > self.max_output
        return _shortened_failure(failure, self.max_output)[0] if is_large else failure

    def stream(self, content: Json) -> Output | None:
        """Process a ``stream`` message."""
        name = text_of(content.get("name"))[:_LONGEST_NAME] or "stdout"
        chunk = Stream(name, text_of(content.get("text")))
        if not chunk.text:
            return None
        self._clear_if_due()
        if chunk.name == "stderr" and _RATE_NOTICE.match(chunk.text):
            self.rate_limited = True
        for gone in self._kept.write(chunk.name, chunk.text, self._owner):
            self._forget(gone)
        return chunk

    def display(self, content: Json) -> Output:
        """Process a ``display_data`` or ``execute_result`` message."""
        return self.show(_display_of(content))

    def update(self, content: Json) -> Output:
        """Process an ``update_display_data`` message."""
        new = _display_of(content)
        known = self._displays.get(new.display_id) if new.display_id is not None else None
        if not known:
            # An earlier cell has shown the display, and its result was already returned.
            return self.show(evolve(new, is_update=True))
        # An update does not contain the execution count of a cell's value.
        new = evolve(new, execution_count=next(iter(known)).value.execution_count)
        for gone in self._kept.replace(known, new, _size(new)):
            self._forget(gone)
        return new

    def clear(self, content: Json) -> None:
        """Process a ``clear_output`` message: clear now, or when the next output arrives."""
        self._clear_next.add(self._owner)
        if not content.get("wait"):
            self._clear_if_due()

    def close_widget(self, widget: Any) -> None:
        """Remove a widget that is closed, with the outputs that it has captured."""
        if isinstance(widget, str):
            for gone in self._kept.remove(lambda slot: _is_of(widget, slot)):
                self._forget(gone)

    def error(self, content: Json) -> Output:
        """Process an ``error`` message."""
        return self.show(Failure.from_content(content))

    def _nothing(self) -> BoundedOutput:
        # A method of this area would be a reference cycle, which keeps large outputs in memory.
        return BoundedOutput(self.max_output, _shortened)

    def _clear_if_due(self) -> None:
        if self._owner not in self._clear_next:
            return
        self._clear_next.remove(self._owner)
        if self._owner is None:
            self._kept = self._nothing()
            self._displays.clear()
        else:
            # Outputs of the cell itself stay.
            owner = self._owner
            for gone in self._kept.remove(lambda slot: slot.owner == owner):
                self._forget(gone)

    def _forget(self, slot: ValueSlot) -> None:
        if isinstance(slot.value, Display) and slot.value.display_id is not None:
            known = self._displays[slot.value.display_id]
            del known[slot]
            if not known:
                del self._displays[slot.value.display_id]


_FOLDS: Mapping[str, Callable[[OutputArea, Json], Output | None]] = {
    "stream": OutputArea.stream,
    "display_data": OutputArea.display,
    "execute_result": OutputArea.display,
    "update_display_data": OutputArea.update,
    "clear_output": OutputArea.clear,
    "error": OutputArea.error,
}


def _output(slot: StreamSlot | ValueSlot) -> Output:
    if isinstance(slot, StreamSlot):
        return Stream(slot.name, str(slot.text))
    output: Output = slot.value
    return output


def _is_of(widget: str, slot: StreamSlot | ValueSlot) -> bool:
    """Whether a slot shows the widget or an output that it has captured."""
    shown = slot.value if isinstance(slot, ValueSlot) else None
    view = mapping_of(shown.data.get(WIDGET)) if isinstance(shown, Display) else {}
    return slot.owner == widget or view.get("model_id") == widget


def _display_of(content: Json) -> Display:
    count = content.get("execution_count")
    display_id = mapping_of(content.get("transient")).get("display_id")
    return Display(
        mapping_of(content.get("data")),
        mapping_of(content.get("metadata")),
        display_id if isinstance(display_id, str) and len(display_id) <= _FREE_NAMES else None,
        count if type(count) is int else None,
    )


def _size(output: Display | Failure) -> int:
    """Number of characters of ``output``, without MIME types and ids of usual lengths."""
    if isinstance(output, Failure):
        # Do not use map(), which would stop all other threads while it counts millions of lines.
        return sum(len(line) for line in (output.ename, output.evalue, *output.traceback))
    names = len(output.display_id or "") + sum(len(mime_type) + ITEM for mime_type in output.data)
    shown = sum(map(weight, output.data.values())) + weight(output.metadata)
    return shown + max(0, names - _FREE_NAMES)


def _shortened(output: Display | Failure, most: int) -> tuple[Display | Failure, int]:
    """``output`` shortened to ``most`` characters, and its new length without added lines."""
    if isinstance(output, Failure):
        return _shortened_failure(output, most)
    metadata = output.metadata if weight(output.metadata) <= most // 4 else {}
    data, size = cut_forms(output.data, most - weight(metadata))
    return evolve(output, data=data, metadata=metadata), size + weight(metadata)


def _shortened_failure(failure: Failure, most: int) -> tuple[Failure, int]:
    name = failure.ename[: min(_LONGEST_NAME, most)]
    value, size = cut(strip_ansi(failure.evalue), (most - len(name)) // 4)
    lines, more = cut_traceback(failure.traceback, most - len(name) - size)
    return Failure(name, value, lines), len(name) + size + more
