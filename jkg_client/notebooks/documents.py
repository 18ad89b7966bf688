"""Reads notebooks: converts them to format 4, checks them and repairs their cell ids.

The format: https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

try:
    import nbformat
    from nbformat import NotebookNode
    from nbformat.v4.rwbase import rejoin_lines, strip_transient
except ImportError as _missing:
    raise ImportError(
        'notebooks need the package nbformat: pip install "jkg-client[notebook]"'
    ) from _missing

from ..client import arguments
from .sources import NotebookSource

_log = logging.getLogger("jkg_client")
_CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_FIRST_WITH_IDS = 5  # minor version
_TIMES = ("iopub.", "shell.")

SKIP, RAISES = "skip-execution", "raises-exception"
"""Tags of cells that do not run, and of cells that may fail."""


def read_notebook(source: NotebookSource) -> NotebookNode:
    """The notebook in format 4. A notebook that is passed as an object is copied.

    Raises:
        ValueError: The source is not a notebook.
        OSError: The file cannot be read.
    """
    if isinstance(source, Mapping):
        given, name = copy.deepcopy(dict(source)), "the notebook"
    else:
        text, name = _text_of(source)
        try:
            given = json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise ValueError(f"{name} is not a notebook: {exc}") from exc
    notebook = _in_format_4(given, name)
    _check(notebook, name)
    ready = cast("NotebookNode", strip_transient(rejoin_lines(notebook)))
    _give_ids(ready)
    return ready


def code_cells(notebook: NotebookNode) -> Iterator[NotebookNode]:
    """The code cells."""
    return (cell for cell in notebook.cells if cell["cell_type"] == "code")


def has_tag(cell: Mapping[str, Any], tag: str) -> bool:
    """Whether a cell has a tag."""
    tags = cell["metadata"].get("tags")
    return isinstance(tags, list) and tag in tags


def is_run(cell: NotebookNode) -> bool:
    """Whether a cell has code to run."""
    return cell.cell_type == "code" and bool(cell.source.strip()) and not has_tag(cell, SKIP)


def clear_old_outputs(notebook: NotebookNode) -> None:
    """Remove the outputs of an earlier run, also of cells that this run may not reach."""
    if not any(has_tag(cell, SKIP) for cell in notebook.cells):
        notebook.metadata.pop("widgets", None)
    for cell in code_cells(notebook):
        if has_tag(cell, SKIP):
            continue
        cell.outputs, cell.execution_count = [], None
        times = cell.metadata.get("execution")
        if isinstance(times, dict):
            for name in [name for name in times if name.startswith(_TIMES)]:
                del times[name]
            if not times:
                del cell.metadata["execution"]


def new_code_cell(notebook: NotebookNode, source: str, tag: str) -> NotebookNode:
    """A code cell for ``notebook``, with an id if its format has ids."""
    cell: NotebookNode = nbformat.from_dict(
        {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {"tags": [tag]},
            "outputs": [],
            "source": source,
        }
    )
    if notebook.nbformat_minor >= _FIRST_WITH_IDS:
        cell["id"] = _new_id({one["id"] for one in notebook.cells}, 0, tag)
    return cell


def _text_of(source: Any) -> tuple[str, str]:
    if isinstance(source, (str, os.PathLike)):
        path = arguments.folder("notebook", source)
        if source == "" or path.is_dir():
            raise ValueError(f"notebook must be the path of a file, not {str(source)!r}")
        data: Any = path.read_bytes()
        name = str(source)
    elif callable(getattr(source, "read", None)):
        data, name = source.read(), str(getattr(source, "name", "the file"))
    else:
        kind = type(source).__name__
        raise ValueError(f"notebook must be a path, a file or a NotebookNode, not {kind}")  # noqa: TRY004
    if isinstance(data, (bytes, bytearray)):
        try:
            data = data.decode("utf-8-sig")
        except UnicodeDecodeError as exc:
            raise ValueError(f"{name} is not a notebook: it is not text in UTF-8") from exc
    return data, name


def _in_format_4(given: Any, name: str) -> NotebookNode:
    major = given.get("nbformat") if isinstance(given, dict) else None
    if not isinstance(major, int):
        raise ValueError(f"{name} is not a notebook: it has no 'nbformat'")  # noqa: TRY004
    if major > 4:
        raise ValueError(f"{name} has notebook format {major}; formats up to 4 can be run")
    if major == 4:
        return cast("NotebookNode", nbformat.from_dict(given))
    try:
        old = nbformat.reader.reads(json.dumps(given))
        return cast("NotebookNode", nbformat.convert(old, 4))
    except Exception as exc:
        # nbformat does not check old formats, so missing parts raise all kinds of exceptions.
        raise ValueError(f"{name} is not a notebook of format {major}: {exc}") from exc


def _repair_metadata(node: dict[str, Any], name: str) -> None:
    if node.get("metadata") is None:
        node["metadata"] = nbformat.from_dict({})
    if not isinstance(node["metadata"], dict):
        raise ValueError(f"{name} has metadata that is not an object")  # noqa: TRY004


def _check(notebook: NotebookNode, name: str) -> None:
    """Raise ValueError if a required part is missing. Add missing optional parts."""
    _repair_metadata(notebook, name)
    minor = notebook.setdefault("nbformat_minor", 0)
    if not isinstance(notebook.get("cells"), list) or not isinstance(minor, int):
        raise ValueError(f"{name} is not a notebook: it has no cells")  # noqa: TRY004
    for number, cell in enumerate(notebook.cells):
        if not isinstance(cell, dict) or not _is_text(cell.get("source")):
            raise ValueError(f"{name}: cell {number} has no source")
        if not isinstance(cell.get("cell_type"), str):
            raise ValueError(f"{name}: cell {number} has no cell_type")  # noqa: TRY004
        _repair_metadata(cell, f"{name}: cell {number}")
        if cell["cell_type"] == "code":
            cell.setdefault("outputs", [])
            cell.setdefault("execution_count", None)


def _is_text(value: object) -> bool:
    lines = value if isinstance(value, list) else [value]
    return all(isinstance(line, str) for line in lines)


def _give_ids(notebook: NotebookNode) -> None:
    """Replace ids that are invalid or not unique. The new ids are the same in each run."""
    given = [cell.get("id") for cell in notebook.cells]
    is_new_format = notebook.nbformat_minor >= _FIRST_WITH_IDS
    if not is_new_format:
        if not any(given):
            return
        # Some programs write ids in older formats, which do not allow them. Format 4.5 does.
        notebook.nbformat_minor = _FIRST_WITH_IDS
    taken = {cell_id for cell_id in given if _is_id(cell_id)}
    seen: set[str] = set()
    repaired = 0
    for number, cell in enumerate(notebook.cells):
        cell_id = cell.get("id")
        if not _is_id(cell_id) or cell_id in seen:
            cell["id"] = cell_id = _new_id(taken, number, cell.source)
            taken.add(cell_id)
            repaired += 1
        seen.add(cell_id)
    if repaired and is_new_format:
        _log.warning("replaced %d cell ids that were missing, invalid or not unique", repaired)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _CELL_ID.fullmatch(value) is not None


def _new_id(taken: set[str], number: int, text: str) -> str:
    for attempt in range(len(taken) + 1):
        words = json.dumps([number, text, attempt])
        cell_id = hashlib.sha256(words.encode("utf-8", "backslashreplace")).hexdigest()[:8]
        if cell_id not in taken:
            return cell_id
    raise AssertionError("one of so many ids is free")
