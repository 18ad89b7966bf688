"""What ``%%capture`` keeps of a cell, under the names that IPython gives it."""

from __future__ import annotations

from typing import Any

from ..protocol.messages import Json

OUTPUTS = {"display_data", "execute_result", "update_display_data", "clear_output"}


class RichOutput:
    """Something that was to be shown."""

    def __init__(self, content: Json, *, update: bool, console: Any) -> None:
        self.data = content["data"]
        self.metadata = content["metadata"]
        self.transient = content.get("transient", {})
        self._update = update
        self._console = console

    def __repr__(self) -> str:
        return f"<IPython.utils.capture.RichOutput at {id(self):#x}>"

    def display(self) -> None:
        """Show it."""
        content = {"data": self.data, "metadata": self.metadata, "transient": self.transient}
        self._console.say("update_display_data" if self._update else "display_data", content)

    def _repr_mimebundle_(self, **_: Any) -> tuple[Any, Any]:
        return self.data, self.metadata


class CapturedIO:
    """What a cell has printed and shown.

    Args:
        console: A terminal, on which ``show`` shows it.
        kinds: Which of ``stdout``, ``stderr`` and ``display`` are kept.
    """

    def __init__(self, console: Any, kinds: set[str]) -> None:
        self.outputs: list[RichOutput] = []
        self._texts: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._console = console
        self._kinds = kinds

    def __repr__(self) -> str:
        return f"<IPython.utils.capture.CapturedIO at {id(self):#x}>"

    def __str__(self) -> str:
        return self.stdout

    def __call__(self) -> None:
        self.show()

    @property
    def stdout(self) -> str:
        """What it printed."""
        return "".join(self._texts["stdout"])

    @property
    def stderr(self) -> str:
        """What it printed as errors."""
        return "".join(self._texts["stderr"])

    def show(self) -> None:
        """Print and show it all."""
        for name in self._texts:
            self._console.write(name, "".join(self._texts[name]))
        for output in self.outputs:
            output.display()

    def takes_text(self, name: str, text: str) -> bool:
        """Keep what is printed, if it is to be kept."""
        if name in self._kinds:
            self._texts[name].append(text)
        return name in self._kinds

    def takes_output(self, msg_type: str, content: Json) -> bool:
        """Keep what is shown, if it is to be kept."""
        if "display" not in self._kinds or msg_type not in OUTPUTS:
            return False
        if msg_type == "clear_output":
            self.outputs.clear()
        else:
            update = msg_type == "update_display_data"
            self.outputs.append(RichOutput(content, update=update, console=self._console))
        return True
