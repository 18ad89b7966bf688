"""``jkg completion``: prints a script by which a shell completes the arguments of the command.

The scripts contain all commands and options, so TAB starts no program and asks no server.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from attrs import frozen

from .exit_statuses import DONE
from .screen import Screen

DESCRIPTION = """\
Print a script that makes a shell complete the commands and options of jkg. The script contains all
names, so TAB starts no program and asks no server.
"""
EXAMPLES = """\
examples:
  eval "$(jkg completion bash)"                 in ~/.bashrc
  eval "$(jkg completion zsh)"                  in ~/.zshrc, after compinit
  jkg completion fish > ~/.config/fish/completions/jkg.fish
  jkg completion powershell | Out-String | Invoke-Expression
"""


@frozen
class Option:
    """An option of a command.

    Attributes:
        names: Names such as ``-v`` and ``--verbose``.
        help: Short help text.
        choices: Allowed values. Empty if there is no list.
        takes: Kind of the value: ``word``, ``path``, or empty if there is no value.
    """

    names: tuple[str, ...]
    help: str
    choices: tuple[str, ...]
    takes: str


@frozen
class Command:
    """A command, as a shell completes it.

    Attributes:
        help: Help in a few words.
        options: Options of the command and of its actions.
        words: Allowed values of its first argument, such as ``start``. Empty if there is no list.
    """

    help: str
    options: Sequence[Option]
    words: tuple[str, ...]


Commands = Mapping[str, Command]
"""The commands by name."""


def add(command: argparse.ArgumentParser) -> None:
    """Add the options."""
    command.add_argument("shell", choices=tuple(_SCRIPTS), help="the shell")


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Print the script."""
    from .arguments import parsers

    commands = {name: _command(text, parser) for name, text, parser in parsers()}
    screen.line(_SCRIPTS[args.shell](commands))
    return DONE


def _command(text: str, parser: argparse.ArgumentParser) -> Command:
    options: dict[tuple[str, ...], Option] = {}
    words: list[str] = []
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            inner = [_command("", one) for one in action.choices.values()]
            options.update({option.names: option for one in inner for option in one.options})
        if not action.option_strings:
            words += map(str, action.choices or ())
        elif action.help != argparse.SUPPRESS:
            options[tuple(action.option_strings)] = _option(action)
    return Command(text, list(options.values()), tuple(words))


def _option(action: argparse.Action) -> Option:
    takes = ""
    if action.nargs != 0:
        is_path = action.metavar in ("FILE", "DIR", "OUT")
        takes = "path" if is_path else "word"
    return Option(
        tuple(action.option_strings),
        " ".join((action.help or "").replace("%(default)s", str(action.default)).split()),
        tuple(map(str, action.choices or ())),
        takes,
    )


def _bash(commands: Commands) -> str:
    cases, values, firsts = [], [], []
    for name, command in commands.items():
        words = " ".join(word for option in command.options for word in option.names)
        cases.append(f"    {name}) words='{words}' ;;")
        if command.words:
            firsts.append(f"    {name}) words='{' '.join(command.words)}' ;;")
        for option in command.options:
            if option.choices:
                pattern = "|".join(f"{name}:{word}" for word in option.names)
                values.append(f"    {pattern}) words='{' '.join(option.choices)}' ;;")
            elif option.takes == "word":
                pattern = "|".join(f"{name}:{word}" for word in option.names)
                values.append(f"    {pattern}) return ;;")
    lines = "\n".join
    return f"""\
_jkg() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '{" ".join(commands)} --help --version' -- "$word"))
    return
  fi
  case ${{COMP_WORDS[1]}}:$before in
{lines(values)}
  esac
  if [ -z "$words" ] && [ "${{word#-}}" != "$word" ]; then
    case ${{COMP_WORDS[1]}} in
{lines(cases)}
    esac
  elif [ -z "$words" ] && [ "$COMP_CWORD" -eq 2 ]; then
    case ${{COMP_WORDS[1]}} in
{lines(firsts)}
    esac
  fi
  if [ -n "$words" ]; then COMPREPLY=($(compgen -W "$words" -- "$word"));
  else compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); fi
}}
complete -F _jkg jkg"""


def _zsh(commands: Commands) -> str:
    described = " ".join(_quoted(f"{name}:{_plain(one.help)}") for name, one in commands.items())
    cases = []
    for name, command in commands.items():
        options = [(word, option) for option in command.options for word in option.names]
        specs = [_quoted(_zsh_option(word, option)) for word, option in options]
        if command.words:
            specs.append(f"'1:argument:({' '.join(command.words)})'")
        cases.append(f"    {name}) _arguments {' '.join(specs)} '*:file:_files' ;;")
    lines = "\n".join(cases)
    return f"""\
#compdef jkg
_jkg() {{
  if (( CURRENT == 2 )); then
    local -a commands=({described})
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
{lines}
  esac
}}
compdef _jkg jkg"""


def _zsh_option(word: str, option: Option) -> str:
    text = f"{word}[{_plain(option.help)}]"
    if option.choices:
        return f"{text}:value:({' '.join(option.choices)})"
    return text + {"": "", "word": ":value:", "path": ":file:_files"}[option.takes]


def _fish(commands: Commands) -> str:
    names = " ".join(commands)
    lines = [f"set -l commands {names}", "complete -c jkg -n __fish_use_subcommand -f"]
    for name, command in commands.items():
        text = _quoted(command.help)
        lines.append(f"complete -c jkg -n __fish_use_subcommand -a {name} -d {text}")
        if command.words:
            words, seen = " ".join(command.words), f"'__fish_seen_subcommand_from {name}'"
            lines.append(f"complete -c jkg -n {seen} -f -a '{words}'")
        lines += [_fish_option(name, option) for option in command.options]
    return "\n".join(lines)


def _fish_option(command: str, option: Option) -> str:
    words = " ".join(
        f"-l {word[2:]}" if word.startswith("--") else f"-s {word[1:]}" for word in option.names
    )
    value = {"": "", "word": " -x", "path": " -r"}[option.takes]
    if option.choices:
        value = f" -x -a '{' '.join(option.choices)}'"
    condition = f"'__fish_seen_subcommand_from {command}'"
    return f"complete -c jkg -n {condition} {words}{value} -d {_quoted(option.help)}"


def _powershell(commands: Commands) -> str:
    lines = []
    for name, command in commands.items():
        options = [word for option in command.options for word in option.names]
        words = ", ".join(f"'{word}'" for word in [*command.words, *options])
        lines.append(f"    '{name}' = @({words})")
    table = "\n".join(lines)
    return f"""\
Register-ArgumentCompleter -Native -CommandName jkg -ScriptBlock {{
  param($word, $line, $position)
  $options = @{{
{table}
  }}
  $words = @($line.CommandElements | ForEach-Object {{ $_.ToString() }})
  if ($words.Count -le 1 -or ($words.Count -eq 2 -and $word)) {{ $found = $options.Keys }}
  else {{ $found = $options[$words[1]] }}
  $found | Where-Object {{ $_ -like "$word*" }} | Sort-Object
}}"""


def _plain(text: str) -> str:
    """Text without the characters that end a description in zsh."""
    return text.replace("[", "(").replace("]", ")").replace(":", ",")


def _quoted(text: str) -> str:
    """Text in single quotes for zsh and fish."""
    return "'" + text.replace("'", "'\\''") + "'"


_SCRIPTS = {"bash": _bash, "zsh": _zsh, "fish": _fish, "powershell": _powershell}
