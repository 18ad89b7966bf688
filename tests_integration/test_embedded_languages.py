"""Embedded kernels other than the current ipykernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from embedded import IPYKERNEL, SpecWriter, Starter, kernels, spec, start
from environments import environment

from jkg_client import JupyterKernelClient, Stream
from jkg_client.embedded.kernels import LocalKernels

__all__ = ["kernels", "spec", "start"]

REQUIREMENTS = ("bash_kernel==0.10.0", "deno==2.9.8", "ipykernel==6.29.5", "xeus-python==0.19.0")


@frozen(kw_only=True)
class Language:
    """A kernel, and cells with the same effects in each language.

    Attributes:
        argv: Its command line. The first word is a program in the environment of these kernels.
        keeps: Cell that sets a variable.
        shows: Cell that prints the variable. After a restart it prints nothing, or an error.
        fails: Cell that fails.
        loops: Cell that runs for ever.
        dies: Cell that ends the kernel's process.
        cause: How the result describes this death.
        survives: Whether an interrupt ends only the cell, and not the kernel.
    """

    argv: tuple[str, ...]
    keeps: str
    shows: str
    fails: str
    loops: str
    dies: str
    cause: str
    survives: bool = True


PYTHON: dict[str, Any] = {
    "keeps": "x = 6 * 7",
    "shows": "print(x)",
    "fails": "1 / 0",
    "loops": "while True: pass",
    "dies": "import os\nos._exit(3)",
    "cause": "exit code 3",
}
LANGUAGES = {
    "ipykernel 6": Language(argv=IPYKERNEL, **PYTHON),
    "xeus-python": Language(
        argv=("python", "-m", "xpython_launcher", "-f", "{connection_file}"),
        survives=False,
        **PYTHON,
    ),
    "bash": Language(
        argv=("python", "-m", "bash_kernel", "-f", "{connection_file}"),
        keeps="x=42",
        shows='echo "$x"',
        fails="(exit 3)",
        loops="while true; do sleep 0.1; done",
        dies="kill -9 $PPID",
        cause="signal 9",
    ),
    "deno": Language(
        argv=("deno", "jupyter", "--kernel", "--conn", "{connection_file}"),
        keeps="let x = 6 * 7",
        shows="console.log(x)",
        fails="throw new Error('mine')",
        loops="while (true) {}",
        dies="Deno.exit(3)",
        cause="exit code 3",
        survives=False,
    ),
}


@pytest.fixture(scope="session")
def programs(request: pytest.FixtureRequest) -> Path:
    """Folder of the programs of these kernels."""
    return environment(request.config, "other-kernels", *REQUIREMENTS)


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> Language:
    return LANGUAGES[request.param]


@pytest.fixture
def name(language: Language, spec: SpecWriter, programs: Path) -> str:
    program = str(programs / language.argv[0])
    return spec([program, *language.argv[1:]])


def said(kernel: JupyterKernelClient, code: str) -> str:
    """The output of a cell. Deno may send it after idle: then the next cell receives it."""
    first, second = kernel.execute(code, 30), kernel.execute("", 30)
    outputs = (*first.outputs, *second.late_outputs)
    return "".join(output.text for output in outputs if isinstance(output, Stream))


@pytest.mark.field("K20", "K27")
def test_a_kernel_keeps_its_state_and_errors_and_deaths_are_reported(
    start: Starter, name: str, language: Language
) -> None:
    kernel = start(name)
    assert kernel.execute(language.keeps, 30).is_ok
    assert said(kernel, language.shows) == "42\n"
    assert kernel.execute(language.fails, 30).status == "error"
    assert said(kernel, language.shows) == "42\n"
    died = kernel.execute(language.dies, 30)
    assert (died.status, died.kernel_restarted) == ("died", True)
    assert died.failure is not None
    assert language.cause in died.failure.evalue
    assert "42" not in said(kernel, language.shows)


@pytest.mark.field("K23")
def test_a_time_limit_is_kept_whatever_an_interrupt_does(
    start: Starter, name: str, language: Language
) -> None:
    kernel = start(name)
    kernel.execute(language.keeps, 30)
    result = kernel.execute(language.loops, 0.5)
    assert result.status == "timeout" or (result.status == "died" and not language.survives)
    assert result.kernel_restarted != language.survives
    assert kernel.execute(language.keeps, 30).is_ok
    assert said(kernel, language.shows) == "42\n"


def test_a_kernel_can_be_restarted_and_ended(
    start: Starter, name: str, language: Language, kernels: LocalKernels
) -> None:
    kernel = start(name)
    kernel.execute(language.keeps, 30)
    kernel.restart()
    assert "42" not in said(kernel, language.shows)
    process = kernels.kernel(kernel.kernel_id).launch().process
    kernels.delete_kernel(kernel.kernel_id)
    assert process.ended() is not None
    assert not process.folder.path.exists()
