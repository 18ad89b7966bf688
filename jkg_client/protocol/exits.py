"""How code ends itself: ``sys.exit``, ``exit()`` of IPython, or the exit status of a shell block.

A kernel has no exit status. IPython reports ``sys.exit`` as an exception, with a traceback and with
a hint on stderr how to leave IPython. A script that ends this way shows neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve

from .outputs import Display, Failure, Output

_SUCCESS = ("", "None", "False", "0")
_NUMBER = re.compile(r"[+-]?\d{1,9}")
# IPython prints this for subclasses of SystemExit, too.
_LEAVES = "An exception has occurred, use %tb to see the full traceback."
_TRACEBACK = "Traceback (most recent call last)"
_ADVICE = "UserWarning: To exit: use 'exit', 'quit', or Ctrl-D."
_ADVICE_SOURCE = '  warn("To exit:'
# Cell magics pass the whole cell to a program as bytes. Code of the user rarely passes bytes.
_SHELL = re.compile(r"""Command 'b["']""")
_SHELL_STATUS = re.compile(r"returned non-zero exit status (\d{1,9})\.$")
_SHELL_SIGNAL = re.compile(
    r"died with (?:<Signals\.\w{1,20}: (\d{1,3})>|unknown signal (\d{1,3}))\.$"
)


def is_exit(failure: Failure) -> bool:
    """Whether the exception is ``SystemExit``, as for ``sys.exit(3)``."""
    first = failure.traceback[0] if failure.traceback else ""
    return failure.ename == "SystemExit" or first.startswith(_LEAVES)


def exit_code(failure: Failure) -> int | None:
    """The exit status in ``failure``. None if the code did not end itself.

    The value of ``SystemExit`` is sent as text, so ``sys.exit("0")`` looks like ``sys.exit(0)``.
    """
    if is_exit(failure):
        return _status(failure.evalue.strip())
    if failure.ename == "CalledProcessError" and _SHELL.match(failure.evalue):
        return _shell_status(failure.evalue[-80:])
    return None


def without_traceback(failure: Failure) -> Failure:
    """An exit without its traceback, which only has frames of IPython."""
    return evolve(failure, traceback=())


def displays_exit(output: Output) -> bool:
    """Whether ``output`` is the traceback of an exit, displayed by a library such as rich.

    Such a library replaces IPython's own message about exceptions.
    """
    text = output.text.rstrip() if isinstance(output, Display) else ""
    return _TRACEBACK in text and text[text.rfind("\n") + 1 :].startswith("SystemExit")


def exit_of(payload: Iterable[Mapping[str, Any]]) -> Failure | None:
    """The argument of ``exit()`` or ``quit()``, from the payload of a reply.

    IPython passes the argument of ``exit(3)`` on as its own ``keep_kernel``.
    """
    for page in payload:
        if page.get("source") == "ask_exit":
            value = page.get("keepkernel")
            return Failure("SystemExit", "" if value is None or value is True else str(value))
    return None


def without_advice(text: Any) -> Any:
    """Text of stderr without IPython's hint how to leave IPython."""
    if not isinstance(text, str) or _ADVICE not in text:
        return text
    kept: list[str] = []
    at = 0
    while (found := text.find(_ADVICE, at)) >= 0:
        before = max(text.rfind(end, at, found) for end in "\n\r")
        kept.append(text[at : max(at, before + 1)])
        at = _next_line(text, found)
        if text.startswith(_ADVICE_SOURCE, at):
            at = _next_line(text, at)
    return "".join([*kept, text[at:]])


def _next_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _status(value: str) -> int:
    if value in _SUCCESS:
        return 0
    # Operating systems keep eight bits of an exit status. A failure must not become 0.
    return (int(value) & 0xFF or 1) if _NUMBER.fullmatch(value) else 1


def _shell_status(end: str) -> int | None:
    if found := _SHELL_STATUS.search(end):
        return int(found[1]) & 0xFF or 1
    if found := _SHELL_SIGNAL.search(end):
        return 128 + int(found[1] or found[2])
    return None
