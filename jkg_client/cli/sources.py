"""The code that ``jkg run`` runs."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from attrs import frozen

from ..code_blocks import MarkdownCodeExtractor
from .file_text import decoded, system_path
from .screen import Screen

Kind = Literal["cell", "script", "module", "page"]

_MARKDOWN = ("markdown", "md")
_PYTHON = ("python", "python3", "py")
_LANGUAGES = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".py": "python",
    ".ipy": "ipython",
    ".sh": "bash",
    ".bash": "bash",
}
_STDIN = "-"


@frozen(kw_only=True)
class Source:
    """The code of a command.

    Attributes:
        kind: ``script`` runs as ``python`` would run it. ``cell`` runs as in a notebook, and shows
            the value of its last line.
        text: The code, a Markdown text with code blocks, or the name of a module.
        language: Language of the code. Empty for the kernel's language.
        argv: Value of ``sys.argv`` for the code.
        file: Absolute path of the file. None if there is none.
        is_stdin: Whether stdin was read to its end.
    """

    kind: Kind
    text: str
    language: str
    argv: tuple[str, ...]
    file: Path | None = None
    is_stdin: bool = False

    @classmethod
    def of(cls, args: argparse.Namespace, screen: Screen) -> Source:
        """The code that the arguments of the command name.

        Raises:
            ValueError: The code cannot be read, or it has nothing to run.
        """
        language = args.language or ""
        if args.code is not None:
            source = cls(
                kind="page" if language.lower() in _MARKDOWN else "cell",
                text=args.code,
                language=language,
                argv=("-c", *args.words),
            )
        elif args.module is not None:
            source = cls(
                kind="module",
                text=args.module,
                language=language or "python",
                argv=(args.module, *args.words),
            )
        else:
            source = _from_file(args.file, language, args.words, screen)
        if source.kind == "page" and not MarkdownCodeExtractor().extract_code_blocks(source.text):
            name = "the code" if args.code is not None else args.file
            raise ValueError(f"no code blocks in {name}")
        return source


def _from_file(name: str, language: str, words: Sequence[str], screen: Screen) -> Source:
    is_stdin = name == _STDIN
    suffix = "" if is_stdin else Path(name).suffix.lower()
    spoken = language.lower() or _LANGUAGES.get(suffix, "")
    is_python = spoken in (*_PYTHON, "ipython") or (is_stdin and not spoken)
    text = decoded(_read(name, screen), name, is_python=is_python)
    kind: Kind = "cell"
    if spoken in _MARKDOWN:
        kind = "page"
    elif spoken in _PYTHON and not is_stdin:
        kind = "script"
    elif spoken in ("bash", "sh") and words:
        text = f"set -- {shlex.join(words)}\n{text}"
    return Source(
        kind=kind,
        text=text,
        language=language or ("" if spoken == "ipython" else spoken),
        argv=(name, *words),
        file=None if is_stdin else Path(name).absolute(),
        is_stdin=is_stdin,
    )


def _read(name: str, screen: Screen) -> bytes:
    if name != _STDIN:
        try:
            with open(system_path(name), "rb") as file:  # noqa: PTH123 - Path takes no bytes
                return file.read()
        except (OSError, ValueError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else exc
            raise ValueError(f"cannot read {name}: {reason}{_hint(name)}") from exc
    if sys.stdin is None:
        return b""
    if sys.stdin.isatty():
        screen.note("reading code from the terminal; end it with Ctrl-D")
    return sys.stdin.buffer.read()


def _hint(name: str) -> str:
    """A hint if the name of a file looks like code."""
    if name.startswith("-") or not name.strip():
        return ""
    is_code = os.sep not in name and any(mark in name for mark in "()= ")
    return "; use -c to run code from the command line" if is_code else ""
