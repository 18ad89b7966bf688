"""Encodes a notebook as JSON in the layout of nbformat.

The notebook is encoded cell by cell, so that a large notebook is never copied as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from json.encoder import encode_basestring
from typing import Any

from nbformat import NotebookNode

_INDENT = " "
_SPLIT = ("application/javascript", "image/svg+xml")


def pieces(notebook: NotebookNode) -> Iterator[str]:
    """The text of the file, in pieces. It is strict JSON."""
    fields = {name: value for name, value in notebook.items() if name != "cells"}
    before = sorted(name for name in fields if name < "cells")
    after = sorted(name for name in fields if name > "cells")
    yield "{\n"
    for name in before:
        yield f" {encode_basestring(name)}: {_text(fields[name], 1)},\n"
    yield ' "cells": ['
    for number, cell in enumerate(notebook.cells):
        yield ",\n" if number else "\n"
        yield "  " + _text(_with_lines(cell), 2)
    yield "\n ]" if notebook.cells else "]"
    for name in after:
        yield f",\n {encode_basestring(name)}: {_text(fields[name], 1)}"
    yield "\n}\n"


def _text(value: Any, depth: int) -> str:
    """A value. All lines after the first are indented by ``depth``."""
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, Mapping):
        items = [
            f"{encode_basestring(str(name))}: {_text(value[name], depth + 1)}"
            for name in sorted(value, key=str)
        ]
        return _block("{", items, "}", depth)
    if isinstance(value, (list, tuple)):
        return _block("[", [_text(item, depth + 1) for item in value], "]", depth)
    if isinstance(value, float) and not _is_finite(value):
        # JSON has no NaN or infinity: Jupyter refuses such a file.
        return f'"{value}"'
    return json.dumps(value)


def _block(start: str, items: list[str], end: str, depth: int) -> str:
    if not items:
        return start + end
    line = "\n" + _INDENT * (depth + 1)
    return f"{start}{line}{(',' + line).join(items)}\n{_INDENT * depth}{end}"


def _string(text: str) -> str:
    # UTF-8 cannot encode a lone surrogate, so it is escaped.
    return encode_basestring(text) if text.isascii() or _is_unicode(text) else json.dumps(text)


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_finite(number: float) -> bool:
    return number - number == 0


def _with_lines(cell: NotebookNode) -> dict[str, Any]:
    """The cell with long texts as lists of lines, which version control can compare."""
    shown = {**cell, "source": cell.source.splitlines(keepends=True)}
    if isinstance(cell.get("attachments"), dict):
        shown["attachments"] = {
            name: _lines_of_forms(forms) for name, forms in cell.attachments.items()
        }
    if "outputs" in cell:
        shown["outputs"] = [_output_with_lines(output) for output in cell.outputs]
    return shown


def _output_with_lines(output: Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(output.get("data"), dict):
        return {**output, "data": _lines_of_forms(output["data"])}
    if isinstance(output.get("text"), str):
        return {**output, "text": output["text"].splitlines(keepends=True)}
    return output


def _lines_of_forms(forms: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        name: data.splitlines(keepends=True)
        if isinstance(data, str) and (name.startswith("text/") or name in _SPLIT)
        else data
        for name, data in forms.items()
    }
