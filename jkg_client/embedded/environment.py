"""The command line and the environment of an embedded kernel."""

from __future__ import annotations

import os
import pkgutil
import shutil
from collections.abc import Mapping
from pathlib import Path

from ..secret_variables import without_secrets
from .kernelspecs import KernelSpec

# ipykernel obeys these variables, but they were set for another kernel or parent.
_NOT_INHERITED = ("MPLBACKEND", "JPY_PARENT_PID", "JPY_INTERRUPT_EVENT", "IPY_INTERRUPT_EVENT")
_MODULE = ["-m", "ipykernel_launcher"]


def command(spec: KernelSpec, connection_file: Path) -> list[str]:
    """The command line of a kernel."""
    argv = spec.command(connection_file)
    if spec.is_ipython:
        # A program's cells do not belong in the history of the user.
        argv.append("--HistoryManager.hist_file=:memory:")
    for at in range(len(argv) - 1):
        if argv[at : at + 2] == _MODULE:
            # The same kernel, but it does not drop output while the client is busy.
            return [*argv[:at], "-c", source("unlimited_queue_kernel.py"), *argv[at + 2 :]]
    return argv


def source(name: str) -> str:
    """Source of a program of this package for ``python -c``, also if the package is in a zip."""
    data = pkgutil.get_data(__package__ or "", name)
    if data is None:
        raise FileNotFoundError(name)
    return data.decode("utf-8")


def environment(
    spec: KernelSpec, env: Mapping[str, str], program: str, environ: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a kernel.

    Args:
        spec: The kernel. Its variables are added.
        env: Variables of the caller. They override all other variables.
        program: First word of the command line.
        environ: Environment of this process.
    """
    inherited = without_secrets(environ)
    for name in _NOT_INHERITED:
        inherited.pop(name, None)
    # Without this variable, ipykernel's debugger prints a warning, perhaps while the first cell
    # runs.
    inherited.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    given = {**inherited, **spec.environment(inherited), **env, "JPY_PARENT_PID": str(os.getpid())}
    # Cells with `!pip` or `%%bash` should find the programs of the kernel's environment, even if
    # it is not activated.
    programs = os.path.dirname(shutil.which(program) or program)  # noqa: PTH120
    given["PATH"] = os.pathsep.join(filter(None, (programs, given.get("PATH", os.defpath))))
    return given
