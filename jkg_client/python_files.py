"""Cells for Python kernels that copy files and list folders. They define no variables.

The functions return the cells, and read their printed output.
"""

from __future__ import annotations

import base64
import json

from .protocol.mime_data import decoded

LARGEST_FILE = 10_000_000
"""Largest file that can be copied, in bytes."""

_PIECE = 600_000
"""Number of bytes of a file in one cell. Servers accept messages of a few megabytes."""

# The user's code may have redefined names such as print or globals.
_BUILTINS = '__import__("builtins")'

_PUT = """
import base64, os, sys
pieces = vars(sys).setdefault("_jkg_pieces", [])
if not position:
    pieces.clear()
elif len(pieces) != position:
    raise RuntimeError("a part of the file was lost: the kernel was restarted")
pieces.append(base64.b64decode(data))
if last:
    data = b"".join(vars(sys).pop("_jkg_pieces"))
    path = os.path.expanduser(path)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
"""

# The file is opened without blocking, so that a FIFO or a device cannot hang the kernel.
_GET = """
import base64, os, stat
at_once = getattr(os, "O_NONBLOCK", 0)
path = os.path.expanduser(path)
with open(path, "rb", opener=lambda name, flags: os.open(name, flags | at_once)) as file:
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise ValueError("it is not a regular file")
    data = file.read(most + 1)
if len(data) > most:
    raise ValueError(f"it has more than {most} bytes, the limit for a file")
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
    """Cells that write a file, and create its folder. The last cell writes the whole file."""
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
    """A cell that prints a file for ``got``."""
    return _with(_GET, path=path, most=LARGEST_FILE)


def get_piece(path: str, position: int) -> str:
    """A cell that prints a part of a file for ``got``. The part is empty at the end of the file."""
    return _with(_GET_PIECE, path=path, position=position, most=LARGEST_FILE // 2)


def list_folder(path: str) -> str:
    """A cell that prints the names in a folder for ``listed``."""
    return _with(_LIST, path=path or ".")


def listed(printed: str) -> list[str]:
    """The printed names. Names of folders end with ``/``.

    Raises:
        ValueError: The output is incomplete.
    """
    return [str(name) for name in json.loads(printed)]


def got(printed: str) -> bytes:
    """The content of the printed file.

    Raises:
        ValueError: The output is incomplete.
    """
    size, _, text = printed.strip().partition(" ")
    try:
        data = decoded(text)
        if len(data) == int(size):
            return data
    except ValueError:
        pass
    raise ValueError("the content of the file was not received completely")


def _with(source: str, **values: object) -> str:
    return f"{_BUILTINS}.exec({source!r}, {values!r})"
