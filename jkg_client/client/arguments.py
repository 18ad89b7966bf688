"""Checks of arguments, before any I/O. Each ``ValueError`` names the argument."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import Attribute

Check = Callable[[str, object], object]
"""A function of an argument's name and value. It raises ``ValueError`` if the value is wrong."""


def seconds(name: str, value: object, or_none: str = "") -> float:
    """A time limit: a positive number of any type. It may be infinite, but not a bool or NaN.

    Args:
        name: Name of the argument.
        value: Value of the argument.
        or_none: Addition to the message if None is allowed, too.
    """
    number = math.nan
    if hasattr(value, "__float__") and not isinstance(value, bool):
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
    if not number > 0:
        raise ValueError(f"{name} must be a positive number{or_none}, not {value!r:.200}")
    return number


def optional_seconds(name: str, value: object) -> float | None:
    """A time limit, or None for no limit."""
    return None if value is None else seconds(name, value, " or None")


def pause(name: str, value: object) -> None:
    """A number, usually of seconds, that may be 0, but not infinite."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 <= value < math.inf:  # type: ignore[operator]
        raise ValueError(f"{name} must be a number, 0 or more, not {value!r:.200}")


def at_least(name: str, value: object, least: int) -> int:
    """A whole number that is not below ``least``, and not a bool."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise ValueError(f"{name} must be an integer, not {value!r:.200}")
    if number < least:
        raise ValueError(f"{name} must be at least {least}, not {value!r:.200}")
    return number


def text(name: str, value: object) -> str:
    """A string, possibly empty."""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a string, not {_kind(value)}")  # noqa: TRY004
    return value


def filled(name: str, value: object) -> str:
    """A string that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be a string that is not empty, not {value!r:.200}")
    return value


def choice(name: str, value: object, words: Collection[str]) -> None:
    """One of a few words."""
    if not isinstance(value, str) or value not in words:
        raise ValueError(f"{name} must be one of {', '.join(words)}, not {value!r:.200}")


def flag(name: str, value: object) -> None:
    """True or False. A text such as ``"no"`` would count as True."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, not {value!r:.200}")  # noqa: TRY004


def position(code: object, cursor_pos: int | None) -> int:
    """A position in ``code``. None means the end of the code."""
    length = len(text("code", code))
    return length if cursor_pos is None else at_least("cursor_pos", cursor_pos, 0)


def callback(name: str, value: object) -> None:
    """A callable, or None."""
    if value is not None and not callable(value):
        raise ValueError(f"{name} must be a function or None, not {value!r:.200}")


def function(name: str, value: object) -> None:
    """A callable."""
    if not callable(value):
        raise ValueError(f"{name} must be a function, not {value!r:.200}")  # noqa: TRY004


def folder(name: str, value: object) -> Path:
    """A path, as text or as a ``Path``."""
    if not isinstance(value, (str, os.PathLike)) or isinstance(os.fspath(value), bytes):
        raise ValueError(f"{name} must be a path, not {value!r:.200}")  # noqa: TRY004
    return Path(value)


def existing_folder(name: str, value: object) -> Path:
    """The absolute path of a folder that exists."""
    path = folder(name, value).absolute()
    if not path.is_dir():
        raise ValueError(f"{name} must be an existing folder, not {path}")
    return path


def optional_path(name: str, value: object) -> None:
    """A path as a ``Path`` or as text that is not empty; or None."""
    if value is not None:
        folder(name, value)
    if value == "":
        raise ValueError(f"{name} must be a path or None, not {value!r}")


def optional_text(name: str, value: object) -> None:
    """A string that is not empty, or None."""
    if value is not None and not text(name, value):
        raise ValueError(f"{name} must not be empty; pass None for the default")


def words(name: str, value: object) -> None:
    """A mapping of strings to strings, or None."""
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} must be a mapping, not {_kind(value)}")  # noqa: TRY004
    if not all(isinstance(word, str) for item in value.items() for word in item):
        raise ValueError(f"names and values of {name} must be strings")


def variables(name: str, value: Mapping[str, str] | None) -> None:
    """Environment variables, or None. The system would refuse a process with other names."""
    words(name, value)
    for variable, content in (value or {}).items():
        if not variable or "=" in variable or "\0" in variable:
            raise ValueError(f"{name}: {variable!r:.200} cannot be the name of a variable")
        if "\0" in content:
            raise ValueError(f"{name}: the value of {variable!r:.200} has a null character")


def items(name: str, value: object) -> list[Any]:
    """The elements of a list, a tuple or the like, but not of a text."""
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes, Mapping)):
        raise ValueError(f"{name} must be a list, not {_kind(value)}")  # noqa: TRY004
    return list(value)


def mapping(name: str, value: object) -> None:
    """A mapping, or None."""
    if value is not None and not isinstance(value, Mapping):
        raise ValueError(f"{name} must be a mapping, not {_kind(value)}")


def instance(name: str, value: object, kind: type) -> None:
    """An object of the class ``kind``."""
    if not isinstance(value, kind):
        raise ValueError(f"{name} must be a {kind.__name__}, not {_kind(value)}")  # noqa: TRY004


def each(check: Check, **given: object) -> None:
    """Check several arguments in the same way."""
    for name, value in given.items():
        check(name, value)


def validator(check: Check, *, or_none: bool = False) -> Callable[[Any, Attribute[Any], Any], None]:
    """Convert the check of an argument to a validator of ``attrs``.

    Args:
        check: The check.
        or_none: Whether None is allowed, too.
    """

    def validate(_: object, attribute: Attribute[Any], value: object) -> None:
        if value is not None or not or_none:
            check(attribute.name, value)

    return validate


def executor(
    kernel_name: object,
    timeout: object,
    output_dir: object,
    kernel_id: object,
    env: Mapping[str, str] | None,
    max_output: object,
    on_output: object,
) -> None:
    """Check the arguments of an executor."""
    if not (isinstance(kernel_name, str) and kernel_name):
        raise ValueError(f"kernel_name must be the name of a kernel, not {kernel_name!r:.200}")
    seconds("timeout", timeout)
    folder("output_dir", output_dir)
    if kernel_id is not None and not (isinstance(kernel_id, str) and kernel_id):
        raise ValueError(f"kernel_id must be the id of a kernel, not {kernel_id!r:.200}")
    variables("env", env)
    at_least("max_output", max_output, 2)
    callback("on_output", on_output)


def kernel_client(provider: object, connect_timeout: object, keep_session: object) -> float:
    """Check the arguments of a kernel client, and return the time limit."""
    if not hasattr(provider, "connect"):
        raise ValueError(f"provider must be a JupyterClient, not {_kind(provider)}")
    flag("keep_session", keep_session)
    return seconds("connect_timeout", connect_timeout)


def blocks(code_blocks: object) -> list[Any]:
    """The blocks as a list. AutoGen's own blocks are accepted, too.

    Raises:
        ValueError: ``code_blocks`` is not a list of code blocks.
    """
    # A list first, because the check for Iterable takes longer.
    if not isinstance(code_blocks, (list, Iterable)) or isinstance(code_blocks, (str, bytes)):
        kind = type(code_blocks).__name__
        raise ValueError(f"code_blocks must be a list of code blocks, not {kind}")  # noqa: TRY004
    listed = list(code_blocks)
    for number, block in enumerate(listed):
        if not hasattr(block, "code"):
            raise ValueError(f"code_blocks[{number}] must be a CodeBlock, not {_kind(block)}")
        for name in ("code", "language"):
            value = getattr(block, name, None)
            if not isinstance(value, str):
                raise ValueError(  # noqa: TRY004
                    f"{name} of code_blocks[{number}] must be a string, not {_kind(value)}"
                )
    return listed


def _kind(value: object) -> str:
    # Show only the type, because an object of another package may contain a token.
    return type(value).__name__
