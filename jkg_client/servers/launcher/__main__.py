"""Runs a kernel gateway that ends when its parent process ends.

It runs as a script, with an interpreter that need not have ``jkg_client``, so it does not import
that package. One line of JSON on stdin has the settings. They are not on the command line, in the
environment or in a file, because the token is among them. After that, the parent keeps stdin open
for as long as the gateway should run.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import select
import shutil
import sys
import threading
import time
from typing import Any

EXIT_NOT_INSTALLED = 90
"""Exit code, known to the parent, when the interpreter has no kernel gateway."""

_GRACE_SECONDS = 5.0


def main() -> None:
    """Read the settings, and serve until the parent ends."""
    watchdog = Watchdog(os.getppid())
    settings = json.loads(sys.stdin.buffer.readline() or "null")
    if settings is None:
        sys.exit("no settings on stdin: the parent process has ended")
    watchdog.guard(settings["folder"])
    here = os.path.dirname(os.path.realpath(__file__))  # noqa: PTH120 - as Python itself does
    sys.path[:] = [entry for entry in sys.path if entry != here]
    # The import of this optional dependency of jsonschema would take two thirds of the start. It is
    # only for a check that is not used here.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # the documented way
    try:
        serve(settings, watchdog)
    finally:
        watchdog.tidy()


def serve(settings: dict[str, Any], watchdog: Watchdog) -> None:
    """Run a gateway with these settings, which override files and environment."""
    try:
        # Imported by name, because the type checker's environment may not have it.
        gateway = importlib.import_module("kernel_gateway.gatewayapp").KernelGatewayApp
    except ModuleNotFoundError as exc:
        if exc.name != "kernel_gateway":
            raise
        sys.stderr.write(f"{sys.executable} has no jupyter_kernel_gateway\n")
        sys.exit(EXIT_NOT_INSTALLED)
    # This configuration has the rank of the command line: it overrides every file.
    config = settings["config"]
    config["KernelGatewayApp"]["auth_token"] = Secret(settings["token"])
    config["KernelGatewayApp"]["env_process_whitelist"] = Everything()
    config["JupyterWebsocketPersonality"]["env_whitelist"] = Everything()
    traitlets = importlib.import_module("traitlets.config")
    watchdog.app = gateway.instance(
        # The connection files contain keys; they are removed with the folder.
        config=traitlets.Config(config),
        runtime_dir=os.path.join(settings["folder"], "runtime"),  # noqa: PTH118 - a str is wanted
    )
    script = os.path.join(os.path.dirname(__file__), "queue_limits.py")  # noqa: PTH118, PTH120
    runpy.run_path(script)["lift_queue_limits"]()
    gateway.launch_instance(argv=[])


class Secret(str):
    """A text that is hidden when the gateway logs its configuration."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


class Everything(list[str]):
    """An allow-list that contains every variable, so that ``env`` adds to a kernel's environment.

    Without this list, the gateway removes HOME and most of ``env``, to protect itself from its
    clients. Our clients may run any code anyway.
    """

    def __contains__(self, name: object) -> bool:
        return True


class Watchdog(threading.Thread):
    """Stops the gateway when stdin ends, or when another process becomes its parent.

    The second check is needed because a process that the parent has forked may keep the pipe open.
    PR_SET_PDEATHSIG is not used: it acts as soon as the *thread* that started this process ends.

    Attributes:
        app: The gateway. None until it is created.
    """

    def __init__(self, parent: int) -> None:
        super().__init__(name="watchdog", daemon=True)
        self.app: Any = None
        self._parent = parent
        self._pipe = -1
        self._folder = ""
        self._orphaned = False

    def guard(self, folder: str) -> None:
        """Hide stdin from all other code, above all from kernels, and start to watch it.

        Args:
            folder: Folder to remove if the parent has ended and cannot remove it.
        """
        self._folder = folder
        self._pipe = os.dup(0)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        self.start()

    def run(self) -> None:
        """Wait for the end of the parent, then end the kernels and the gateway."""
        while self._is_wanted():
            pass
        self._orphaned = True
        loop = getattr(self.app, "io_loop", None)
        if loop is not None:
            loop.add_callback(self.app.stop)
            time.sleep(_GRACE_SECONDS)
        self.tidy()
        os._exit(1)

    def tidy(self) -> None:
        """Remove the folder if the parent cannot remove it any more."""
        if self._orphaned:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _is_wanted(self) -> bool:
        if os.name == "posix":
            if os.getppid() != self._parent:
                return False
            if not select.select([self._pipe], [], [], 1.0)[0]:
                return True
        return bool(os.read(self._pipe, 4096))


if __name__ == "__main__":
    main()
