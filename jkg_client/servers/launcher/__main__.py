"""Runs a kernel gateway that ends when whoever started it does.

Started as a script, by an interpreter that need not have ``jkg_client``: nothing of it is
imported. One line of JSON on stdin tells the settings. They do not come by command line,
environment or file, because there is the token among them. Afterwards stdin is held open
by the parent for as long as the gateway shall run.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import shutil
import sys
import threading
import time
from typing import Any

EXIT_NOT_INSTALLED = 90
"""Exit code, known to the parent, when the interpreter has no kernel gateway."""

_GRACE_SECONDS = 5.0
_MODULE = ["-m", "ipykernel_launcher"]
# In place of that module, because a line keeps the room that it was made with.
_ROOMY = """
import sys
sys.path[:1] = []
from ipykernel.kernelapp import IPKernelApp
class RoomyKernelApp(IPKernelApp):
    name = IPKernelApp.name
    def init_iopub(self, context):
        context.sndhwm = 0
        super().init_iopub(context)
RoomyKernelApp.launch_instance()
"""


def main() -> None:
    """Read the settings and serve until told to stop."""
    watchdog = Watchdog(os.getppid())
    settings = json.loads(sys.stdin.buffer.readline() or "null")
    if settings is None:
        sys.exit("no settings: the parent has gone")
    watchdog.guard(settings["folder"])
    here = os.path.dirname(os.path.realpath(__file__))  # noqa: PTH120 - as Python itself does
    sys.path[:] = [entry for entry in sys.path if entry != here]
    # Two thirds of the start go into its grammar of IRIs, which nothing here checks;
    # jsonschema does without.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # the documented way
    try:
        serve(settings, watchdog)
    finally:
        watchdog.tidy()


def serve(settings: dict[str, Any], watchdog: Watchdog) -> None:
    """Run a gateway with these settings, whatever files and environment say."""
    try:
        # By name: it is installed where this script runs, not where it is checked.
        gateway = importlib.import_module("kernel_gateway.gatewayapp").KernelGatewayApp
    except ModuleNotFoundError as exc:
        if exc.name != "kernel_gateway":
            raise
        sys.stderr.write(f"{sys.executable} has no jupyter_kernel_gateway\n")
        sys.exit(EXIT_NOT_INSTALLED)
    # Configuration given here counts as from the command line: it wins over any file.
    config = settings["config"]
    config["KernelGatewayApp"]["auth_token"] = Secret(settings["token"])
    config["KernelGatewayApp"]["env_process_whitelist"] = Everything()
    config["JupyterWebsocketPersonality"]["env_whitelist"] = Everything()
    traitlets = importlib.import_module("traitlets.config")
    watchdog.app = gateway.instance(
        # Connection files, which hold keys, go with the folder.
        config=traitlets.Config(config),
        runtime_dir=os.path.join(settings["folder"], "runtime"),  # noqa: PTH118 - a str is wanted
    )
    watchdog.app.initialize([])
    lose_nothing(watchdog.app)
    watchdog.app.start()


def lose_nothing(app: Any) -> None:
    """Let what kernels print wait for a gateway that is behind.

    By themselves both ends of the line have room for a thousand messages, and what is more
    is thrown away unsaid.
    """
    app.kernel_manager.context.rcvhwm = 0
    manager = app.kernel_spec_manager
    found = manager.get_kernel_spec

    def get_kernel_spec(name: str) -> Any:
        spec = found(name)
        argv = spec.argv
        for at in range(len(argv) - 1):
            if argv[at : at + 2] == _MODULE:
                spec.argv = [*argv[:at], "-c", _ROOMY, *argv[at + 2 :]]
        return spec

    manager.get_kernel_spec = get_kernel_spec


class Secret(str):
    """Not shown where the gateway logs its configuration."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


class Everything(list[str]):
    """An allow-list of all variables, so that ``env`` adds to a kernel's environment.

    By itself the gateway would take HOME away and drop most of ``env``, to guard itself
    from its clients; ours may run any code anyway.
    """

    def __contains__(self, name: object) -> bool:
        return True


class Watchdog(threading.Thread):
    """Stops the gateway when stdin ends or another process becomes the parent.

    The second because a process that the parent has forked may hold the pipe open. Never
    PR_SET_PDEATHSIG: that comes as soon as the *thread* ends that has started us.

    Attributes:
        app: The gateway, once there is one.
    """

    def __init__(self, parent: int) -> None:
        super().__init__(name="watchdog", daemon=True)
        self.app: Any = None
        self._parent = parent
        self._pipe = -1
        self._folder = ""
        self._orphaned = False

    def guard(self, folder: str) -> None:
        """Take stdin away from everybody else, kernels above all, and watch it.

        Args:
            folder: To be removed if the parent is gone and cannot do it.
        """
        self._folder = folder
        self._pipe = os.dup(0)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        self.start()

    def run(self) -> None:
        """Wait for the end and bring it about, kernels first."""
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
        """Remove the folder if nobody else will."""
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
