"""Types of options, which check their values before the command begins."""

from __future__ import annotations

import argparse


def seconds(text: str) -> float:
    """A time limit."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not number > 0:
        raise argparse.ArgumentTypeError(f"must be a positive number, not {text!r}")
    return number


def not_empty(text: str) -> str:
    """A text that is not empty. An unset variable of a shell would give an empty text."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the value is empty")
    return text


def port(text: str) -> int:
    """A port. 0 means a free port."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number < 65536:
        raise argparse.ArgumentTypeError(f"must be 0 to 65535, not {text!r}")
    return number
