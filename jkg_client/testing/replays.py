"""Conversations with real servers, once more: their frames byte for byte, but for the ids."""

from __future__ import annotations

import base64
import json
import struct
import threading
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from ..protocol.messages import Message
from ..protocol.wire import Frame, Framing, decode
from .outgoing import server_frame

Id = bytes
"""An id, in the quotes in which it stands in the JSON."""


@frozen
class Recording:
    """What a client and a server have said, frame by frame.

    Example::

        gateway.replay(Recording.load("recordings/print.json"))

    Attributes:
        name: Name of the file.
        framing: Framing of all the frames.
        frames: Each frame, with True if the client has sent it.
    """

    name: str
    framing: Framing
    frames: tuple[tuple[bool, Frame], ...]

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Recording:
        """Load the recording in the JSON file at ``path``.

        It is ``{"framing": …, "frames": […]}``. The framing is "default" or "v1"; a frame is
        ``{"from": "client", "text": …}`` or ``{"from": "server", "binary": BASE64}``.
        """
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        framing = {"default": Framing.DEFAULT, "v1": Framing.V1}[document["framing"]]
        frames = tuple((one["from"] == "client", _raw(one)) for one in document["frames"])
        return cls(Path(path).name, framing, frames)


def _raw(frame: Mapping[str, Any]) -> Frame:
    return str(frame["text"]) if "text" in frame else base64.b64decode(frame["binary"])


@define
class Replay:
    """One recording being played to a client."""

    recording: Recording
    _at: int = 0
    _ids: dict[Id, Id] = field(factory=dict, init=False)

    @property
    def done(self) -> bool:
        """Whether everything was said."""
        return self._at == len(self.recording.frames)

    def feed(self, message: Message) -> list[Frame] | None:
        """What the server said after ``message``; None if the recording does not go on with it."""
        if self.done:
            return None
        from_client, frame = self.recording.frames[self._at]
        recorded = decode(frame, self.recording.framing)
        names = ("code", "prompt")
        same = all(recorded.content.get(name) == message.content.get(name) for name in names)
        if not from_client or recorded.msg_type != message.msg_type or not same:
            return None
        for name in ("msg_id", "session"):
            self._ids[_quoted(recorded.header[name])] = _quoted(message.header[name])
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
    """The recordings that one gateway plays."""

    def __init__(self) -> None:
        self._replays: list[Replay] = []
        self._lock = threading.Lock()

    def add(self, recording: Recording) -> None:
        """Play ``recording`` once, to the first who says what its client said."""
        with self._lock:
            self._replays.append(Replay(recording))

    def feed(self, message: Message, framing: Framing) -> list[Frame] | None:
        """What to answer; None if no recording has anything to say to it."""
        with self._lock:
            for replay in self._replays:
                frames = replay.feed(message)
                if frames is not None:
                    return [_framed(frame, replay.recording.framing, framing) for frame in frames]
        return None

    def forget(self) -> None:
        """Play nothing any more."""
        with self._lock:
            self._replays.clear()

    def complaints(self) -> list[str]:
        """Which recordings were not played to their end."""
        with self._lock:
            return [
                f"the recording {replay.recording.name} was not played to its end"
                for replay in self._replays
                if not replay.done
            ]


def _quoted(text: str) -> Id:
    return json.dumps(text).encode("ascii")


def _framed(frame: Frame, recorded: Framing, wanted: Framing) -> Frame:
    return frame if recorded is wanted else server_frame(decode(frame, recorded), wanted)


def _with_ids(frame: Frame, framing: Framing, ids: Mapping[Id, Id]) -> Frame:
    if isinstance(frame, str):
        return _replaced(frame.encode(), ids).decode()
    # Ids of another length move what follows: the offsets are counted anew.
    order, width, more = ("<Q", 8, 0) if framing is Framing.V1 else (">I", 4, 1)
    (count,) = struct.unpack_from(order, frame)
    offsets = [struct.unpack_from(order, frame, width * (n + 1))[0] for n in range(count)]
    ends = [*offsets[1:], len(frame)][: count - 1 + more]
    parts = [_replaced(frame[start:end], ids) for start, end in zip(offsets, ends)]
    starts = [width * (count + 1)]
    for part in parts:
        starts.append(starts[-1] + len(part))
    numbers = [count, *starts[:count]]
    return b"".join([*(struct.pack(order, number) for number in numbers), *parts])


def _replaced(part: bytes, ids: Mapping[Id, Id]) -> bytes:
    for old, new in ids.items():
        part = part.replace(old, new)
    return part
