"""Draws images on terminals that support it.

The protocols: https://sw.kovidgoyal.net/kitty/graphics-protocol, https://iterm2.com/documentation-images.html
and sixel, https://vt100.net/docs/vt3xx-gp/chapter14.html.
"""

from __future__ import annotations

import base64
import os
from typing import Callable, Literal, TextIO

from attrs import define, field

from ..protocol.mime_data import decoded, joined
from ..protocol.outputs import Display
from .terminal_answers import terminal_answers

Protocol = Literal["kitty", "iterm2", "sixel", "none"]
Wish = Literal["auto", "kitty", "iterm2", "sixel", "none"]

_IMAGES = ("image/png", "image/jpeg", "image/gif")
_MAX_BYTES = 16_000_000
"""Largest image that is drawn. A larger one is saved."""

_CHUNK = 4096
_PIXELS = (800, 600)

# Three queries: kitty's graphics query, the name of the terminal, and DA1, which every terminal
# answers.
_QUERIES = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[>q\x1b[c"


@define(eq=False)
class Graphics:
    """Draws images if the terminal supports it.

    Attributes:
        wish: The protocol to use. ``auto`` asks the terminal before the first image.
        out: The stream of the terminal. None for no terminal.
    """

    wish: Wish
    out: TextIO | None
    _known: Protocol | None = field(default=None, init=False)

    @property
    def protocol(self) -> Protocol:
        """The protocol that the terminal supports."""
        if self._known is None:
            self._known = self._found()
        return self._known

    def drawn(self, display: Display) -> str:
        """The text that draws an image of this display. Empty if that is not possible."""
        if not any(name in display.data for name in _IMAGES) or self.protocol == "none":
            return ""
        draw = _DRAW[self.protocol]
        for name in _IMAGES:
            data = _bytes(display.data.get(name))
            if data and len(data) <= _MAX_BYTES and (text := draw(data, name)):
                return text
        return ""

    def _found(self) -> Protocol:
        if self.wish != "auto":
            return self.wish
        # A file must not contain escape codes, and a dumb terminal would print the queries.
        if self.out is None or not self.out.isatty() or os.environ.get("TERM", "dumb") == "dumb":
            return "none"
        return protocol_of(terminal_answers(_QUERIES))


def protocol_of(answers: str) -> Protocol:
    """The image protocol of a terminal, from its answers. ``none`` if they do not name one."""
    if "\x1b_Gi=31;OK" in answers:
        return "kitty"
    _, is_named, name = answers.partition("\x1bP>|")
    if is_named and name.startswith(("iTerm2", "WezTerm")):
        return "iterm2"
    # The attribute 4 in the answer to DA1.
    attributes = answers.rpartition("\x1b[?")[2].partition("c")[0].split(";")
    return "sixel" if "4" in attributes[1:] else "none"


def _bytes(data: object) -> bytes | None:
    text = joined(data)
    try:
        return decoded(text) if text is not None else None
    except ValueError:
        return None


def _kitty(data: bytes, mime_type: str) -> str:
    if mime_type != "image/png":
        return ""
    text = base64.b64encode(data).decode()
    chunks = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
    parts = []
    for number, chunk in enumerate(chunks):
        first = "a=T,f=100,q=2," if number == 0 else ""
        more = int(number < len(chunks) - 1)
        parts.append(f"\x1b_G{first}m={more};{chunk}\x1b\\")
    return "".join(parts) + "\n"


def _iterm2(data: bytes, mime_type: str) -> str:  # noqa: ARG001 - iTerm2 supports all formats
    text = base64.b64encode(data).decode()
    return f"\x1b]1337;File=inline=1;size={len(data)};preserveAspectRatio=1:{text}\a\n"


def _sixel(data: bytes, mime_type: str) -> str:  # noqa: ARG001 - Pillow detects the format
    try:
        from .sixel import sixel
    except ImportError:
        return ""
    return sixel(data, _PIXELS)


_DRAW: dict[str, Callable[[bytes, str], str]] = {
    "kitty": _kitty,
    "iterm2": _iterm2,
    "sixel": _sixel,
}
