"""Cells that are played, not run: what a test says that the kernel will say."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, Callable, get_args

from ..protocol.messages import Json
from .kernel.bundles import clean
from .kernel.shells import Ending


class Script:
    r"""What one cell does. Every method adds a step and returns the script.

    ::

        gateway.script("fit()").stream("epoch 1\n").hangs()

    Bytes in what it shows or sends go in base64; of anything else that JSON cannot say,
    the method raises a ValueError.

    Attributes:
        cell: Which cells: their text, or a pattern that is found in it.
        runs: How often it was played.
        allows_installs: Whether the cell is run as it is, and may install packages.
    """

    def __init__(self, cell: str | re.Pattern[str]) -> None:
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
        return f"script({self.cell!r})"

    def stream(self, text: str, name: str = "stdout") -> Script:
        """It prints ``text``."""
        if not isinstance(text, str):
            raise ValueError(f"a stream carries text, not {text!r:.200}")  # noqa: TRY004
        return self._add("stream", name=name, text=text)

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
        return self._add(
            "result", data=_in_json({"text/plain": data} if isinstance(data, str) else data)
        )

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
        return self._add("ask", prompt=prompt, password=password)

    def pauses(self, seconds: float) -> Script:
        """It takes some time; an interrupt ends it."""
        return self._add("pause", seconds=seconds)

    def hangs(self) -> Script:
        """It goes on until it is interrupted."""
        return self._add("hang")

    def ignores_interrupts(self) -> Script:
        """No interrupt ends it."""
        self._stubborn = True
        return self

    def dies(self) -> Script:
        """Its kernel dies, as by ``os._exit``."""
        return self._add("die")

    def installs(self) -> Script:
        """It is not played but run as it is, and may install packages: in the tests' Python."""
        self.allows_installs = True
        return self

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
        return self._add(
            "message",
            msg_type=msg_type,
            content=_in_json(content),
            channel=channel,
            metadata=_in_json(metadata or {}),
            buffers=[base64.b64encode(part).decode() for part in buffers],
        )

    def then(self, act: Callable[[], Any]) -> Script:
        """When all before has been sent, ``act`` is called: a fault, an event that is set."""
        self._acts.append(act)
        return self._add("call", at=len(self._acts) - 1)

    def act(self, at: int) -> Callable[[], Any]:
        """The function that a step of it calls."""
        return self._acts[at]

    def play(self, number: int) -> Json:
        """What the kernel needs to play it, as the script of this ``number``."""
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
        return self


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
    raise TypeError(f"a {type(value).__name__} is not an object that JSON knows")
