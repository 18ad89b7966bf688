"""``jkg kernelspecs``: lists the kernels that can be started."""

from __future__ import annotations

import argparse
import json

from .exit_statuses import DONE
from .screen import Screen
from .server_options import TOKENS, add_document, add_server
from .servers import opened
from .ways import way_of

DESCRIPTION = "List the names of the kernels that can be started, one per line.\n"
EXAMPLES = f"""\
examples:
  jkg kernelspecs                   on this machine
  jkg kernelspecs --json            all information of the server about them, as JSON
  jkg kernelspecs --url https://hub.example.com/user/me

{TOKENS}"""


def add(command: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_server(command)
    add_document(command)


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Print the names of the kernels, one per line."""
    way = way_of(args)
    if way.kind == "embedded":
        from ..embedded import kernelspecs

        listed = kernelspecs.listed()
    else:
        from ..gateway.rest import JupyterClient

        with opened(way, args, screen) as server, JupyterClient(server.connection_info) as client:
            listed = client.list_kernel_specs()
    if args.document:
        screen.line(json.dumps(listed, indent=2))
        return DONE
    for name in sorted(listed["kernelspecs"]):
        screen.line(name)
    return DONE
