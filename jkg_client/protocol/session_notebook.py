"""Converts a session to a notebook: JSON in nbformat 4.5.

The format: https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from .outputs import Output, Stream
from .session import RanCode, Session
from .values import Display

_Node = dict[str, Any]
_Displays = dict[str, list[_Node]]


def notebook_text(session: Session) -> Iterator[str]:
    """The text of the file, cell by cell, so that a large notebook is not copied as a whole."""
    yield '{\n "cells": [\n'
    for number, cell in enumerate(cells_of(session)):
        yield ",\n" if number else ""
        yield _json(cell)
    yield f'\n ],\n "metadata": {_json(_metadata(session))},\n'
    yield ' "nbformat": 4,\n "nbformat_minor": 5\n}\n'


def cells_of(session: Session) -> list[_Node]:
    """The cells. Updates of displays are in the cell that has shown them."""
    displays: _Displays = {}
    cells = [_forgotten(session.forgotten)] if session.forgotten else []
    for cell in session:
        if isinstance(cell, RanCode):
            cells.append(_code_cell(cell, displays))
        else:
            cells.append(_markdown_cell(cell.number, cell.text))
    return cells


def _code_cell(cell: RanCode, displays: _Displays) -> _Node:
    outputs: list[_Node] = []
    for output in cell.outputs:
        if isinstance(output, Display) and output.display_id is not None:
            known = displays.setdefault(output.display_id, [])
            forms = _forms(output)
            for node in known:
                node.update(forms)
            if output.is_update and known:
                continue
            outputs.append(_node(output))
            known.append(outputs[-1])
        else:
            outputs.append(_node(output))
    return {
        "cell_type": "code",
        "execution_count": cell.execution_count,
        "id": f"cell-{cell.number}",
        "metadata": {},
        "outputs": outputs,
        "source": cell.code,
    }


def _markdown_cell(number: int, text: str) -> _Node:
    return {"cell_type": "markdown", "id": f"cell-{number}", "metadata": {}, "source": text}


def _forgotten(count: int) -> _Node:
    cells = "1 earlier cell is" if count == 1 else f"{count} earlier cells are"
    return _markdown_cell(0, f"*{cells} not kept: the session is too long.*")


def _node(output: Output) -> _Node:
    if isinstance(output, Stream):
        return {"output_type": "stream", "name": output.name, "text": output.text}
    if isinstance(output, Display):
        count = output.execution_count
        if count is None:
            return {"output_type": "display_data", **_forms(output)}
        return {"output_type": "execute_result", "execution_count": count, **_forms(output)}
    return {
        "output_type": "error",
        "ename": output.ename,
        "evalue": output.evalue,
        "traceback": list(output.traceback) or [output.summary],
    }


def _forms(output: Display) -> _Node:
    data = {mime_type: _form(mime_type, form) for mime_type, form in output.data.items()}
    return {"data": data, "metadata": dict(output.metadata)}


def _form(mime_type: str, form: Any) -> Any:
    """The form of a MIME type. If a kernel has sent JSON in place of text, it becomes text."""
    is_json = mime_type == "application/json" or mime_type.endswith("+json")
    is_text = isinstance(form, str) or (
        isinstance(form, list) and all(isinstance(line, str) for line in form)
    )
    return form if is_json or is_text else json.dumps(form)


def _metadata(session: Session) -> _Node:
    metadata: _Node = {}
    language = session.language_info.get("name")
    if session.kernel_name:
        name = session.kernel_name
        spec = {"name": name, "display_name": name}
        metadata["kernelspec"] = {**spec, "language": language} if language else spec
    if isinstance(language, str):
        metadata["language_info"] = dict(session.language_info)
    return metadata


def _json(value: _Node) -> str:
    try:
        return json.dumps(value, indent=1, allow_nan=False)
    except ValueError:
        # NaN is not valid JSON, and Jupyter refuses a file that contains it.
        return json.dumps(_without(value, lambda number: number - number != 0), indent=1)


def _without(value: Any, is_no_number: Callable[[float], bool]) -> Any:
    """``value`` with text in place of numbers that JSON does not have."""
    if isinstance(value, float):
        return str(value) if is_no_number(value) else value
    if isinstance(value, dict):
        return {name: _without(item, is_no_number) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without(item, is_no_number) for item in value]
    return value
