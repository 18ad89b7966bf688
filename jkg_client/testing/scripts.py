"""Cells that are played, not run: what a test says that the kernel will say."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from queue import SimpleQueue
from typing import Any, Callable, get_args

from ..protocol.messages import Json
from .displays import clean
from .python import Ending, Outcome
from .terminal import Terminal
from .tracebacks import error_content

Step = Callable[[Terminal, int], None]


class UnscriptedCell(Exception):
    """The error of a cell that has no script, where every cell must have one."""


class Script:
    r"""What one cell does. Every method adds a step and returns the script.

    ::

        gateway.script("fit()").stream("epoch 1\n").hangs()

    Bytes in what it shows or sends go in base64; of anything else that JSON cannot say,
    the method raises a ValueError.
    """

    def __init__(self, cell: str | re.Pattern[str]) -> None:
        self.cell = cell
        self.runs = 0
        self._steps: list[Step] = []
        self._error: Json | None = None
        self._payload: list[Json] = []
        self._stubborn = False
        self._loses: tuple[Ending, ...] = ()

    def __repr__(self) -> str:
        return f"script({self.cell!r})"

    def stream(self, text: str, name: str = "stdout") -> Script:
        """It prints ``text``."""
        if not isinstance(text, str):
            raise ValueError(f"a stream carries text, not {text!r:.200}")  # noqa: TRY004
        return self._add(lambda terminal, _: terminal.write(name, text))

    def display(
        self,
        data: Mapping[str, Any],
        *,
        metadata: Mapping[str, Any] | None = None,
        display_id: str | None = None,
        update: bool = False,
    ) -> Script:
        """It shows a mime bundle, or with ``update`` changes what it showed as ``display_id``."""
        content = {
            "data": data,
            "metadata": metadata or {},
            "transient": {"display_id": display_id} if display_id else {},
        }
        return self.message("update_display_data" if update else "display_data", content)

    def clear_output(self, *, wait: bool = False) -> Script:
        """It clears what it has shown."""
        return self.message("clear_output", {"wait": wait})

    def result(self, data: str | Mapping[str, Any]) -> Script:
        """Its last expression has this value: a text, or a mime bundle."""
        bundle = _in_json({"text/plain": data} if isinstance(data, str) else data)

        def say(terminal: Terminal, number: int) -> None:
            content = {"data": bundle, "metadata": {}, "execution_count": number}
            terminal.say("execute_result", content)

        return self._add(say)

    def error(self, ename: str, evalue: str = "", traceback: list[str] | None = None) -> Script:
        """It fails."""
        lines = traceback or [f"\x1b[31m{ename}\x1b[39m: {evalue}"]
        self._error = _in_json({"ename": ename, "evalue": evalue, "traceback": lines})
        return self

    def payload(self, source: str, **content: Any) -> Script:
        """Its reply carries a payload, as ``page`` for ``obj?``."""
        self._payload.append(_in_json({"source": source, **content}))
        return self

    def asks(self, prompt: str = "", *, password: bool = False) -> Script:
        """It asks for input, and goes on when it was answered."""
        return self._add(lambda terminal, _: _ignore(terminal.ask(prompt, password)))

    def pauses(self, seconds: float) -> Script:
        """It takes some time; an interrupt ends it."""
        return self._add(lambda terminal, _: _ignore(terminal.wait(SimpleQueue(), seconds)))

    def hangs(self) -> Script:
        """It goes on until it is interrupted."""
        return self._add(lambda terminal, _: _wait_for_ever(terminal))

    def ignores_interrupts(self) -> Script:
        """No interrupt ends it."""
        self._stubborn = True
        return self

    def dies(self) -> Script:
        """Its kernel dies, as by ``os._exit``."""
        return self._add(lambda terminal, _: terminal.die())

    def loses(self, *endings: Ending) -> Script:
        """It ends, and says so with one message less: ``"reply"`` or ``"idle"``."""
        if not {*endings} <= {*get_args(Ending)}:
            raise ValueError(f"what a cell can lose are {get_args(Ending)}, not {endings}")
        self._loses = endings
        return self

    def message(
        self,
        msg_type: str,
        content: Json,
        *,
        channel: str = "iopub",
        metadata: Json | None = None,
        buffers: tuple[bytes, ...] = (),
    ) -> Script:
        """It sends any message."""
        content, metadata = _in_json(content), _in_json(metadata or {})
        return self._add(
            lambda terminal, _: _ignore(
                terminal.say(msg_type, content, channel=channel, metadata=metadata, buffers=buffers)
            )
        )

    def then(self, act: Callable[[], Any]) -> Script:
        """When all before has been sent, ``act`` is called: a fault, an event that is set."""

        def step(terminal: Terminal, _: int) -> None:
            terminal.sync()
            act()

        return self._add(step)

    def play(self, terminal: Terminal, number: int) -> Outcome:
        """Play the cell, in the thread that cells run in."""
        for step in tuple(self._steps):
            _persist(step, terminal, number, stubborn=self._stubborn)
        return Outcome(error=self._error, payload=tuple(self._payload), loses=self._loses)

    def _add(self, step: Step) -> Script:
        self._steps.append(step)
        return self


class Scripts:
    """The scripts of one gateway, for all its kernels."""

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict
        self.unscripted: list[str] = []
        self._scripts: list[Script] = []
        self._lock = threading.Lock()

    def add(self, cell: str | re.Pattern[str]) -> Script:
        """A new script, for a cell of this text or one in which this pattern is found.

        Several for the same cell are played one a run, the last of them from then on.
        """
        script = Script(cell)
        with self._lock:
            self._scripts.append(script)
        return script

    def find(self, code: str) -> Callable[[Terminal, int], Outcome] | None:
        """What to play for ``code``; None to run it."""
        with self._lock:
            fitting = [script for script in self._scripts if _fits(script.cell, code)]
            fresh = [script for script in fitting if not script.runs]
            if fitting:
                script = (fresh or fitting[-1:])[0]
                script.runs += 1
                return script.play
            if not self.strict:
                return None
            self.unscripted.append(code)
        return _refuse

    def complaints(self) -> list[str]:
        """What did not go as scripted."""
        with self._lock:
            never = [f"{script!r} was never run" for script in self._scripts if not script.runs]
            return never + [
                f"a cell without a script was run: {code!r}" for code in self.unscripted
            ]


def _fits(cell: str | re.Pattern[str], code: str) -> bool:
    if isinstance(cell, str):
        return cell.strip() == code.strip()
    return cell.search(code) is not None


def _in_json(content: Json) -> dict[str, Any]:
    """A copy of ``content``, as it comes out of JSON."""
    try:
        text = json.dumps(content, default=_in_base64, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        raise ValueError(f"JSON cannot say {content!r:.200}: {exc}") from exc
    return dict(json.loads(text))


def _in_base64(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return clean(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} is none of its kinds")


def _persist(step: Step, terminal: Terminal, number: int, *, stubborn: bool) -> None:
    try:
        step(terminal, number)
    except KeyboardInterrupt:
        if not stubborn:
            raise
        _persist(step, terminal, number, stubborn=True)


def _wait_for_ever(terminal: Terminal) -> None:
    while True:
        terminal.wait(SimpleQueue())


def _refuse(_: Terminal, __: int) -> Outcome:
    return Outcome(error=error_content(UnscriptedCell("this cell has no script")))


def _ignore(_: Any) -> None:
    pass
