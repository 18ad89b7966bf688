"""Notebooks for tests, and their outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from jkg_client import JupyterClient, JupyterConnectable

PYTHON = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}


def code(source: str, *tags: str, **fields: Any) -> dict[str, Any]:
    """A code cell."""
    metadata = {"tags": list(tags)} if tags else {}
    cell = {"cell_type": "code", "source": source, "metadata": metadata}
    return {**cell, "outputs": [], "execution_count": None, **fields}


def markdown(source: str, *tags: str) -> dict[str, Any]:
    """A markdown cell."""
    metadata = {"tags": list(tags)} if tags else {}
    return {"cell_type": "markdown", "source": source, "metadata": metadata}


def notebook(*cells: str | dict[str, Any], minor: int = 4, **metadata: Any) -> NotebookNode:
    """A notebook of these cells, for a Python kernel unless ``metadata`` say otherwise."""
    listed = [code(cell) if isinstance(cell, str) else cell for cell in cells]
    node: NotebookNode = nbformat.from_dict(
        {
            "nbformat": 4,
            "nbformat_minor": minor,
            "metadata": metadata or PYTHON,
            "cells": listed,
        }
    )
    return node


def shown(cell: Any) -> list[Any]:
    """The outputs of a cell, one word for each."""
    return [_word(output) for output in cell.get("outputs", [])]


def all_shown(node: Any) -> list[list[Any]]:
    """The outputs of all cells of a notebook, as ``shown`` returns them."""
    return [shown(cell) for cell in node["cells"]]


def read(path: Path) -> Any:
    """The notebook in a file, which must be strict JSON and valid."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    node = nbformat.from_dict(json.loads(path.read_text("utf-8"), parse_constant=refuse))
    nbformat.validate(node)
    return node


def kernel_ids(server: JupyterConnectable) -> set[str]:
    """Ids of the kernels that run on a server."""
    with JupyterClient(server.connection_info) as client:
        return {str(model["id"]) for model in client.list_kernels()}


def _word(output: Any) -> Any:
    if output["output_type"] == "stream":
        return _joined(output["text"])
    if output["output_type"] == "error":
        return output["ename"]
    return _joined(output["data"].get("text/plain"))


def _joined(text: Any) -> Any:
    return "".join(text) if isinstance(text, list) else text
