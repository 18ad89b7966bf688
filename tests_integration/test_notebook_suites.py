"""The notebooks of nbclient's and papermill's own tests: the same outputs as by nbclient."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from jkg_client import JupyterConnectable, NotebookError, run_notebook

SUITES = ("nbclient==0.11.0", "papermill==2.7.0")

# Notebooks that are not run, and the reason for each.
LEFT_OUT = {
    "Parallel Execute A": "waits for the other one",
    "Parallel Execute B": "waits for the other one",
    "Interrupt": "never ends",
    "keyboard_interrupt": "sleeps for a minute",
    "binder": "runs papermill on a notebook that is not there",
}

# Cells whose outputs differ from nbclient's: notebook and index of the cell, and the reason.
DIFFERENT = {
    ("nbclient-Autokill", 0): "nbclient raises DeadKernelError, and leaves the cell empty",
    ("papermill-line_magic_error", 0): "the error is an output too: without it nobody sees it",
    ("papermill-sysexit", 1): "sys.exit() ends the notebook, and is no error",
    ("papermill-sysexit", 2): "it comes after the end",
    ("papermill-sysexit0", 1): "sys.exit(0) ends the notebook, and is no error",
    ("papermill-sysexit0", 2): "it comes after the end",
    ("papermill-sysexit1", 1): "without IPython's advice how to leave it",
    ("papermill-systemexit", 1): "SystemExit ends the notebook, and is no error",
    ("papermill-systemexit", 2): "it comes after the end",
}

_DIFFERS = re.compile(
    r"0x[0-9a-f]+|(?<=\"model_id\": \")\w+|\d{4}-\d\d-\d\dT[\d:.]+Z|(?<=ipykernel_)\d+"
)
"""Parts of outputs that differ from run to run: addresses, ids, times and process ids."""


@pytest.fixture(scope="module")
def folder(pytestconfig: pytest.Config) -> Path:
    """The notebooks, and the results of nbclient."""
    assert pytestconfig.cache is not None
    place = Path(pytestconfig.cache.mkdir("notebook-suites"))
    with FileLock(f"{place}.lock"):
        if not (place / "done").exists():
            for suite in SUITES:
                pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
                subprocess.run(
                    [*pip, "--no-binary", ":all:", "--dest", str(place), suite],
                    check=True,
                    timeout=300,
                )
            for archive in place.glob("*.tar.gz"):
                _unpack(archive, place)
            program = Path(__file__).with_name("notebooks_by_nbclient.py")
            env = {n: v for n, v in os.environ.items() if not n.startswith(("JUPYTER", "PYTEST"))}
            subprocess.run(
                [sys.executable, "-W", "ignore", str(program), str(place)],
                env=env,
                check=True,
                timeout=600,
            )
            (place / "done").touch()
    return place


def _unpack(archive: Path, place: Path) -> None:
    suite = archive.name.partition("-")[0]
    with tarfile.open(archive) as files:
        for member in files:
            name = Path(member.name)
            if name.suffix == ".ipynb" and name.stem not in LEFT_OUT:
                data = files.extractfile(member)
                assert data is not None
                (place / f"{suite}-{name.name}").write_bytes(data.read())


def _seen(outputs: list[Any]) -> list[Any]:
    """Outputs without parts that differ from run to run. Joins adjacent outputs of a stream."""
    seen: list[Any] = []
    for output in outputs:
        kind, said = output["output_type"], {**output}
        if kind == "stream" and seen and seen[-1][:2] == [kind, said["name"]]:
            seen[-1][2] += said["text"]
            continue
        what = said.get("text") or said.get("data") or [said.get("ename"), said.get("evalue")]
        seen.append([kind, said.get("name"), what])
    # The order of two streams differs from run to run.
    runs = itertools.groupby(seen, key=lambda one: one[0] == "stream")
    return [
        one
        for is_stream, run in runs
        for one in (sorted(run, key=lambda stream: str(stream[1])) if is_stream else run)
    ]


def _compared(ours: Any, theirs: Any) -> Iterator[tuple[int, Any, Any]]:
    for index, (mine, other) in enumerate(zip(ours["cells"], theirs["cells"])):
        both = [(_seen(c.get("outputs", [])), c.get("execution_count")) for c in (mine, other)]
        first, second = (_DIFFERS.sub("…", json.dumps(one)) for one in both)
        if first != second:
            yield index, first, second


def test_each_cell_has_the_same_outputs_as_with_nbclient(
    server: JupyterConnectable, folder: Path
) -> None:
    def ran(path: Path) -> Any:
        try:
            return run_notebook(
                path,
                server,
                kernel_name="python3",
                allow_errors=True,
                cell_timeout=20,
                cwd=path.parent,
            )
        except NotebookError as exc:
            return exc.notebook

    paths = sorted(folder.glob("*.ipynb"))
    assert len(paths) > 35
    found: dict[tuple[str, int], tuple[str, str]] = {}
    with ThreadPoolExecutor(3) as pool:
        for path, ours in zip(paths, pool.map(ran, paths)):
            theirs = json.loads(path.with_suffix(".ran.json").read_text("utf-8"))
            assert len(ours["cells"]) == len(theirs["cells"])
            for index, mine, other in _compared(ours, theirs):
                found[path.stem, index] = (mine, other)
    told = "\n".join(f"{key}: {both}" for key, both in found.items() if key not in DIFFERENT)
    assert told == ""
    assert set(DIFFERENT) == set(found)
