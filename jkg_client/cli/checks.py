"""The checks of ``jkg doctor``. Each check reports a fact and, if needed, advice."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Literal

from attrs import frozen

from .._version import __version__
from ..errors import JkgError
from .graphics import Graphics
from .kernel_sessions import kernel_of
from .screen import Screen
from .servers import info_of, provider_of
from .ways import PREFIX, Way, way_of

State = Literal["ok", "fails", "missing", "info"]

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "embedded": ("pyzmq", "jupyter_core", "ipykernel"),
    "local": ("jupyter_kernel_gateway", "ipykernel"),
    "docker": ("docker",),
    "notebook": ("nbformat",),
    "cli": ("prompt_toolkit", "pygments"),
    "mcp": ("mcp",),
    "socks": ("PySocks",),
}
"""The extras that the command uses, and the packages of each."""

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_SERVER_SECONDS = 10.0
_CELL_SECONDS = 30


@frozen
class Finding:
    """The result of one check.

    Attributes:
        name: Name of the checked part.
        state: ``ok``, ``fails``, ``missing`` (an optional part is missing) or ``info``.
        says: The fact, without secrets.
        advice: What the user can do. Empty if nothing needs to be done.
    """

    name: str
    state: State
    says: str
    advice: str = ""


def findings(args: argparse.Namespace, screen: Screen) -> Iterator[Finding]:
    """Check this machine, and the kernel that the options choose.

    Args:
        args: Options of the command.
        screen: Shows the progress of starts.
    """
    system = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield Finding("jkg", "info", f"{__version__}; {system}; {sys.executable}")
    yield from _installed()
    yield from _settings(args)
    yield _terminal(screen)
    yield _gateway()
    yield _hub()
    yield _engine()
    yield from _kernel(args, screen)


def _installed() -> Iterator[Finding]:
    for extra, names in EXTRAS.items():
        versions = {name: _version(name) for name in names}
        says = ", ".join(f"{name} {version or '(missing)'}" for name, version in versions.items())
        if all(versions.values()):
            yield Finding(f"extra {extra}", "ok", says)
        else:
            advice = f'if you need it: pip install "jkg-client[{extra}]"'
            yield Finding(f"extra {extra}", "missing", says, advice)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _settings(args: argparse.Namespace) -> Iterator[Finding]:
    """The settings and their origins."""
    for name in sorted(os.environ):
        is_ours = name.startswith((PREFIX, "JKG_", "JUPYTERHUB_", "DOCKER_HOST"))
        if is_ours or name.lower() in _PROXIES:
            yield Finding(name, "info", f"{_shown(name, os.environ[name])} (environment)")
    if args.token_file is not None:
        yield Finding("token", "info", f"in {args.token_file} (--token-file)")


def _shown(name: str, value: str) -> str:
    """The value of a variable, if it is not a secret."""
    if not value:
        return "empty"
    if name.endswith("_URL") or name.lower() in _PROXIES or name == "DOCKER_HOST":
        scheme, _, rest = value.rpartition("://")
        address = rest.partition("?")[0].rpartition("@")[2]
        return f"{scheme}://{address}" if scheme else address
    return "set"


def _terminal(screen: Screen) -> Finding:
    if screen.out is None or not screen.out.isatty():
        return Finding("terminal", "info", "stdout is not a terminal: no colours, images as files")
    images = Graphics("auto", screen.out).protocol
    size = os.get_terminal_size(screen.out.fileno())
    colours = "colours" if screen.has_colours() else "no colours"
    says = f"{os.environ.get('TERM', 'no TERM')}, {size.columns} x {size.lines}, {colours}"
    return Finding("terminal", "info", f"{says}, encoding {screen.out.encoding}, images: {images}")


def _gateway() -> Finding:
    from ..gateway.rest import JupyterClient

    name = f"{PREFIX}URL"
    if not os.environ.get(name, "").strip():
        return Finding("gateway", "info", f"not configured: {name} is not set")
    try:
        info = info_of(None, os.environ)
        with JupyterClient(info) as client:
            specs = client.list_kernel_specs(timeout_seconds=_SERVER_SECONDS)["kernelspecs"]
        return Finding("gateway", "ok", f"{info.url} answers; kernels: {', '.join(sorted(specs))}")
    except (JkgError, ValueError) as exc:
        return Finding("gateway", "missing", str(exc), f"start it, or correct {name}")


def _hub() -> Finding:
    url = os.environ.get("JUPYTERHUB_API_URL", "")
    if not url:
        return Finding("hub", "info", "not configured: JUPYTERHUB_API_URL is not set")
    return Finding(
        "hub", "info", f"{_shown('JUPYTERHUB_API_URL', url)}; to check a hub: jkg doctor --hub URL"
    )


def _engine() -> Finding:
    try:
        from ..servers.docker.server import DockerJupyterServer

        containers = len(DockerJupyterServer.containers())
        return Finding("Docker engine", "ok", f"answers; {containers} containers of jkg_client")
    except ImportError:
        return Finding("Docker engine", "missing", "not checked: the extra docker is missing")
    except (JkgError, ValueError) as exc:
        return Finding("Docker engine", "missing", str(exc), "only --docker needs an engine")


def _kernel(args: argparse.Namespace, screen: Screen) -> Iterator[Finding]:
    """Start a kernel as the options say, run a cell, and end it."""
    try:
        way = way_of(args)
        yield Finding("where kernels run", "info", f"{_place(way)} (by {way.origin})")
        yield Finding("kernel", "ok", _tried(args, screen))
    except ImportError as exc:
        yield Finding("kernel", "fails", str(exc), "install what is missing")
    except (JkgError, ValueError, OSError) as exc:
        advice = "correct this, or run the kernel elsewhere: jkg doctor --help lists the options"
        yield Finding("kernel", "fails", str(exc), advice)


def _place(way: Way) -> str:
    if way.kind == "url":
        return f"the server at {info_of(way.value, os.environ).url}"
    if way.kind == "hub":
        return f"a server of the hub at {way.value}"
    names = {"embedded": "embedded", "local": "a local server", "docker": "a container"}
    return names[way.kind]


def _tried(args: argparse.Namespace, screen: Screen) -> str:
    before = time.monotonic()
    with provider_of(args, screen) as provider, kernel_of(provider, args.kernel) as kernel:
        started = time.monotonic()
        # This cell is valid in every language. It also checks the WebSocket.
        result = kernel.execute("1", timeout_seconds=_CELL_SECONDS)
        ended = time.monotonic()
        info = kernel.kernel_info()
    if result.status != "ok":
        raise JkgError(f"the kernel starts, but a cell ends with {result.status}")
    language = info.get("language_info") or {}
    return (
        f"{args.kernel} ({language.get('name')} {language.get('version')}) started in"
        f" {started - before:.1f} s, ran a cell in {ended - started:.2f} s"
    )
