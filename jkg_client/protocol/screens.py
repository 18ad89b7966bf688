"""Text of several streams as a reader should see it: each stream has lines of its own.

A kernel sends stdout and stderr separately, and their parts arrive out of order. On one screen, the
next ``print`` would continue the line of a progress bar, or the bar would erase printed text. So a
stream only changes lines of its own. A line keeps the place where it was begun.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import define, field, frozen

from .terminal import Screen, has_codes, picture
from .values import Stream


@frozen
class _Begun:
    """Lines of a screen, from ``line`` on, which the text with this ``number`` has begun."""

    number: int
    line: int


@define
class _Lines:
    """The lines of one stream, and which text has begun each of them."""

    screen: Screen
    begun: list[_Begun] = field(factory=list)
    _height: int = field(default=0, init=False)

    def write(self, number: int, text: str) -> None:
        self.screen.write(text)
        height = self.screen.height
        while self.begun and self.begun[-1].line >= height:
            self.begun.pop()  # these lines were erased
        if height > self._height or not self.begun:
            self.begun.append(_Begun(number, min(height, self._height)))
        self._height = height

    def parts(self) -> Iterator[tuple[int, str]]:
        """The lines that one text has begun together, with the number of this text."""
        text = str(self.screen)
        start = line = 0
        for one, following in zip(self.begun, self.begun[1:]):
            end = start
            while line < following.line and end < len(text):
                end = text.find("\n", end) + 1 or len(text)
                line += 1
            yield one.number, text[start:end]
            start = end
        # Blanks in the last line are the remains of an erased bar.
        last = text.rfind("\n") + 1
        end = len(text) if text[last:].strip(" ") else last
        yield self.begun[-1].number, text[start : max(start, end)]


def shown(streams: Sequence[Stream]) -> str:
    """The text of adjacent streams without overwritten text and escape codes."""
    names = {stream.name for stream in streams}
    if len(names) < 2 or not any(has_codes(stream.text) for stream in streams):
        return picture("".join(stream.text for stream in streams))
    sizes = dict.fromkeys(names, 0)
    for stream in streams:
        sizes[stream.name] += len(stream.text)
    lines = {name: _Lines(Screen(size)) for name, size in sizes.items()}
    for number, stream in enumerate(streams):
        lines[stream.name].write(number, stream.text)
    parts = sorted(part for one in lines.values() for part in one.parts())
    return _joined([text for _, text in parts if text])


def _joined(texts: Sequence[str]) -> str:
    ended = [text if text.endswith("\n") else f"{text}\n" for text in texts[:-1]]
    return "".join([*ended, *texts[-1:]])
