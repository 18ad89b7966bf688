"""What a kernel tells about code without running it: replies to requests other than execute."""

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


def kernel_info(shell: Shell, _: Json) -> Reply:
    """What the kernel is."""
    return {
        "status": "ok",
        "protocol_version": "5.3",
        "language_info": LANGUAGE,
        "help_links": [],
        "supported_features": [],
        **shell.info,
    }


def complete(shell: Shell, content: Json) -> Reply:
    """Completions of the name at the cursor."""
    code, cursor = content["code"], content["cursor_pos"]
    return {"status": "ok", **shell.complete(code, len(code) if cursor is None else cursor)}


def inspect(shell: Shell, content: Json) -> Reply:
    """What there is to say about the name at the cursor."""
    detail = content.get("detail_level", 0)
    return {"status": "ok", **shell.inspect(content["code"], content["cursor_pos"], detail)}


def is_complete(shell: Shell, content: Json) -> Reply:
    """Whether the code is a whole cell."""
    return shell.is_complete(content["code"])


def history(shell: Shell, content: Json) -> Reply:
    """Earlier cells of this kernel; a fake one remembers no other session."""
    cells = list(enumerate(shell.history(), 1))
    kind, told, _ = (content[name] for name in ("hist_access_type", "output", "raw"))
    if kind == "range":
        stop = content.get("stop") or len(cells) + 1
        cells = [cell for cell in cells if (content.get("start") or 0) <= cell[0] < stop]
    elif kind in {"tail", "search"}:
        cells = _chosen(cells, content, content.get("pattern") or "*" if kind == "search" else "*")
    else:
        cells = []
    session = 0 if kind == "range" else 1
    return {
        "status": "ok",
        "history": [[session, n, [code, out] if told else code] for n, (code, out) in cells],
    }


def _chosen(cells: list[Any], content: Json, pattern: str) -> list[Any]:
    found = [cell for cell in cells if fnmatch.fnmatchcase(cell[1][0], pattern)]
    if content.get("unique"):
        found = list({source: (n, (source, out)) for n, (source, out) in found}.values())
    return found[-(content.get("n") or len(found) or 1) :]


def comm_info(shell: Shell, content: Json) -> Reply:
    """The comms that are open."""
    wanted = content.get("target_name")
    comms = {
        comm_id: {"target_name": target}
        for comm_id, target in shell.comms().items()
        if wanted in (None, target)
    }
    return {"status": "ok", "comms": comms}


def connect(_: Shell, __: Json) -> Reply:
    """Where its sockets are: ipykernel numbers them behind a gateway."""
    ports = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5}
    return {**ports, "status": "ok"}


def debug(_: Shell, __: Json) -> Reply:
    """What the debugger says: there is none."""
    return {}


ANSWERS: Mapping[str, Callable[[Shell, Json], Reply]] = {
    "connect_request": connect,
    "debug_request": debug,
    "comm_info_request": comm_info,
    "complete_request": complete,
    "history_request": history,
    "inspect_request": inspect,
    "is_complete_request": is_complete,
    "kernel_info_request": kernel_info,
}
