"""nbclient, with a kernel that it starts itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nbclient import NotebookClient
from nbformat import v4

from .driver import TIMEOUT, Cell, Where, serve, size_of


@contextlib.contextmanager
def opened(_: Where) -> Iterator[Cell]:
    """A new kernel and a notebook."""
    client = NotebookClient(v4.new_notebook(), timeout=TIMEOUT, kernel_name="python3")
    with client.setup_kernel():
        yield lambda code: _run(client, code)


def _run(client: NotebookClient, code: str) -> int:
    client.nb.cells.append(v4.new_code_cell(code))
    outputs = client.execute_cell(client.nb.cells[-1], 0)["outputs"]
    client.nb.cells.pop()
    return sum(map(size_of, outputs))


if __name__ == "__main__":
    serve(opened)
