"""Cells for Python kernels that carry files and list folders; they leave no name behind."""

from __future__ import annotations

import base64
import json

from .protocol.mime_data import decoded

LARGEST_FILE = 10_000_000
"""Bytes of a file that can be carried at once."""

_PIECE = 600_000
"""Bytes of a file in one cell: servers take messages of a few megabytes."""

# Code may give names like print or globals another meaning.
_BUILTINS = '__import__("builtins")'

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

_GET_PIECE = """
import base64, os, stat
at_once = getattr(os, "O_NONBLOCK", 0)
path = os.path.expanduser(path)
with open(path, "rb", opener=lambda name, flags: os.open(name, flags | at_once)) as file:
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise ValueError("it is not a regular file")
    file.seek(position)
    data = file.read(most)
print(len(data), base64.b64encode(data).decode())
"""

_LIST = """
import json, os
with os.scandir(os.path.expanduser(path)) as found:
    print(json.dumps(sorted(one.name + "/" * one.is_dir() for one in found)))
"""


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


def get_piece(path: str, position: int) -> str:
    """Prints a part of a file for ``got``: empty behind its end."""
    return _with(_GET_PIECE, path=path, position=position, most=LARGEST_FILE // 2)


def list_folder(path: str) -> str:
    """Prints the names in a folder for ``listed``."""
    return _with(_LIST, path=path or ".")


def listed(printed: str) -> list[str]:
    """The names that were printed; those of folders end with ``/``.

    Raises:
        ValueError: If not all of them have come.
    """
    return [str(name) for name in json.loads(printed)]


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
