"""What a kernel tells about code without running it: replies to requests other than execute."""

from __future__ import annotations

import codeop
import fnmatch
import platform
import re
import rlcompleter
import warnings
from typing import Any

from ..protocol.messages import Json
from .python import PythonShell

Reply = dict[str, Any]

KERNEL_INFO: Reply = {
    "status": "ok",
    "protocol_version": "5.3",
    "implementation": "ipython",
    "implementation_version": "9.0.0",
    "language_info": {
        "name": "python",
        "version": platform.python_version(),
        "mimetype": "text/x-python",
        "codemirror_mode": {"name": "ipython", "version": 3},
        "pygments_lexer": "ipython3",
        "nbconvert_exporter": "python",
        "file_extension": ".py",
    },
    "banner": f"Python {platform.python_version()}\nThe fake kernel of jkg_client.testing\n",
    "help_links": [],
    "supported_features": [],
}


def complete(shell: PythonShell, content: Json) -> Reply:
    """Completions of the name at the cursor."""
    end = content["cursor_pos"]
    found = re.search(r"[\w.]*$", content["code"][:end])
    text = found.group() if found else ""
    names = {**shell.namespace["__builtins__"], **shell.namespace}
    completer = rlcompleter.Completer(names)
    matches: list[str] = []
    while True:
        match = completer.complete(text, len(matches))
        if match is None:
            break
        matches.append(match.rstrip("( :)"))
    start = end - len(text)
    unique = sorted(set(matches))
    return {
        "status": "ok",
        "matches": unique,
        "cursor_start": start,
        "cursor_end": end,
        "metadata": {},
    }


def inspect(shell: PythonShell, content: Json) -> Reply:
    """What there is to say about the name at the cursor."""
    code, cursor = content["code"], content["cursor_pos"]
    before = re.search(r"[\w.]*$", code[:cursor])
    after = re.match(r"\w*", code[cursor:])
    name = (before.group() if before else "") + (after.group() if after else "")
    text = shell.describe(name) if name else None
    data = {} if text is None else {"text/plain": text}
    return {"status": "ok", "found": text is not None, "data": data, "metadata": {}}


def is_complete(_: PythonShell, content: Json) -> Reply:
    """Whether the code is a whole cell."""
    code = content["code"]
    if code.lstrip().startswith(("%%",)):
        return {"status": "incomplete", "indent": ""}
    if code.lstrip().startswith(("!", "%")):
        return {"status": "complete"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            whole = codeop.compile_command(code, symbol="exec") is not None
        except (SyntaxError, ValueError, OverflowError):
            return {"status": "invalid"}
    last = code.rstrip("\n").rpartition("\n")[2]
    indent = last[: len(last) - len(last.lstrip())]
    if whole and not indent:
        return {"status": "complete"}
    deeper = "    " if last.rstrip().endswith(":") else ""
    return {"status": "incomplete", "indent": indent + deeper}


def history(shell: PythonShell, content: Json) -> Reply:
    """Earlier cells of this kernel; a fake one remembers no other session."""
    cells = list(enumerate(shell.history, 1))
    kind = content.get("hist_access_type")
    if kind == "range":
        stop = content.get("stop") or len(cells) + 1
        cells = [cell for cell in cells if content.get("start", 1) <= cell[0] < stop]
    else:
        pattern = content.get("pattern", "*") if kind == "search" else "*"
        cells = [cell for cell in cells if fnmatch.fnmatchcase(cell[1][0], pattern)]
        if content.get("unique"):
            cells = list({source: (n, (source, out)) for n, (source, out) in cells}.values())
        cells = cells[-(content.get("n") or len(cells) or 1) :]
    told = content.get("output")
    session = 0 if kind == "range" else 1
    return {
        "status": "ok",
        "history": [[session, n, [code, out] if told else code] for n, (code, out) in cells],
    }


def comm_info(_: PythonShell, __: Json) -> Reply:
    """The comms that are open: none, ever."""
    return {"status": "ok", "comms": {}}


def kernel_info(_: PythonShell, __: Json) -> Reply:
    """What the kernel is."""
    return KERNEL_INFO


ANSWERS = {
    "comm_info_request": comm_info,
    "complete_request": complete,
    "history_request": history,
    "inspect_request": inspect,
    "is_complete_request": is_complete,
    "kernel_info_request": kernel_info,
}
