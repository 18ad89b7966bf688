"""Scripts for cells: the fake kernel sends the messages of the script and does not run the cell."""

from __future__ import annotations

import base64
import inspect
import json
import re
from collections.abc import Mapping
from typing import Any, Callable, get_args

from ..client import arguments
from ..protocol.messages import Json
from .kernel.bundles import clean
from .kernel.shells import Ending


class Script:
    r"""The script of one cell. Every method adds a step and returns the script.

    Example::

        gateway.script("fit()").stream("epoch 1\n").hangs()

    Bytes in the content of a message are sent in base64. Other objects that JSON cannot express
    raise a ``ValueError``.

    Attributes:
        cell: Text of the cells to which the script belongs, or a pattern that is found in them.
        runs: How often the script was played.
        allows_installs: Whether the cell is run, not played, and may install packages.
    """

    def __init__(self, cell: str | re.Pattern[str]) -> None:
        text = cell.pattern if isinstance(cell, re.Pattern) else cell
        if not isinstance(text, str):
            raise ValueError(f"cell must be a string or a pattern of one, not {cell!r:.200}")  # noqa: TRY004
        self.cell = cell
        self.runs = 0
        self.allows_installs: bool = False
        self._steps: list[dict[str, Any]] = []
        self._acts: list[Callable[[], Any]] = []
        self._error: Json | None = None
        self._payload: list[Json] = []
        self._stubborn = False
        self._loses: tuple[Ending, ...] = ()

    def __repr__(self) -> str:
        return f"script({self.cell!r:.200})"

    def stream(self, text: str, name: str = "stdout") -> Script:
        """The cell prints ``text``. ``name`` is the stream: stdout or stderr.

        Raises:
            ValueError: ``text`` is not a string, or ``name`` is another stream.
        """
        arguments.text("text", text)
        arguments.choice("name", name, ("stdout", "stderr"))
        return self._add("stream", name=name, text=text)

    def display(
        self,
        data: Mapping[str, Any],
        *,
        metadata: Mapping[str, Any] | None = None,
        display_id: str | None = None,
        update: bool = False,
    ) -> Script:
        """The cell shows an object: ``data`` has its forms by MIME type.

        ``metadata`` has the metadata of these forms. With ``update``, the cell replaces the object
        that was shown with the same ``display_id``.
        """
        if display_id is not None:
            arguments.text("display_id", display_id)
        arguments.flag("update", update)
        content = {
            "data": in_json("data", data),
            "metadata": in_json("metadata", metadata or {}),
            "transient": {"display_id": display_id} if display_id else {},
        }
        return self.message("update_display_data" if update else "display_data", content)

    def clear_output(self, *, wait: bool = False) -> Script:
        """The cell clears its output. With ``wait``, it does so when the next output comes."""
        arguments.flag("wait", wait)
        return self.message("clear_output", {"wait": wait})

    def result(self, data: str | Mapping[str, Any]) -> Script:
        """The value of the cell is ``data``: a text, or the forms of the value by MIME type.

        Raises:
            ValueError: ``data`` is neither of them.
        """
        if not isinstance(data, (str, Mapping)):
            raise ValueError(f"data must be a string or a mapping, not {type(data).__name__}")  # noqa: TRY004
        bundle = {"text/plain": data} if isinstance(data, str) else data
        return self._add("result", data=in_json("data", bundle))

    def error(self, ename: str, evalue: str = "", traceback: list[str] | None = None) -> Script:
        """The cell raises an exception at its end. ``ename`` is its class, ``evalue`` its message.

        ``traceback`` has the lines to show. None for one line with class and message.

        Raises:
            ValueError: An argument is wrong.
        """
        arguments.each(arguments.text, ename=ename, evalue=evalue)
        if traceback is not None and not isinstance(traceback, (list, tuple)):
            raise ValueError(f"traceback must be a list of lines, not {traceback!r:.200}")
        lines = traceback or [f"\x1b[31m{ename}\x1b[39m: {evalue}"]
        content = {"ename": ename, "evalue": evalue, "traceback": lines}
        self._error = in_json("traceback", content)
        return self._checked()

    def payload(self, source: str, **content: Any) -> Script:
        """The reply has a payload of the kind ``source``, such as "page", with ``content``."""
        arguments.text("source", source)
        self._payload.append(in_json("content", {"source": source, **content}))
        return self._checked()

    def asks(self, prompt: str = "", *, password: bool = False) -> Script:
        """The cell shows ``prompt`` and waits for input. A ``password`` is not shown."""
        arguments.text("prompt", prompt)
        arguments.flag("password", password)
        return self._add("ask", prompt=prompt, password=password)

    def pauses(self, seconds: float) -> Script:
        """The cell waits for ``seconds``. An interrupt ends the wait."""
        arguments.pause("seconds", seconds)
        return self._add("pause", seconds=seconds)

    def hangs(self) -> Script:
        """The cell runs until it is interrupted."""
        return self._add("hang")

    def ignores_interrupts(self) -> Script:
        """The cell ignores interrupts."""
        self._stubborn = True
        return self

    def dies(self) -> Script:
        """The kernel dies, as with ``os._exit``."""
        return self._add("die")

    def installs(self) -> Script:
        """Run the cell instead of playing it, and allow it to install packages.

        Raises:
            ValueError: The script has other steps, too.
        """
        self.allows_installs = True
        return self._checked()

    def loses(self, *endings: Ending) -> Script:
        """The cell ends, but the client does not receive ``endings``: "reply", "idle" or both.

        Raises:
            ValueError: A name is neither "reply" nor "idle".
        """
        if not all(ending in get_args(Ending) for ending in endings):
            words = " or ".join(get_args(Ending))
            raise ValueError(f"endings of a cell must be {words}, not {endings!r:.200}")
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
        """The cell sends a message of any type.

        ``msg_type``, ``content``, ``channel``, ``metadata`` and ``buffers`` are its parts.

        Raises:
            ValueError: An argument is wrong.
        """
        arguments.text("msg_type", msg_type)
        arguments.choice("channel", channel, ("iopub", "shell", "control", "stdin"))
        if not all(isinstance(part, bytes) for part in arguments.items("buffers", buffers)):
            raise ValueError("buffers must be bytes")
        return self._add(
            "message",
            msg_type=msg_type,
            content=in_json("content", content),
            channel=channel,
            metadata=in_json("metadata", metadata or {}),
            buffers=[base64.b64encode(part).decode() for part in buffers],
        )

    def then(self, act: Callable[[], Any]) -> Script:
        """Call ``act`` in the process of the test, after the messages of all earlier steps.

        Raises:
            ValueError: ``act`` is not a function, or it is an async one: nothing would await it.
        """
        arguments.function("act", act)
        if inspect.iscoroutinefunction(act):
            raise ValueError(f"act must not be an async function: {act!r:.200}")
        self._acts.append(act)
        return self._add("call", at=len(self._acts) - 1)

    def act(self, at: int) -> Callable[[], Any]:
        """The function that call number ``at`` has passed to ``then``. Calls are counted from 0."""
        return self._acts[at]

    def play(self, number: int) -> Json:
        """The steps, as they are sent to the kernel. ``number`` is the number of the script."""
        return {
            "script": number,
            "steps": [dict(step) for step in self._steps],
            "error": self._error,
            "payload": list(self._payload),
            "stubborn": self._stubborn,
            "loses": list(self._loses),
        }

    def _add(self, step: str, **content: Any) -> Script:
        self._steps.append({"step": step, **content})
        return self._checked()

    def _checked(self) -> Script:
        if self.allows_installs and (self._steps or self._error or self._payload):
            raise ValueError("a script that installs runs its cell, so it has no other steps")
        return self


def in_json(name: str, content: Json) -> dict[str, Any]:
    """A copy of ``content``, the argument ``name``, with values that JSON can express."""
    if not isinstance(content, Mapping):
        raise ValueError(f"{name} must be a mapping, not {type(content).__name__}")  # noqa: TRY004
    try:
        text = json.dumps(content, default=_in_base64, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        raise ValueError(f"{name} cannot be sent as JSON: {content!r:.200} ({exc})") from exc
    return dict(json.loads(text))


def _in_base64(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return clean(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"JSON has no {type(value).__name__}")
