"""Turns outputs into text and files.

The best form of each display is used: a file for an image or a page, text for everything else. File
names are random, so that two runs cannot collide. The kernel cannot choose them.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from .pages.charts import is_chart
from .pages.forms import HTML, SCRIPTS
from .pages.notebook import NotebookPage
from .protocol.mime_data import decoded, joined
from .protocol.outputs import Display, Output, Stream, as_seen, join_text
from .protocol.terminal import picture

Write = Callable[[str, bytes], Path]
"""Function that saves bytes in a new file with the given suffix, and returns its path."""

MAX_JSON = 10_000
"""Number of characters that are shown of displayed JSON."""

MAX_OTHER_JSON = 1_000
"""Limit for JSON of an unknown MIME type, which is meant for programs."""

_STRINGS = 5
"""A string in JSON may use one fifth of the limit. Longer strings are data, not text to read."""


@frozen
class Piece:
    """The text and the file for one output.

    Attributes:
        output: The output.
        text: Text to read. It may be empty.
        file: The file, if there is one.
        is_lost: Whether the file could not be written.
    """

    output: Output
    text: str
    file: Path | None = None
    is_lost: bool = False

    @property
    def is_alone(self) -> bool:
        """Whether the text begins on a new line."""
        return not isinstance(self.output, Stream)


@frozen
class Rendering:
    """The text and the files for the outputs of a cell.

    Attributes:
        pieces: One for each output, in order.
    """

    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The text of all pieces."""
        return join_text((piece.text, piece.is_alone) for piece in self.pieces)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of all pieces, in order."""
        return tuple(piece.file for piece in self.pieces if piece.file is not None)


NOTHING = Rendering(())
"""The rendering of a cell without outputs."""


@frozen
class _Form:
    """How a MIME type is saved."""

    suffix: str
    named: str
    is_text: bool = False


_FILES = {
    "image/png": _Form(".png", "Image"),
    "image/jpeg": _Form(".jpeg", "Image"),
    "image/jpg": _Form(".jpeg", "Image"),
    "image/gif": _Form(".gif", "Image"),
    "image/webp": _Form(".webp", "Image"),
    "image/svg+xml": _Form(".svg", "Image", is_text=True),
    "image/avif": _Form(".avif", "Image"),
    "image/bmp": _Form(".bmp", "Image"),
    "image/x-ms-bmp": _Form(".bmp", "Image"),
    "image/heic": _Form(".heic", "Image"),
    "image/jp2": _Form(".jp2", "Image"),
    "image/jxl": _Form(".jxl", "Image"),
    "image/tiff": _Form(".tiff", "Image"),
    "image/x-icon": _Form(".ico", "Image"),
    "image/vnd.microsoft.icon": _Form(".ico", "Image"),
    "application/pdf": _Form(".pdf", "PDF"),
    "video/mp4": _Form(".mp4", "Video"),
    "video/webm": _Form(".webm", "Video"),
    "video/ogg": _Form(".ogv", "Video"),
    "video/quicktime": _Form(".mov", "Video"),
    "video/mpeg": _Form(".mpeg", "Video"),
    "video/x-matroska": _Form(".mkv", "Video"),
    "video/x-msvideo": _Form(".avi", "Video"),
    "audio/wav": _Form(".wav", "Audio"),
    "audio/x-wav": _Form(".wav", "Audio"),
    "audio/wave": _Form(".wav", "Audio"),
    "audio/mpeg": _Form(".mp3", "Audio"),
    "audio/mp3": _Form(".mp3", "Audio"),
    "audio/mp4": _Form(".m4a", "Audio"),
    "audio/x-m4a": _Form(".m4a", "Audio"),
    "audio/aac": _Form(".aac", "Audio"),
    "audio/opus": _Form(".opus", "Audio"),
    "audio/ogg": _Form(".ogg", "Audio"),
    "audio/flac": _Form(".flac", "Audio"),
    "audio/webm": _Form(".weba", "Audio"),
    "text/html": _Form(".html", "HTML", is_text=True),
}
"""In order of preference."""

_TEXTS = ("text/markdown", "text/latex")
_JSONS = ("application/json", "application/geo+json")
_WIDGET = "application/vnd.jupyter.widget-view+json"

_TYPE_ONLY = re.compile(
    r"""
    <[\w.]+(?:\ object)?\ at\ 0x[0-9a-fA-F]{1,16}>    # <pandas.io.formats.style.Styler at 0x7f85>
    | <[\w.]+\ object>                                # <IPython.core.display.HTML object>
    | <Figure[^<>]{0,80}>                             # <Figure size 640x480 with 1 Axes>
    | [\w.]+\(\.\.\.\)                                 # alt.Chart(...)
    | HTML\ widgets\ cannot\ be\ represented.{0,100}     # of R
    | <Vega(?:Lite)?\ \d{1,3}\ object>(?:\s+If\ you\ see\ this\ message.{0,1000})?
    """,
    re.VERBOSE | re.DOTALL,
)
"""Texts that only name the type of an object."""

_LONGEST_TYPE = 10_000
"""Number of characters of a plain text that are searched for its meaning."""

_OBJECT = re.compile(r"<[\w.]{1,200} object at 0x[0-9a-fA-F]{1,16}>")
_MANY_OBJECTS = 3
"""A plain text with this many objects only lists the attributes of an object."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{1,16}")
_FACT = re.compile(r"[\d=]|\w\([^)]")
"""A number, a named value or arguments."""


def render(outputs: Iterable[Output], write: Write, page: NotebookPage | None = None) -> Rendering:
    """Turn outputs into text and files.

    Args:
        outputs: The outputs of one cell.
        write: Saves a file.
        page: Remembers which scripts earlier cells have loaded. None for a new kernel.
    """
    return render_seen(list(as_seen(outputs)), write, page)


def render_seen(
    shown: Sequence[Output], write: Write, page: NotebookPage | None = None
) -> Rendering:
    """The same as ``render``, for outputs whose text already looks as on a terminal."""
    whole = (NotebookPage() if page is None else page).complete(shown)
    # Keep the original outputs: the completed pages are large, and they are in the files.
    return Rendering(
        tuple(evolve(_piece(one, write), output=output) for output, one in zip(shown, whole))
    )


def into(folder: Path) -> Write:
    """A ``Write`` that saves files in ``folder``, which it creates if it is missing."""

    def write(suffix: str, data: bytes) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{uuid.uuid4().hex}{suffix}"
        path.write_bytes(data)
        return path

    return write


def words_beside(display: Display) -> str:
    """The plain text of a display if it is worth reading beside its image or page.

    The plain text of most objects that can draw themselves only names their type, or lists their
    attributes. Beside a page, any other text is shown; beside an image, only a text with facts,
    such as the size.
    """
    plain = display.text
    start = plain[:_LONGEST_TYPE]
    if len(plain) < _LONGEST_TYPE and _TYPE_ONLY.fullmatch(start.strip()):
        return ""
    if HTML in display.data and _is_source(plain):
        return ""
    if HTML in display.data and len(_OBJECT.findall(start)) >= _MANY_OBJECTS:
        return ""
    is_picture = any(name in display.data for name in _FILES if name != HTML)
    is_fact = _FACT.search(_ADDRESS.sub("", start)) is not None
    return plain if is_fact or not is_picture else ""


def _is_source(plain: str) -> bool:
    text = plain[:_LONGEST_TYPE].strip()
    return text.startswith("<") and "</" in text and plain.rstrip().endswith(">")


def text_at_once(display: Display) -> str:
    """Text of a display that can be shown before its cell has ended, with the kernel's colours.

    Files are saved at the end of the cell, because the cell may still replace a display.
    """
    if any(mime_type in display.data for mime_type in _FILES) or is_chart(display.data):
        return display.text if words_beside(display) else ""
    if display.has_stale_text or any(mime_type in display.data for mime_type in SCRIPTS):
        return ""
    return _text(display)


def _piece(output: Output, write: Write) -> Piece:
    if not isinstance(output, Display):
        return Piece(output, output.text)
    for mime_type, form in _FILES.items():
        if mime_type in output.data:
            return _saved(output, mime_type, form, write)
    return Piece(output, picture(_text(output)))


def _text(display: Display) -> str:
    for mime_type in _TEXTS:
        text = joined(display.data.get(mime_type))
        if text is not None:
            return text
    for mime_type in _JSONS:
        if mime_type in display.data:
            return _json(display.data[mime_type], MAX_JSON)
    plain = words_beside(display)
    if plain:
        return plain
    others = (name for name in display.data if name.endswith("+json") and name != _WIDGET)
    known = next((name for name in others if isinstance(display.data[name], (dict, list))), None)
    if known is not None and display.data[known]:
        return f"{known[:80]}: {_json(display.data[known], MAX_OTHER_JSON)}"
    return display.text or _unshown(display)


def _saved(display: Display, mime_type: str, form: _Form, write: Write) -> Piece:
    data = _bytes(display.data[mime_type], form)
    file, is_lost = None, False
    if data is None:
        said = f"{form.named} data could not be read"
    else:
        try:
            file = write(form.suffix, data)
            said = f"{form.named} data saved to {file}"
        except OSError as exc:
            # If the disk is full, the text around the image is still shown.
            said, is_lost = f"{form.named} data could not be saved: {exc}", True
    beside = words_beside(display)
    return Piece(display, f"{said}\n{beside}" if beside else said, file, is_lost)


def _bytes(data: Any, form: _Form) -> bytes | None:
    text = joined(data)
    if text is None:
        return None
    if form.is_text:
        return text.encode("utf-8", "replace")
    try:
        return decoded(text)
    except ValueError:
        return None


def _json(data: Any, most: int) -> str:
    """The beginning of ``data`` as JSON. Long texts in it are shortened."""
    parts: list[str] = []
    length = 0
    try:
        for part in json.JSONEncoder(ensure_ascii=False).iterencode(data):
            is_long = len(part) > most // _STRINGS
            parts.append(f'{part[: most // _STRINGS]}…"' if is_long else part)
            length += len(parts[-1])
            if length > most:
                return f"{''.join(parts)[:most]}… [the rest is left out]"
    except RecursionError:
        return "[JSON nested too deeply to be shown]"
    return "".join(parts)


def _unshown(display: Display) -> str:
    rich = [mime_type[:80] for mime_type in display.data if mime_type != "text/plain"]
    kinds = ", ".join(rich[:5])
    return f"[output of type {kinds} is not shown]" if kinds else ""


def made_folder(output_dir: Path) -> Path:
    """Create ``output_dir``, but not its parents.

    Raises:
        ValueError: The folder does not exist and cannot be created.
    """
    folder = output_dir.absolute()
    try:
        # If the parent is missing, too, the path is probably wrong.
        folder.mkdir(exist_ok=True)
    except FileNotFoundError as exc:
        why = _why_not(folder.parent)
        raise ValueError(
            # AutoGen's message begins in the same way.
            f"Output directory {folder} does not exist. It cannot be created: {why}"
        ) from exc
    except (OSError, ValueError) as exc:
        raise ValueError(f"output_dir {folder} cannot be created: {exc}") from exc
    return folder


def _why_not(parent: Path) -> str:
    # Folders such as /proc exist, but nothing can be created in them.
    exists = parent.is_dir()
    return f"{parent} does not allow it" if exists else f"there is no folder {parent}"
