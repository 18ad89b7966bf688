"""Puts a kernel's messages into the cells of a notebook as outputs.

The messages: https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-iopub-pub-sub-channel
The format: https://nbformat.readthedocs.io/en/latest/format_description.html#code-cells
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field

from ..protocol.exits import exit_code, without_advice
from ..protocol.messages import Json, Message
from ..protocol.values import Display, Failure, Output, Stream, mapping_of
from .output_list import Displays, Make, Node, OutputList
from .widgets import Widgets

_TIMES = {
    "execute_input": "iopub.execute_input",
    "execute_reply": "shell.execute_reply",
    "busy": "iopub.status.busy",
    "idle": "iopub.status.idle",
}


@define(eq=False)
class NotebookOutputs:
    """Puts a kernel's messages into the cells that they answer. Feed it every message.

    A cell is a code cell in the format of nbformat: a ``dict`` with ``outputs``,
    ``execution_count`` and ``metadata``.

    Attributes:
        make: Creates the nodes: ``dict`` or ``nbformat.from_dict``.
        limit: Number of characters to keep of each cell. None keeps all.
        repeats_captured: Whether an output that an ``Output`` widget captures is also an output of
            the running cell. Set it if nobody will see the widget.
        widgets: The widgets of the kernel.
    """

    make: Make = dict
    limit: int | None = None
    repeats_captured: bool = False
    widgets: Widgets = field(init=False)
    _displays: Displays = field(factory=dict, init=False)
    _cells: dict[str, CellOutputs] = field(factory=dict, init=False)  # by the id of the request

    def __attrs_post_init__(self) -> None:
        self.widgets = Widgets(self._displays)

    def begin(self, cell: Node) -> CellOutputs:
        """Clear the outputs of a cell that is about to run, and return its ``CellOutputs``."""
        cell["outputs"], cell["execution_count"] = [], None
        outputs = OutputList(cell["outputs"], self._displays, self.limit, self.make)
        return CellOutputs(cell, outputs, self.widgets, self.repeats_captured)

    def sent(self, request_id: str, cell: CellOutputs) -> None:
        """Note the request id of a cell. A cell that was aborted and sent again has several ids."""
        self._cells[request_id] = cell

    def feed(self, message: Message) -> CellOutputs | None:
        """Process one message, and return the cell that it answers. None if it answers no cell."""
        cell = self._cells.get(message.parent_id or "")
        if message.channel == "iopub":
            self.widgets.feed(message)
        if cell is not None:
            cell.feed(message)
        return cell

    def settle(self) -> None:
        """Bring all outputs up to date. Call it before you read the notebook."""
        self.widgets.settle()
        for cell in self._cells.values():
            cell.outputs.settle()


@define(eq=False)
class CellOutputs:
    """The outputs of one cell.

    Attributes:
        cell: The cell in the notebook.
        outputs: Outputs of the cell.
    """

    cell: Node
    outputs: OutputList
    _widgets: Widgets
    _repeats_captured: bool

    def feed(self, message: Message) -> None:
        """Process one message that answers the cell."""
        self._time(message)
        count = message.content.get("execution_count")
        if message.msg_type in ("execute_input", "execute_reply") and type(count) is int:
            self.cell["execution_count"] = count
        if message.channel == "shell":
            self._show_pages(message.content)
        fold = _FOLDS.get(message.msg_type)
        if fold is not None and message.channel == "iopub":
            captured = self._widgets.outputs_of(message.parent_id or "")
            if captured is not None:
                fold(captured, message.content)
            # A clear_output that is captured clears the widget only.
            is_repeated = self._repeats_captured and message.msg_type != "clear_output"
            if captured is None or is_repeated:
                fold(self.outputs, message.content)

    def fail(self, failure: Failure) -> None:
        """Add the failure that ended the cell, unless the outputs have it already."""
        last = self.last_error
        if last is None or last["ename"] != failure.ename:
            lines = list(failure.traceback) or [failure.summary]
            self.outputs.error(failure.ename, failure.evalue, lines)

    def retract_interrupt(self) -> None:
        """Remove the KeyboardInterrupt that the time limit has caused."""
        last = self.last_error
        if last is not None and Failure(last["ename"], "").is_interrupt:
            self.outputs.remove(last)

    @property
    def last_error(self) -> Node | None:
        """The last exception. None if there is none."""
        errors = [node for node in self.outputs.nodes if node["output_type"] == "error"]
        return errors[-1] if errors else None

    def _time(self, message: Message) -> None:
        kind = message.msg_type
        if kind == "status":
            kind = str(message.content.get("execution_state"))
        date = message.header.get("date")
        if kind in _TIMES and isinstance(date, str):
            times = self.cell["metadata"].setdefault("execution", self.outputs.make({}))
            if isinstance(times, dict):  # the notebook may contain anything
                times[_TIMES[kind]] = date

    def _show_pages(self, content: Json) -> None:
        """Add the help texts of ``obj?``, which the kernel sends in the reply for a pager."""
        payload = content.get("payload")
        for page in map(mapping_of, payload if isinstance(payload, list) else ()):
            data = mapping_of(page.get("data"))
            if page.get("source") == "page" and data:
                self.outputs.display("display_data", {"data": data})


def as_node(output: Output) -> dict[str, Any]:
    """An output of an ``ExecutionResult`` in the format of a notebook."""
    if isinstance(output, Stream):
        return {"output_type": "stream", "name": output.name, "text": output.text}
    if isinstance(output, Failure):
        return {
            "output_type": "error",
            "ename": output.ename,
            "evalue": output.evalue,
            "traceback": list(output.traceback) or [output.summary],
        }
    return _display_node(output)


def _display_node(output: Display) -> dict[str, Any]:
    shown = {"data": dict(output.data), "metadata": dict(output.metadata)}
    if output.execution_count is None:
        return {"output_type": "display_data", **shown}
    return {"output_type": "execute_result", "execution_count": output.execution_count, **shown}


def _stream(outputs: OutputList, content: Json) -> None:
    if content.get("name") == "stderr":
        content = {**content, "text": without_advice(content.get("text"))}
    outputs.stream(content)


def _error(outputs: OutputList, content: Json) -> None:
    failure = Failure.from_content(content)
    # sys.exit(0) is not a failure.
    if exit_code(failure) != 0:
        outputs.error(failure.ename, failure.evalue, list(failure.traceback))


_FOLDS: Mapping[str, Callable[[OutputList, Json], None]] = {
    "stream": _stream,
    "display_data": lambda outputs, content: outputs.display("display_data", content),
    "execute_result": lambda outputs, content: outputs.display("execute_result", content),
    "update_display_data": lambda outputs, content: outputs.update(content),
    "clear_output": lambda outputs, content: outputs.clear(wait=bool(content.get("wait"))),
    "error": _error,
}
