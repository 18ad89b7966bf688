"""Protects the tests from settings of the machine, the shell and CI."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, MutableMapping

# Settings of this package, of Jupyter and of programs in kernels: cells with ! run $SHELL.
_OF_KERNELS = ("EG_", "IPYTHON", "JKG_", "JUPYTER", "KERNEL_", "KG_", "MPL", "BASH_ENV", "SHELL")
# Settings of containers, certificates, terminals and tools.
_OTHERS = (
    *("AWS_", "COLUMNS", "CURL_CA_", "DOCKER_", "FORCE_COLOR", "LINES", "NO_COLOR", "PIP_"),
    *("PY_COLORS", "REQUESTS_CA_", "SSH_", "SSLKEYLOGFILE", "SSL_CERT_", "TOX_", "VIRTUAL_ENV"),
    "WEBSOCKET_CLIENT_",
)
_PROXIES = "_PROXY"
# Python's own variables with the places of modules. PYTHONDONTWRITEBYTECODE is removed, so that all
# programs of the tests share the compiled modules.
_KEPT = {"PYTHONHOME", "PYTHONPATH", "PYTHONPYCACHEPREFIX"}


def shut_out(environ: MutableMapping[str, str] = os.environ, *, offline: bool = True) -> None:
    """Remove the variables that would change the behaviour of tests and of their programs.

    Args:
        environ: The environment to change.
        offline: Whether to remove the variables for engines and proxies, too.
    """
    for name in tuple(environ):
        capitals = name.upper()
        of_python = capitals.startswith("PYTHON") and capitals not in _KEPT
        of_others = capitals.startswith(_OTHERS) or capitals.endswith(_PROXIES)
        if of_python or capitals.startswith(_OF_KERNELS) or (offline and of_others):
            del environ[name]


def leave_out_grammars() -> None:
    """Prevent the import of grammars for addresses by jsonschema, which nbformat imports.

    Their import takes a second in each process. Without them, jsonschema does not check the format
    of addresses, which notebooks do not have.
    """
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # makes its import fail


# SIGPIPE is not needed: Python ignores it, and restores it in programs that it starts.
_OF_TERMINALS = ("SIGINT", "SIGQUIT", "SIGHUP", "SIGTERM")


@contextlib.contextmanager
def in_the_foreground(names: tuple[str, ...] = _OF_TERMINALS) -> Iterator[None]:
    """In this block, signals have their usual effect, as in a program in a terminal.

    In the background, under ``nohup`` or in a shell script, some signals are ignored. Programs
    inherit that from the tests.
    """
    known = [signal.Signals[name] for name in names if name in signal.Signals.__members__]
    before = {number: signal.getsignal(number) for number in known}
    for number in known:
        if before[number] is signal.SIG_IGN:
            is_ctrl_c = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if is_ctrl_c else signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
