"""``python notebooks_by_nbclient.py FOLDER``: all notebooks of a folder, run by nbclient.

Each notebook with its outputs is written beside the original, as ``NAME.ran.json``.
"""

from __future__ import annotations

import contextlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, DeadKernelError


def ran(path: Path, tries: int = 5) -> Any:
    """Run a notebook by nbclient, with the kernel of this environment. Returns the notebook."""
    try:
        return _ran(path)
    except RuntimeError:
        # Two kernels that start at the same time may get the same port.
        if tries == 1:
            raise
        return ran(path, tries - 1)


def _ran(path: Path) -> Any:
    node = nbformat.read(path, as_version=4)
    client = NotebookClient(node, timeout=20, allow_errors=True, kernel_name="python3")
    with contextlib.suppress(CellControlSignal, DeadKernelError):
        client.execute(cwd=str(path.parent))
    return node


def main(folder: Path) -> None:
    """Run the notebooks, a few at a time."""
    paths = sorted(folder.glob("*.ipynb"))
    with ThreadPoolExecutor(3) as pool:
        for path, node in zip(paths, pool.map(ran, paths)):
            path.with_suffix(".ran.json").write_text(json.dumps(node), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
