"""Code that is given to ``jkg run``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from attrs import frozen

from ..code_blocks import MarkdownCodeExtractor
from .screen import Screen

_MARKDOWN = ("markdown", "md")
_LANGUAGES = {".md": "markdown", ".markdown": "markdown", ".py": "python", ".sh": "bash"}


@frozen
class Source:
    """Code as it was given.

    Attributes:
        text: The code, or a page with code blocks.
        language: ``""`` for the kernel's own.
    """

    text: str
    language: str

    @classmethod
    def of(cls, args: argparse.Namespace, screen: Screen) -> Source:
        """What the words of the command name.

        Raises:
            ValueError: If it cannot be read, or there is nothing to run in it.
        """
        name = "the code" if args.code is not None else args.file
        suffix = Path(args.file).suffix.lower()
        try:
            text = args.code if args.code is not None else _read(args.file, screen)
        except OSError as exc:
            raise ValueError(f"cannot read {name}: {exc.strerror}") from exc
        except UnicodeDecodeError as exc:
            raise ValueError(f"cannot read {name}: it is not text in UTF-8") from exc
        source = cls(text, args.language or _LANGUAGES.get(suffix, ""))
        if source.is_markdown and not MarkdownCodeExtractor().extract_code_blocks(text):
            raise ValueError(f"no code blocks in {name}")
        return source

    @property
    def is_markdown(self) -> bool:
        """Whether it is a page with code blocks."""
        return self.language.lower() in _MARKDOWN


def _read(file: str, screen: Screen) -> str:
    if file != "-":
        return Path(file).read_text(encoding="utf-8-sig")
    if sys.stdin is None:
        return ""
    if sys.stdin.isatty():
        screen.note("reading code from the terminal, up to Ctrl-D")
    return sys.stdin.buffer.read().decode("utf-8-sig")
