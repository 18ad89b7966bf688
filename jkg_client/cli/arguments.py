"""The arguments of the command. Each subcommand adds its own.

A subcommand is a module of this package with the name of the command: ``add(command)`` adds its
options, ``run(args, screen)`` runs it and returns the exit status, ``DESCRIPTION`` and
``EXAMPLES`` are the texts of its help. The module is loaded only when its command is used, so that
no command waits for the libraries of another command.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .._version import __version__
from .notebook_options import names_notebook

COMMANDS: Mapping[str, str] = {
    "run": "run a script, code, a Markdown file or a notebook, and print the output",
    "console": "work with a kernel in the terminal",
    "kernels": "list, start, interrupt, restart and stop the kernels of a server",
    "kernelspecs": "list the kernels that can be started",
    "serve": "start a Jupyter server for other programs",
    "put": "copy a file to the machine of the kernels",
    "get": "copy a file from the machine of the kernels",
    "ls": "list files on the machine of the kernels",
    "doctor": "check the installation, the settings, and whether a kernel starts",
    "mcp": "give agents a kernel through the Model Context Protocol",
    "build": "build the Docker image for --docker",
    "containers": "list the containers that this package has started",
    "completion": "print a script that makes a shell complete the commands",
}
"""The subcommands: their modules have the same names."""

_EXAMPLES = """\
examples:
  jkg run script.py a b             run a script in a kernel
  jkg run -c "6 * 7"                run code and print its value
  jkg run --docker page.md          run the code blocks of a Markdown file in a container
  jkg doctor                        find out why something does not work
  jkg COMMAND --help                the options of a command, with examples
"""


def parsers() -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """Name, help and parser of each subcommand."""
    for name, text in COMMANDS.items():
        command = _Command(f"jkg {name}", allow_abbrev=False)
        command.fill()
        yield name, text, command


def parser() -> argparse.ArgumentParser:
    """The parser of the command line.

    The attribute ``run`` of its result is the function of the command. There is no ``run`` if the
    command line names no command.
    """
    # Options cannot be abbreviated: a new option could change the meaning of old scripts.
    jkg = argparse.ArgumentParser(
        "jkg",
        description="Run code in Jupyter kernels: on this machine, in a container or elsewhere.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    jkg.add_argument("--version", action="version", version=f"jkg {__version__}")
    commands = jkg.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Command)
    for name, text in COMMANDS.items():
        commands.add_parser(name, help=text, allow_abbrev=False)
    return jkg


class _Command(argparse.ArgumentParser):
    """The parser of a subcommand, whose module is loaded when it is used."""

    _is_filled = False
    _takes_notebooks = False

    def parse_known_args(  # type: ignore[override]  # only the overload that is used
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse the arguments of this command."""
        self.fill()
        words = list(args or ())
        at = self._code_position(words)
        behind = words[at + 1 :] if words[at : at + 1] == ["--"] else words[at:]
        if self._takes_notebooks and behind and names_notebook(behind[0]):
            return self._with_notebook(words[:at], behind, namespace)
        if at and behind and self._may_take_value(words[at - 1]):
            # In ``--docker script.py``, the script must not be taken for an image.
            words[at:] = ["--", *behind]
        return self._known(words, namespace)

    def fill(self) -> None:
        """Load the module of the command, and add its options."""
        if self._is_filled:
            return
        self._is_filled = True
        command = importlib.import_module(f".{self.prog.split()[-1]}", __package__)
        self.description, self.epilog = command.DESCRIPTION, command.EXAMPLES
        self.formatter_class = argparse.RawDescriptionHelpFormatter
        command.add(self)
        self._takes_notebooks = getattr(command, "TAKES_NOTEBOOKS", False)
        _add_common(self)
        self.set_defaults(run=command.run)

    def _with_notebook(
        self, before: list[str], behind: list[str], namespace: argparse.Namespace | None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse the arguments before and after a notebook: all of them must be options."""
        file, *options = behind
        parsed, unknown = self._known([*before, *options], namespace)
        extra = [*parsed.words, *(parsed.code or ()), *(parsed.module or ())]
        if extra or parsed.code is not None or parsed.module is not None:
            self.error(f"a notebook takes options only, not {' '.join(extra) or 'other code'}")
        parsed.words = [file]
        return parsed, unknown

    def _known(
        self, words: list[str], namespace: argparse.Namespace | None
    ) -> tuple[argparse.Namespace, list[str]]:
        parsed, unknown = super().parse_known_args(words, namespace)
        if unknown:
            # Refuse them here, so that the error shows the usage of this command, not of ``jkg``.
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return parsed, unknown

    def _code_position(self, words: list[str]) -> int:
        """Position of the first argument that is neither an option nor its value."""
        at = 0
        while at < len(words) and words[at].startswith("-") and words[at] not in ("-", "--"):
            action = self._option_string_actions.get(words[at])
            takes = action.nargs if action is not None else 0
            following = words[at + 1] if at + 1 < len(words) else ""
            if takes == argparse.REMAINDER:
                return len(words)
            if isinstance(takes, int):
                at += 1 + takes
            else:
                is_bare = takes == "?" and (following.startswith("-") or _is_file(following))
                at += 1 if is_bare else 2
        return at

    def _may_take_value(self, word: str) -> bool:
        action = self._option_string_actions.get(word)
        return action is not None and action.nargs == "?"


def _is_file(word: str) -> bool:
    has_suffix = Path(word).suffix in (".py", ".ipy", ".md", ".markdown", ".sh", ".ipynb")
    return word == "-" or has_suffix or (not word.startswith("-") and Path(word).is_file())


def _add_common(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("messages")
    group.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colours in the output (default: auto, only on a terminal; see NO_COLOR and"
        " FORCE_COLOR)",
    )
    group.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="report on stderr what happens: starts, time limits, interrupts; -vv reports more",
    )
