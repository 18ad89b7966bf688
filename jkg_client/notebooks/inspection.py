"""Reads the parameters of a notebook from its cell with the tag ``parameters``."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator

from attrs import frozen

from .sources import NotebookSource


@frozen
class NotebookParameter:
    """One parameter of a notebook.

    Attributes:
        name: Name of the variable.
        default: Code of the default value. Empty if no expression belongs to this name alone, as in
            ``c, d = pair()``.
        annotation: Code of the type annotation. Empty if the parameter has none.
        help: The comment at the end of the line.
    """

    name: str
    default: str = ""
    annotation: str = ""
    help: str = ""


def inspect_notebook(notebook: NotebookSource) -> dict[str, NotebookParameter]:
    """The parameters of a Python notebook, by name. No code is run.

    Example::

        for name, parameter in inspect_notebook("report.ipynb").items():
            print(name, parameter.default, parameter.help)

    Args:
        notebook: A path, an open file or a ``NotebookNode``.

    Raises:
        ValueError: ``notebook`` is not a notebook, or its parameters are not Python code.
    """
    # Imported only here, because it needs nbformat.
    from .documents import code_cells, has_tag, read_notebook  # noqa: PLC0415

    document = read_notebook(notebook)
    cell = next((cell for cell in code_cells(document) if has_tag(cell, "parameters")), None)
    if cell is None:
        return {}
    try:
        return {parameter.name: parameter for parameter in parameters_in(cell.source)}
    except SyntaxError as exc:
        raise ValueError(f"the parameters of the notebook are not Python: {exc}") from exc


def assigned_names(source: str) -> set[str] | None:
    """The names that Python code sets. None if the code is not plain Python, as with magics."""
    try:
        return {parameter.name for parameter in parameters_in(source)}
    except (SyntaxError, ValueError, RecursionError):
        return None


def parameters_in(source: str) -> Iterator[NotebookParameter]:
    """The parameters that the code of a cell sets.

    Raises:
        SyntaxError: The code is not Python.
    """
    comments = _comments(source)
    for statement in ast.parse(source).body:
        helped = comments.get(statement.end_lineno or 0, "")
        kind, _, rest = helped.partition(":")
        annotation = rest.split()[0] if kind.strip() == "type" and rest.split() else ""
        helped = rest.strip()[len(annotation) :].strip() if annotation else helped
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            default = _code(source, statement.value)
            annotation = _annotation(source, statement.annotation)
            yield NotebookParameter(statement.target.id, default, annotation, helped)
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                for name, value in _pairs(target, statement.value):
                    yield NotebookParameter(name, _code(source, value), annotation, helped)


def _pairs(target: ast.expr, value: ast.expr | None) -> Iterator[tuple[str, ast.expr | None]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Starred):
        yield from _pairs(target.value, None)
    elif isinstance(target, (ast.Tuple, ast.List)):
        values: list[ast.expr | None] = [None] * len(target.elts)
        is_starred = any(isinstance(part, ast.Starred) for part in target.elts)
        if isinstance(value, (ast.Tuple, ast.List)) and not is_starred:
            values = [*value.elts, *values][: len(target.elts)]
        for part, its_value in zip(target.elts, values):
            yield from _pairs(part, its_value)


def _code(source: str, node: ast.AST | None) -> str:
    return "" if node is None else ast.get_source_segment(source, node) or ""


def _annotation(source: str, node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return _code(source, node)


def _comments(source: str) -> dict[int, str]:
    """The comments, by line number."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    try:
        return {
            token.start[0]: token.string.lstrip("#").strip()
            for token in tokens
            if token.type == tokenize.COMMENT
        }
    except (tokenize.TokenError, IndentationError):
        return {}
