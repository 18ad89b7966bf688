"""Finds the kernels that are installed on this machine, and reads how they are started.

The format and the places of ``kernel.json``:
https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs
"""

from __future__ import annotations

import importlib.util
import json
import re
import string
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from attrs import field, frozen

from ..errors import KernelSpecNotFound
from ..protocol.messages import Json

with warnings.catch_warnings():
    # Some releases of jupyter_core warn at import about a future change of paths.
    warnings.simplefilter("ignore", DeprecationWarning)
    from jupyter_core.paths import jupyter_path

NATIVE = "python3"
"""If no kernel of this name is installed, ipykernel of this process's interpreter is started."""

_LAUNCHER = ("-m", "ipykernel_launcher", "-f", "{connection_file}")
_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_]+)\}")
_THIS_PYTHON = {
    "python",
    f"python{sys.version_info[0]}",
    f"python{sys.version_info[0]}.{sys.version_info[1]}",
}
_LOCAL_PROVISIONERS = ("", "local-provisioner")


@frozen(kw_only=True)
class KernelSpec:
    """Description of an installed kernel.

    Attributes:
        name: Name of the kernel in lower case.
        argv: Command line, with placeholders in braces.
        resource_dir: Folder of its ``kernel.json``. None for the native kernel.
        env: Environment variables to add. ``${NAME}`` is replaced by a variable's value.
        interrupt_mode: ``signal`` or ``message``: how the kernel is interrupted.
    """

    name: str
    argv: tuple[str, ...]
    resource_dir: Path | None = None
    env: Mapping[str, str] = field(factory=dict)
    interrupt_mode: Literal["signal", "message"] = "signal"

    @property
    def file(self) -> Path | None:
        """Its ``kernel.json``. None for the native kernel."""
        return None if self.resource_dir is None else self.resource_dir / "kernel.json"

    @property
    def is_ipython(self) -> bool:
        """Whether the command line runs ipykernel."""
        return "ipykernel_launcher" in self.argv or "ipykernel" in self.argv

    def command(self, connection_file: Path) -> list[str]:
        """The command line with its placeholders filled in."""
        known = {
            "connection_file": str(connection_file),
            "prefix": sys.prefix,
            "resource_dir": str(self.resource_dir or ""),
        }
        argv = list(self.argv)
        if argv[0] in _THIS_PYTHON:
            # The first Python on PATH may be another Python, without the kernel.
            argv[0] = sys.executable
        return [
            _PLACEHOLDER.sub(lambda found: known.get(found[1], found[0]), word) for word in argv
        ]

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment variables to add to ``environ``."""
        return {
            name: string.Template(value).safe_substitute(environ)
            for name, value in self.env.items()
        }


def find(name: str) -> KernelSpec:
    """The kernel with this name. Upper and lower case do not matter.

    Raises:
        ValueError: ``name`` cannot be the name of a kernel.
        KernelSpecNotFound: No such kernel is installed, or it cannot be started here. The message
            lists the installed kernels.
    """
    if not isinstance(name, str) or not name:
        raise ValueError(f"the name of a kernel must be a non-empty string, not {name!r}")
    folders = installed()
    wanted = name.lower()
    if wanted == "python" and wanted not in folders:
        wanted = NATIVE
    if wanted in folders:
        return _read(wanted, folders[wanted])
    if wanted == NATIVE and importlib.util.find_spec("ipykernel") is not None:
        return KernelSpec(name=NATIVE, argv=(sys.executable, *_LAUNCHER))
    raise KernelSpecNotFound(
        f"Kernel {name!r} is not installed on this machine;"
        f" installed: {', '.join(names()) or 'none'}"
    )


def names() -> list[str]:
    """Names of the installed kernels."""
    native = [NATIVE] if importlib.util.find_spec("ipykernel") is not None else []
    return sorted({*installed(), *native})


def listed() -> dict[str, Any]:
    """The installed kernels, in the format of Jupyter servers."""
    native = {"language": "python", "display_name": "Python 3 (ipykernel)"}
    found = {name: _described(folder) for name, folder in installed().items()}
    models = {name: {"name": name, "spec": found.get(name, native)} for name in names()}
    return {"default": NATIVE, "kernelspecs": models}


def installed() -> dict[str, Path]:
    """The folder of each kernel by its name in lower case. Earlier folders have priority."""
    found: dict[str, Path] = {}
    for place in map(Path, jupyter_path("kernels")):
        try:
            folders = sorted(place.iterdir())
        except OSError:
            continue
        for folder in folders:
            if (folder / "kernel.json").is_file():
                found.setdefault(folder.name.lower(), folder)
    return found


def _described(folder: Path) -> Json:
    """The content of ``kernel.json``. Empty if it cannot be read."""
    try:
        said = json.loads((folder / "kernel.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _read(name: str, folder: Path) -> KernelSpec:
    file = folder / "kernel.json"
    try:
        spec = _spec(name, folder, json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as exc:
        said = f"{type(exc).__name__}: {exc}"
        raise KernelSpecNotFound(f"{file} does not describe a kernel ({said})") from exc
    if spec is None:
        raise KernelSpecNotFound(
            f"Kernel {name!r} needs the provisioner {_provisioner(file)!r}, which embedded kernels"
            " do not support; start it through a Jupyter server that has this provisioner"
        )
    return spec


def _spec(name: str, folder: Path, said: Any) -> KernelSpec | None:
    """The spec. None if it needs a provisioner, which is not supported here."""
    if _provisioner_of(said) not in _LOCAL_PROVISIONERS:
        return None
    argv, env, mode = said["argv"], said.get("env") or {}, said.get("interrupt_mode", "signal")
    if not (argv and isinstance(argv, list) and all(isinstance(word, str) for word in argv)):
        raise TypeError("argv must be a list of strings")
    if not all(isinstance(word, str) for item in env.items() for word in item):
        raise TypeError("names and values of env must be strings")
    if str(mode).lower() not in ("signal", "message"):
        raise ValueError(f"interrupt_mode must be signal or message, not {mode!r}")
    return KernelSpec(
        name=name,
        argv=tuple(argv),
        resource_dir=folder,
        env=env,
        interrupt_mode="message" if mode.lower() == "message" else "signal",
    )


def _provisioner(file: Path) -> str:
    return _provisioner_of(json.loads(file.read_text("utf-8")))


def _provisioner_of(said: Json) -> str:
    metadata = said.get("metadata") or {}
    return str((metadata.get("kernel_provisioner") or {}).get("provisioner_name") or "")
