"""Protects the tests from settings of the machine, the shell and CI."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, MutableMapping

# Settings of this package, of Jupyter and of what runs in kernels: cells with ! run $SHELL.
_OF_KERNELS = ("EG_", "IPYTHON", "JKG_", "JUPYTER", "KERNEL_", "KG_", "MPL", "BASH_ENV", "SHELL")
# Settings of containers, certificates, terminals and tools.
_OTHERS = (
    *("AWS_", "COLUMNS", "CURL_CA_", "DOCKER_", "FORCE_COLOR", "LINES", "NO_COLOR", "PIP_"),
    *("PY_COLORS", "REQUESTS_CA_", "SSH_", "SSLKEYLOGFILE", "SSL_CERT_", "TOX_", "VIRTUAL_ENV"),
    "WEBSOCKET_CLIENT_",
)
_PROXIES = "_PROXY"
# Of Python's own variables these say where modules are. Without PYTHONDONTWRITEBYTECODE the
# workers and the many programs of the tests share what the first of them has compiled.
_KEPT = {"PYTHONHOME", "PYTHONPATH", "PYTHONPYCACHEPREFIX"}


def shut_out(environ: MutableMapping[str, str] = os.environ, *, offline: bool = True) -> None:
    """Take away the variables that would change what tests and their programs do.

    Args:
        environ: Where.
        offline: Take away the ways to engines and through proxies, too.
    """
    for name in tuple(environ):
        capitals = name.upper()
        of_python = capitals.startswith("PYTHON") and capitals not in _KEPT
        of_others = capitals.startswith(_OTHERS) or capitals.endswith(_PROXIES)
        if of_python or capitals.startswith(_OF_KERNELS) or (offline and of_others):
            del environ[name]


def leave_out_grammars() -> None:
    """Do not let jsonschema, which nbformat imports, import its grammars of addresses.

    It compiles them for a second in each process. It imports them if they are installed, and
    without them it does not check the format of addresses. Notebooks have no addresses to check.
    """
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # makes its import fail


# Python ignores SIGPIPE itself, and takes that back for programs that it starts.
_OF_TERMINALS = ("SIGINT", "SIGQUIT", "SIGHUP", "SIGTERM")


@contextlib.contextmanager
def in_the_foreground(names: tuple[str, ...] = _OF_TERMINALS) -> Iterator[None]:
    """Signals do what they do to a program that a person has started in a terminal.

    In the background, by ``nohup`` or in a shell script, some of them are ignored, and the
    programs that are started inherit it.
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
