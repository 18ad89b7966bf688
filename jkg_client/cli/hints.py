"""Hints about a script's failure, from facts that the kernel does not know."""

from __future__ import annotations

from ..protocol.outputs import Failure
from .sources import Source

_MAGICS = ("%", "!")


def script_hint(failure: Failure, source: Source) -> str:
    """A hint about the failure. Empty if there is none."""
    if failure.ename == "SyntaxError":
        return _magic(source)
    if failure.ename == "ModuleNotFoundError":
        return _missing(failure, source)
    return ""


def _magic(source: Source) -> str:
    for number, line in enumerate(source.text.splitlines(), 1):
        if line.lstrip().startswith(_MAGICS):
            return (
                f"line {number} is a magic of IPython, not Python code: magics work in .ipy files,"
                " in Markdown files and with -c"
            )
    return ""


def _missing(failure: Failure, source: Source) -> str:
    """The hint that the kernel does not have the folder of the script."""
    if source.file is None:
        return ""
    name = failure.evalue.rpartition("No module named ")[2].strip("'").partition(".")[0]
    beside = [source.file.parent / f"{name}.py", source.file.parent / name / "__init__.py"]
    if not (name.isidentifier() and any(path.is_file() for path in beside)):
        return ""
    return (
        f"{name} is in the folder of {source.file.name}, but the kernel runs on a machine without"
        " this folder: copy the module there, for example with jkg put"
    )
