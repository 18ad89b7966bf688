from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from typing import Any

from tables import rows

import jkg_client
from jkg_client import errors
from jkg_client.errors import JkgError
from jkg_client.protocol.outputs import Stream
from jkg_client.protocol.result import ExecutionResult

RESULT = ExecutionResult(status="timeout", outputs=(Stream("stdout", "a"),))
STATUS = (401, "GET http://h:1/api", "Unauthorized", "the token is wrong")

# One row for each exception: arguments, message, built-in base classes.
EXCEPTIONS: list[tuple[type[JkgError], tuple[Any, ...], str, tuple[type[Exception], ...]]] = [
    (
        errors.WireError,
        ("cut", b"\x00ab"),
        "cut; the frame has 3 bytes and starts with b'\\x00ab'",
        (ValueError,),
    ),
    (errors.GatewayError, ("gone",), "gone", ()),
    (errors.GatewayUnreachable, ("gone",), "gone", (ConnectionError, OSError)),
    (errors.GatewayTimeout, ("late",), "late", (TimeoutError, ConnectionError)),
    (errors.NotAGateway, ("no",), "no", ()),
    (errors.EngineError, ("no engine", 500), "no engine", ()),
    (
        errors.GatewayStatus,
        STATUS,
        "GET http://h:1/api answered 401: Unauthorized (the token is wrong)",
        (),
    ),
    (errors.GatewayStatus, (500, "GET u", "b"), "GET u answered 500: b", ()),
    (errors.GatewayStatus, (500, "GET u", ""), "GET u answered 500", ()),
    (errors.GatewayStatus, (500, "GET u", "", "wait"), "GET u answered 500 (wait)", ()),
    (
        errors.GatewayUnauthorized,
        STATUS,
        "GET http://h:1/api answered 401: Unauthorized (the token is wrong)",
        (PermissionError,),
    ),
    (errors.GatewayUnauthorized, (403, "GET u", ""), "GET u answered 403", (PermissionError,)),
    (errors.GatewayFull, (403, "POST u", "full", "wait"), "POST u answered 403: full (wait)", ()),
    (errors.KernelNotFound, (404, "GET u", "gone"), "GET u answered 404: gone", (LookupError,)),
    (errors.ServerNotRunning, (302, "GET u", "", "start it"), "GET u answered 302 (start it)", ()),
    (errors.ServerStartError, ("log",), "log", ()),
    (errors.ServerStartTimeout, ("late",), "late", (TimeoutError, errors.ServerStartError)),
    (errors.NamedServersDisabled, ("no",), "no", (errors.ServerStartError,)),
    (errors.TooManyServers, ("many", ("a", "b")), "many", (errors.ServerStartError,)),
    (errors.KernelStartError, ("the end of its output",), "the end of its output", ()),
    (errors.KernelSpecNotFound, ("no x",), "no x", (ValueError,)),
    (
        jkg_client.UnknownLanguage,
        ("cobol", "julia"),
        "cannot run a 'cobol' block: this kernel runs julia",
        (ValueError,),
    ),
    (errors.KernelNotReady, ("late",), "late", (TimeoutError,)),
    (errors.VariableNotFound, ("x",), "the kernel has no variable 'x'", (LookupError,)),
    (
        errors.NotJsonValue,
        ("x", "set", "not serializable"),
        (
            "the value of 'x', of type set, cannot be read as JSON (not serializable);"
            " convert it in the kernel first"
        ),
        (ValueError,),
    ),
    (errors.ClientClosed, ("closed",), "closed", ()),
    (errors.ExecutionError, ("E: v", RESULT), "E: v", ()),
    (errors.ExecutionTimeout, ("late", RESULT), "late", (TimeoutError,)),
    (errors.KernelDied, ("died", RESULT), "died", ()),
    (errors.NotebookError, ("cell 1 failed", "error", {}, 1, 1, "E: v", 3), "cell 1 failed", ()),
    (errors.NotebookTimeout, ("late", "timeout", {}, 1), "late", (TimeoutError,)),
    (errors.NotebookKernelDied, ("died", "died", {}), "died", ()),
]


def family(root: type[JkgError]) -> set[type[JkgError]]:
    return {root}.union(*(family(child) for child in root.__subclasses__()))


def again(error: JkgError) -> JkgError:
    restored = pickle.loads(pickle.dumps(error))
    assert isinstance(restored, JkgError)
    return restored


@rows(("kind", "arguments", "text", "kinds"), EXCEPTIONS)
def test_each_exception_has_its_message_and_its_built_in_base_classes(
    kind: type[JkgError],
    arguments: tuple[Any, ...],
    text: str,
    kinds: tuple[type[Exception], ...],
) -> None:
    error = kind(*arguments)
    assert str(error) == text
    assert all(isinstance(error, each) for each in kinds)


@rows("copied", [copy.copy, copy.deepcopy, again])
@rows(("kind", "arguments", "text", "kinds"), EXCEPTIONS)
def test_an_exception_is_copied_whole(
    kind: type[JkgError],
    arguments: tuple[Any, ...],
    text: str,
    kinds: tuple[type[Exception], ...],
    copied: Callable[[JkgError], JkgError],
) -> None:
    error = kind(*arguments)
    if isinstance(error, errors.GatewayError):
        error.result = RESULT
    other = copied(error)
    assert (type(other), str(other), other.args) == (kind, text, error.args)
    assert vars(other) == vars(error)


def test_every_exception_has_a_row() -> None:
    assert {kind for kind, *_ in EXCEPTIONS} == family(JkgError) - {JkgError}


def test_a_gateway_error_outside_a_cell_has_no_result() -> None:
    assert errors.GatewayUnreachable("gone").result is None


def test_a_long_frame_is_not_shown_whole() -> None:
    error = errors.WireError("cut", "x" * 1000)
    assert str(error) == f"cut; the frame has 1000 characters and starts with '{'x' * 60}'"
    assert len(error.frame) == 1000


def test_the_tree_in_the_docstring_is_the_real_tree() -> None:
    line = re.compile(
        r"^    (?P<indent>[\u2502\u251c\u2514\u2500 ]*)(?P<name>\w+)(?: \((?P<also>\w+)\))?(?:$|  )"
    )
    drawn: dict[str, tuple[str, str | None]] = {}
    path: list[str] = []
    for text in (errors.__doc__ or "").splitlines():
        found = line.match(text)
        if found:
            depth = len(found["indent"]) // 4
            path[depth:] = [found["name"]]
            drawn[found["name"]] = (path[depth - 1] if depth else "Exception", found["also"])
    assert drawn == {kind.__name__: _bases(kind) for kind in family(JkgError)}


def _bases(kind: type[JkgError]) -> tuple[str, str | None]:
    ours, *others = (base.__name__ for base in kind.__bases__)
    return ours, others[0] if others else None
