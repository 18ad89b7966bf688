"""Shows outputs as they arrive: for people, or as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from attrs import define, field, frozen

from ..protocol.exits import displays_exit, is_exit
from ..protocol.outputs import Display, Failure, Output, Stream
from ..protocol.terminal import strip_ansi
from ..rendering import text_at_once
from .exit_statuses import Ending
from .graphics import Graphics
from .screen import Screen


class Shown(Protocol):
    """Shows the outputs of the code, and the files that are made of them."""

    def __call__(self, output: Output) -> None:
        """Show an output."""

    def settle(self) -> None:
        """Show text that was held back, because the code has ended."""

    def saved(self, path: str, output: Output) -> None:
        """Report that an output was saved as a file."""

    def is_drawn(self, output: Output) -> bool:
        """Whether an output was drawn, so that no file is needed."""


@define(eq=False)
class ShownToPeople:
    """Shows outputs on the screen. Images are drawn if the terminal supports it."""

    _screen: Screen
    _graphics: Graphics
    _drawn: list[Display] = field(factory=list, init=False)

    def __call__(self, output: Output) -> None:
        """Show one output."""
        if isinstance(output, Stream):
            self._screen.write(output.text, to_err=output.name == "stderr")
        elif isinstance(output, Display):
            self._display(output)
        else:
            self._failure(output)

    def settle(self) -> None:
        """Show text that was held back."""
        self._screen.settle()

    def saved(self, path: str, output: Output) -> None:  # noqa: ARG002 - the path is enough
        """Show the path of the file."""
        self._screen.note(f"saved {path}")

    def is_drawn(self, output: Output) -> bool:
        """Whether an image was drawn."""
        return any(one is output or one == output for one in self._drawn)

    def _display(self, display: Display) -> None:
        if image := self._graphics.drawn(display):
            self._screen.raw(image)
            self._drawn.append(display)
        elif not displays_exit(display) and (text := text_at_once(display)):
            self._screen.line(self._coloured(display, text))

    def _coloured(self, display: Display, text: str) -> str:
        raw = display.data.get("text/plain")
        is_plain = isinstance(raw, str) and text == display.text
        return str(raw) if is_plain and self._screen.has_colours() else text

    def _failure(self, failure: Failure) -> None:
        if is_exit(failure):
            # Do the same as an interpreter: a number is the exit status, a text is printed.
            if not _is_number(failure.evalue):
                self._screen.line(strip_ansi(failure.evalue), to_err=True)
            return
        lines = "\n".join(failure.traceback) if self._screen.has_colours(to_err=True) else ""
        self._screen.line(lines or failure.text, to_err=True)


@frozen
class ShownAsJson:
    """Prints one JSON object per line, without colours."""

    _screen: Screen

    def __call__(self, output: Output) -> None:
        """Print one output."""
        self._line(_object(output))

    def settle(self) -> None:
        """Do nothing: no text is held back."""

    def saved(self, path: str, output: Output) -> None:  # noqa: ARG002 - it was printed before
        """Print the path of the file."""
        self._line({"type": "file", "path": path})

    def is_drawn(self, output: Output) -> bool:  # noqa: ARG002 - nothing is drawn
        """Always False."""
        return False

    def _line(self, value: Mapping[str, Any]) -> None:
        self._screen.line(as_json(value))


def as_json(value: Mapping[str, Any]) -> str:
    """One line of JSON in ASCII, which works in every locale."""
    return json.dumps(value, separators=(", ", ": "))


def ending_object(ending: Ending) -> dict[str, Any]:
    """The last line of ``--json``."""
    said = {"message": ending.message} if ending.message else {}
    return {
        "type": "status",
        "status": ending.status,
        "exit_code": ending.exit_status,
        "source": ending.source,
        **said,
    }


def _object(output: Output) -> dict[str, Any]:
    if isinstance(output, Stream):
        return {"type": "stream", "name": output.name, "text": strip_ansi(output.text)}
    if isinstance(output, Failure):
        return {
            "type": "error",
            "ename": output.ename,
            "evalue": strip_ansi(output.evalue),
            "traceback": [strip_ansi(line) for line in output.traceback],
        }
    data = {
        name: strip_ansi(form) if isinstance(form, str) and name.startswith("text/") else form
        for name, form in output.data.items()
    }
    if output.execution_count is not None:
        return {
            "type": "result",
            "execution_count": output.execution_count,
            "data": data,
            "metadata": output.metadata,
        }
    return {
        "type": "display",
        "display_id": output.display_id,
        "data": data,
        "metadata": output.metadata,
    }


def _is_number(evalue: str) -> bool:
    text = evalue.strip()
    return text in ("", "None", "True", "False") or text.lstrip("+-").isdigit()
