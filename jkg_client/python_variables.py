"""Lists, reads and sets variables of a Python kernel. Values are sent as JSON, never pickled.

The cells that do this show no output, are not in the history and define no variables.
"""

from __future__ import annotations

import ast
import json
import keyword
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from attrs import frozen

from .client import arguments
from .code_blocks import UnknownLanguage, is_python
from .errors import NotJsonValue, VariableNotFound
from .protocol.result import ExecutionResult
from .protocol.values import mapping_of

_PART = 2**20
"""Number of characters of a value in one message. Servers accept messages of a few megabytes."""

_LARGEST = 64 * 2**20
"""Largest JSON of a value that is read, in characters."""

# The user's code may have redefined names such as print or globals.
_BUILTINS = '__import__("builtins")'

_LIST = """
import json, reprlib, types
shell = names.get("get_ipython")
hidden = getattr(shell(), "user_ns_hidden", {}) if callable(shell) else {}
short = reprlib.Repr()
short.maxstring = short.maxother = 80
found = []
for name, value in list(names.items()):
    if name.startswith("_") or hidden.get(name, names) is value:
        continue
    if isinstance(value, types.ModuleType) or name in ("In", "Out", "exit", "quit", "get_ipython"):
        continue
    try:
        shape = getattr(value, "shape", None)
        if isinstance(shape, tuple):
            shown = f"shape {shape}"
        elif isinstance(value, (type, types.FunctionType)):
            shown = "defined"
        else:
            shown = short.repr(value)
    except Exception as exc:
        shown = f"cannot be shown ({type(exc).__name__})"
    found.append((name, type(value).__name__, " ".join(shown.split())))
answer = json.dumps(found)
"""

_GET = """
import json
if name not in names:
    answer = json.dumps({"status": "missing"})
else:
    kind = type(names[name]).__name__
    try:
        answer = json.dumps({"value": names[name]})
        if len(answer) > largest:
            why = f"its JSON has more than {largest} characters"
            answer = json.dumps({"status": "refused", "kind": kind, "why": why})
    except Exception as exc:
        why = f"{type(exc).__name__}: {exc}"[:200]
        answer = json.dumps({"status": "refused", "kind": kind, "why": why})
"""

_SET = "import json\nnames[name] = json.loads(text)\n"

_CARRY = """
import sys
parts = vars(sys).setdefault("_jkg_parts", [])
if not position:
    parts.clear()
elif len(parts) != position:
    raise RuntimeError("a part of the value was lost: the kernel was restarted")
parts.append(part)
"""
_CARRIED = _CARRY + 'text = "".join(vars(sys).pop("_jkg_parts"))\n'


@frozen
class Variable:
    """A variable of a Python kernel.

    Example::

        from jkg_client import JupyterCodeExecutor, LocalJupyterServer, Variable

        with LocalJupyterServer() as server, JupyterCodeExecutor(server) as executor:
            executor.set("x", 6)
            assert executor.variables() == [Variable("x", "int", "6")]

    Attributes:
        name: Name of the variable.
        type: Name of its class.
        value: Short form of its value for a reader. For an array or a table, its shape.
    """

    name: str
    type: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}: {self.type} = {self.value}"


class RunUnseen(Protocol):
    """Function that runs a silent cell and evaluates an expression after it."""

    def __call__(self, cell: str, expression: str = "") -> ExecutionResult:
        """The result. The value of the expression is ``user_expressions["answer"]``."""


def variables(run: RunUnseen) -> list[Variable]:
    """The variables that the user's code has defined, without modules and private names."""
    return [Variable(*item) for item in _answer(run, _LIST)]


def get(run: RunUnseen, name: str) -> Any:
    """The value of a variable, read as JSON.

    Raises:
        VariableNotFound: There is no variable of this name.
        NotJsonValue: JSON cannot express the value.
    """
    answer = _answer(run, _GET, name=name, largest=_LARGEST)
    if "value" in answer:
        return answer["value"]
    if answer["status"] == "missing":
        raise VariableNotFound(name)
    raise NotJsonValue(name, answer["kind"], answer["why"])


def setting(name: object, value: object) -> Callable[[RunUnseen], None]:
    """A function that sets a variable.

    Raises:
        ValueError: ``name`` cannot be the name of a variable, or JSON cannot express ``value``.
    """
    checked, text = checked_name(name), _json(value)

    def put(run: RunUnseen) -> None:
        for cell in carrying(text, _SET, name=checked):
            run(cell).raise_for_error()

    return put


def carrying(text: str, source: str, **values: object) -> list[str]:
    """Cells that send a text to the kernel in parts. The last cell runs ``source`` with the text.

    Args:
        text: Text of any length. ``source`` finds it in the variable ``text``.
        source: Python code. It finds the user's variables in the dict ``names``.
        values: Further variables for ``source``.
    """
    parts = [text[start : start + _PART] for start in range(0, max(len(text), 1), _PART)]
    last = len(parts) - 1
    return [
        *(_cell(_CARRY, part=part, position=number) for number, part in enumerate(parts[:-1])),
        _cell(_CARRIED + source, part=parts[-1], position=last, **values),
    ]


def check_language(kernel_language: str) -> None:
    """Raise ``UnknownLanguage`` if the language is not Python."""
    if not is_python(kernel_language):
        raise UnknownLanguage("python", kernel_language)


def checked_name(name: object) -> str:
    """``name``, if it can be the name of a variable.

    Raises:
        ValueError: ``name`` cannot be the name of a variable.
    """
    text = arguments.text("name", name)
    if not text.isidentifier() or keyword.iskeyword(text):
        raise ValueError(f"name must be the name of a variable, not {text!r:.200}")
    return text


def _json(value: object) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError) as exc:
        raise ValueError(f"value must be a value that JSON can express: {exc}") from exc


def _answer(run: RunUnseen, source: str, **values: object) -> Any:
    """Run ``source``, and decode the JSON in its variable ``answer``."""
    scope = _scope(values)
    run_it = f"(lambda scope: {_BUILTINS}.exec({source!r}, scope) or scope['answer'])({scope})"
    result = run("", run_it)
    result.raise_for_error()
    answer = mapping_of(result.user_expressions.get("answer"))
    said = mapping_of(answer.get("data")).get("text/plain")
    if not isinstance(said, str):
        told = answer.get("evalue") or "no answer"
        raise NotJsonValue(str(values.get("name", "variables")), "object", str(told))
    return json.loads(ast.literal_eval(said))


def _cell(source: str, **values: object) -> str:
    return f"{_BUILTINS}.exec({source!r}, {_scope(values)})"


def _scope(values: Mapping[str, object]) -> str:
    return f"{{**{dict(values)!r}, 'names': {_BUILTINS}.globals()}}"
