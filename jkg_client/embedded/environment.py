"""The environment of a kernel that we start, and its command line."""

from __future__ import annotations

import os
import pkgutil
import shutil
from collections.abc import Mapping
from pathlib import Path

from ..secret_variables import without_secrets
from .kernelspecs import KernelSpec

# Of another kernel, or of a parent that is not ours: ipykernel obeys each of them.
_NOT_INHERITED = ("MPLBACKEND", "JPY_PARENT_PID", "JPY_INTERRUPT_EVENT", "IPY_INTERRUPT_EVENT")
_MODULE = ["-m", "ipykernel_launcher"]


def command(spec: KernelSpec, connection_file: Path) -> list[str]:
    """The command line of a kernel."""
    argv = spec.command(connection_file)
    if spec.is_ipython:
        # An agent's cells do not belong in the history of the user.
        argv.append("--HistoryManager.hist_file=:memory:")
    for at in range(len(argv) - 1):
        if argv[at : at + 2] == _MODULE:
            # The same, but it throws no output away while we do something else.
            return [*argv[:at], "-c", source("unlimited_queue_kernel.py"), *argv[at + 2 :]]
    return argv


def source(name: str) -> str:
    """A program of ours as text, to be run by ``python -c``: wherever this package lies."""
    data = pkgutil.get_data(__package__ or "", name)
    if data is None:
        raise FileNotFoundError(name)
    return data.decode("utf-8")


def environment(
    spec: KernelSpec, env: Mapping[str, str], program: str, environ: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a kernel.

    Args:
        spec: Of the kernel; adds to the environment.
        env: Added by the caller; wins.
        program: What is run, the first word of the command line.
        environ: Environment of this process.
    """
    inherited = without_secrets(environ)
    for name in _NOT_INHERITED:
        inherited.pop(name, None)
    # Without it ipykernel's debugger complains on stderr, perhaps while the first cell runs.
    inherited.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    given = {**inherited, **spec.environment(inherited), **env, "JPY_PARENT_PID": str(os.getpid())}
    # `!pip` and `%%bash` in a cell shall be those of the kernel's environment, which need not be
    # activated.
    programs = os.path.dirname(shutil.which(program) or program)  # noqa: PTH120
    given["PATH"] = os.pathsep.join(filter(None, (programs, given.get("PATH", os.defpath))))
    return given
