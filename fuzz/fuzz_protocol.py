"""Coverage-guided fuzzing of what a server may send: frames, messages, answers of its REST API.

``python fuzz/fuzz_protocol.py [FOLDER] [options of libFuzzer]``, as ``-max_total_time=60`` or
the path of a finding. The corpus grows in FOLDER, and is thrown away without one; it begins
with the recordings of the tests. A finding is an exception, and belongs into ``tests/``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["jkg_client"]):
    from jkg_client.errors import WireError
    from jkg_client.gateway.connection import JupyterConnectionInfo
    from jkg_client.gateway.responses import error_for, not_a_gateway
    from jkg_client.protocol import zmq_wire
    from jkg_client.protocol.exchange import Exchange
    from jkg_client.protocol.frames import FrameReader, Received
    from jkg_client.protocol.message_gaps import Gap
    from jkg_client.protocol.messages import Message
    from jkg_client.protocol.outputs import OutputArea
    from jkg_client.protocol.wire import Frame, Framing, decode, encode
    from jkg_client.protocol.zmq_wire import DELIMITER, SigningKey
    from jkg_client.rendering import render

from invariants import check_file, check_outputs, check_result
from requests import Response
from seeds import FRAMES_END, PARTS_END, SEEDS, WORDS

REQUEST = "cell-1"
TOKEN = "t0k3n-0f-th3-fuzz3r"
INFO = JupyterConnectionInfo("h", use_https=False, token=TOKEN)
PLACES = ["iopub", "iopub", "iopub", "iopub", "shell", "stdin", "control", "?"]
MAX_LENGTH = 8192
KEY = SigningKey(b"a key")
MAX_MESSAGE = 3000
"""Bytes; less than what may come, so that it is also too much."""


def fuzz_one(data: bytes) -> None:
    """Read ``data`` in the way that its first byte says; an exception is a finding."""
    way = WAYS[data[0] % len(WAYS)] if data else fuzz_answers
    way(data[1:])


def fuzz_text_frames(data: bytes) -> None:
    """Frames in the default framing, as text."""
    frames = [frame.decode("utf-8", "replace") for frame in data.split(FRAMES_END)]
    fold(frames, Framing.DEFAULT, 300)


def fuzz_binary_frames(data: bytes) -> None:
    """Frames in the default framing, binary."""
    fold(data.split(FRAMES_END), Framing.DEFAULT, 300)


def fuzz_v1_frames(data: bytes) -> None:
    """Frames in the framing of the subprotocol."""
    fold(data.split(FRAMES_END), Framing.V1, 300)


def fuzz_multipart(data: bytes) -> None:
    """Messages as kernels of our own send them: several parts each, signed by chance or by us."""
    exchange = Exchange(REQUEST, OutputArea(300))
    for sent in data.split(FRAMES_END):
        parts = sent.split(PARTS_END)
        for signed in (parts, [DELIMITER, KEY.sign(parts[:4]), *parts]):
            message = message_of_parts(signed)
            if message is not None:
                exchange.feed(message)
    check_result(exchange.result())


def message_of_parts(parts: list[bytes]) -> Message | None:
    """The message, None if it is none; as good after it was encoded again."""
    try:
        message = zmq_wire.decode(parts, "iopub", KEY)
    except WireError as exc:
        assert len(str(exc)) < 2000, "an error shows all that came"
        return None
    try:
        again = zmq_wire.encode(message, KEY)
    except ValueError:
        return message  # NaN
    assert zmq_wire.decode(again, "iopub", KEY) == message
    return message


def fuzz_websocket(data: bytes) -> None:
    """Bytes of a WebSocket: the same messages, in whatever pieces they come."""
    size, sent = data[0] + 1 if data else 1, data[1:]
    assert received_in(sent, size) == received_in(sent, len(sent) or 1)


def received_in(sent: bytes, size: int) -> tuple[list[Received], bool]:
    """What was received in pieces of so many bytes, and whether it made sense to the end."""
    reader, received = FrameReader(MAX_MESSAGE), list[Received]()
    for start in range(0, len(sent), size):
        reader.feed(sent[start : start + size])
        try:
            while (one := reader.next()) is not None:
                assert len(one.data) <= MAX_MESSAGE
                received.append(one)
        except ValueError:
            return received, False
    return received, True


def fuzz_messages(data: bytes) -> None:
    """Messages with all that they need, and anything in it."""
    provider = atheris.FuzzedDataProvider(data)
    max_output = provider.ConsumeIntInRange(2, 400)
    framing = provider.PickValueInList(list(Framing))
    frames = []
    while provider.remaining_bytes() and len(frames) < 200:
        try:
            frames.append(encode(any_message(provider), framing))
        except ValueError:
            continue  # a surrogate as channel
    fold(frames, framing, max_output)


def fuzz_answers(data: bytes) -> None:
    """Answers of a REST API that were not expected."""
    text = data[2:].decode("utf-8", "replace")
    response = Response()
    response.status_code = 300 + int.from_bytes(data[:2], "big") % 300
    response.headers["Location"] = text[:200]
    request = f"GET {INFO.url}/api/kernels/x"
    said = str(error_for(INFO, response, request, text))
    try:
        said += str(not_a_gateway(INFO, request, json.loads(text)))
    except (ValueError, RecursionError):
        said += str(not_a_gateway(INFO, request, text))
    assert TOKEN not in said, "an error shows the token"
    assert len(said) < 3000, "an error shows all that came"


WAYS: tuple[Callable[[bytes], None], ...] = (
    fuzz_text_frames,
    fuzz_binary_frames,
    fuzz_v1_frames,
    fuzz_messages,
    fuzz_answers,
    fuzz_multipart,
    fuzz_websocket,
)


def any_message(provider: Any) -> Message:
    """A message that often answers our request."""
    parent: Any = {"msg_id": REQUEST} if provider.ConsumeIntInRange(0, 7) else any_mapping(provider)
    msg_type = provider.PickValueInList(list(FIELDS)) if provider.ConsumeBool() else "stream"
    names = FIELDS[msg_type]
    content = {name: any_value(provider, 3) for name in names if provider.ConsumeIntInRange(0, 5)}
    if names and not provider.ConsumeIntInRange(0, 3):
        content[provider.PickValueInList(list(names))] = well_meant(provider)
    return Message(
        channel=provider.PickValueInList(PLACES),
        header={"msg_id": "m", "msg_type": msg_type},
        parent_header=parent,
        metadata=any_mapping(provider),
        content=content,
        buffers=(provider.ConsumeBytes(3),) if not provider.ConsumeIntInRange(0, 9) else (),
    )


FIELDS: Mapping[str, tuple[str, ...]] = {
    "stream": ("name", "text"),
    "display_data": ("data", "metadata", "transient"),
    "execute_result": ("data", "metadata", "transient", "execution_count"),
    "update_display_data": ("data", "metadata", "transient"),
    "clear_output": ("wait",),
    "error": ("ename", "evalue", "traceback"),
    "status": ("execution_state",),
    "execute_reply": (
        *("status", "execution_count", "payload", "user_expressions"),
        *("ename", "evalue", "traceback"),
    ),
    "input_request": ("prompt", "password"),
    "comm_msg": ("data",),
}


def well_meant(provider: Any) -> Any:
    """What a field is meant to hold, more or less."""
    bundle = {provider.PickValueInList(WORDS): any_value(provider, 1) for _ in range(2)}
    page = {"source": provider.PickValueInList(["page", "ask_exit"]), "data": bundle}
    return provider.PickValueInList(
        [bundle, {"display_id": provider.PickValueInList(["a", "b", "c" * 60])}, [page], "ok", 1]
    )


def any_mapping(provider: Any) -> dict[str, Any]:
    """A JSON object; often none."""
    return {
        any_text(provider): any_value(provider, 2) for _ in range(provider.ConsumeIntInRange(0, 3))
    }


def any_text(provider: Any) -> str:
    """A text; often one that means something."""
    if provider.ConsumeBool():
        return str(provider.PickValueInList(WORDS))
    text = provider.ConsumeUnicode(provider.ConsumeIntInRange(0, 40))
    return str(text) * (50 if not provider.ConsumeIntInRange(0, 15) else 1)


def any_value(provider: Any, depth: int) -> Any:
    """A JSON value."""
    kind = provider.ConsumeIntInRange(0, 11)
    if kind < 5 or not depth:
        return any_text(provider)
    if kind < 7:
        return {any_text(provider): any_value(provider, depth - 1) for _ in range(kind - 4)}
    if kind < 9:
        return [any_value(provider, depth - 1) for _ in range(provider.ConsumeIntInRange(0, 4))]
    return provider.PickValueInList([None, True, False, 0, -1, 10**400, 1e300, -0.0, [], {}])


def fold(frames: list[Any], framing: Framing, max_output: int) -> None:
    """Read ``frames`` as the answers to a cell and look at what comes of it."""
    exchange = Exchange(REQUEST, OutputArea(max_output))
    for frame in frames:
        message = decoded(frame, framing)
        if message is None:
            exchange.skip(Gap(unread=1))
        else:
            exchange.feed(message)
        check_outputs(exchange.area.outputs, max_output, exchange.area.dropped)
    for gave_up in (False, True):
        result = exchange.result(gave_up=gave_up)
        check_result(result)
    rendered = render(exchange.area.outputs, check_file)
    assert isinstance(rendered.text, str)


def decoded(frame: Frame, framing: Framing) -> Message | None:
    """The message, None if it is none; as good after it was encoded again."""
    try:
        message = decode(frame, framing)
    except WireError as exc:
        assert exc.frame is frame
        assert len(str(exc)) < 2000, "an error shows all that came"
        return None
    try:
        again = encode(message, framing)
    except ValueError:
        return message  # NaN, or a channel that is no text
    assert decode(again, framing) == message, "it says something else when it is encoded again"
    return message


def main(arguments: list[str]) -> None:
    """Fuzz until libFuzzer's options say that it is enough."""
    with tempfile.TemporaryDirectory() as folder:
        seeds, dictionary = Path(folder, "seeds"), Path(folder, "dictionary")
        grown = Path(folder, "corpus")
        seeds.mkdir()
        grown.mkdir()
        for i, seed in enumerate(SEEDS):
            Path(seeds, f"{i:03}").write_bytes(seed)
        dictionary.write_text("".join(map(_entry, WORDS)), "ascii")
        given = [argument for argument in arguments if not argument.startswith("-")]
        options = [argument for argument in arguments if argument.startswith("-")]
        files = given if given and not Path(given[0]).is_dir() else [*(given or [grown]), seeds]
        asked = [
            f"-dict={dictionary}",
            f"-max_len={MAX_LENGTH}",
            "-timeout=10",
            "-rss_limit_mb=2048",
        ]
        atheris.Setup([sys.argv[0], *asked, *options, *map(str, files)], fuzz_one)
        atheris.Fuzz()


def _entry(word: str) -> str:
    escaped = "".join(f"\\x{byte:02x}" for byte in word.encode("utf-8", "replace"))
    return f'"{escaped}"\n' if escaped else ""


if __name__ == "__main__":
    main(sys.argv[1:])
