"""Replies to requests other than ``execute_request``."""

from __future__ import annotations

import fnmatch
import platform
import sys
from collections.abc import Callable, Mapping
from typing import Any

from ...protocol.messages import Json
from .shells import Reply, Shell

LANGUAGE: Reply = {
    "name": "python",
    "version": platform.python_version(),
    "mimetype": "text/x-python",
    "codemirror_mode": {"name": "ipython", "version": sys.version_info[0]},
    "pygments_lexer": "ipython3",
    "nbconvert_exporter": "python",
    "file_extension": ".py",
}


THIS_SESSION = 1
"""The number of this kernel's session in the history."""

TAIL = 10
"""How many of the last cells a client gets if it does not say how many."""


def kernel_info(shell: Shell, _: Json) -> Reply:
    """Name and version of the kernel and its language."""
    return {
        "status": "ok",
        "protocol_version": "5.3",
        "language_info": LANGUAGE,
        "help_links": [],
        "supported_features": [],
        **shell.info,
    }


def history(shell: Shell, content: Json) -> Reply:
    """Earlier cells of this kernel. A fake kernel has no cells of earlier sessions."""
    cells = list(enumerate(shell.history(), 1))
    kind, told, _ = (content[name] for name in ("hist_access_type", "output", "raw"))
    if kind == "range":
        # The cells of a kernel begin with the empty cell 0.
        known = [(0, ("", None)), *cells] if content.get("session", 0) in {0, THIS_SESSION} else []
        cells = known[content.get("start", 0) : content.get("stop") or None]
    elif kind in {"tail", "search"}:
        cells = _chosen(cells, content, content.get("pattern") or "*" if kind == "search" else "*")
    else:
        cells = []
    session = 0 if kind == "range" else THIS_SESSION
    return {
        "status": "ok",
        "history": [[session, n, [code, out] if told else code] for n, (code, out) in cells],
    }


def _chosen(cells: list[Any], content: Json, pattern: str) -> list[Any]:
    # The database of IPython, in which these are searched, has no values.
    found = [(n, (code, None)) for n, (code, _) in cells if fnmatch.fnmatchcase(code, pattern)]
    if content.get("unique"):
        found = list({source: (n, (source, out)) for n, (source, out) in found}.values())
    count = content.get("n")
    if count is None:
        count = TAIL if content["hist_access_type"] == "tail" else len(found)
    return found[max(len(found) - count, 0) :]


def comm_info(shell: Shell, content: Json) -> Reply:
    """The comms that are open."""
    wanted = content.get("target_name")
    comms = {
        comm_id: {"target_name": target}
        for comm_id, target in shell.comms().items()
        if wanted in (None, target)
    }
    return {"status": "ok", "comms": comms}


# Behind a gateway, ipykernel answers with these numbers.
PORTS: Reply = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5}


def _complete(shell: Shell, content: Json) -> Reply:
    code, cursor = content["code"], content["cursor_pos"]
    return shell.complete(code, len(code) if cursor is None else cursor)


def _inspect(shell: Shell, content: Json) -> Reply:
    return shell.inspect(content["code"], content["cursor_pos"], content.get("detail_level", 0))


ANSWERS: Mapping[str, Callable[[Shell, Json], Reply]] = {
    "connect_request": lambda _, __: {**PORTS, "status": "ok"},
    "comm_info_request": comm_info,
    "complete_request": lambda shell, content: {"status": "ok", **_complete(shell, content)},
    # There is no debugger.
    "debug_request": lambda _, __: {},
    "history_request": history,
    "inspect_request": lambda shell, content: {"status": "ok", **_inspect(shell, content)},
    "is_complete_request": lambda shell, content: shell.is_complete(content["code"]),
    "kernel_info_request": kernel_info,
}
