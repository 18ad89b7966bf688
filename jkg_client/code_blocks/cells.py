"""Makes a code block into a cell that a kernel understands."""

from __future__ import annotations

from .block import CodeBlock, UnknownLanguage
from .languages import PYTHON_SESSIONS, SHELL_SESSIONS, SHELLS, canonical, runs
from .python_code import quiet_cell
from .sessions import is_python_session, python_statements, shell_commands
from .shell_code import quiet_pip, without_marks


def to_cell(block: CodeBlock, kernel_language: str) -> str:
    """The cell that runs ``block`` on a kernel of ``kernel_language``.

    Code in the kernel's language passes as it is; on Python kernels, shell code becomes a
    ``%%bash`` or ``%%sh`` cell. ``pip install`` is made quiet in both. In shell code a
    leading ``!`` or prompt (``$ ``) goes. Of a session with prompts, in a shell or in Python, only
    what was typed is run.

    Raises:
        UnknownLanguage: If the kernel cannot run it.
    """
    language, spoken = canonical(block.language), canonical(kernel_language)
    if language in SHELLS and (spoken == "python" or spoken in SHELLS):
        # A magic at the top says more than the fence: AutoGen ran every block as IPython.
        if spoken == "python" and block.code.lstrip().startswith("%%"):
            return quiet_cell(block.code)
        command = _commands(block.code, is_session=language in SHELL_SESSIONS)
        # IPython refuses a cell magic without a body.
        magic = f"%%{SHELLS[language]}\n" if spoken == "python" and command.strip() else ""
        return magic + command
    if not runs(kernel_language, block.language):
        raise UnknownLanguage(block.language, kernel_language)
    if spoken != "python":
        return block.code
    is_session = block.language.strip().lower() in PYTHON_SESSIONS or is_python_session(block.code)
    return quiet_cell(python_statements(block.code) if is_session else block.code)


def _commands(code: str, *, is_session: bool) -> str:
    code = code.replace("\r\n", "\n")
    return quiet_pip(without_marks(shell_commands(code) if is_session else code))
