"""Puts the parameters of a run into a notebook, in the same way as papermill."""

from __future__ import annotations

import keyword
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen
from nbformat import NotebookNode

from .documents import code_cells, has_tag, new_code_cell
from .inspection import assigned_names
from .python_values import expression

_log = logging.getLogger("jkg_client")
PARAMETERS, INJECTED = "parameters", "injected-parameters"
MASK = "******"
_COMMENT = "Parameters"
_PLAIN = (type(None), bool, int, float, str)


@frozen
class Parameters:
    """Values for a notebook's parameters.

    Attributes:
        values: All values by name, including the secret ones.
        secrets: Names of the parameters that are not saved.
        is_given: Whether the caller has passed parameters. ``{}`` removes the parameters of an
            earlier run.
    """

    values: Mapping[str, Any] = field(repr=False)
    secrets: frozenset[str]
    is_given: bool

    @classmethod
    def of(cls, parameters: object, secret_parameters: object) -> Parameters:
        """The parameters that the caller has passed.

        Args:
            parameters: A mapping, or None.
            secret_parameters: A mapping of further parameters, names of parameters in
                ``parameters``, or None.

        Raises:
            ValueError: An argument is wrong.
        """
        if parameters is not None and not isinstance(parameters, Mapping):
            raise ValueError(f"parameters must be a mapping, not {type(parameters).__name__}")
        values = dict(parameters or {})
        if isinstance(secret_parameters, Mapping):
            values.update(secret_parameters)
        elif isinstance(secret_parameters, str) or not isinstance(
            secret_parameters, (Iterable, type(None))
        ):
            kind = type(secret_parameters).__name__
            raise ValueError(f"secret_parameters must be a mapping or names, not {kind}")  # noqa: TRY004
        secrets = frozenset(secret_parameters or ())
        unknown = [name for name in secrets if name not in values]
        if unknown:
            raise ValueError(f"secret_parameters: there is no parameter {unknown[0]!r:.100}")
        return cls(values, secrets, bool(values) or parameters is not None)


@frozen
class Injection:
    """The cell that sets the parameters.

    Attributes:
        cell: The cell that is saved.
        code: The code that is run, with the secrets.
    """

    cell: NotebookNode
    code: str = field(repr=False)


def inject(
    notebook: NotebookNode, parameters: Parameters, kernel_name: str, language: str
) -> Injection | None:
    """Put the parameters into the notebook. Return the new cell, or None if no cell is needed.

    Raises:
        ValueError: A name or a value cannot be expressed in the kernel's language.
    """
    old = _first(notebook, INJECTED)
    if not parameters.values:
        if old is not None and parameters.is_given:
            del notebook.cells[old]
        elif old is not None:
            _log.warning(
                "the notebook has a cell with the parameters of an earlier run. They are used;"
                " pass parameters={} to remove the cell"
            )
        return None
    code = _code(parameters.values, kernel_name, language)
    masked = {
        name: MASK if name in parameters.secrets else value
        for name, value in parameters.values.items()
    }
    cell = new_code_cell(notebook, _code(masked, kernel_name, language), INJECTED)
    after = _first(notebook, PARAMETERS)
    if old is not None:
        if "id" in notebook.cells[old]:
            cell["id"] = notebook.cells[old]["id"]
        notebook.cells[old] = cell
    else:
        notebook.cells.insert(0 if after is None else after + 1, cell)
    _warn(notebook, parameters, after, language)
    return Injection(cell, code)


def _warn(notebook: NotebookNode, parameters: Parameters, at: int | None, language: str) -> None:
    if at is None:
        _log.warning("no code cell has the tag 'parameters': the values are set at the beginning")
        return
    known = assigned_names(notebook.cells[at].source) if language == "python" else None
    if known is not None:
        for name in parameters.values:
            if name not in known:
                _log.warning("the notebook has no parameter %r", name)


def _first(notebook: NotebookNode, tag: str) -> int | None:
    tagged = {id(cell) for cell in code_cells(notebook) if has_tag(cell, tag)}
    return next((n for n, cell in enumerate(notebook.cells) if id(cell) in tagged), None)


def _code(values: Mapping[str, Any], kernel_name: str, language: str) -> str:
    if language.lower() in ("python", "ipython", ""):
        return _python(values)
    for name, value in values.items():
        if not (isinstance(name, str) and name.replace(".", "_").isidentifier()):
            raise ValueError(f"parameters: {name!r:.100} is not a name in {language}")
        if not _is_plain(value):
            kind = type(value).__name__
            raise ValueError(f"parameter {name!r}: {language} cannot have values of type {kind}")
    try:
        from papermill.exceptions import PapermillException  # noqa: PLC0415 - few notebooks need it
        from papermill.translators import translate_parameters  # noqa: PLC0415
    except ImportError as exc:
        raise ValueError(
            f"parameters of a notebook in {language} need papermill: pip install papermill"
        ) from exc
    try:
        return str(translate_parameters(kernel_name, language, dict(values), _COMMENT))
    except (PapermillException, NotImplementedError) as exc:
        raise ValueError(f"parameters cannot be set in {language}: {exc}") from exc


def _python(values: Mapping[str, Any]) -> str:
    lines = [f"# {_COMMENT}\n"]
    for name, value in values.items():
        if not (isinstance(name, str) and name.isidentifier()) or keyword.iskeyword(name):
            raise ValueError(f"parameters: {name!r:.100} is not a name in Python")
        try:
            lines.append(f"{name} = {expression(value)}\n")
        except ValueError as exc:
            raise ValueError(f"parameter {name!r} cannot be written as code: {exc}") from exc
    return "".join(lines)


def _is_plain(value: object) -> bool:
    if type(value) is dict:
        return all(type(key) is str and _is_plain(item) for key, item in value.items())
    if type(value) is list:
        return all(map(_is_plain, value))
    return type(value) in _PLAIN
