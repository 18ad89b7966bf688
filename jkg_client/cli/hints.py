"""What the command can say of a script's failure that the kernel does not know."""

from __future__ import annotations

from ..protocol.outputs import Failure
from .sources import Source

_MAGICS = ("%", "!")


def script_hint(failure: Failure, source: Source) -> str:
    """A hint; empty if there is none to give."""
    if failure.ename == "SyntaxError":
        return _magic(source)
    if failure.ename == "ModuleNotFoundError":
        return _missing(failure, source)
    return ""


def _magic(source: Source) -> str:
    for number, line in enumerate(source.text.splitlines(), 1):
        if line.lstrip().startswith(_MAGICS):
            return (
                f"line {number} is a magic of IPython, and not Python: magics run in a .ipy file,"
                " in a page, and behind -c"
            )
    return ""


def _missing(failure: Failure, source: Source) -> str:
    """A module that lies beside the script was not found: the kernel is elsewhere."""
    if source.file is None:
        return ""
    name = failure.evalue.rpartition("No module named ")[2].strip("'").partition(".")[0]
    beside = [source.file.parent / f"{name}.py", source.file.parent / name / "__init__.py"]
    if not (name.isidentifier() and any(path.is_file() for path in beside)):
        return ""
    return (
        f"{name} lies beside {source.file.name} here, but the kernel runs where that folder is"
        " not: copy the module to where the kernel runs"
    )
