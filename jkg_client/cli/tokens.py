"""Where the token of a server comes from."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def given_token(args: argparse.Namespace) -> str | None:
    """The token that the command was given by an option or in JKG_TOKEN; None for none.

    Raises:
        ValueError: It cannot be read, is empty, or others can read it.
    """
    if args.token_file is not None:
        return _from_file(Path(args.token_file))
    if args.token_stdin:
        return _first_line(sys.stdin.readline() if sys.stdin is not None else "", "stdin")
    return os.environ.get("JKG_TOKEN") or None


def _from_file(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as opened:
            # Windows keeps the rights of a file elsewhere.
            if os.name == "posix" and os.fstat(opened.fileno()).st_mode & _OTHERS:
                raise ValueError(
                    f"others can read {file}: make the token yours alone by chmod 600 {file}"
                )
            return _first_line(opened.readline(), str(file))
    except UnicodeDecodeError as exc:
        raise ValueError(f"there is no token in {file}: it is not text") from exc
    except OSError as exc:
        raise ValueError(f"cannot read the token from {file}: {exc.strerror}") from exc


def _first_line(line: str, place: str) -> str:
    if not line.strip():
        raise ValueError(f"there is no token in the first line of {place}")
    return line.strip()
