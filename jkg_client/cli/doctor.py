"""``jkg doctor``: checks whether kernels work, and says what to do if they do not."""

from __future__ import annotations

import argparse
import json

from attrs import asdict

from .checks import Finding, findings
from .exit_statuses import DONE, FAILED
from .option_types import not_empty
from .screen import Screen
from .server_options import TOKENS, add_server

DESCRIPTION = """\
Show what is installed, and which settings apply and where they come from. Then start a kernel, run
a cell in it and end it. The output has no tokens and no passwords, so you can show it to others.
The exit status is 0 if the kernel works, otherwise 1. A missing extra is not a fault: you
need only the extras of the features that you use.
"""
EXAMPLES = f"""\
examples:
  jkg doctor                        check the server that other commands use by default
  jkg doctor --docker               check kernels in containers
  jkg doctor --url http://127.0.0.1:8888

{TOKENS}"""

_SIGNS = {"ok": "ok", "fails": "FAILS", "missing": "missing", "info": "-"}


def add(command: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_server(command)
    command.add_argument(
        "--kernel",
        type=not_empty,
        default="python3",
        metavar="NAME",
        help="which kernel to try (default: %(default)s)",
    )
    command.add_argument(
        "--json", action="store_true", dest="document", help="print one JSON document"
    )


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Print the findings. The exit status is 1 if the kernel does not work."""
    found = []
    for finding in findings(args, screen):
        found.append(finding)
        if not args.document:
            for line in _lines(finding):
                screen.line(line)
    if args.document:
        screen.line(json.dumps([asdict(finding) for finding in found], indent=2))
    return FAILED if any(finding.state == "fails" for finding in found) else DONE


def _lines(finding: Finding) -> list[str]:
    said, *log = (" ".join(line.split()) for line in finding.says.splitlines() or [""])
    lines = [f"{_SIGNS[finding.state]:<8} {finding.name}: {said}"]
    lines += [f"{'':<8}   {line}" for line in log]
    return [*lines, f"{'':<8}   {finding.advice}"] if finding.advice else lines
