"""Options that choose the server and the kernel of a command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from .option_types import not_empty

KERNEL = "python3"
"""Name of the default kernel."""

_DEFAULT = """\
Which server runs the kernel. Default: the server of JUPYTER_GATEWAY_URL; if that is not set,
--embedded, or --local if only that is installed."""

TOKENS = """\
tokens:
  The token of a server is read from JKG_TOKEN, --token-file or --token-stdin, or, like
  all settings of a server, from the JUPYTER_GATEWAY_* variables. The token of a hub may also be
  in JUPYTERHUB_API_TOKEN. All users of this machine can see a token in --url.
"""


def add_server(
    command: argparse.ArgumentParser, *, default: str = _DEFAULT, hidden: Sequence[str] = ()
) -> None:
    """Add the options that choose the server.

    Args:
        command: The command.
        default: Help text about the default.
        hidden: Options that the help does not show, because the command refuses them.
    """
    group = command.add_argument_group("server", default)
    _add_choice(group, hidden)
    group.add_argument(
        "--hub-server",
        type=not_empty,
        metavar="NAME",
        help="with --hub: name of your server, if it is not the default one",
    )
    _add_tokens(group)


def _add_choice(group: argparse._ArgumentGroup, hidden: Sequence[str]) -> None:
    def text(name: str, help_text: str) -> str:
        return argparse.SUPPRESS if name in hidden else help_text

    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--embedded",
        action="store_true",
        help=text("embedded", "run kernels on this machine without a server"),
    )
    which.add_argument(
        "--local", action="store_true", help=text("local", "start a kernel gateway on this machine")
    )
    which.add_argument(
        "--docker",
        nargs="?",
        const=True,
        type=not_empty,
        metavar="IMAGE",
        help=text(
            "docker", "start a server in a container of IMAGE (default: the image of jkg build)"
        ),
    )
    which.add_argument(
        "--url", type=not_empty, metavar="URL", help=text("url", "use the server at this URL")
    )
    which.add_argument(
        "--hub",
        type=not_empty,
        metavar="URL",
        help="start your server on the JupyterHub at this URL, and stop it at the end",
    )


def _add_tokens(group: argparse._ArgumentGroup) -> None:
    tokens = group.add_mutually_exclusive_group()
    tokens.add_argument(
        "--token-file",
        type=not_empty,
        metavar="FILE",
        help="read the token from this file, which only you may read (chmod 600)",
    )
    tokens.add_argument(
        "--token-stdin", action="store_true", help="read the token from the first line of stdin"
    )


def add_kernel(command: argparse.ArgumentParser) -> None:
    """Add the options that choose the kernel: a new one or a running one."""
    which = command.add_mutually_exclusive_group()
    which.add_argument(
        "--kernel",
        type=not_empty,
        metavar="NAME",
        help=f"start this kernel (default: {KERNEL})",
    )
    which.add_argument(
        "--kernel-id",
        type=not_empty,
        metavar="ID",
        help="use this running kernel of the server, and leave it running; the beginning of its"
        " id is enough",
    )


def add_document(command: argparse.ArgumentParser) -> None:
    """Add the option for output in JSON."""
    command.add_argument(
        "--json",
        action="store_true",
        dest="document",
        help="print the answer of the server as one JSON document",
    )
