"""Other kernels than today's ipykernel, run by us: what makes sense on each of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import frozen
from embedded import IPYKERNEL, SpecWriter, Starter, kernels, spec, start
from environments import environment

from jkg_client.embedded.kernels import LocalKernels

__all__ = ["kernels", "spec", "start"]

REQUIREMENTS = ("bash_kernel==0.10.0", "deno==2.9.8", "ipykernel==6.29.5", "xeus-python==0.19.0")


@frozen(kw_only=True)
class Language:
    """A kernel, and the same things said in its language.

    Attributes:
        argv: Its command line; the first word is in the environment of these kernels.
        keeps: Sets a variable.
        shows: Prints it; after a restart it prints nothing, or an error.
        fails: Prints ``before`` and fails.
        loops: Runs for ever.
        dies: Ends the kernel's process.
        cause: How that is told.
        mode: How it is interrupted.
    """

    argv: tuple[str, ...]
    keeps: str
    shows: str
    fails: str
    loops: str
    dies: str
    cause: str
    mode: str = "signal"


PYTHON = {
    "keeps": "x = 6 * 7",
    "shows": "print(x)",
    "fails": "print('before', flush=True)\n1 / 0",
    "loops": "while True: pass",
    "dies": "import os\nos._exit(3)",
    "cause": "exit code 3",
}
LANGUAGES = {
    "ipykernel 6": Language(argv=IPYKERNEL, **PYTHON),
    "xeus-python": Language(
        argv=("python", "-m", "xpython_launcher", "-f", "{connection_file}"), **PYTHON
    ),
    "bash": Language(
        argv=("python", "-m", "bash_kernel", "-f", "{connection_file}"),
        keeps="x=42",
        shows='echo "$x"',
        fails="echo before; (exit 3)",
        loops="while true; do sleep 0.1; done",
        dies="kill -9 $PPID",
        cause="signal 9",
    ),
    "deno": Language(
        argv=("deno", "jupyter", "--kernel", "--conn", "{connection_file}"),
        keeps="let x = 6 * 7",
        shows="console.log(x)",
        fails="console.log('before'); throw new Error('mine')",
        loops="while (true) {}",
        dies="Deno.exit(3)",
        cause="exit code 3",
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
    return spec([program, *language.argv[1:]], interrupt_mode=language.mode)


@pytest.mark.field("K20", "K27")
def test_it_keeps_its_state_and_tells_what_happens(
    start: Starter, name: str, language: Language
) -> None:
    kernel = start(name)
    assert kernel.execute(language.keeps, 30).is_ok
    assert kernel.execute(language.shows, 30).output == "42\n"
    failed = kernel.execute(language.fails, 30)
    assert (failed.status, failed.output.startswith("before\n")) == ("error", True)
    assert kernel.execute(language.shows, 30).output == "42\n"
    died = kernel.execute(language.dies, 30)
    assert (died.status, died.kernel_restarted) == ("died", True)
    assert died.failure is not None
    assert language.cause in died.failure.evalue
    assert "42" not in kernel.execute(language.shows, 30).output


@pytest.mark.field("B12", "K23")
def test_a_time_limit_holds_whatever_an_interrupt_does(
    start: Starter, name: str, language: Language
) -> None:
    kernel = start(name)
    kernel.execute(language.keeps, 30)
    assert kernel.execute(language.loops, 0.5).status == "timeout"
    assert kernel.execute(language.keeps, 30).is_ok
    assert kernel.execute(language.shows, 30).output == "42\n"


def test_it_is_restarted_and_ended(
    start: Starter, name: str, language: Language, kernels: LocalKernels
) -> None:
    kernel = start(name)
    kernel.execute(language.keeps, 30)
    kernel.restart()
    assert "42" not in kernel.execute(language.shows, 30).output
    process = kernels.kernel(kernel.kernel_id).launch().process
    kernels.delete_kernel(kernel.kernel_id)
    assert process.ended() is not None
    assert not process.folder.path.exists()
