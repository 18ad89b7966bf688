"""Checks of arguments: accepted values, and the errors for all others."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable

import pytest
from tables import rows

from jkg_client.client import arguments
from jkg_client.client.timeouts import TIMEOUTS, Timeouts
from jkg_client.code_blocks import CodeBlock

EXECUTOR: dict[str, Any] = {
    "kernel_name": "python3",
    "timeout": 60,
    "output_dir": Path(),
    "kernel_id": None,
    "env": None,
    "max_output": 2,
    "on_output": None,
}


class Wide:
    def __float__(self) -> float:
        raise OverflowError


class Odd:
    def __float__(self) -> float:
        raise TypeError


def executor(**changed: Any) -> None:
    arguments.executor(**{**EXECUTOR, **changed})


LONG = "x" * 300
"""Errors show the first 200 characters of its repr."""

SHOWN = f"'{LONG}'"[:200]
PAUSE = "p must be a number, 0 or more, not "
BLOCKS = "code_blocks must be a list of code blocks, not "

FILE = Path(__file__).absolute()
CLIENT = SimpleNamespace(connect=print)
FIELD: Any = SimpleNamespace(name="text")


def checked(value: object, **options: bool) -> None:
    """Check a value as the field ``text`` of an attrs class."""
    arguments.validator(arguments.text, **options)(None, FIELD, value)


# One row for each refused call, and the message.
REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: arguments.seconds("t", 0), "t must be a positive number, not 0"),
    (lambda: arguments.seconds("t", -0.5), "t must be a positive number, not -0.5"),
    (lambda: arguments.seconds("t", math.nan), "t must be a positive number, not nan"),
    (lambda: arguments.seconds("t", True), "t must be a positive number, not True"),
    (lambda: arguments.seconds("t", "1"), "t must be a positive number, not '1'"),
    (lambda: arguments.seconds("t", LONG), f"t must be a positive number, not {SHOWN}"),
    (lambda: arguments.seconds("t", None), "t must be a positive number, not None"),
    (lambda: arguments.seconds("t", 10**400), f"t must be a positive number, not {10**400!r:.200}"),
    (lambda: arguments.seconds("t", 0, " ever"), "t must be a positive number ever, not 0"),
    (lambda: arguments.optional_seconds("t", 0), "t must be a positive number or None, not 0"),
    (lambda: arguments.at_least("n", 1, 2), "n must be at least 2, not 1"),
    (lambda: arguments.at_least("n", True, 1), "n must be an integer, not True"),
    (lambda: arguments.at_least("n", 2.0, 1), "n must be an integer, not 2.0"),
    (lambda: arguments.at_least("n", "3", 1), "n must be an integer, not '3'"),
    (lambda: arguments.at_least("n", LONG, 1), f"n must be an integer, not {SHOWN}"),
    (lambda: arguments.text("s", b"x"), "s must be a string, not bytes"),
    (lambda: arguments.callback("f", 1), "f must be a function or None, not 1"),
    (lambda: arguments.callback("f", LONG), f"f must be a function or None, not {SHOWN}"),
    (lambda: arguments.folder("d", 1), "d must be a path, not 1"),
    (lambda: arguments.folder("d", b"x"), "d must be a path, not b'x'"),
    (lambda: arguments.folder("d", [LONG]), f"d must be a path, not {[LONG]!r:.200}"),
    (lambda: arguments.existing_folder("d", FILE), f"d must be an existing folder, not {FILE}"),
    (lambda: arguments.words("w", [("a", "b")]), "w must be a mapping, not list"),
    (lambda: arguments.words("w", {"a": 1}), "names and values of w must be strings"),
    (lambda: arguments.words("w", {1: "a"}), "names and values of w must be strings"),
    (lambda: arguments.variables("v", {"": "a"}), "v: '' cannot be the name of a variable"),
    (lambda: arguments.variables("v", {"a=b": ""}), "v: 'a=b' cannot be the name of a variable"),
    (lambda: arguments.variables("v", {"a\0": ""}), r"v: 'a\x00' cannot be the name of a variable"),
    (lambda: arguments.variables("v", {"a": "\0"}), "v: the value of 'a' has a null character"),
    (lambda: arguments.instance("x", 1, Timeouts), "x must be a Timeouts, not int"),
    (lambda: arguments.pause("p", math.inf), f"{PAUSE}inf"),
    (lambda: arguments.pause("p", math.nan), f"{PAUSE}nan"),
    (lambda: arguments.pause("p", -1), f"{PAUSE}-1"),
    (lambda: arguments.pause("p", True), f"{PAUSE}True"),
    (lambda: arguments.pause("p", "1"), f"{PAUSE}'1'"),
    (lambda: arguments.filled("s", 1), "s must be a string that is not empty, not 1"),
    (lambda: arguments.filled("s", ""), "s must be a string that is not empty, not ''"),
    (lambda: arguments.choice("c", "z", ("x", "y")), "c must be one of x, y, not 'z'"),
    (lambda: arguments.choice("c", 1, ("x", "y")), "c must be one of x, y, not 1"),
    (lambda: arguments.flag("b", 1), "b must be True or False, not 1"),
    (lambda: arguments.function("f", None), "f must be a function, not None"),
    (lambda: arguments.items("l", 1), "l must be a list, not int"),
    (lambda: arguments.items("l", "ab"), "l must be a list, not str"),
    (lambda: arguments.items("l", b"ab"), "l must be a list, not bytes"),
    (lambda: arguments.items("l", {}), "l must be a list, not dict"),
    (lambda: arguments.mapping("m", []), "m must be a mapping, not list"),
    (lambda: arguments.each(arguments.text, a="", b=1), "b must be a string, not int"),
    (lambda: checked(1), "text must be a string, not int"),
    (lambda: checked(None), "text must be a string, not NoneType"),
    (lambda: checked(1, or_none=True), "text must be a string, not int"),
    (lambda: arguments.kernel_client("h", 1, True), "provider must be a JupyterClient, not str"),
    (
        lambda: arguments.kernel_client(CLIENT, 0, True),
        "connect_timeout must be a positive number, not 0",
    ),
    (lambda: arguments.kernel_client(CLIENT, 1, 1), "keep_session must be True or False, not 1"),
    (lambda: arguments.blocks("pass"), f"{BLOCKS}str"),
    (lambda: arguments.blocks(b"pass"), f"{BLOCKS}bytes"),
    (lambda: arguments.blocks(None), f"{BLOCKS}NoneType"),
    (lambda: arguments.blocks(CodeBlock("1", "python")), f"{BLOCKS}CodeBlock"),
    (lambda: arguments.blocks(["pass"]), "code_blocks[0] must be a CodeBlock, not str"),
    (
        lambda: arguments.blocks([CodeBlock("1", "python"), SimpleNamespace(code=b"x")]),
        "code of code_blocks[1] must be a string, not bytes",
    ),
    (
        lambda: arguments.blocks([SimpleNamespace(code="x")]),
        "language of code_blocks[0] must be a string, not NoneType",
    ),
    (lambda: arguments.at_least("n", None, 1), "n must be an integer, not None"),
    (lambda: arguments.optional_path("p", 1), "p must be a path, not 1"),
    (lambda: arguments.optional_path("p", ""), "p must be a path or None, not ''"),
    (
        lambda: arguments.optional_text("s", ""),
        "s must not be empty; pass None for the default",
    ),
    (lambda: arguments.optional_text("s", 1), "s must be a string, not int"),
    (lambda: arguments.position(1, 0), "code must be a string, not int"),
    (lambda: arguments.position("ab", -1), "cursor_pos must be at least 0, not -1"),
    (
        lambda: executor(kernel_name=[LONG]),
        f"kernel_name must be the name of a kernel, not {[LONG]!r:.200}",
    ),
    (
        lambda: executor(kernel_id=[LONG]),
        f"kernel_id must be the id of a kernel, not {[LONG]!r:.200}",
    ),
    (lambda: executor(kernel_name=""), "kernel_name must be the name of a kernel, not ''"),
    (lambda: executor(kernel_name=None), "kernel_name must be the name of a kernel, not None"),
    (lambda: executor(timeout=0), "timeout must be a positive number, not 0"),
    (lambda: executor(output_dir=1), "output_dir must be a path, not 1"),
    (lambda: executor(kernel_id=""), "kernel_id must be the id of a kernel, not ''"),
    (lambda: executor(kernel_id=1), "kernel_id must be the id of a kernel, not 1"),
    (lambda: executor(env=[]), "env must be a mapping, not list"),
    (lambda: executor(max_output=1), "max_output must be at least 2, not 1"),
    (lambda: executor(on_output=1), "on_output must be a function or None, not 1"),
]


@rows(("call", "said"), REFUSED)
def test_an_error_names_a_bad_argument_and_its_value_or_type(
    call: Callable[[], object], said: str
) -> None:
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == said


@pytest.mark.parametrize("value", [Wide(), Odd()])
def test_a_value_that_is_not_a_number_is_refused_as_time_limit(value: object) -> None:
    with pytest.raises(ValueError, match=r"^t must be a positive number, not <"):
        arguments.seconds("t", value)


@rows(
    ("value", "number"),
    [
        (5, 5.0),
        (0.1, 0.1),
        (1e-9, 1e-9),
        (Decimal("1.5"), 1.5),
        (Fraction(1, 2), 0.5),
        (math.inf, math.inf),
    ],
)
def test_a_time_limit_may_be_a_number_of_any_type(value: object, number: float) -> None:
    assert arguments.seconds("t", value) == number
    assert arguments.optional_seconds("t", value) == number
    assert arguments.optional_seconds("t", None) is None


def test_valid_arguments_are_accepted_unchanged() -> None:
    assert arguments.at_least("n", 2, 2) == 2
    assert arguments.text("s", "") == ""
    assert arguments.folder("d", "a/b") == Path("a/b")
    assert arguments.folder("d", Path("a")) == Path("a")
    assert [arguments.position("abc", at) for at in (None, 0, 7)] == [3, 0, 7]
    for path in (None, "a", Path("a")):
        arguments.optional_path("p", path)
    arguments.optional_text("s", None)
    arguments.optional_text("s", "a")
    assert arguments.existing_folder("d", str(FILE.parent)) == FILE.parent
    arguments.callback("f", None)
    arguments.callback("f", print)
    arguments.words("w", None)
    arguments.words("w", {"a": "b"})
    arguments.variables("v", None)
    arguments.variables("v", {"a b": "c=\n"})
    arguments.instance("x", TIMEOUTS, Timeouts)
    arguments.pause("p", 0)
    arguments.pause("p", 0.5)
    assert arguments.filled("s", "a") == "a"
    arguments.choice("c", "y", ("x", "y"))
    arguments.flag("b", False)
    arguments.function("f", print)
    assert arguments.items("l", (1, 2)) == [1, 2]
    arguments.mapping("m", None)
    arguments.mapping("m", {1: 2})
    arguments.each(arguments.text, a="", b="")
    checked("")
    checked("a", or_none=True)
    checked(None, or_none=True)
    assert arguments.kernel_client(CLIENT, 2, False) == 2.0
    executor()
    executor(kernel_id="k", env={"A": "b"}, on_output=print)


def test_an_iterable_of_blocks_becomes_a_list() -> None:
    blocks = (CodeBlock("1", "python"), CodeBlock("2", ""))
    assert arguments.blocks(iter(blocks)) == list(blocks)
    assert arguments.blocks([]) == []
