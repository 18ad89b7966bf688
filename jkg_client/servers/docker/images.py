"""The image of a server, and the engine's messages while it builds or pulls the image.

The messages: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Image/operation/ImageBuild
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from importlib.resources import files
from typing import Any

from attrs import define, field, frozen

DEFAULT_DOCKERFILE = files(__package__).joinpath("Dockerfile").read_text("utf-8")
REPOSITORY = "jkg-client"
LABEL = "jkg_client.image"

_TAIL_LINES = 30
# Engines colour the lines that a step prints to stderr.
_ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_STEP = re.compile(r"Step (\d+)/(\d+) ?:")


@frozen
class ImageProgress:
    """One progress message of the engine while it builds or pulls an image.

    Example::

        DockerJupyterServer.build_image(on_progress=lambda progress: print(progress.text))

    Attributes:
        text: The message: a step, a line of a step's output, or the state of a layer.
        current: Number of steps that have begun, or of bytes of the layer that are done. None for
            other messages.
        total: Number of steps or bytes in all. None if the engine does not know.
        layer: Id of the layer. None for a step or its output.
    """

    text: str
    current: int | None = None
    total: int | None = None
    layer: str | None = None

    @property
    def is_step(self) -> bool:
        """Whether a step or a layer begins or ends. False for messages in between."""
        return self.current is None if self.layer else self.current is not None

    def __str__(self) -> str:
        return f"{self.layer}: {self.text}" if self.layer else self.text


@define
class ImageLog:
    """Log of a build or a pull. Feed it every item of the engine's answer.

    Attributes:
        error: The reason of the failure. None if nothing has failed so far.
    """

    error: str | None = None
    _lines: deque[str] = field(factory=lambda: deque(maxlen=_TAIL_LINES), init=False)
    _rest: str = field(default="", init=False)

    @property
    def tail(self) -> str:
        """The last lines of the log."""
        return "\n".join([*self._lines, *filter(None, [self._rest])])

    def feed(self, item: dict[str, Any]) -> list[ImageProgress]:
        """Process one item, and return its progress messages, one for each line."""
        if "error" in item or "errorDetail" in item:
            detail = item.get("errorDetail")
            message = detail.get("message") if isinstance(detail, dict) else None
            self.error = str(message or item.get("error") or "the engine gave no reason").strip()
            return []
        if "status" in item:
            return [self._told(_of_layer(item))]
        stream = item.get("stream")
        text = stream if isinstance(stream, str) else ""
        *lines, self._rest = (self._rest + text).split("\n")
        plain = (_ESCAPE.sub("", line).strip() for line in lines)
        return [self._told(_of_step(line)) for line in plain if line]

    def _told(self, progress: ImageProgress) -> ImageProgress:
        if progress.layer is None or progress.is_step:
            self._lines.append(str(progress))
        return progress


def tag_of(dockerfile: str) -> str:
    """Name of the image of ``dockerfile``. A changed Dockerfile has another name."""
    return f"{REPOSITORY}:{hashlib.sha256(dockerfile.encode()).hexdigest()[:12]}"


def _of_layer(item: dict[str, Any]) -> ImageProgress:
    detail = item.get("progressDetail")
    if not isinstance(detail, dict):
        detail = {}
    layer = item.get("id")
    return ImageProgress(
        str(item["status"]).strip(),
        detail.get("current"),
        detail.get("total"),
        None if layer is None else str(layer),
    )


def _of_step(line: str) -> ImageProgress:
    step = _STEP.match(line)
    current, total = map(int, step.groups()) if step else (None, None)
    return ImageProgress(line, current, total)
