"""``python -m benchmarks.peers.whole_notebook RUNNER CELLS MEGABYTES [URL TOKEN]``: one notebook.

Prints the seconds for the run, with the start of the kernel and the writing of the file, and the
peak memory of the process in kilobytes.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import nbformat

CHUNK = 100_000
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def notebook(cells: int, megabytes: int) -> nbformat.NotebookNode:
    """A notebook with ``cells`` cells, which together print ``megabytes`` megabytes."""
    chunks = megabytes * 1_000_000 // CHUNK // cells
    line = "x" * 99 + "\\n"
    source = f"for _ in range({chunks}): print({line!r} * {CHUNK // 100}, end='', flush=True)"
    source = source.replace("\\\\n", "\\n")
    listed = [nbformat.v4.new_code_cell(source if chunks else f"{n} + 1") for n in range(cells)]
    made: nbformat.NotebookNode = nbformat.v4.new_notebook(
        cells=listed, metadata={"kernelspec": KERNEL}
    )
    return made


def by_nbclient(node: nbformat.NotebookNode, path: Path) -> None:
    """Run the notebook by nbclient, which starts a kernel itself."""
    from nbclient import NotebookClient  # noqa: PLC0415 - not for the other runner

    nbformat.write(NotebookClient(node, kernel_name="python3").execute(), path)


def by_us(node: nbformat.NotebookNode, path: Path, where: list[str]) -> None:
    """Run the notebook by this package, on a gateway or in an embedded kernel."""
    from jkg_client import JupyterConnectionInfo, run_notebook  # noqa: PLC0415
    from jkg_client.embedded.kernels import LocalKernels  # noqa: PLC0415

    if where:
        run_notebook(node, JupyterConnectionInfo.from_url(where[0], token=where[1]), output=path)
        return
    with LocalKernels() as kernels:
        run_notebook(node, kernels, output=path)


def main(runner: str, cells: str, megabytes: str, *where: str) -> None:
    """Run one notebook, and print the seconds and the memory."""
    node = notebook(int(cells), int(megabytes))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.ipynb"
        begun = time.perf_counter()
        if runner == "nbclient":
            by_nbclient(node, path)
        else:
            by_us(node, path, list(where))
        seconds, size = time.perf_counter() - begun, path.stat().st_size
    if size < int(megabytes) * 1_000_000:
        raise ValueError(f"only {size} bytes were saved")
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    main(*sys.argv[1:])
