"""Plays recorded conversations with real servers again: the same frames with other ids."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping
from os import PathLike
from typing import Any

from attrs import define, evolve, field, frozen

from ..client import arguments
from ..errors import WireError
from ..protocol.messages import Message
from ..protocol.wire import Frame, Framing, decode, pack, unpack
from .outgoing import server_frame

FRAMINGS = {"default": Framing.DEFAULT, "v1": Framing.V1}
"""Framings by their names in files."""


@frozen
class Recording:
    """A conversation of a client with a server, frame by frame.

    Example::

        gateway.replay(Recording.load("recordings/print.json"))

    Attributes:
        name: Name of the file.
        framing: Framing of all the frames.
        frames: The frames. Each comes with a bool: whether the client has sent it.
    """

    name: str
    framing: Framing
    frames: tuple[tuple[bool, Frame], ...]

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Recording:
        """Load the recording in the JSON file at ``path``.

        The format is ``{"framing": …, "frames": […]}``. The framing is "default" or "v1". A frame
        is ``{"from": "client", "text": …}`` or ``{"from": "server", "binary": BASE64}``.

        Raises:
            OSError: The file cannot be read.
            ValueError: The file is no recording. The message says what is wrong.
        """
        file = arguments.folder("path", path)
        text = file.read_text(encoding="utf-8")
        try:
            document = json.loads(text)
            framing = FRAMINGS[document["framing"]]
            frames = tuple(_read(*one, framing) for one in enumerate(document["frames"]))
        except (LookupError, TypeError, ValueError) as exc:
            raise ValueError(f"{file} is no recording: {exc!r:.300}") from exc
        if not frames:
            raise ValueError(f"{file} is no recording: it has no frames")
        return cls(file.name, framing, frames)


def _read(number: int, frame: Mapping[str, Any], framing: Framing) -> tuple[bool, Frame]:
    try:
        is_ours = {"client": True, "server": False}[frame["from"]]
        raw = frame["text"] if "text" in frame else base64.b64decode(frame["binary"])
        decode(raw, framing)
    except (LookupError, TypeError, ValueError, WireError) as exc:
        raise ValueError(f"frame {number}: {exc!r}") from exc
    return is_ours, raw


@define
class Replay:
    """A recording that is played to a client."""

    recording: Recording
    _at: int = 0
    _ids: dict[str, str] = field(factory=dict, init=False)

    @property
    def done(self) -> bool:
        """Whether all frames were played."""
        return self._at == len(self.recording.frames)

    def feed(self, message: Message) -> list[Frame] | None:
        """The frames that follow ``message``. None if the recording has another message next."""
        if self.done:
            return None
        from_client, frame = self.recording.frames[self._at]
        recorded = decode(frame, self.recording.framing)
        names = ("code", "prompt")
        same = all(recorded.content.get(name) == message.content.get(name) for name in names)
        if not from_client or recorded.msg_type != message.msg_type or not same:
            return None
        for name in ("msg_id", "session"):
            self._ids[json.dumps(recorded.header[name])] = json.dumps(message.header[name])
        self._at += 1
        return self._until_client()

    def _until_client(self) -> list[Frame]:
        said = []
        while not self.done and not self.recording.frames[self._at][0]:
            frame = self.recording.frames[self._at][1]
            said.append(_with_ids(frame, self.recording.framing, self._ids))
            self._at += 1
        return said


class Replays:
    """The recordings of one gateway."""

    def __init__(self) -> None:
        self._replays: list[Replay] = []
        self._lock = threading.Lock()

    def add(self, recording: Recording) -> None:
        """Play ``recording`` once, to the first client that sends the same messages."""
        with self._lock:
            self._replays.append(Replay(recording))

    def feed(self, message: Message, framing: Framing) -> list[Frame] | None:
        """The frames that answer ``message``. None if it is not the next message of a recording."""
        with self._lock:
            for replay in self._replays:
                frames = replay.feed(message)
                if frames is not None:
                    return [_framed(frame, replay.recording.framing, framing) for frame in frames]
        return None

    def forget(self) -> None:
        """Remove all recordings."""
        with self._lock:
            self._replays.clear()

    def complaints(self) -> list[str]:
        """The recordings that were not played to their end."""
        with self._lock:
            return [
                f"the recording {replay.recording.name} was not played to its end"
                for replay in self._replays
                if not replay.done
            ]


def _framed(frame: Frame, recorded: Framing, wanted: Framing) -> Frame:
    return frame if recorded is wanted else server_frame(decode(frame, recorded), wanted)


def _with_ids(frame: Frame, framing: Framing, ids: Mapping[str, str]) -> Frame:
    packed = unpack(frame, framing)
    return pack(evolve(packed, texts=tuple(_replaced(text, ids) for text in packed.texts)))


def _replaced(text: str, ids: Mapping[str, str]) -> str:
    for old, new in ids.items():
        text = text.replace(old, new)
    return text
