"""Replies of language models, and the blocks that a person would run.

The files ``tests/replies/*.txt`` contain them, one after the other:

    === name {crlf}
    the reply
    ==> label
    the code of a block
    ==> label
    the code of the next one

``{crlf}`` stands for Windows newlines, ``⟦200b⟧`` for the character of this number. The label is
the language that the extractor gives, empty for the kernel's own. Blocks of data and prose are not
listed, because they are not run. One blank line before ``===`` does not belong to the reply.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

FOLDER = Path(__file__).parent / "replies"

_REPLY = re.compile(r"^=== (?P<name>.*?)(?P<crlf> \{crlf\})?$", re.MULTILINE)
_BLOCK = re.compile(r"^==>[ ]?(?P<label>.*)$", re.MULTILINE)
_CHARACTER = re.compile("⟦([0-9a-f]+)⟧")


@frozen
class Reply:
    """A reply, and the blocks in it, by label and code."""

    name: str
    text: str
    blocks: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return self.name


def replies() -> list[Reply]:
    """All replies in these files."""
    return [reply for page in sorted(FOLDER.glob("*.txt")) for reply in _of(page)]


def _of(page: Path) -> Iterator[Reply]:
    _, *parts = _REPLY.split(page.read_text(encoding="utf-8"))
    for name, crlf, body in zip(parts[::3], parts[1::3], parts[2::3]):
        text, *blocks = _BLOCK.split(body.removesuffix("\n").removesuffix("\n"))
        text = _read(text[1:].removesuffix("\n"))
        codes = [_read(code.removeprefix("\n").removesuffix("\n")) for code in blocks[1::2]]
        yield Reply(
            f"{page.stem}: {name}",
            text.replace("\n", "\r\n") if crlf else text,
            tuple(zip(blocks[::2], codes)),
        )


def _read(text: str) -> str:
    return _CHARACTER.sub(lambda found: chr(int(found[1], 16)), text)
