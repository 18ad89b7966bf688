"""Cells for Python kernels that tell of variables and carry files; they leave no name behind."""

from __future__ import annotations

import base64

from ...protocol.mime_data import decoded

LARGEST_FILE = 10_000_000
"""Bytes of a file that can be carried."""

_PIECE = 600_000
"""Bytes of a file in one cell: servers take messages of a few megabytes."""

# Code may give names like print or globals another meaning.
_BUILTINS = '__import__("builtins")'

_VARIABLES = """
import reprlib, types
shell = names.get("get_ipython")
hidden = getattr(shell(), "user_ns_hidden", {}) if callable(shell) else {}
short = reprlib.Repr()
short.maxstring = short.maxother = 80
lines = []
for name, value in list(names.items()):
    if name.startswith("_") or hidden.get(name, names) is value:
        continue
    if isinstance(value, types.ModuleType) or name in ("In", "Out", "exit", "quit", "get_ipython"):
        continue
    try:
        shape = getattr(value, "shape", None)
        if isinstance(shape, tuple):
            told = f"shape {shape}"
        elif isinstance(value, (type, types.FunctionType)):
            told = "defined"
        else:
            told = short.repr(value)
    except Exception as exc:
        told = f"cannot be shown ({type(exc).__name__})"
    lines.append(" ".join(f"{name}: {type(value).__name__} = {told}".split()))
print(len(lines), *lines, sep="\\n")
"""

_PUT = """
import base64, os, sys
pieces = vars(sys).setdefault("_jkg_pieces", [])
if not position:
    pieces.clear()
elif len(pieces) != position:
    raise RuntimeError("a part of the file is gone: the kernel was restarted meanwhile")
pieces.append(base64.b64decode(data))
if last:
    data = b"".join(vars(sys).pop("_jkg_pieces"))
    path = os.path.expanduser(path)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
"""

# Opened so that a FIFO, which would wait for a writer, or a device cannot hang the kernel.
_GET = """
import base64, os, stat
at_once = getattr(os, "O_NONBLOCK", 0)
path = os.path.expanduser(path)
with open(path, "rb", opener=lambda name, flags: os.open(name, flags | at_once)) as file:
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise ValueError("it is not a regular file")
    data = file.read(most + 1)
if len(data) > most:
    raise ValueError(f"it has more than {most} bytes, which is too much for an answer")
print(len(data), base64.b64encode(data).decode())
"""


def variables() -> str:
    """Prints a line for each variable, for ``listed``: name, type, a short form of the value."""
    return f"{_BUILTINS}.exec({_VARIABLES!r}, {{'names': {_BUILTINS}.globals()}})"


def listed(printed: str) -> str:
    """The lines of the variables that were printed.

    Raises:
        ValueError: If not all of them have come.
    """
    count, _, rest = printed.partition("\n")
    lines = rest.splitlines(keepends=True)
    if not count.isdecimal() or len(lines) < int(count):
        raise ValueError("the list has not come whole")
    return "".join(lines[: int(count)])


def put(path: str, data: bytes) -> list[str]:
    """Cells that make a file, and its folder; it is written, as one, by the last of them."""
    starts = range(0, max(len(data), 1), _PIECE)
    return [
        _with(
            _PUT,
            path=path,
            position=position,
            data=base64.b64encode(data[start : start + _PIECE]).decode(),
            last=start == starts[-1],
        )
        for position, start in enumerate(starts)
    ]


def get(path: str) -> str:
    """Prints a file for ``got``."""
    return _with(_GET, path=path, most=LARGEST_FILE)


def got(printed: str) -> bytes:
    """The file that was printed.

    Raises:
        ValueError: If not all of it has come.
    """
    size, _, text = printed.strip().partition(" ")
    try:
        data = decoded(text)
        if len(data) == int(size):
            return data
    except ValueError:
        pass
    raise ValueError("the file has not come whole")


def _with(source: str, **values: object) -> str:
    return f"{_BUILTINS}.exec({source!r}, {values!r})"
