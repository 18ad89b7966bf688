"""A session of the console: reads cells and runs them until the user leaves."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from attrs import define, field

from ...code_blocks.languages import canonical
from ...code_result import CodeResult
from ...errors import JkgError
from ...rendering import made_folder
from ..exit_statuses import DONE
from ..graphics import Graphics
from ..kernel_sessions import told_if_slow
from ..screen import Screen
from ..server_options import KERNEL
from ..servers import provider_of
from ..shown import ShownToPeople
from .cells import ConsoleAnswers, ConsoleCells, ConsoleShown, Detached
from .kernel_activity import KernelActivity
from .kernel_queries import KernelQueries
from .kernels import ConsoleKernel, console_kernel
from .listening import ListeningThread
from .prompts import PlainPrompt, Prompt
from .terminal_state import restored_terminal

_EXIT = re.compile(r"\s*(?:exit|quit)(?:\(\d*\))?\s*;?\s*")
_SAVE = re.compile(r"\s*%save\s+(\S.*\.ipynb)\s*")

_SIGQUIT = getattr(signal, "SIGQUIT", None)

BUSY = "busy with another client; Ctrl-C interrupts, Ctrl-D leaves"


def talk(args: argparse.Namespace, screen: Screen) -> int:
    """Run a session with the chosen kernel until the user leaves."""
    folder = Path.cwd() if args.output_dir is None else made_folder(Path(args.output_dir))
    activity = KernelActivity(screen.line, shows_others=not args.no_others)
    with contextlib.ExitStack() as stack:
        stack.enter_context(restored_terminal())
        stack.enter_context(_left_by_sigquit())
        with told_if_slow(screen, "jkg: starting the kernel ..."):
            provider = stack.enter_context(provider_of(args, screen))
            kernel = stack.enter_context(
                console_kernel(provider, args.kernel or KERNEL, args.kernel_id, activity)
            )
        questions = KernelQueries(kernel.client, activity, kernel.channels)
        prompt = _prompt(kernel, questions, screen)
        activity.tell = prompt.tell
        listening = stack.enter_context(ListeningThread(kernel.channels, prompt.tell))
        images = ShownToPeople(screen, Graphics(args.images, screen.out))
        cells = ConsoleCells(
            kernel=kernel.client,
            language=canonical(kernel.language),
            shown=ConsoleShown(images, screen),
            screen=screen,
            answers=ConsoleAnswers(screen),
            folder=folder,
            timeout=float("inf"),
            restart=kernel.restart,
        )
        session = ConsoleSession(kernel, cells, prompt, activity, screen, listening)
        return session.run()


def _prompt(kernel: ConsoleKernel, questions: KernelQueries, screen: Screen) -> Prompt:
    if os.environ.get("TERM") == "dumb":
        return PlainPrompt(questions)
    from .editor import Editor
    from .history import PrivateHistory, history_file

    history = PrivateHistory(history_file(kernel.name or kernel.language))
    return Editor(questions, history, kernel.language, has_colours=screen.has_colours())


@contextlib.contextmanager
def _left_by_sigquit() -> Iterator[None]:
    """Make the key for SIGQUIT leave the console while a cell is running, without a core dump."""
    if _SIGQUIT is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    before = signal.signal(_SIGQUIT, leave)
    try:
        yield
    finally:
        signal.signal(_SIGQUIT, before)


@define(eq=False)
class ConsoleSession:
    """Reads cells and runs them."""

    _kernel: ConsoleKernel
    _cells: ConsoleCells
    _prompt: Prompt
    _activity: KernelActivity
    _screen: Screen
    _listening: ListeningThread
    _number: int | None = field(default=None, init=False)

    def run(self) -> int:
        """Run the session until the user leaves, and return the exit status."""
        self._greet()
        goes_on = True
        while goes_on:
            try:
                goes_on = self._step()
            except KeyboardInterrupt as exc:  # noqa: PERF203 - Ctrl-C may come at any moment
                if exc.args == (_SIGQUIT,):
                    goes_on = False
                elif exc.args:
                    raise  # another signal: the command ends
        self._take_leave()
        return DONE

    def _step(self) -> bool:
        """Read a cell and run it. Returns whether the session continues."""
        code = self._read()
        if code is None:
            return False
        if code.strip() and not self._saved(code):
            try:
                self._run(code)
            except Detached:
                return False
        return True

    def _greet(self) -> None:
        if self._kernel.banner:
            self._screen.line(self._kernel.banner)
        if self._activity.is_busy:
            self._screen.note(BUSY)
        elif self._kernel.is_attached:
            self._screen.note(f"kernel {self._kernel.short_id} keeps running when you leave")
        self._number = self._kernel.next_number()

    def _read(self) -> str | None:
        """The next cell. None if the user leaves."""
        while True:
            self._screen.fresh_line()
            try:
                code = self._prompt.read(self._number)
            except EOFError as exc:
                if exc.args or self._kernel.is_attached or self._wants_to_leave():
                    return None
                continue
            except KeyboardInterrupt as exc:
                if exc.args:
                    raise
                self._interrupt_others()
                continue
            finally:
                self._screen.at_line_start()
            return None if _EXIT.fullmatch(code) else code

    def _wants_to_leave(self) -> bool:
        self._screen.write("Leave, and end the kernel with its variables? [y/N] ")
        try:
            line = input()
        except EOFError:
            return True
        except KeyboardInterrupt as exc:
            if exc.args:
                raise
            return False
        finally:
            self._screen.fresh_line()
        return line.strip().lower() in ("y", "yes")

    def _interrupt_others(self) -> None:
        """Interrupt the code of another client after Ctrl-C at the prompt."""
        if not self._activity.is_busy:
            return
        try:
            self._kernel.client.interrupt()
            self._screen.note("interrupted the code of the other client")
        except JkgError as exc:
            self._screen.note(str(exc))

    def _saved(self, code: str) -> bool:
        found = _SAVE.fullmatch(code)
        if found is None:
            return False
        path = Path(found[1].strip("\"'")).expanduser()
        try:
            self._kernel.client.save_notebook(path)
            self._screen.note(f"saved the session in {path}")
        except OSError as exc:
            self._screen.note(f"cannot save {path}: {exc.strerror}")
        except (ValueError, ImportError) as exc:
            self._screen.note(f"cannot save {path}: {exc}")
        return True

    def _run(self, code: str) -> None:
        self._activity.is_running = True
        try:
            with self._listening.silent():
                reported = self._cells.run(code)
        except JkgError as exc:
            self._screen.note(str(exc))
            return
        finally:
            self._activity.is_running = False
        self._count(reported)

    def _count(self, reported: CodeResult | None) -> None:
        self._activity.answered()
        result = reported.results[-1] if reported is not None and reported.results else None
        if result is not None and result.status == "died":
            self._number = 1
        elif result is not None and result.execution_count is not None:
            self._number = result.execution_count + 1
        elif result is None and self._number is not None:
            self._number += 1  # the kernel has counted the cell, but its answer is missing

    def _take_leave(self) -> None:
        if self._kernel.is_attached:
            self._screen.note(f"detached; kernel {self._kernel.short_id} keeps running")
