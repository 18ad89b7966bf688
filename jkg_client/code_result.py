"""The result of a list of code blocks, as an agent reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen

from .pages.notebook import NotebookPage
from .protocol.mime_bundle import mime_bundle
from .protocol.outputs import as_seen, join_text
from .protocol.result import KERNEL_DIED, NOT_BEGUN, ExecutionResult, Status, Truncation
from .protocol.values import Output, Stream, short_repr
from .rendering import NOTHING, Rendering, into, render_seen

EXIT_CODES: Mapping[Status, int] = {
    "ok": 0,
    "error": 1,
    "aborted": 1,
    "timeout": 124,  # the exit code of the command timeout(1)
    "died": 137,  # the exit code of a shell for a process that was killed by SIGKILL
}


@frozen(kw_only=True)
class CodeResult:
    r"""The result of a list of code blocks, up to the first block that failed.

    Example::

        result = executor.execute_code_blocks([CodeBlock("print(6 * 7)", "python")])
        assert (result.exit_code, result.output) == (0, "42\n")

    Attributes:
        exit_code: The exit status that the code chose, with ``sys.exit(3)`` or in a shell block.
            Otherwise 0 for success, 1 for an error, 124 for a timeout, 137 for a dead kernel.
        output: The output of the blocks, as text. An error is at the end.
        output_files: Absolute paths of the images and pages that the blocks have shown.
        status: Status of the last block that ran.
        kernel_restarted: Whether the kernel was restarted, so that its variables are lost.
        truncated: The output that is known to be missing. None if nothing is missing.
        results: One result for each block that ran.
        skipped: Languages of the blocks that did not run, because they hold data or prose.
        renderings: For each block that ran, its outputs as text and files.
    """

    exit_code: int
    output: str = field(repr=short_repr)
    output_files: list[str] = field(factory=list, hash=False)
    status: Status = "ok"
    kernel_restarted: bool = False
    truncated: Truncation | None = None
    results: tuple[ExecutionResult, ...] = field(default=(), repr=False)
    skipped: tuple[str, ...] = ()
    renderings: tuple[Rendering, ...] = field(default=(), repr=False, eq=False)

    def __str__(self) -> str:
        return (
            f"exit_code={self.exit_code} output={self.output!r} output_files={self.output_files!r}"
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """Show the outputs of all blocks when a notebook displays this result."""
        outputs: list[Output] = []
        for result in self.results:
            outputs += (*result.late_outputs, *result.outputs)
        if self.status != "ok":
            outputs.append(Stream("stderr", f"{self.status}, exit code {self.exit_code}"))
        bundle = mime_bundle(outputs, "")
        return {**bundle, "text/plain": self.output or f"<{self.status}, no output>"}

    @classmethod
    def from_results(
        cls,
        results: Sequence[ExecutionResult],
        folder: Path,
        timeout: float,
        skipped: Sequence[str] = (),
        page: NotebookPage | None = None,
        *,
        left_out: int = 0,
    ) -> CodeResult:
        """Combine the results of the blocks.

        Args:
            results: One for each block that ran, in order.
            folder: Folder for images and pages.
            timeout: Time limit of each block, in seconds.
            skipped: Languages of the blocks that did not run, because they hold data or prose.
            page: The scripts that earlier blocks have loaded. None for a new kernel.
            left_out: Number of blocks after the last block that ran.
        """
        page = NotebookPage() if page is None else page
        renderings: list[Rendering] = []
        texts: list[str] = []
        before_last = 0  # number of texts of the blocks before the last block
        for result in results:
            rendering = _rendering(result, folder, page)
            renderings.append(rendering)
            before_last = len(texts)
            if rendering.pieces:
                texts.append(rendering.text)
            texts += notes(result, timeout)
        status = results[-1].status if results else "ok"
        if skipped:
            # Readers look for an error at the end, so the note goes before it.
            texts.insert(len(texts) if status == "ok" else before_last, not_run(skipped))
        if status == "ok" and left_out:
            texts.append(f"Note: the code exited; code blocks that did not run: {left_out}.")
        return cls(
            exit_code=_exit_code(results[-1]) if results else 0,
            output=join_text((text, True) for text in texts),
            output_files=[str(file) for one in renderings if one.pieces for file in one.files],
            status=status,
            kernel_restarted=any(result.kernel_restarted for result in results),
            truncated=_together([r.truncated for r in results if r.truncated]),
            results=tuple(results),
            skipped=tuple(skipped),
            renderings=tuple(renderings),
        )


def _rendering(result: ExecutionResult, folder: Path, page: NotebookPage) -> Rendering:
    if not (result.outputs or result.late_outputs):
        return NOTHING
    # Two separate screens: a cell does not overwrite late output of the cell before it.
    seen = [*as_seen(result.late_outputs), *as_seen(result.outputs)]
    return render_seen(seen, into(folder), page)


def has_exited(result: CodeResult) -> bool:
    """Whether the last block ended with ``sys.exit`` or ``exit()``, which ends a script."""
    return bool(result.results) and result.results[-1].exit_code is not None


def _exit_code(result: ExecutionResult) -> int:
    return EXIT_CODES[result.status] if result.exit_code is None else result.exit_code


def not_run(languages: Sequence[str]) -> str:
    """The note that blocks in these languages did not run."""
    blocks = "1 block was" if len(languages) == 1 else f"{len(languages)} blocks were"
    names = list(dict.fromkeys(languages))
    are = "is" if len(names) == 1 else "are"
    return f"Note: {blocks} not run: {', '.join(names)} {are} not code for this kernel."


def notes(result: ExecutionResult, timeout: float) -> Iterable[str]:
    """Notes for the reader of the output: its missing parts, and the reason why the code ended."""
    if result.truncated:
        yield f"Note: {result.truncated}."
    if result.status == "aborted":
        yield "Error: the code did not run, because code before it failed or was interrupted."
    if result.status == "timeout":
        is_known = not (result.truncated and result.truncated.connection_lost)
        ended = " and was stopped" if is_known else "; it may still be running"
        waited = result.failure is not None and result.failure.ename == NOT_BEGUN
        what = "did not begin within" if waited else "ran longer than"
        yield f"Timeout: the code {what} {timeout:g} seconds{'' if waited else ended}."
    if result.status == "died":
        failure = result.failure
        cause = f" ({failure.evalue})" if failure and failure.ename == KERNEL_DIED else ""
        yield f"Error: the kernel died while the code ran{cause}."
    if result.kernel_restarted:
        yield "Note: the kernel was restarted, variables are gone."


def _together(truncations: Sequence[Truncation]) -> Truncation | None:
    if not truncations:
        return None
    return Truncation(
        characters=sum(t.characters for t in truncations),
        messages=sum(t.messages for t in truncations),
        rate_limited=any(t.rate_limited for t in truncations),
        connection_lost=any(t.connection_lost for t in truncations),
    )
