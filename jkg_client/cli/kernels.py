"""``jkg kernels``: the kernels that run on a server, and what can be done with them."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import KernelNotFound
from . import console
from .exit_statuses import DONE, FAILED
from .option_types import not_empty
from .screen import Screen
from .server_options import TOKENS, add_document, add_server
from .servers import opened
from .tables import show_table
from .ways import way_of

if TYPE_CHECKING:
    from ..gateway.rest import JupyterClient

DESCRIPTION = """\
List the kernels that run on a server, or start, interrupt, restart or stop one. The beginning of an
id is enough if no other id begins so.
"""
EXAMPLES = f"""\
examples:
  jkg kernels                       what runs: id, name, state, last activity, connections
  jkg kernels start python3         start a kernel and print its id
  jkg kernels interrupt 3f          as Ctrl-C does
  jkg kernels restart 3f            end what it runs; its variables are gone
  jkg kernels attach 3f             talk to a kernel, as jkg console does
  jkg kernels stop 3f 9a            stop these kernels
  jkg kernels stop --all --yes      stop all of them without a question

{TOKENS}"""

_HEAD = ("ID", "NAME", "STATE", "LAST ACTIVITY", "CONNECTIONS")


def add(command: argparse.ArgumentParser) -> None:
    """Add the options, and the actions with theirs."""
    add_server(command)
    add_document(command)
    command.set_defaults(act=_list)
    actions = command.add_subparsers(
        title="actions", metavar="ACTION", parser_class=argparse.ArgumentParser
    )
    listing = _action(actions, "list", "list what runs; so does jkg kernels alone", _list)
    add_document(listing)
    start = _action(actions, "start", "start a kernel and print its id", _start)
    start.add_argument(
        "name", nargs="?", default="python3", type=not_empty, help="default: %(default)s"
    )
    for name, text, act in (
        ("interrupt", "interrupt what a kernel runs, as Ctrl-C does", _interrupt),
        ("restart", "restart a kernel: its variables are gone, its id stays", _restart),
    ):
        action = _action(actions, name, text, act)
        action.add_argument("ids", nargs="+", type=not_empty, metavar="ID")
    attach = _action(actions, "attach", "talk to a kernel, as jkg console does", _attach)
    attach.add_argument("ids", nargs=1, type=not_empty, metavar="ID")
    console.add_view(attach)
    stop = _action(actions, "stop", "stop kernels", _stop)
    stop.add_argument("ids", nargs="*", default=[], type=not_empty, metavar="ID")
    stop.add_argument(
        "--all", action="store_true", default=False, help="stop all kernels of the server"
    )
    stop.add_argument("--yes", action="store_true", default=False, help="with --all: do not ask")


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    act: Callable[[JupyterClient, argparse.Namespace, Screen], int],
) -> argparse.ArgumentParser:
    # Options that stand before the action keep what they were given there.
    unset = argparse.SUPPRESS
    action = actions.add_parser(
        name, help=text, description=f"{text}.", allow_abbrev=False, argument_default=unset
    )
    add_server(action)
    action.set_defaults(act=act)
    return action


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Do what the action says.

    Raises:
        ValueError: There is no such kernel, or more than one; or nobody confirms ``--all``.
        JkgError: The server does not do it.
    """
    from ..gateway.rest import JupyterClient

    way = way_of(args, needs_server=True)
    if way.kind not in ("url", "hub"):
        chosen = way.origin if way.origin != "default" else "no option"
        raise ValueError(
            f"kernels run on a server that is there already, and {chosen} names none: --url or"
            " --hub says which"
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
        raise ValueError("say which kernels to stop: their ids, or --all")
    if args.all:
        ids = list(_ids(client))
        if ids and not _is_confirmed(len(ids), args, screen):
            screen.note("no kernel was stopped")
            return FAILED
    else:
        ids = ids_of(client, args.ids)
    for kernel_id in ids:
        # Somebody else may have stopped it meanwhile.
        with contextlib.suppress(KernelNotFound):
            client.delete_kernel(kernel_id)
            screen.line(kernel_id)
    return DONE


def _is_confirmed(count: int, args: argparse.Namespace, screen: Screen) -> bool:
    if args.yes:
        return True
    if sys.stdin is None or not sys.stdin.isatty() or not screen.can_draw:
        raise ValueError(f"--all would stop all kernels, {count} now: confirm it by --yes")
    screen.draw(f"Stop all kernels, {count} now, also those of others? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def ids_of(client: JupyterClient, words: Sequence[str]) -> list[str]:
    """The ids of kernels that were named by the beginnings of their ids; each once.

    Raises:
        ValueError: No id begins so, or more than one does.
    """
    known = list(_ids(client))
    return list(dict.fromkeys(_id_of(word, known) for word in words))


def _id_of(word: str, known: Sequence[str]) -> str:
    found = [kernel_id for kernel_id in known if kernel_id.startswith(word)]
    if word in found:
        return word
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"more than one kernel begins with {word}: {', '.join(found)}")
    raise ValueError(f"there is no kernel {word}; what runs: {', '.join(known) or 'nothing'}")


def _ids(client: JupyterClient) -> Iterator[str]:
    for kernel in client.list_kernels():
        if isinstance(kernel, dict) and isinstance(kernel.get("id"), str):
            yield kernel["id"]
