"""Converts a code block to a cell for a kernel."""

from __future__ import annotations

from .block import CodeBlock, UnknownLanguage
from .languages import PYTHON_SESSIONS, SHELL_SESSIONS, SHELLS, canonical, runs
from .python_code import quiet_cell
from .sessions import is_python_session, is_shell_session, python_statements, shell_commands
from .shell_code import quiet_pip, without_marks


def to_cell(block: CodeBlock, kernel_language: str) -> str:
    """The cell that runs ``block`` on a kernel of ``kernel_language``.

    Code in the kernel's language is not changed. On Python kernels, shell code becomes a ``%%bash``
    or ``%%sh`` cell. In Python and shell code, ``pip install`` gets an option that makes it quiet.
    In shell code, a leading ``!`` or prompt (``$ ``) is removed. From a session with prompts, only
    the typed code is run. Commands of more than 65,536 characters, and code after 100,000 strings
    and comments, are not changed.

    Raises:
        UnknownLanguage: The kernel cannot run the block.
    """
    language, spoken = canonical(block.language), canonical(kernel_language)
    if language in SHELLS and (spoken == "python" or spoken in SHELLS):
        # A cell magic has priority over the label: AutoGen runs every block as IPython code.
        if spoken == "python" and block.code.lstrip().startswith("%%"):
            return quiet_cell(block.code)
        is_session = language in SHELL_SESSIONS or is_shell_session(block.code)
        command = _commands(block.code, is_session=is_session)
        # IPython refuses a cell magic without a body.
        magic = f"%%{SHELLS[language]}\n" if spoken == "python" and command.strip() else ""
        return magic + command
    if not runs(spoken, language):
        raise UnknownLanguage(block.language, kernel_language)
    if spoken != "python":
        return block.code
    is_session = block.language.strip().lower() in PYTHON_SESSIONS or is_python_session(block.code)
    return quiet_cell(python_statements(block.code) if is_session else block.code)


def _commands(code: str, *, is_session: bool) -> str:
    code = code.replace("\r\n", "\n")
    return quiet_pip(without_marks(shell_commands(code) if is_session else code))
