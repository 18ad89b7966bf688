"""Finds the scripts of cells, and notes which scripts were not played."""

from __future__ import annotations

import difflib
import re
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from ..code_blocks import CodeBlock, to_cell
from ..protocol.messages import Json, Message
from ..shell_cells import shell_cell
from .kernel.refusals.pip import ALLOWED
from .kernel.tracebacks import error_content
from .kernel.transport import script_message
from .scripts import Script

COMPARED = 500
"""Number of characters of a cell that are compared to find similar ones."""

REMEMBERED = 100
"""Number of cells without a script that are remembered."""

WRITTEN_IN = ("python", "bash", "sh", "console")
"""Languages of blocks that executors turn into cells."""


class UnscriptedCell(Exception):
    """The error of a cell without a script, if ``strict`` is set."""


class Prompter:
    """The scripts of one gateway, for all its kernels."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._unscripted: deque[str] = deque(maxlen=REMEMBERED)
        self._scripts: list[Script] = []
        # Includes removed scripts, because their cells may still run. The index is the script's
        # number.
        self._numbered: list[Script] = []
        self._failures: list[str] = []
        self._lock = threading.Lock()

    def add(self, cell: str | re.Pattern[str]) -> Script:
        """Add a script, see ``FakeGateway.script``."""
        script = Script(cell)
        with self._lock:
            self._scripts.append(script)
            self._numbered.append(script)
        return script

    def decide(self, code: str) -> Message:
        """Whether to run a cell or to play a script, and which script."""
        code = shell_cell(code) if isinstance(code, str) else code  # clients may send anything
        with self._lock:
            script = self._find(code)
            if script is None:
                self._unscripted.append(code)
                return self._undecided(code)
            script.runs += 1
            if script.allows_installs:
                return script_message("run", {"env": {ALLOWED: "1"}})
            return script_message("play", script.play(self._numbered.index(script)))

    def call(self, content: Mapping[str, Any]) -> Json:
        """Call a function of a script. Returns the answer to the kernel."""
        error = None
        with self._lock:
            script = self._numbered[content["script"]]
        try:
            script.act(content["at"])()
        except BaseException as exc:  # noqa: BLE001 - reported in the cell and to the test
            error = error_content(exc)
            self._failures.append(f"a function of {script!r} raised {exc!r}")
        return {"call": content["call"], "error": error}

    def complaints(self) -> list[str]:
        """One sentence for each script that was not played, or cell without a script."""
        with self._lock:
            never = [self._never(script) for script in self._scripts if not script.runs]
            alone = [f"a cell without a script was run: {code!r:.200}" for code in self._unscripted]
            return never + self._failures + (alone if self._strict else [])

    def forget(self) -> None:
        """Remove all scripts and complaints."""
        with self._lock:
            self._scripts.clear()
            self._failures.clear()
            self._unscripted.clear()

    def _find(self, code: str) -> Script | None:
        fitting = [script for script in self._scripts if _fits(script.cell, code)]
        fresh = [script for script in fitting if not script.runs]
        return next(iter(fresh or fitting[-1:]), None)

    def _undecided(self, code: str) -> Message:
        if not self._strict:
            return script_message("run", {"env": {}})
        texts = {_text(script.cell): script for script in self._scripts}
        near = [repr(texts[text]) for text in _near(code, texts)]
        about = f"; similar is {' and '.join(near)}" if near else ""
        error = error_content(
            UnscriptedCell(f"this cell has no script, and the gateway is strict{about}")
        )
        refused = {"steps": [], "payload": [], "stubborn": False, "loses": []}
        return script_message("play", {"script": -1, **refused, "error": error})

    def _never(self, script: Script) -> str:
        same = [one for one in self._scripts if one.cell == script.cell]
        place = same.index(script)
        if place and same[0].runs:
            return f"{script!r} was never run: it is number {place + 1} for this cell"
        near = [f"{code!r:.200}" for code in _near(_text(script.cell), self._unscripted)]
        about = f"; similar to it was the cell {' and '.join(near)}" if near else ""
        return f"{script!r} was never run{about}"


def _fits(cell: str | re.Pattern[str], code: str) -> bool:
    if isinstance(cell, str):
        return code.strip() in {form.strip() for form in _cells(cell)}
    return any(cell.search(form) for form in (code, _as_written(code)))


def _cells(text: str) -> Iterable[str]:
    """``text``, and the cells that an executor makes of it."""
    yield text
    for language in WRITTEN_IN:
        yield to_cell(CodeBlock(text, language), "python")


def _as_written(code: str) -> str:
    """The code that the user may have written, if an executor has made this cell from it."""
    return re.sub(r"\A%%\w+\n", "", code).replace(" -qq", "")


def _text(cell: str | re.Pattern[str]) -> str:
    return cell if isinstance(cell, str) else cell.pattern


def _near(text: str, others: Iterable[str]) -> list[str]:
    heads = {other.strip()[:COMPARED]: other for other in others}
    return [heads[head] for head in difflib.get_close_matches(text.strip()[:COMPARED], heads, 2)]
