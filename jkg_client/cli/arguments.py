"""The words that the command takes."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from .._version import __version__
from . import notebook
from .containers import build, containers
from .mcp import mcp
from .run import run
from .servers import kernels

_SECRETS = """\
The token of a server is read from JKG_TOKEN or, as all else that there is to
say of it, from the JUPYTER_GATEWAY_* variables. One in the query of --url
(?token=…) works too, but whoever lists this machine's processes sees it.
That of a hub is read from JKG_TOKEN or JUPYTERHUB_API_TOKEN.
"""
_MCP = """
Over HTTP, clients must send the token of JKG_MCP_TOKEN, if that is set.
"""
_STATUS = """
Exit status: 0 done, 1 the code failed, 2 usage, 3 trouble with the server or
the kernel, 124 timeout, 130 Ctrl-C.
"""

_Add = Callable[..., argparse.ArgumentParser]


def parser() -> argparse.ArgumentParser:
    """Reads the command line; ``run`` of what it returns is the command."""
    jkg = argparse.ArgumentParser(
        "jkg", description="Run code in Jupyter kernels: here, in a container or elsewhere."
    )
    jkg.add_argument("--version", action="version", version=f"jkg {__version__}")
    commands = jkg.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_run(commands.add_parser)
    _add_kernels(commands.add_parser)
    _add_mcp(commands.add_parser)
    _add_build(commands.add_parser)
    _add_containers(commands.add_parser)
    return jkg


def _add_run(add: _Add) -> None:
    text = "run code in a kernel and print what it shows as it comes"
    command = add(
        "run",
        help=text,
        description=text,
        epilog=_SECRETS + _STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_server(command)
    _add_code(command)
    command.add_argument(
        "--timeout",
        type=_seconds,
        default=float("inf"),
        metavar="S",
        help="seconds for the code, of a page for each block (default: no limit)",
    )
    command.add_argument(
        "--kernel",
        metavar="NAME",
        help="which kernel (default: python3; of a notebook, the one that it names)",
    )
    command.add_argument(
        "--output-dir",
        default=".",
        metavar="DIR",
        help="where images and pages are saved (default: here); their paths are told on stderr",
    )
    notebook.add_options(command)
    command.set_defaults(run=run)


def _add_code(command: argparse.ArgumentParser) -> None:
    code = command.add_mutually_exclusive_group()
    code.add_argument(
        "file",
        nargs="?",
        default="-",
        metavar="FILE",
        help="code, or a page (.md) whose code blocks are run; - for stdin, the default",
    )
    code.add_argument("-c", dest="code", metavar="CODE", help="the code itself")
    command.add_argument(
        "--language",
        metavar="LANG",
        help="of the code: python, bash, …, or markdown for a page; default: by the file's name,"
        " otherwise the kernel's own",
    )


def _add_kernels(add: _Add) -> None:
    text = "list the kernels that a server has"
    command = add(
        "kernels",
        help=text,
        description=text,
        epilog=_SECRETS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_server(command)
    command.set_defaults(run=kernels)


def _add_mcp(add: _Add) -> None:
    text = "serve agents by the Model Context Protocol"
    command = add(
        "mcp",
        help=text,
        description=f"{text}: tools that run code in a kernel of theirs, by stdin and stdout",
        epilog=_SECRETS + _MCP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_server(command)
    _add_limits(command)
    http = command.add_argument_group("HTTP")
    http.add_argument("--http", action="store_true", help="serve by streamable HTTP instead")
    http.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: %(default)s); others than loopback need JKG_MCP_TOKEN",
    )
    http.add_argument(
        "--port", type=int, default=8000, help="0 for a free one (default: %(default)s)"
    )
    http.add_argument(
        "--idle",
        type=_seconds,
        default=1800,
        metavar="S",
        help="seconds of silence after which a session and its kernel end (default: %(default)s)",
    )
    http.add_argument(
        "--max-sessions",
        type=int,
        default=16,
        metavar="N",
        help="sessions at a time, a kernel each (default: %(default)s)",
    )
    command.set_defaults(run=mcp)


def _add_limits(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--kernel", default="python3", metavar="NAME", help="which kernel (default: %(default)s)"
    )
    command.add_argument(
        "--timeout",
        type=_seconds,
        default=60,
        metavar="S",
        help="seconds for code, unless a call says otherwise (default: %(default)s)",
    )
    command.add_argument(
        "--max-timeout",
        type=_seconds,
        default=600,
        metavar="S",
        help="the most that a call may say (default: %(default)s)",
    )


def _add_build(add: _Add) -> None:
    text = "build the image for --docker"
    told = f"{text}, unless it is there, and print its name"
    command = add("build", help=text, description=told)
    command.add_argument(
        "--dockerfile", metavar="FILE", help="build it from this file (default: the bundled one)"
    )
    command.set_defaults(run=build)


def _add_containers(add: _Add) -> None:
    text = "list the containers that --docker and other programs have started"
    told = f"{text}: name, status, image, owner; an orphan is one whose owner is gone"
    command = add("containers", help=text, description=told)
    command.add_argument(
        "--remove-orphans",
        action="store_true",
        help="remove the orphans and print their names instead",
    )
    command.set_defaults(run=containers)


def _add_server(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(
        "server", "Default: the one of JUPYTER_GATEWAY_URL; if that is not set, --local."
    )
    which = group.add_mutually_exclusive_group()
    which.add_argument("--local", action="store_true", help="start one on this machine")
    which.add_argument(
        "--docker", action="store_true", help="start one in a container (see DOCKER_HOST)"
    )
    which.add_argument("--url", metavar="URL", help="use the one at this address")
    which.add_argument(
        "--hub", metavar="URL", help="start yours on the JupyterHub at this address, and stop it"
    )
    group.add_argument("--hub-server", metavar="NAME", help="with --hub: your server of this name")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"a positive number is needed, not {text!r}")
    return seconds
