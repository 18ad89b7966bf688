"""Runs the cells of a command, and shows their outputs and notes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import define, evolve, field

from ..client.kernel import JupyterKernelClient
from ..code_blocks import CodeBlock, UnknownLanguage, is_data, to_cell
from ..code_result import CodeResult, has_exited, notes
from ..errors import JkgError
from ..installs import STATUS, install_command, with_status
from ..pages.notebook import NotebookPage
from ..protocol.outputs import Display
from ..protocol.result import ExecutionResult
from ..shell_cells import python_cell
from .exit_statuses import DIED, DONE, FAILED, SIGINT, Ending
from .input_answers import InputAnswers
from .interruptions import Interruptions
from .saved_files import announce_files
from .screen import Screen
from .shown import Shown


@define(eq=False, kw_only=True)
class CellRuns:
    """Runs cells in one kernel.

    Attributes:
        kernel: The kernel.
        language: Language of the kernel.
        shown: Shows the outputs.
        screen: Shows messages of the command.
        answers: Answers input requests of the code.
        folder: Folder for images and pages. None to save none.
        timeout: Time limit for each cell, in seconds.
    """

    kernel: JupyterKernelClient
    language: str
    shown: Shown
    screen: Screen
    answers: InputAnswers
    folder: Path | None
    timeout: float
    _page: NotebookPage = field(factory=NotebookPage, init=False)

    def block(self, block: CodeBlock) -> Ending:
        """Run a block. The result is an error if the kernel cannot run its language."""
        try:
            return self.cell(self._cell_of(block), block.code)[0]
        except UnknownLanguage as exc:
            self.screen.note(str(exc))
            return Ending(FAILED, "error", "jkg")

    def page(self, blocks: Sequence[CodeBlock]) -> Ending:
        """Run the blocks in languages of the kernel, up to the first that fails or exits.

        Raises:
            ValueError: There is code, but the kernel can run none of it.
        """
        has_run = is_refused = False
        for block in blocks:
            try:
                cell = self._cell_of(block)
            except UnknownLanguage as exc:
                # A page may also have blocks that show outputs or files.
                self.screen.note(f"skipped: {exc}")
                is_refused |= not is_data(block.language, self.language)
                continue
            has_run = True
            ending, result = self.cell(cell, block.code)
            if ending.exit_status != DONE or has_exited(result):
                return ending
        if is_refused and not has_run:
            raise ValueError("there is no code block that this kernel can run")
        return Ending(DONE, "ok", "code")

    def cell(self, cell: str, typed: str | None = None) -> tuple[Ending, CodeResult]:
        """Run a cell, show its outputs, and save its images and pages.

        Args:
            cell: The cell.
            typed: The code from which the cell was made. None if this code is the cell itself.

        Raises:
            JkgError: The connection to the kernel is lost. The output so far was shown.
        """
        try:
            with Interruptions(self.kernel, self.answers) as interruptions:
                result = self._executed(cell, typed)
        except JkgError as exc:
            if isinstance(exc.result, ExecutionResult):
                self._report(exc.result)
            raise
        finally:
            self.shown.settle()
        reported = self._report(result)
        if interruptions.count and (result.status == "died" or _is_interrupt(result)):
            return evolve(Ending.of_signal(SIGINT), message="interrupted"), reported
        return self._ending(reported, result), reported

    def _executed(self, cell: str, typed: str | None = None) -> ExecutionResult:
        install = install_command(cell, typed) if self.language == "python" else None
        result = self.kernel.execute(
            cell,
            self.timeout,
            on_output=self.shown,
            on_input=self.answers,
            user_expressions=STATUS if install else None,
        )
        if not install:
            return result
        before, result = result, with_status(result, install)
        for output in result.outputs[len(before.outputs) :]:
            self.shown(output)
        return result

    def _report(self, result: ExecutionResult) -> CodeResult:
        """Save images and pages that were not drawn, and show notes about the result."""
        rest = tuple(
            one
            for one in result.outputs
            if not (isinstance(one, Display) and self.shown.is_drawn(one))
        )
        # Without a folder, no files are saved.
        kept = evolve(result, outputs=rest if self.folder else (), late_outputs=())
        reported = CodeResult.from_results(
            [kept], self.folder or Path(), self.timeout, page=self._page
        )
        pieces = (piece for one in reported.renderings for piece in one.pieces)
        announce_files(pieces, self.shown, self.screen)
        for note in self._notes(result):
            self.screen.note(note)
        return reported

    def _notes(self, result: ExecutionResult) -> list[str]:
        # The result has dropped some characters, but the user has seen them: do not report them.
        missing = evolve(result.truncated, characters=0) if result.truncated else None
        truncated = missing if str(missing or "") else None
        return list(notes(evolve(result, truncated=truncated), self.timeout))

    def _ending(self, reported: CodeResult, result: ExecutionResult) -> Ending:
        message = " ".join(self._notes(result)) if result.status in ("timeout", "died") else ""
        if result.status == "died":
            return Ending(DIED, "died", "kernel", message)
        source = "timeout" if result.status == "timeout" else "code"
        return Ending(reported.exit_code, result.status, source, message)

    def _cell_of(self, block: CodeBlock) -> str:
        if is_data(block.language, self.language):
            raise UnknownLanguage(block.language, self.language)
        cell = to_cell(block, self.language)
        return python_cell(cell) if self.language == "python" else cell


def _is_interrupt(result: ExecutionResult) -> bool:
    return result.failure is not None and result.failure.is_interrupt
