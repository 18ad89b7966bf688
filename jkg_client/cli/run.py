"""``jkg run``: code in a kernel, and what it shows as it comes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from attrs import evolve, frozen

from ..code_blocks import CodeBlock, UnknownLanguage
from ..code_result import EXIT_CODES, CodeResult, has_exited
from ..errors import JkgError
from ..executor import KernelCodeExecutor
from ..protocol.outputs import Display, Failure, Output, Stream
from ..protocol.result import ExecutionResult
from ..rendering import text_at_once
from .option_types import not_empty, seconds
from .screen import Screen
from .server_options import TOKENS, add_kernel, add_server
from .servers import provider_of
from .sources import Source

DESCRIPTION = "Run code in a kernel and print what it shows as it comes.\n"
EXAMPLES = f"""\
examples:
  jkg run script.py
  jkg run -c "6 * 7"

{TOKENS}"""


def add(command: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_server(command)
    add_kernel(command)
    code = command.add_mutually_exclusive_group()
    code.add_argument("file", nargs="?", default="-", metavar="FILE")
    code.add_argument("-c", dest="code", metavar="CODE", help="the code itself")
    command.add_argument("--language", type=not_empty, metavar="LANG", help="of the code")
    command.add_argument(
        "--timeout", type=seconds, default=float("inf"), metavar="S", help="seconds for the code"
    )
    command.add_argument("--output-dir", type=not_empty, default=".", metavar="DIR")


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Run code and show its output; 0, 1, 3 or 124, as the code ends."""
    source = Source.of(args, screen)
    with (
        provider_of(args, screen) as provider,
        KernelCodeExecutor(
            provider,
            args.kernel,
            args.timeout,
            args.output_dir,
            kernel_id=args.kernel_id,
            on_output=Show(screen),
        ) as executor,
    ):
        runner = _Runner(executor, screen, args.timeout)
        if source.is_markdown:
            return runner.page(executor.code_extractor.extract_code_blocks(source.text))
        return runner.code(CodeBlock(source.text, source.language))


@frozen
class Show:
    """Shows each output as it comes."""

    _screen: Screen

    def __call__(self, output: Output) -> None:
        """Show one."""
        if isinstance(output, Stream):
            self._screen.write(output.text, to_err=output.name == "stderr")
        elif not isinstance(output, Failure):
            text = text_at_once(output)
            if text:
                self._screen.line(self._coloured(output, text))
        else:
            lines = "\n".join(output.traceback) if self._screen.has_colours(to_err=True) else ""
            self._screen.line(lines or output.text, to_err=True)

    def _coloured(self, display: Display, text: str) -> str:
        raw = display.data.get("text/plain")
        is_plain = isinstance(raw, str) and text == display.text
        return str(raw) if is_plain and self._screen.has_colours() else text


@frozen
class _Runner:
    executor: KernelCodeExecutor
    screen: Screen
    timeout: float

    def code(self, block: CodeBlock) -> int:
        """Run it; the exit status."""
        result = self._executed(block)
        if unknown := _unknown(result):
            self.screen.note(unknown)
            return EXIT_CODES["error"]
        return _exit_of(result)

    def page(self, blocks: Sequence[CodeBlock]) -> int:
        """Run those that the kernel can, up to the first that fails; the exit status."""
        has_run = is_refused = False
        for block in blocks:
            result = self._executed(block)
            if unknown := _unknown(result):
                # A page shows outputs and files too, which are not meant to be run.
                self.screen.note(f"skipped: {unknown}")
                is_refused |= not result.skipped
                continue
            has_run = True
            if result.status != "ok" or has_exited(result):
                return _exit_of(result)
        if is_refused and not has_run:
            raise ValueError("there is no code block that this kernel can run")
        return 0

    def _executed(self, block: CodeBlock) -> CodeResult:
        try:
            result = self._settled(block)
        except JkgError as exc:
            if isinstance(exc.result, CodeResult):
                self._tell(exc.result)
            raise
        if not _unknown(result):
            self._tell(result)
        return result

    def _settled(self, block: CodeBlock) -> CodeResult:
        try:
            return self.executor.execute_code_blocks([block])
        finally:
            self.screen.settle()

    def _tell(self, result: CodeResult) -> None:
        """Say what has not been shown as it came."""
        for path in result.output_files:
            self.screen.note(f"saved {path}")
        lost = sum(piece.is_lost for one in result.renderings for piece in one.pieces)
        if lost:
            self.screen.note(f"images or pages that could not be saved: {lost}")
        for one in result.results:
            for note in _notes(one, self.timeout):
                self.screen.note(note)


def _notes(result: ExecutionResult, timeout: float) -> list[str]:
    """What the executor says of it besides the outputs."""
    # What was not kept was shown nevertheless.
    missing = evolve(result.truncated, characters=0) if result.truncated else None
    truncated = missing if str(missing or "") else None
    bare = evolve(result, outputs=(), late_outputs=(), truncated=truncated)
    return CodeResult.of([bare], Path(), timeout).output.splitlines()


def _failure(result: CodeResult) -> Failure | None:
    return result.results[-1].failure if result.results else None


def _unknown(result: CodeResult) -> str:
    """Why the kernel cannot run a block in this language; empty if it can."""
    if result.skipped:
        return f"cannot run a {result.skipped[0]!r} block: it is no code for this kernel"
    failure = _failure(result)
    # Of an exception in a cell there is a traceback.
    if failure is None or failure.traceback or failure.ename != UnknownLanguage.__name__:
        return ""
    return failure.evalue


def _exit_of(result: CodeResult) -> int:
    # The code's own, if it has one: "jkg run" ends as the script would.
    return result.exit_code
