"""Widgets of a notebook: their states, and the outputs that some of them capture from cells.

The messages: https://github.com/jupyter-widgets/ipywidgets/blob/main/packages/schema/messages.md
The format of the states in a notebook:
https://ipywidgets.readthedocs.io/en/stable/embedding.html
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from attrs import define, field

from ..protocol.messages import Json, Message
from ..protocol.values import mapping_of
from .output_list import Displays, Node, OutputList

_STATES = "application/vnd.jupyter.widget-state+json"
_TARGET = "jupyter.widget"


@define(eq=False)
class _Widget:
    state: dict[str, Any] = field(factory=dict)
    # Binary parts of the state, by their path in it.
    buffers: dict[tuple[Any, ...], Node] = field(factory=dict)
    outputs: OutputList | None = None
    captures: str | None = None  # id of the request whose outputs it captures
    is_ahead: bool = False  # whether the kernel does not know its outputs yet


@define(eq=False)
class Widgets:
    """The widgets of a kernel. Feed it every message of the channel ``iopub``.

    Attributes:
        displays: Outputs with display ids of the whole notebook.
    """

    displays: Displays
    _widgets: dict[str, _Widget] = field(factory=dict, init=False)
    _capturing: list[_Widget] = field(factory=list, init=False)

    def feed(self, message: Message) -> None:
        """Process one message."""
        comm_id = message.content.get("comm_id")
        if not isinstance(comm_id, str):
            return
        if message.msg_type == "comm_close":
            widget = self._widgets.pop(comm_id, None)
            if widget in self._capturing:
                self._capturing.remove(widget)
        elif message.msg_type == "comm_open":
            if message.content.get("target_name") == _TARGET:
                self._widgets[comm_id] = widget = _Widget()
                self._update(widget, message)
        elif message.msg_type == "comm_msg" and comm_id in self._widgets:
            self._update(self._widgets[comm_id], message)

    def outputs_of(self, request_id: str) -> OutputList | None:
        """The widget outputs that capture this request now. None if the cell gets the outputs."""
        for widget in reversed(self._capturing):
            if widget.captures == request_id:
                widget.is_ahead = True
                return widget.outputs
        return None

    def settle(self) -> None:
        """Bring the states up to date with the captured outputs."""
        for widget in self._widgets.values():
            if widget.outputs is not None:
                widget.outputs.settle()
                widget.state["outputs"] = widget.outputs.nodes

    def take_updates(self) -> list[tuple[str, Json]]:
        """Comm ids and data of messages that send captured outputs to the kernel.

        Then ``Output.outputs`` in the kernel contains these outputs, as with a browser.
        """
        self.settle()
        updates: list[tuple[str, Json]] = []
        for comm_id, widget in self._widgets.items():
            if widget.is_ahead and widget.outputs is not None:
                widget.is_ahead = False
                state = {"outputs": list(widget.outputs.nodes)}
                updates.append((comm_id, {"method": "update", "state": state, "buffer_paths": []}))
        return updates

    def save_into(self, metadata: dict[str, Any]) -> None:
        """Put the states into a notebook's metadata. States of skipped cells are kept."""
        self.settle()
        models = {
            comm_id: _model(widget)
            for comm_id, widget in self._widgets.items()
            if "_model_name" in widget.state
        }
        if not models:
            return
        before = mapping_of(mapping_of(metadata.get("widgets")).get(_STATES)).get("state")
        states = {**mapping_of(before), **models}
        metadata["widgets"] = {_STATES: {"state": states, "version_major": 2, "version_minor": 0}}

    def _update(self, widget: _Widget, message: Message) -> None:
        data = mapping_of(message.content.get("data"))
        state = mapping_of(data.get("state"))
        widget.state.update(state)
        paths = data.get("buffer_paths")
        for path, buffer in zip(paths if isinstance(paths, list) else (), message.buffers):
            if isinstance(path, list):
                text = b64encode(buffer).decode("ascii")
                widget.buffers[tuple(path)] = {"encoding": "base64", "path": path, "data": text}
        if widget.state.get("_model_name") == "OutputModel":
            self._update_outputs(widget, state)

    def _update_outputs(self, widget: _Widget, state: Json) -> None:
        if widget.outputs is None:
            widget.outputs = OutputList([], self.displays)
        outputs = state.get("outputs")
        if isinstance(outputs, (list, tuple)):
            # ``append_stdout`` and similar calls change the outputs in the kernel, which have
            # priority.
            widget.outputs.replace([dict(mapping_of(output)) for output in outputs])
            widget.is_ahead = False
        if "msg_id" in state:
            if widget in self._capturing:
                self._capturing.remove(widget)
            widget.captures = state["msg_id"] or None
            # If two widgets capture the same request, the last one gets the outputs.
            if widget.captures is not None:
                self._capturing.append(widget)


def _model(widget: _Widget) -> Json:
    state = widget.state
    model = {
        "model_name": state.get("_model_name"),
        "model_module": state.get("_model_module"),
        "model_module_version": state.get("_model_module_version"),
        "state": state,
    }
    return {**model, "buffers": list(widget.buffers.values())} if widget.buffers else model
