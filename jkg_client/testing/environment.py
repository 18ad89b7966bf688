"""What the cells of one kernel see of Python: builtins of their own, some modules changed.

A cell must not end, block or print over the test that it runs in. The changes are seen by
cells only: their ``import`` gives them a copy of the module; ``sys.modules`` stays as it is.
"""

from __future__ import annotations

import builtins
import getpass
import importlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from queue import SimpleQueue
from types import ModuleType
from typing import Any, Protocol

from . import streams
from .displays import DISPLAY_CLASSES, DisplayHandle, Displays
from .magics import Magics

DEADLY = {
    getattr(signal, name, None) for name in ("SIGKILL", "SIGTERM", "SIGABRT", "SIGSEGV", "SIGBUS")
}


class Host(Protocol):
    """The kernel, as far as its cells can reach it."""

    @property
    def stdout(self) -> streams.KernelStream:
        """Where cells print."""

    def ask(self, prompt: str, password: bool) -> str:
        """What the user answers."""

    def wait(self, awaited: SimpleQueue[Any], timeout: float | None = None) -> Any:
        """Wait in the cell's thread."""

    def interrupt(self) -> None:
        """Interrupt the cell that runs."""

    def die(self) -> None:
        """End as a process does that is killed; does not return in the cell's thread."""

    def exit(self, keep_kernel: bool) -> None:
        """End when the cell has ended."""


def kernel_env(asked: Mapping[str, str] | None) -> dict[str, str]:
    """The environment of a kernel: of what is asked for a gateway keeps KERNEL_* only."""
    if asked is None:
        return dict(os.environ)
    kept = {name: value for name, value in asked.items() if name.startswith("KERNEL_")}
    return {"PATH": os.environ.get("PATH", ""), **kept}


class Environment:
    """Builtins and modules for the cells of one kernel."""

    def __init__(self, host: Host, displays: Displays, magics: Magics, env: dict[str, str]) -> None:
        self._host = host
        self._displays = displays
        self._magics = magics
        self._modules = {**self._ipython(), **self._changed(env)}

    def builtins(self) -> dict[str, Any]:
        """For ``__builtins__`` of the cells' namespace."""
        return {
            **vars(builtins),
            "__import__": self._import,
            "print": self._print,
            "input": lambda prompt="": self._host.ask(str(prompt), password=False),
            "exit": self._exit,
            "quit": self._exit,
            "display": self._displays.display,
            "update_display": self._displays.update_display,
            "clear_output": self._displays.clear_output,
            "get_ipython": lambda: self._magics,
        }

    def _print(self, *values: Any, file: Any = None, **options: Any) -> None:
        # In a thread that a cell has started, sys.stdout is the test's.
        if file is None and not streams.is_redirected():
            file = self._host.stdout
        print(*values, file=file, **options)

    def _exit(self, keep_kernel: bool = False) -> None:
        self._host.exit(keep_kernel)

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - the names of __import__
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        top = name.partition(".")[0]
        if level or top not in self._modules:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        if top == "IPython" and name not in self._modules:
            raise ModuleNotFoundError(f"No module named {name!r} in a fake kernel", name=name)
        inner = importlib.import_module(name) if top != "IPython" else self._modules[name]
        return inner if fromlist and name != top else self._modules[top]

    def _ipython(self) -> dict[str, ModuleType]:
        displays = self._displays
        shown = {
            **DISPLAY_CLASSES,
            "DisplayHandle": DisplayHandle,
            "display": displays.display,
            "update_display": displays.update_display,
            "clear_output": displays.clear_output,
        }
        display = _module("IPython.display", shown)
        core = _module("IPython.core", {"display": display})
        contents = {"display": display, "core": core, "get_ipython": lambda: self._magics}
        top = _module("IPython", contents)
        names = ("IPython", "IPython.core", "IPython.display", "IPython.core.display")
        return dict(zip(names, (top, core, display, display)))

    def _changed(self, env: dict[str, str]) -> dict[str, ModuleType]:
        host = self._host
        process = {
            "_exit": lambda _status: host.die(),
            "abort": host.die,
            "kill": self._kill,
            "system": self._system,
            "environ": env,
            "getenv": env.get,
        }
        return {
            "getpass": _copy(
                getpass,
                {"getpass": lambda prompt="Password: ", *_: host.ask(prompt, password=True)},
            ),
            "os": _copy(os, process),
            "time": _copy(time, {"sleep": self._sleep}),
        }

    def _sleep(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        self._host.wait(SimpleQueue(), seconds)

    def _kill(self, pid: int, number: int) -> None:
        if pid != os.getpid():
            os.kill(pid, number)
        elif number in DEADLY:
            self._host.die()
        elif number == signal.SIGINT:
            self._host.interrupt()

    def _system(self, command: str) -> int:
        self._magics.system(command)
        return int(self._magics.user_ns.pop("_exit_code")) << 8


def _module(name: str, contents: Mapping[str, Any]) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(contents)
    return module


def _copy(module: ModuleType, changes: Mapping[str, Any]) -> ModuleType:
    return _module(module.__name__, {**vars(module), **changes})
