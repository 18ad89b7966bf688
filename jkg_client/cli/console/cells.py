"""Runs a cell in a thread, while the user can interrupt it, answer input requests, or leave."""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import Callable, Union

from attrs import define, evolve, field

from ...client.deadline import CLOCK
from ...client.kernel import JupyterKernelClient
from ...code_result import CodeResult
from ...errors import JkgError
from ...protocol.outputs import Display, Failure, Output, Stream
from ...protocol.questions import InputRequest
from ...protocol.result import ExecutionResult
from ..cell_runs import CellRuns
from ..input_answers import InputAnswers
from ..interruptions import ctrl_c_calls
from ..screen import Screen
from ..shown import ShownToPeople

_TWICE = 2.0
"""If Ctrl-C is pressed twice within this number of seconds, the user is asked what to do."""

_POLL = 0.2
"""Longest wait in seconds: Ctrl-C just before a wait does not end it, and none does on Windows."""

_AFTER_CTRL_C = 20_000
"""Number of characters that are shown after Ctrl-C. ``%save`` saves more of the output."""

OFFER = "jkg: the code does not end. r restarts the kernel, d leaves the console, Enter waits: "


class Detached(Exception):
    """The user leaves while the cell is running."""


@define(eq=False)
class ConsoleShown:
    """Shows outputs. Values have ``Out[n]``; exceptions that the user has caused are short.

    Attributes:
        ended_input: Whether the user has ended the input with Ctrl-D.
    """

    _people: ShownToPeople
    _screen: Screen
    ended_input: bool = False
    _left: float = field(default=float("inf"), init=False)

    def begin(self) -> None:
        """A cell begins."""
        self.ended_input, self._left = False, float("inf")

    def interrupted(self) -> None:
        """Limit the further output, because the user has pressed Ctrl-C."""
        self._left = _AFTER_CTRL_C

    def __call__(self, output: Output) -> None:
        """Show one output."""
        if isinstance(output, Stream) and self._left < float("inf"):
            self._left -= len(output.text)
            if self._left < 0:
                return
        if isinstance(output, Failure) and self.ended_input and output.ename == "EOFError":
            self._screen.line("EOFError", to_err=True)
        elif isinstance(output, Display) and output.execution_count is not None:
            self._people(_numbered(output))
        else:
            self._people(output)

    def settle(self) -> None:
        """Show text that was held back."""
        self._people.settle()

    def saved(self, path: str, output: Output) -> None:
        """Show the path of the file."""
        self._people.saved(path, output)

    def is_drawn(self, output: Output) -> bool:
        """Whether an image was drawn."""
        return self._people.is_drawn(output)


def _numbered(value: Display) -> Display:
    plain = value.data.get("text/plain")
    if not isinstance(plain, str) or any(name.startswith("image/") for name in value.data):
        return value
    between = "\n" if "\n" in plain else " "
    text = f"Out[{value.execution_count}]:{between}{plain}"
    return evolve(value, data={**value.data, "text/plain": text})


@define
class _Asked:
    """The code waits for a line."""

    request: InputRequest
    answered: threading.Event = field(factory=threading.Event)
    answer: str | None = None
    failure: BaseException | None = None


@define
class _CtrlC:
    """The user has pressed Ctrl-C."""


@define
class _Ended:
    """The cell has ended, or could not be run."""

    result: ExecutionResult | None
    failure: BaseException | None


_Event = Union[_Asked, _CtrlC, _Ended]


@define(eq=False)
class ConsoleAnswers(InputAnswers):
    """Lets the thread of the user answer input requests of a cell in another thread.

    Attributes:
        events: Events of the running cell for the thread of the user.
    """

    events: queue.SimpleQueue[_Event] = field(factory=queue.SimpleQueue, init=False)

    def __call__(self, request: InputRequest) -> str:
        """Pass the request to the thread of the user, and wait for the answer."""
        asked = _Asked(request)
        self.events.put(asked)
        asked.answered.wait()
        if asked.failure is not None:
            raise asked.failure
        return asked.answer or ""

    def of_user(self, request: InputRequest) -> str:
        """Ask the user in this thread."""
        return InputAnswers.__call__(self, request)


@define(eq=False, kw_only=True)
class ConsoleCells(CellRuns):
    """Runs cells in another thread, so that this thread can react to the user.

    Attributes:
        restart: Restarts the kernel, even if it was not started here.
    """

    restart: Callable[[], None]
    shown: ConsoleShown
    answers: ConsoleAnswers
    _pressed: float = field(default=float("-inf"), init=False)

    def run(self, code: str) -> CodeResult | None:
        """Run a cell, and return its result. None if the result is unknown.

        Raises:
            Detached: The user leaves.
            JkgError: The connection to the kernel is lost.
        """
        self.shown.begin()
        self._pressed = float("-inf")
        # Events of an earlier cell are of no interest.
        events = self.answers.events = queue.SimpleQueue()
        with ctrl_c_calls(lambda: events.put(_CtrlC()), self.answers):
            threading.Thread(target=self._work, args=(code,), name="jkg-cell", daemon=True).start()
            ended = self._ended()
        self.shown.settle()
        if ended.result is not None:
            return self._report(ended.result)
        if isinstance(ended.failure, KeyboardInterrupt):
            self.screen.line("KeyboardInterrupt", to_err=True)
            return None
        if isinstance(ended.failure, JkgError):
            if isinstance(ended.failure.result, ExecutionResult):
                self._report(ended.failure.result)
            raise ended.failure
        raise RuntimeError("a cell could not be run") from ended.failure

    def _work(self, code: str) -> None:
        try:
            ended = _Ended(self._executed(code), None)
        except BaseException as exc:  # noqa: BLE001 - raised in the thread of the user
            ended = _Ended(None, exc)
        self.answers.events.put(ended)

    def _ended(self) -> _Ended:
        while True:
            with contextlib.suppress(queue.Empty):
                event = self.answers.events.get(timeout=_POLL)
                if isinstance(event, _Ended):
                    return event
                if isinstance(event, _CtrlC):
                    self._interrupted()
                else:
                    self._answer(event)

    def _answer(self, asked: _Asked) -> None:
        try:
            asked.answer = self.answers.of_user(asked.request)
        except EOFError as exc:
            self.shown.ended_input, asked.failure = True, exc
            self.screen.line("")  # the terminal shows nothing for Ctrl-D
        except KeyboardInterrupt as exc:
            asked.failure = exc
            self.screen.fresh_line()
            if exc.args:
                raise  # another signal: the command ends
        finally:
            asked.answered.set()

    def _interrupted(self) -> None:
        now, before = CLOCK.now(), self._pressed
        self._pressed = now
        self.shown.interrupted()
        if now - before > _TWICE:
            threading.Thread(
                target=_interrupt, args=(self.kernel,), name="jkg-interrupt", daemon=True
            ).start()
            return
        self._pressed = float("-inf")
        choice = self._choice()
        if choice == "r":
            self.restart()
        elif choice == "d":
            raise Detached

    def _choice(self) -> str:
        try:
            return self.answers.of_user(InputRequest(OFFER)).strip().lower()[:1]
        except EOFError:
            return "d"
        except KeyboardInterrupt as exc:
            if exc.args:
                raise
            return "d"


def _interrupt(kernel: JupyterKernelClient) -> None:
    # An error is ignored: the cell shows whether the interrupt had an effect.
    with contextlib.suppress(JkgError):
        kernel.interrupt()
