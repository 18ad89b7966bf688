"""``jkg kernels``: lists, starts, interrupts, restarts and stops kernels of a server."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import KernelNotFound
from . import console
from .exit_statuses import DONE, FAILED
from .kernel_ids import ids_of, known_ids
from .option_types import not_empty
from .screen import Screen
from .server_options import TOKENS, add_document, add_server
from .servers import opened
from .tables import show_table
from .ways import chosen_way

if TYPE_CHECKING:
    from ..gateway.rest import JupyterClient

DESCRIPTION = """\
List the kernels of a running server, or start, interrupt, restart or stop one. You may shorten an
id to its beginning, if no other id has the same beginning.
"""
EXAMPLES = f"""\
examples:
  jkg kernels                       list id, name, state, last activity and connections
  jkg kernels start python3         start a kernel and print its id
  jkg kernels interrupt 3f          interrupt the running code, as Ctrl-C does
  jkg kernels restart 3f            restart a kernel; it loses its variables
  jkg kernels attach 3f             open a console on a kernel
  jkg kernels stop 3f 9a            stop these kernels
  jkg kernels stop --all --yes      stop all of them without a question

{TOKENS}"""

_DEFAULT = "Which server has the kernels. Default: the server of JUPYTER_GATEWAY_URL."
_REFUSED = ("embedded", "local", "docker")
"""Options that would start a new server, which has no kernels yet."""

_HEAD = ("ID", "NAME", "STATE", "LAST ACTIVITY", "CONNECTIONS")


def add(command: argparse.ArgumentParser) -> None:
    """Add the options, and the actions with their options."""
    add_server(command, default=_DEFAULT, hidden=_REFUSED)
    add_document(command)
    command.set_defaults(act=_list)
    actions = command.add_subparsers(
        title="actions", metavar="ACTION", parser_class=argparse.ArgumentParser
    )
    listing = _action(
        actions,
        "list",
        "list the running kernels; jkg kernels without an action does the same",
        _list,
    )
    add_document(listing)
    start = _action(actions, "start", "start a kernel and print its id", _start)
    start.add_argument(
        "name",
        nargs="?",
        default="python3",
        type=not_empty,
        help="name of the kernel (default: %(default)s)",
    )
    for name, text, act in (
        ("interrupt", "interrupt the running code, as Ctrl-C does", _interrupt),
        ("restart", "restart a kernel; it loses its variables and keeps its id", _restart),
    ):
        action = _action(actions, name, text, act)
        action.add_argument("ids", nargs="+", type=not_empty, metavar="ID")
    attach = _action(actions, "attach", "open a console on a kernel, as jkg console does", _attach)
    attach.add_argument("ids", nargs=1, type=not_empty, metavar="ID")
    console.add_view(attach)
    stop = _action(actions, "stop", "stop kernels", _stop)
    stop.add_argument("ids", nargs="*", default=[], type=not_empty, metavar="ID")
    stop.add_argument(
        "--all", action="store_true", default=False, help="stop all kernels of the server"
    )
    stop.add_argument(
        "--yes", action="store_true", default=False, help="with --all: do not ask for confirmation"
    )


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    act: Callable[[JupyterClient, argparse.Namespace, Screen], int],
) -> argparse.ArgumentParser:
    # Options before the action keep their values.
    unset = argparse.SUPPRESS
    action = actions.add_parser(
        name,
        help=text,
        description=f"{text[:1].upper()}{text[1:]}.",
        allow_abbrev=False,
        argument_default=unset,
    )
    add_server(action, default=_DEFAULT, hidden=_REFUSED)
    action.set_defaults(act=act)
    return action


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Run the action.

    Raises:
        ValueError: There is no such kernel, or more than one, or ``--all`` is not confirmed.
        JkgError: The server cannot be reached or refuses the request.
    """
    from ..gateway.rest import JupyterClient

    way = chosen_way(args)
    if way is None or way.kind not in ("url", "hub"):
        raise ValueError(
            "jkg kernels needs a running server: name it by --url or --hub, or set"
            " JUPYTER_GATEWAY_URL (jkg serve starts one)"
        )
    with opened(way, args, screen) as server, JupyterClient(server.connection_info) as client:
        return int(args.act(client, args, screen))


def _list(client: JupyterClient, args: argparse.Namespace, screen: Screen) -> int:
    kernels = client.list_kernels()
    if args.document:
        screen.line(json.dumps(kernels, indent=2))
    else:
        show_table(screen, _HEAD, [_row(kernel) for kernel in kernels])
    return DONE


def _row(kernel: Mapping[str, Any]) -> tuple[str, ...]:
    names = ("id", "name", "execution_state", "last_activity", "connections")
    return tuple("-" if kernel.get(name) is None else str(kernel[name]) for name in names)


def _start(client: JupyterClient, args: argparse.Namespace, screen: Screen) -> int:
    screen.line(client.start_kernel(args.name))
    return DONE


def _interrupt(client: JupyterClient, args: argparse.Namespace, screen: Screen) -> int:
    for kernel_id in ids_of(client, args.ids):
        client.interrupt_kernel(kernel_id)
        screen.line(kernel_id)
    return DONE


def _restart(client: JupyterClient, args: argparse.Namespace, screen: Screen) -> int:
    for kernel_id in ids_of(client, args.ids):
        client.restart_kernel(kernel_id)
        screen.line(kernel_id)
    return DONE


def _attach(client: JupyterClient, args: argparse.Namespace, screen: Screen) -> int:
    args.kernel, (args.kernel_id,) = None, ids_of(client, args.ids)
    return console.run(args, screen)


def _stop(client: JupyterClient, args: argparse.Namespace, screen: Screen) -> int:
    if args.all == bool(args.ids):
        raise ValueError("pass the ids of the kernels to stop, or --all, but not both")
    if args.all:
        ids = known_ids(client)
        if ids and not _is_confirmed(len(ids), args, screen):
            screen.note("no kernel was stopped")
            return FAILED
    else:
        ids = ids_of(client, args.ids)
    for kernel_id in ids:
        # Another program may have stopped the kernel in the meantime.
        with contextlib.suppress(KernelNotFound):
            client.delete_kernel(kernel_id)
            screen.line(kernel_id)
    return DONE


def _is_confirmed(count: int, args: argparse.Namespace, screen: Screen) -> bool:
    if args.yes:
        return True
    if sys.stdin is None or not sys.stdin.isatty() or not screen.can_draw:
        raise ValueError(f"--all would stop {count} kernels: to confirm this, add --yes")
    screen.draw(f"Stop all {count} kernels, including kernels of other programs? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
