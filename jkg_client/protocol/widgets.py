"""Finds the widget that captures the outputs of a cell, as ``with Output():`` of ipywidgets does.

While the state ``msg_id`` of such a widget is the id of a request, the outputs of the request
belong to the widget. A ``clear_output`` then clears the widget, not the cell.
https://ipywidgets.readthedocs.io/en/stable/examples/Output%20Widget.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define, field

from .messages import Json
from .values import mapping_of

_LONGEST_ID = 100
_MOST = 1000  # widgets of one cell, so that a kernel cannot fill the memory


@define
class Captures:
    """The widgets that capture outputs of the request ``msg_id``. Feed it every comm message."""

    msg_id: str
    _capturing: list[str] = field(factory=list, init=False)
    _counts: dict[str, int] = field(factory=dict, init=False)  # of outputs in a widget's state

    @property
    def owner(self) -> str | None:
        """Comm id of the widget that captures outputs now. None if no widget does."""
        return self._capturing[-1] if self._capturing else None

    def feed(self, msg_type: str, content: Json) -> tuple[str, Sequence[Any]] | None:
        """Process a comm message. Returns the output that it adds to a widget, if any."""
        widget = content.get("comm_id")
        if not isinstance(widget, str) or len(widget) > _LONGEST_ID:
            return None
        if msg_type == "comm_close":
            self._release(widget)
            return None
        state = mapping_of(mapping_of(content.get("data")).get("state"))
        if "msg_id" in state:
            # If two widgets capture, the widget that began last gets the output.
            self._release(widget)
            if state["msg_id"] == self.msg_id and len(self._capturing) < _MOST:
                self._capturing.append(widget)
        return self._added(widget, state.get("outputs"))

    def _release(self, widget: str) -> None:
        if widget in self._capturing:
            self._capturing.remove(widget)

    def _added(self, widget: str, outputs: Any) -> tuple[str, Sequence[Any]] | None:
        """The output that ``append_stdout`` and similar calls add to the outputs in the state."""
        if not isinstance(outputs, (list, tuple)):
            return None
        known = self._counts.get(widget, 0)
        if known or len(self._counts) < _MOST:
            self._counts[widget] = len(outputs)
        return (widget, outputs[known:]) if len(outputs) > known else None
