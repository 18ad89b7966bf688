"""``jkg run``: runs code in a kernel, and shows the output as it arrives."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from pathlib import Path

from ..client.kernel import JupyterKernelClient
from ..code_blocks import CodeBlock, MarkdownCodeExtractor
from ..code_blocks.languages import canonical
from ..rendering import made_folder
from .cell_runs import CellRuns
from .exit_statuses import Ending
from .graphics import Graphics
from .hints import script_hint
from .input_answers import InputAnswers
from .kernel_sessions import kernel_of, told_if_slow
from .notebook_options import is_notebook
from .run_options import DESCRIPTION, EXAMPLES, add, settle
from .screen import Screen
from .script_cells import begin_cell, end_cell, module_cell, script_cell
from .server_options import KERNEL
from .servers import provider_of
from .shown import Shown, ShownAsJson, ShownToPeople
from .sources import Source

__all__ = ["DESCRIPTION", "EXAMPLES", "TAKES_NOTEBOOKS", "add", "run"]

TAKES_NOTEBOOKS = True
"""Options of this command may also come after the name of a notebook."""

_SECONDS = 30.0
"""Time limit for cells of the command itself, in seconds."""


def run(args: argparse.Namespace, screen: Screen) -> Ending:
    """Run code and show its output."""
    settle(args)
    is_code_in_stdin = args.file == "-" and args.code is None and args.module is None
    if args.token_stdin and is_code_in_stdin:
        raise ValueError("stdin cannot be both token and code: pass the code with -c or as a file")
    if args.kernel_id is not None and args.env:
        raise ValueError("--env is for a new kernel, but --kernel-id names one that is running")
    if is_notebook(args):
        return _notebook(args, screen)
    source = Source.of(args, screen)
    folder = _folder(args)
    with contextlib.ExitStack() as stack:
        with told_if_slow(screen, "jkg: starting the kernel ..."):
            provider = stack.enter_context(provider_of(args, screen))
            kernel = stack.enter_context(
                kernel_of(
                    provider,
                    args.kernel or KERNEL,
                    kernel_id=args.kernel_id,
                    env=dict(args.env) or None,
                )
            )
            language = _language(kernel)
        runs = CellRuns(
            kernel=kernel,
            language=language,
            shown=_shown(args, screen),
            screen=screen,
            answers=InputAnswers(screen, is_at_end=source.is_stdin, shows_prompt=not args.json),
            folder=folder,
            timeout=args.timeout,
        )
        if args.kernel_id is not None and canonical(language) == "python":
            stack.callback(kernel.execute, end_cell(), _SECONDS, silent=True)
        return _ran(runs, source)


def _notebook(args: argparse.Namespace, screen: Screen) -> Ending:
    # Imported only here, because only notebooks need nbformat.
    from . import notebook
    from .notebook_outputs import CellOutputsShown

    outputs = None
    if args.output is None:
        outputs = CellOutputsShown(screen, _shown(args, screen), _folder(args))
    with provider_of(args, screen) as provider:
        return notebook.run(args, screen, provider, outputs)


def _folder(args: argparse.Namespace) -> Path | None:
    """Folder for files. None with ``--json``, whose objects contain the images."""
    if args.output_dir is None:
        return None if args.json else Path.cwd()
    folder = made_folder(Path(args.output_dir))
    try:
        # Only a test shows whether a file can be created: modes do not apply to root.
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as exc:
        raise ValueError(f"--output-dir {folder}: cannot write there: {exc.strerror}") from exc


def _shown(args: argparse.Namespace, screen: Screen) -> Shown:
    if args.json:
        return ShownAsJson(screen)
    return ShownToPeople(screen, Graphics(args.images, screen.out))


def _language(kernel: JupyterKernelClient) -> str:
    info = kernel.kernel_info().get("language_info")
    return str(info.get("name", "")) if isinstance(info, dict) else ""


def _ran(runs: CellRuns, source: Source) -> Ending:
    is_python = canonical(runs.language) == "python"
    if source.kind == "script" and is_python:
        return _script(runs, source)
    if source.kind == "module":
        if not is_python:
            raise ValueError(f"-m needs a Python kernel, but this kernel runs {runs.language}")
        return runs.cell(module_cell(source.argv, source.text))[0]
    if is_python:
        begun = begin_cell(source.argv, str(source.file) if source.file else None)
        runs.kernel.execute(begun, _SECONDS, silent=True)
    if source.kind == "page":
        extractor = MarkdownCodeExtractor(default_language=None if is_python else "")
        return runs.page(extractor.extract_code_blocks(source.text))
    return runs.block(CodeBlock(source.text, source.language))


def _script(runs: CellRuns, source: Source) -> Ending:
    ending, result = runs.cell(script_cell(source.argv, str(source.file), source.text))
    for failure in (one.failure for one in result.results if one.failure):
        if hint := script_hint(failure, source):
            runs.screen.note(hint)
    return ending
