"""A list of outputs in the format of a notebook, filled from a kernel's messages.

The format: https://nbformat.readthedocs.io/en/latest/format_description.html#code-cell-outputs
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field

from ..protocol.messages import Json
from ..protocol.shortening import weight
from ..protocol.values import mapping_of, text_of

Node = dict[str, Any]
"""A part of a notebook: a ``dict`` or a ``NotebookNode``, which is a ``dict``, too."""

Make = Callable[[Node], Node]
"""Function that creates a node from JSON: ``dict`` or ``nbformat.from_dict``."""

Displays = dict[str, list[Node]]
"""The outputs of each display id. All cells share it, because updates reach other cells."""


@define(eq=False)
class OutputList:
    """The outputs of one cell or one widget, changed in place.

    Attributes:
        nodes: The outputs. ``settle`` brings the last stream up to date.
        displays: Outputs with display ids of the whole notebook.
        limit: Number of characters to keep. None keeps all.
        make: Creates the nodes.
        dropped: Number of characters that were not kept.
    """

    nodes: list[Node]
    displays: Displays
    limit: int | None = None
    make: Make = dict
    dropped: int = field(default=0, init=False)
    _size: int = field(default=0, init=False)
    _clear_next: bool = field(default=False, init=False)
    # Text that is not in the last node yet. Joining every chunk at once takes quadratic time.
    _chunks: list[str] = field(factory=list, init=False)
    _display_ids: set[str] = field(factory=set, init=False)

    def stream(self, content: Json) -> None:
        """Add printed text. It is joined with the last output if that is the same stream."""
        name, text = text_of(content.get("name")) or "stdout", text_of(content.get("text"))
        if not text:
            return
        self._clear_if_due()
        text = self._fitting(text)
        if not text:
            return
        last = self.nodes[-1] if self.nodes else {}
        if not (last.get("output_type") == "stream" and last.get("name") == name):
            self.settle()
            self.nodes.append(self.make({"output_type": "stream", "name": name, "text": ""}))
        self._chunks.append(text)

    def display(self, output_type: str, content: Json) -> None:
        """Add a displayed object. It replaces earlier outputs with its display id."""
        self.update(content)
        data, metadata = mapping_of(content.get("data")), mapping_of(content.get("metadata"))
        node: Node = {"output_type": output_type, "data": data, "metadata": metadata}
        if output_type == "execute_result":
            count = content.get("execution_count")
            node["execution_count"] = count if type(count) is int else None
        added = self._add(node, sum(map(weight, data.values())))
        display_id = _display_id(content)
        if added is not None and display_id is not None:
            self.displays.setdefault(display_id, []).append(added)
            self._display_ids.add(display_id)

    def update(self, content: Json) -> None:
        """Replace the outputs with a display id, in all cells."""
        display_id = _display_id(content)
        for node in self.displays.get(display_id, ()) if display_id is not None else ():
            new = self.make(
                {
                    "data": mapping_of(content.get("data")),
                    "metadata": mapping_of(content.get("metadata")),
                }
            )
            node.update(new)

    def error(self, ename: str, evalue: str, traceback: list[str]) -> None:
        """Add an exception. The limit does not apply to exceptions."""
        self._clear_if_due()
        self.settle()
        node = {"output_type": "error", "ename": ename, "evalue": evalue, "traceback": traceback}
        self.nodes.append(self.make(node))

    def note(self, text: str) -> None:
        """Add a note of this package on stderr. The limit does not apply to notes."""
        self.settle()
        self.nodes.append(
            self.make({"output_type": "stream", "name": "stderr", "text": f"{text}\n"})
        )

    def clear(self, *, wait: bool) -> None:
        """Remove all outputs, now or when the next output arrives."""
        self._clear_next = True
        if not wait:
            self._clear_if_due()

    def replace(self, nodes: list[Node]) -> None:
        """Replace all outputs by the outputs in a widget's state."""
        self.clear(wait=False)
        self.nodes.extend(self.make(node) for node in nodes)

    def remove(self, node: Node) -> None:
        """Remove one output."""
        self.nodes[:] = [kept for kept in self.nodes if kept is not node]

    def settle(self) -> None:
        """Bring the text of the last stream up to date."""
        if self._chunks:
            self.nodes[-1]["text"] += "".join(self._chunks)
            self._chunks.clear()

    def _add(self, node: Node, size: int) -> Node | None:
        self._clear_if_due()
        self.settle()
        if self.limit is not None and self._size + size > self.limit:
            self.dropped += max(1, size)
            return None
        self._size += size
        made = self.make(node)
        self.nodes.append(made)
        return made

    def _fitting(self, text: str) -> str:
        """The beginning of ``text`` that fits into the limit."""
        fitting = text if self.limit is None else text[: max(0, self.limit - self._size)]
        self._size += len(fitting)
        self.dropped += len(text) - len(fitting)
        return fitting

    def _clear_if_due(self) -> None:
        if not self._clear_next:
            return
        self._clear_next = False
        gone = {id(node) for node in self.nodes}
        for display_id in self._display_ids:
            kept = [node for node in self.displays.get(display_id, ()) if id(node) not in gone]
            self.displays[display_id] = kept
        self._display_ids.clear()
        self._chunks.clear()
        self.nodes.clear()
        self._size = 0


def _display_id(content: Json) -> str | None:
    display_id = mapping_of(content.get("transient")).get("display_id")
    return display_id if isinstance(display_id, str) else None
