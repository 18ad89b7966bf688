"""The docstrings of public names, from which the reference is made."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any, get_origin

import pytest

import jkg_client
from jkg_client import testing

PUBLIC = {
    **{name: getattr(jkg_client, name) for name in jkg_client.__all__},
    **{f"testing.{name}": getattr(testing, name) for name in testing.__all__},
}
CLASSES = {
    name: thing
    for name, thing in PUBLIC.items()
    # Python 3.9 takes types with a name, such as OnOutput, for classes.
    if inspect.isclass(thing) and not get_origin(thing)
}
# Users do not create errors, so only their attributes must be documented.
VALUES = {name: kind for name, kind in CLASSES.items() if not issubclass(kind, BaseException)}

_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises):$", re.MULTILINE)
_ENTRY = re.compile(r"^    \**(\w+): \S", re.MULTILINE)
_NAMED = re.compile(r"``(\w+)``")
_EXAMPLE = re.compile(r"^Example::\n\n((?:    .*\n|\n)+)", re.MULTILINE)


def methods(kind: type) -> Iterator[tuple[str, Any]]:
    for base in kind.__mro__[:-1]:
        if not base.__module__.startswith("jkg_client"):
            continue
        for name, member in vars(base).items():
            inner = getattr(member, "__func__", member)
            if not name.startswith("_") and inspect.isfunction(inner):
                yield name, inner


def parameters(function: Any) -> set[str]:
    names = set(inspect.signature(function).parameters)
    return {name.lstrip("_") for name in names - {"self", "cls"}}


def described(docstring: str) -> set[str]:
    """The names that a docstring explains: in a section, or in a sentence."""
    return {*_ENTRY.findall(docstring), *_NAMED.findall(docstring)}


# Name: class and function. The class is '' for a function of a module.
FUNCTIONS: dict[str, tuple[Any, Any]] = {
    **{name: ("", thing) for name, thing in PUBLIC.items() if inspect.isfunction(thing)},
    **{
        f"{name}.{method}": (kind, function)
        for name, kind in CLASSES.items()
        for method, function in methods(kind)
    },
}


def test_classes_explain_the_arguments_of_their_constructors() -> None:
    lacking = {name: unexplained_by_class(kind) for name, kind in VALUES.items()}
    assert {name: names for name, names in lacking.items() if names} == {}


def unexplained_by_class(kind: type[Any]) -> set[str]:
    if "__init__" not in vars(kind) or getattr(kind, "_is_protocol", False):
        return set()
    docstring = inspect.getdoc(kind) or ""
    known = described(docstring)
    twin = re.search(r"other arguments: see ``(\w+)``", docstring)
    if twin:
        known |= described(inspect.getdoc(CLASSES[twin[1]]) or "")
    # A gateway makes its faults and its journal itself.
    return parameters(kind.__init__) - known - {"reach"}


def test_methods_explain_their_arguments() -> None:
    lacking = {
        path: parameters(function)
        - described(inspect.getdoc(function) or "")
        - described(inspect.getdoc(kind) or "")
        for path, (kind, function) in FUNCTIONS.items()
    }
    assert {path: names for path, names in lacking.items() if names} == {}


def test_methods_name_the_errors_that_they_raise_themselves() -> None:
    lacking = {
        path: raised_by(function) - described(inspect.getdoc(function) or "")
        for path, (_, function) in FUNCTIONS.items()
    }
    assert {path: names for path, names in lacking.items() if names} == {}


def raised_by(function: Any) -> set[str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    raised = (node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise))
    names = {ast.unparse(exc.func) for exc in raised if isinstance(exc, ast.Call)}
    return {name for name in names if name in CLASSES or hasattr(builtins, name)}


def test_classes_and_functions_have_an_example() -> None:
    lacking = [
        name for name, kind in VALUES.items() if "::\n\n    " not in str(inspect.getdoc(kind))
    ]
    # For values that users only read, the example shows their origin.
    read = {"DataItem", "Display", "Failure", "Stream", "Truncation", "CellProgress"}
    read |= {"NotebookParameter", "testing.KernelMessage", "testing.RestRequest"}
    assert set(lacking) - read == set()


def test_sections_have_entries() -> None:
    for path, (_, function) in FUNCTIONS.items():
        docstring = inspect.getdoc(function) or ""
        for match in _SECTION.finditer(docstring):
            assert docstring[match.end() :].startswith("\n    "), path


EXAMPLES = [
    (name, textwrap.dedent(code))
    for name, thing in CLASSES.items()
    for code in _EXAMPLE.findall(f"{inspect.getdoc(thing)}\n")
]


@pytest.mark.parametrize(("name", "code"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_an_example_uses_existing_names_and_arguments(name: str, code: str) -> None:
    tree = ast.parse(f"async def example():\n{textwrap.indent(code, '    ')}")
    public = {path.rpartition(".")[2]: thing for path, thing in PUBLIC.items()}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("jkg_client"):
            assert {alias.name for alias in node.names} <= set(public), name
        kind = public.get(ast.unparse(node.func)) if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Call) and inspect.isclass(kind) and "__init__" in vars(kind):
            words = {keyword.arg: None for keyword in node.keywords if keyword.arg}
            inspect.signature(kind).bind_partial(*node.args, **words)
