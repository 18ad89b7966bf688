"""Guesses whether code is complete, if the kernel does not say so."""

from __future__ import annotations

import io
import tokenize

_OPEN, _CLOSE = "([{", ")]}"
_UNFINISHED = (":", "\\", ",", "{", "(", "[")


def is_complete(code: str) -> bool:
    """Whether Enter at the end of ``code`` runs the code. After a blank line, it always does."""
    lines = code.split("\n")
    if not code.strip() or (len(lines) > 1 and not lines[-1].strip()):
        return True
    if lines[0].lstrip()[:1] in ("!", "?"):
        return not lines[-1].endswith("\\")
    if lines[0].startswith("%%"):
        return False
    last = lines[-1].rstrip()
    if last.endswith(_UNFINISHED) or _is_open(code):
        return False
    # An indented block continues until a blank line.
    return not (len(lines) > 1 and last[:1].isspace())


def indent_after(code: str) -> str:
    """The indentation of the line after ``code``."""
    last = code.rpartition("\n")[2]
    own = last[: len(last) - len(last.lstrip())]
    return f"{own}    " if last.rstrip().endswith(":") else own


def _is_open(code: str) -> bool:
    depth = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.OP:
                depth += (token.string in _OPEN) - (token.string in _CLOSE)
    except tokenize.TokenError as exc:
        # An open bracket or an open triple-quoted string. Python 3.12 and newer also raise this for
        # an open string of one line, which is an error for the kernel to report.
        said = str(exc)
        return "unterminated" not in said or "triple" in said
    except (SyntaxError, ValueError):
        return False  # the kernel will report the error
    return depth > 0
