"""The outputs of a cell: printed text, an object, or an exception."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Union

from attrs import field, frozen

from .messages import Json
from .stepwise import join
from .terminal import picture, strip_ansi

WIDGET = "application/vnd.jupyter.widget-view+json"
"""MIME type of a view of a widget."""

_BAR = re.compile(r"\d%\||\d+it \[")
_LONGEST_BAR = 1000


_SHOWN = 200
"""Largest number of characters of a text or an image that ``repr`` shows."""


def short_repr(value: Any) -> str:
    """``repr`` of ``value``, without the middle of a long text and the items of a long list."""
    if isinstance(value, str) and len(value) > _SHOWN:
        return f"{value[: _SHOWN // 2]!r}… ({len(value)} characters)"
    if isinstance(value, (list, dict)) and len(value) > _SHOWN:
        return f"<{type(value).__name__} of {len(value)}>"
    return repr(value)


def _short_lines(lines: tuple[str, ...]) -> str:
    shown = ", ".join(map(short_repr, lines[:_SHOWN]))
    more = f", … ({len(lines)} lines)" if len(lines) > _SHOWN else ""
    return f"({shown}{',' if len(lines) == 1 else more})"


def _short_items(data: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{name!r}: {short_repr(value)}" for name, value in data.items()) + "}"


@frozen
class Stream:
    """Text that was printed. Neighbouring texts of the same name are joined.

    The text contains colours and cursor movements as they were printed; ``plain_text`` applies
    them. If text is overwritten very often, as by a long progress bar, overwritten parts are
    dropped.

    Attributes:
        name: ``stdout`` or ``stderr``.
        text: The text as it was printed.
    """

    name: str
    text: str = field(repr=short_repr)


@frozen
class Display:
    """One object, in all the forms that the kernel sends.

    Attributes:
        data: The forms by MIME type: text, base64 for binary forms, objects for JSON forms.
        metadata: Metadata of the display, which may be by MIME type.
        display_id: Id by which later messages may replace the display.
        execution_count: Number of the cell if the object is the value of the cell. None if code
            in the cell displayed the object.
        is_update: Whether it replaces a display of an earlier cell. A comparison of two displays
            ignores this attribute.
    """

    data: Mapping[str, Any] = field(repr=_short_items)
    metadata: Json = field(factory=dict)
    display_id: str | None = None
    execution_count: int | None = None
    is_update: bool = field(default=False, eq=False, repr=False, kw_only=True)

    def _repr_mimebundle_(self, **_: object) -> tuple[Json, Json]:
        """The forms and their metadata, so that a notebook shows the object itself."""
        return self.data, self.metadata

    @property
    def text(self) -> str:
        """The form ``text/plain`` as a terminal shows it. Empty if there is none."""
        return picture(text_of(self.data.get("text/plain")))

    @property
    def has_stale_text(self) -> bool:
        """Whether the text only shows the first state of a widget, which changes in a browser.

        Such widgets are progress bars of ``tqdm.notebook``, and the empty ``Output()`` for the
        progress bars of rich.
        """
        begun = self.text[:_LONGEST_BAR] if WIDGET in self.data else ""
        return begun == "Output()" or _BAR.search(begun) is not None


@frozen
class Failure:
    """An exception that ended the cell.

    Attributes:
        ename: Name of the exception's class.
        evalue: Message of the exception.
        traceback: Lines as the kernel sent them, with colours.
    """

    ename: str
    evalue: str = field(repr=short_repr)
    traceback: tuple[str, ...] = field(default=(), repr=_short_lines)

    @property
    def text(self) -> str:
        """The traceback without colours. Name and message if there is no traceback."""
        lines = _unmoved(join(self.traceback, "\n"))
        return lines if lines.strip() else self.summary

    @property
    def summary(self) -> str:
        """Name and message, without colours."""
        return _unmoved(f"{self.ename}: {self.evalue}")

    @property
    def is_interrupt(self) -> bool:
        """Whether it is the exception of an interrupt in Python code, also in ``await``."""
        return self.ename in ("KeyboardInterrupt", "CancelledError")

    @classmethod
    def from_content(cls, content: Json) -> Failure:
        """The failure in the ``content`` of an error message or of a failed reply."""
        lines = content.get("traceback")
        return cls(
            text_of(content.get("ename")) or "Error",
            text_of(content.get("evalue")),
            tuple(map(text_of, lines)) if isinstance(lines, (list, tuple)) else (),
        )


Output = Union[Stream, Display, Failure]


def mapping_of(value: Any) -> Json:
    """``value`` if it is a JSON object, else an empty object."""
    return value if isinstance(value, dict) else {}


def _unmoved(text: str) -> str:
    """``text`` without codes. Text does not overwrite the name of an error, but follows it."""
    if "\r" not in text and "\b" not in text:
        return strip_ansi(text)
    return picture(strip_ansi(text).replace("\r\n", "\n").replace("\r", "\n"))


def text_of(value: Any) -> str:
    """``value`` as text. Lists of lines are joined."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    try:
        return json.dumps(value)
    except RecursionError:
        return ""
