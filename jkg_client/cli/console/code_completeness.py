"""Whether code can run, as far as one can see without the kernel."""

from __future__ import annotations

import io
import tokenize

_OPEN, _CLOSE = "([{", ")]}"
_UNFINISHED = (":", "\\", ",", "{", "(", "[")


def is_complete(code: str) -> bool:
    """Whether to run ``code`` when Enter is pressed behind it. A blank line runs it."""
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
    # The body of a block goes on until a blank line.
    return not (len(lines) > 1 and last[:1].isspace())


def indent_after(code: str) -> str:
    """How the line behind ``code`` begins."""
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
        # A bracket or a string of several lines is not closed. Of a string of one line, which is an
        # error, only Python 3.12 and newer say so.
        said = str(exc)
        return "unterminated" not in said or "triple" in said
    except (SyntaxError, ValueError):
        return False  # for the kernel to say
    return depth > 0
