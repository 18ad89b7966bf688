"""Starts the prepared process or, on systems that cannot fork, a kernel."""

from __future__ import annotations

import json
import os
import sys
from typing import cast

from .process import connect, run
from .shells import Flavour, Shell


def main(arguments: list[str]) -> None:
    """Start kernels; each order is a line of stdin.

    Args:
        arguments: ``forks`` for many kernels or ``spawned`` for one, and ``ipython`` or ``python``
            for the program that runs the cells.
    """
    way, flavour = arguments
    # Cells must not see the arguments of this program.
    del sys.argv[1:]
    orders = os.fdopen(os.dup(0), "rb")
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - os.devnull is not a Path
        os.dup2(nothing.fileno(), 0)
    if way == "forks" and sys.platform != "win32":
        from .prepared import serve  # noqa: PLC0415 - only where processes can fork

        serve(lambda: prepare(cast("Flavour", flavour)), orders)
    else:
        order = json.loads(orders.readline())
        run(order, connect(order), prepare(cast("Flavour", flavour)))


def prepare(flavour: Flavour) -> Shell:
    """A shell, ready to run cells."""
    if flavour == "ipython":
        from .ipython import IPythonShell  # noqa: PLC0415 - may not be installed

        return IPythonShell()
    from .plain import PlainShell  # noqa: PLC0415 - load only the needed shell

    return PlainShell()
