"""Sends queries to the terminal, and reads its answers."""

from __future__ import annotations

import os
import select
import sys

from ..client.deadline import Deadline

_SECONDS = 1.0
"""Longest wait for answers, in seconds. On a slow connection, an answer takes 0.3 s."""

_MOST = 4096


def terminal_answers(questions: str) -> str:
    """The terminal's answers to ``questions``, which must end with DA1.

    Empty if there is no terminal, if this process is in the background, or on Windows. Late answers
    are dropped, so that they do not appear in the shell as typed text.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | getattr(os, "O_NOCTTY", 0))
    except OSError:
        return ""
    try:
        return _asked(terminal, questions)
    finally:
        os.close(terminal)


def _asked(terminal: int, questions: str) -> str:
    if sys.platform == "win32":
        return ""
    import termios
    import tty

    # A background process would be stopped by the query.
    if os.tcgetpgrp(terminal) != os.getpgrp():
        return ""
    before = termios.tcgetattr(terminal)
    answers = ""
    try:
        tty.setcbreak(terminal, termios.TCSANOW)
        os.write(terminal, questions.encode())
        answers = _until_last(terminal, Deadline(_SECONDS))
        return answers
    finally:
        drained = termios.TCSANOW if _is_whole(answers) else termios.TCSAFLUSH
        termios.tcsetattr(terminal, drained, before)


def _until_last(terminal: int, deadline: Deadline) -> str:
    answers = ""
    while not (_is_whole(answers) or deadline.passed or len(answers) > _MOST):
        if select.select([terminal], [], [], deadline.left())[0]:
            answers += os.read(terminal, 1024).decode("ascii", "replace")
    return answers


def _is_whole(answers: str) -> bool:
    """Whether the answers contain the answer to DA1: ``ESC [ ? numbers c``."""
    attributes, found, _ = answers.rpartition("\x1b[?")[2].partition("c")
    return bool(found) and "\x1b[?" in answers and set(attributes) <= set("0123456789;")
