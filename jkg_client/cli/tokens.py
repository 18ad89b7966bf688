"""Reads the token of a server from an option or from JKG_TOKEN."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def given_token(args: argparse.Namespace) -> str | None:
    """The token of the options or of JKG_TOKEN. None if there is none.

    Raises:
        ValueError: The token cannot be read, is empty, or other users can read its file.
    """
    if args.token_file is not None:
        return _from_file(Path(args.token_file))
    if args.token_stdin:
        return _first_line(sys.stdin.readline() if sys.stdin is not None else "", "stdin")
    return os.environ.get("JKG_TOKEN") or None


def _from_file(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as opened:
            # On Windows, the mode does not show who may read a file.
            if os.name == "posix" and os.fstat(opened.fileno()).st_mode & _OTHERS:
                raise ValueError(
                    f"other users can read {file}: protect the token with chmod 600 {file}"
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
