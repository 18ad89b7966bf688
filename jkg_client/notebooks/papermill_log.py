"""Writes outputs of cells to papermill's log and to its files for stdout and stderr."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from papermill.log import logger

from ..protocol.messages import Message
from ..protocol.values import mapping_of, text_of


@define(eq=False)
class OutputLog:
    """Writes the outputs of cells to papermill's log and files.

    A log record is a whole line, so text is logged when its line is complete.

    Attributes:
        is_logged: Whether papermill logs outputs.
        files: An open file or None for each stream, by its name.
    """

    is_logged: bool
    files: dict[str, Any]
    _begun: dict[str, str] = field(factory=dict, init=False)  # lines without an end yet

    def feed(self, message: Message) -> None:
        """Process one message."""
        if message.msg_type == "stream":
            name, text = text_of(message.content.get("name")), text_of(message.content.get("text"))
            file = self.files.get(name)
            if file is not None:
                file.write(text)
                file.flush()
            if self.is_logged:
                self._log_stream(name, text)
        elif self.is_logged and message.msg_type in ("display_data", "execute_result"):
            text = text_of(mapping_of(message.content.get("data")).get("text/plain"))
            if text:
                self.end()
                logger.info("%s", text)

    def end(self) -> None:
        """Log the incomplete lines at the end of a cell."""
        for name, text in self._begun.items():
            if text:
                self._log(name, text)
        self._begun.clear()

    def _log_stream(self, name: str, text: str) -> None:
        *lines, rest = (self._begun.get(name, "") + text).split("\n")
        for line in lines:
            self._log(name, line)
        self._begun[name] = rest

    def _log(self, name: str, line: str) -> None:
        if name == "stderr":
            logger.warning("%s", line)
        else:
            logger.info("%s", line)
