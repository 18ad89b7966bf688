from __future__ import annotations

import json
import pickle
import struct
from typing import Any

import pytest
from attrs import evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tables import rows

from jkg_client.errors import JkgError, WireError
from jkg_client.protocol.large_json import loads
from jkg_client.protocol.messages import Message
from jkg_client.protocol.wire import (
    Frame,
    Framing,
    decode,
    dumps,
    encode,
    pack,
    parse,
    unpack,
)

BOUNDED = settings(max_examples=30, deadline=None)

BARE = Message(channel="shell", header={"msg_id": "m", "msg_type": "t"})
FULL = Message(
    channel="iopub",
    header={"msg_id": "m", "msg_type": "t"},
    parent_header={"msg_id": "p"},
    metadata={"a": 1},
    content={"text": "\u00e9"},
    buffers=(b"\x00\xff", b""),
)
# One row for each framing rule. The bytes are written by hand from the specification,
# https://jupyter-server.readthedocs.io/en/latest/developers/websocket-protocols.html;
# never paste the output of encode().
BOOK: list[tuple[Framing, Message, Frame]] = [
    (
        Framing.DEFAULT,
        BARE,
        (
            '{"header":{"msg_id":"m","msg_type":"t"},"parent_header":{},"metadata":{},"content":{},'
            '"channel":"shell","buffers":[]}'
        ),
    ),
    (
        Framing.DEFAULT,
        evolve(BARE, buffers=(b"\x00\xff", b"")),
        (
            b"\x00\x00\x00\x03"  # the JSON and two buffers
            b"\x00\x00\x00\x10\x00\x00\x00\x85\x00\x00\x00\x87"  # at 16, 16 + 117, 133 + 2
            b'{"header":{"msg_id":"m","msg_type":"t"},"parent_header":{},"metadata":{},"content":{},'
            b'"channel":"shell","buffers":[]}'
            b"\x00\xff"
        ),
    ),
    (
        Framing.V1,
        BARE,
        (
            b"\x06\x00\x00\x00\x00\x00\x00\x00"  # five parts and the end
            b"\x38\x00\x00\x00\x00\x00\x00\x00"  # channel at 7 * 8
            b"\x3d\x00\x00\x00\x00\x00\x00\x00"  # header at 56 + 5
            b"\x5a\x00\x00\x00\x00\x00\x00\x00"  # parent header at 61 + 29
            b"\x5c\x00\x00\x00\x00\x00\x00\x00"  # metadata at 90 + 2
            b"\x5e\x00\x00\x00\x00\x00\x00\x00"  # content at 92 + 2
            b"\x60\x00\x00\x00\x00\x00\x00\x00"  # end at 94 + 2
            b'shell{"msg_id":"m","msg_type":"t"}{}{}{}'
        ),
    ),
    (
        Framing.V1,
        evolve(BARE, buffers=(b"\x00\xff",)),
        (
            b"\x07\x00\x00\x00\x00\x00\x00\x00"  # five parts, one buffer and the end
            b"\x40\x00\x00\x00\x00\x00\x00\x00"  # channel at 8 * 8
            b"\x45\x00\x00\x00\x00\x00\x00\x00"  # header at 64 + 5
            b"\x62\x00\x00\x00\x00\x00\x00\x00"  # parent header at 69 + 29
            b"\x64\x00\x00\x00\x00\x00\x00\x00"  # metadata at 98 + 2
            b"\x66\x00\x00\x00\x00\x00\x00\x00"  # content at 100 + 2
            b"\x68\x00\x00\x00\x00\x00\x00\x00"  # buffer at 102 + 2
            b"\x6a\x00\x00\x00\x00\x00\x00\x00"  # end at 104 + 2
            b'shell{"msg_id":"m","msg_type":"t"}{}{}{}\x00\xff'
        ),
    ),
    (
        Framing.V1,
        FULL,
        (
            b"\x08\x00\x00\x00\x00\x00\x00\x00"  # five parts, two buffers and the end
            b"\x48\x00\x00\x00\x00\x00\x00\x00"  # channel at 9 * 8
            b"\x4d\x00\x00\x00\x00\x00\x00\x00"  # header at 72 + 5
            b"\x6a\x00\x00\x00\x00\x00\x00\x00"  # parent header at 77 + 29
            b"\x78\x00\x00\x00\x00\x00\x00\x00"  # metadata at 106 + 14
            b"\x7f\x00\x00\x00\x00\x00\x00\x00"  # content at 120 + 7
            b"\x90\x00\x00\x00\x00\x00\x00\x00"  # first buffer at 127 + 17
            b"\x92\x00\x00\x00\x00\x00\x00\x00"  # second buffer at 144 + 2
            b"\x92\x00\x00\x00\x00\x00\x00\x00"  # end at 146 + 0
            b'iopub{"msg_id":"m","msg_type":"t"}{"msg_id":"p"}{"a":1}{"text":"\\u00e9"}\x00\xff'
        ),
    ),
]


@pytest.mark.pitfall(20)
@rows(("framing", "message", "frame"), BOOK)
def test_frames_follow_the_specification(framing: Framing, message: Message, frame: Frame) -> None:
    assert decode(frame, framing) == message
    assert encode(message, framing) == frame


@rows(("framing", "frame"), [(framing, frame) for framing, _, frame in BOOK])
def test_a_frame_cut_anywhere_is_refused(framing: Framing, frame: Frame) -> None:
    for end in range(len(frame)):
        with pytest.raises(WireError):
            decode(frame[:end], framing)


def test_framings_are_named_by_their_subprotocol() -> None:
    assert Framing(None) is Framing.DEFAULT
    assert Framing("v1.kernel.websocket.jupyter.org") is Framing.V1


HEADER = {"msg_id": "m", "msg_type": "t"}
DOCUMENT: dict[str, Any] = {
    "channel": "shell",
    "header": HEADER,
    "parent_header": {"msg_id": "p"},
    "metadata": {},
    "content": {"a": 1},
    "buffers": [],
}


def write_default(document: bytes, *buffers: bytes) -> bytes:
    """A binary frame of the default framing, by the specification."""
    frame, at = struct.pack(">I", 1 + len(buffers)), 4 * (2 + len(buffers))
    for part in (document, *buffers):
        frame += struct.pack(">I", at)
        at += len(part)
    return frame + document + b"".join(buffers)


def write_v1(*parts: bytes) -> bytes:
    """A frame of v1, by the specification."""
    frame, at = struct.pack("<Q", len(parts) + 1), 8 * (len(parts) + 2)
    for part in parts:
        frame += struct.pack("<Q", at)
        at += len(part)
    return frame + struct.pack("<Q", at) + b"".join(parts)


def v1_parts(**changed: bytes) -> list[bytes]:
    parts = {"channel": b"shell", "header": json.dumps(HEADER).encode()}
    parts |= {"parent_header": b"{}", "metadata": b"{}", "content": b"{}"}
    return [*(parts | changed).values()]


def read(frame: Frame, framing: Framing) -> tuple[Any, list[bytes]]:
    """Channel, four JSON parts and the buffers of a frame."""
    if framing is Framing.V1:
        assert isinstance(frame, bytes)
        count = int.from_bytes(frame[:8], "little")
        at = [int.from_bytes(frame[8 * n : 8 * n + 8], "little") for n in range(1, count + 1)]
        assert at[-1] == len(frame)
        assert at[0] == 8 * (count + 1)
        channel, *parts = (frame[a:b] for a, b in zip(at, at[1:]))
        return [channel.decode(), *map(json.loads, parts[:4])], parts[4:]
    buffers: list[bytes] = []
    if isinstance(frame, bytes):
        count = int.from_bytes(frame[:4], "big")
        at = [int.from_bytes(frame[4 * n : 4 * n + 4], "big") for n in range(1, count + 1)]
        assert at[0] == 4 * (count + 1)
        document, *buffers = (frame[a:b] for a, b in zip(at, [*at[1:], len(frame)]))
        frame = document.decode()
    said = json.loads(frame)
    assert said.pop("buffers") == []
    fields = ("channel", "header", "parent_header", "metadata", "content")
    assert set(said) == set(fields)
    return [said[name] for name in fields], buffers


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # Surrogates too: kernels print undecodable file names.
    | st.text()
    | st.sampled_from(["\ud800", "\x00", "\u2028"]),
    lambda value: st.lists(value, max_size=3) | st.dictionaries(st.text(), value, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=4)
MESSAGES = st.builds(
    Message,
    channel=st.sampled_from(["shell", "iopub", "stdin", "control"]) | st.text(),
    header=st.builds(
        lambda extra, msg_id, msg_type: {**extra, "msg_id": msg_id, "msg_type": msg_type},
        OBJECTS,
        st.text(),
        st.text(),
    ),
    parent_header=OBJECTS,
    metadata=OBJECTS,
    content=OBJECTS,
    buffers=st.lists(st.binary(), max_size=3).map(tuple),
)
FRAMINGS = st.sampled_from(Framing)


@BOUNDED
@given(MESSAGES, FRAMINGS)
def test_encoded_frames_can_be_read_by_the_specification(
    message: Message, framing: Framing
) -> None:
    parts, buffers = read(encode(message, framing), framing)
    assert parts == [
        message.channel,
        message.header,
        message.parent_header,
        message.metadata,
        message.content,
    ]
    assert tuple(buffers) == message.buffers


@BOUNDED
@given(MESSAGES, FRAMINGS, st.booleans())
def test_frames_written_by_the_specification_are_decoded(
    message: Message, framing: Framing, ascii_only: bool
) -> None:
    def dumps(value: Any) -> bytes:
        text = json.dumps(value, ensure_ascii=ascii_only)
        return (text if ascii_only else text.replace("\ud800", "\\ud800")).encode()

    parts = [message.header, message.parent_header, message.metadata, message.content]
    if framing is Framing.V1:
        frame: Frame = write_v1(message.channel.encode(), *map(dumps, parts), *message.buffers)
    else:
        names = ("header", "parent_header", "metadata", "content")
        document = {"channel": message.channel, **dict(zip(names, parts)), "msg_id": "also here"}
        frame = write_default(dumps(document), *message.buffers)
        if not message.buffers:
            assert decode(dumps(document).decode(), framing) == message
    assert decode(frame, framing) == message


@BOUNDED
@given(st.binary() | st.text(), FRAMINGS)
def test_nothing_that_arrives_raises_but_a_wire_error(frame: Frame, framing: Framing) -> None:
    try:
        assert isinstance(decode(frame, framing), Message)
    except WireError as exc:
        assert exc.frame is frame  # noqa: PT017  # either way is right


@BOUNDED
@given(st.data(), MESSAGES, FRAMINGS)
def test_damage_anywhere_raises_nothing_but_a_wire_error(
    data: st.DataObject, message: Message, framing: Framing
) -> None:
    frame = encode(message, framing)
    raw = bytearray(frame if isinstance(frame, bytes) else frame.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    damaged: Frame = bytes(raw) if isinstance(frame, bytes) else raw.decode("utf-8", "replace")
    try:
        assert isinstance(decode(damaged, framing), Message)
    except WireError as exc:
        assert exc.frame is damaged  # noqa: PT017  # either way is right


@BOUNDED
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(DOCUMENT, JSON)) | JSON)
@example([])
@example("channel")
def test_fields_of_any_type_raise_nothing_but_a_wire_error(document: Any) -> None:
    try:
        message = decode(json.dumps(document))
    except WireError:
        return
    assert isinstance(message.msg_id, str)
    assert isinstance(message.content, dict)


@pytest.mark.parametrize("name", ["channel", "header", "content"])
def test_a_message_without_its_essentials_is_refused(name: str) -> None:
    with pytest.raises(WireError, match="DEFAULT"):
        decode(json.dumps({key: value for key, value in DOCUMENT.items() if key != name}))


@pytest.mark.parametrize("name", ["parent_header", "metadata", "buffers"])
def test_messages_without_optional_fields_are_decoded(name: str) -> None:
    document = {key: value for key, value in DOCUMENT.items() if key != name}
    message = decode(json.dumps(document))
    assert message.content == {"a": 1}
    assert message.parent_id == (None if name == "parent_header" else "p")


def test_a_missing_part_may_be_null() -> None:
    assert decode(json.dumps({**DOCUMENT, "parent_header": None, "metadata": None})) == Message(
        channel="shell", header=HEADER, content={"a": 1}
    )


@rows("key", ["msg_id", "msg_type"])
@rows("value", [None, 1, [], {}])
def test_a_header_names_its_message_in_text(key: str, value: Any) -> None:
    header = {**HEADER, key: value}
    with pytest.raises(WireError):
        decode(json.dumps({**DOCUMENT, "header": header}))
    with pytest.raises(WireError):
        decode(write_v1(*v1_parts(header=json.dumps(header).encode())), Framing.V1)


# As in the iopub_welcome of xeus.
@pytest.mark.field("C10")
@pytest.mark.parametrize("name", ["parent_header", "metadata"])
def test_null_as_parent_means_no_parent(name: str) -> None:
    message = decode(json.dumps({**DOCUMENT, name: None}))
    assert getattr(message, name) == {}
    message = decode(write_v1(*v1_parts(**{name: b"null"})), Framing.V1)
    assert getattr(message, name) == {}


@rows("name", ["header", "parent_header", "metadata", "content"])
@rows("value", [b"[1]", b'"x"', b"1", b"", b"{", b"{} {}", b"\xff"])
def test_parts_are_json_objects(name: str, value: bytes) -> None:
    with pytest.raises(WireError):
        decode(write_v1(*v1_parts(**{name: value})), Framing.V1)


def test_invalid_utf8_loses_a_character_but_not_the_message() -> None:
    content = b'{"text":"caf\xe9 \xc3\xa9"}'
    assert decode(write_v1(*v1_parts(content=content)), Framing.V1).content == {
        "text": "caf\ufffd \u00e9"
    }
    document = json.dumps({**DOCUMENT, "content": "@"}).encode().replace(b'"@"', content)
    assert decode(write_default(document)).content == {"text": "caf\ufffd \u00e9"}


def test_a_channel_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(WireError):
        decode(write_v1(*v1_parts(channel=b"\xff")), Framing.V1)


@pytest.mark.parametrize("channel", [b"\xff" * 10**6, b"x" * 10**6])
def test_a_refused_part_is_not_shown_as_a_whole(channel: bytes) -> None:
    frame = write_v1(*v1_parts(channel=channel, header=b"{}"))
    with pytest.raises(WireError) as caught:
        decode(frame, Framing.V1)
    assert len(str(caught.value)) < 400
    large = {**DOCUMENT, "channel": ["x" * 10**6]}
    with pytest.raises(WireError) as caught:
        decode(json.dumps(large))
    assert len(str(caught.value)) < 400


def test_a_binary_frame_may_have_no_buffers() -> None:
    assert decode(write_default(json.dumps(DOCUMENT).encode())).buffers == ()


def test_v1_knows_no_text_frames() -> None:
    with pytest.raises(WireError, match="text frame"):
        decode(json.dumps(DOCUMENT), Framing.V1)


JSON_BYTES = json.dumps(DOCUMENT).encode()
BAD_OFFSETS = {
    "no parts": (Framing.DEFAULT, struct.pack(">I", 0) + JSON_BYTES),
    "more parts than bytes": (Framing.DEFAULT, struct.pack(">2I", 2**32 - 1, 8) + JSON_BYTES),
    "more parts than offsets": (Framing.DEFAULT, struct.pack(">2I", 9, 8)),
    "starts too early": (Framing.DEFAULT, struct.pack(">2I", 1, 7) + JSON_BYTES),
    "starts too late": (Framing.DEFAULT, struct.pack(">2I", 1, 9) + JSON_BYTES),
    "starts behind the end": (Framing.DEFAULT, struct.pack(">2I", 1, 2**32 - 1) + JSON_BYTES),
    "descending": (Framing.DEFAULT, struct.pack(">4I", 3, 16, 90, 80) + JSON_BYTES),
    "behind the end": (Framing.DEFAULT, struct.pack(">3I", 2, 12, 2**31) + JSON_BYTES),
    "little-endian": (Framing.DEFAULT, struct.pack("<2I", 1, 8) + JSON_BYTES),
    "v1 with no parts": (Framing.V1, struct.pack("<Q", 0)),
    "v1 with too few": (Framing.V1, write_v1(*v1_parts()[:4])),
    "v1 with more than bytes": (Framing.V1, struct.pack("<Q", 2**64 - 1) + bytes(64)),
    "v1 with more than memory": (Framing.V1, struct.pack("<Q", 2**40) + bytes(64)),
    "v1 with more than offsets": (Framing.V1, struct.pack("<8Q", 8, *range(64, 71))),
    "v1 with its end too early": (Framing.V1, write_v1(*v1_parts()) + b"x"),
    "v1 descending": (Framing.V1, struct.pack("<7Q", 6, 56, 61, 60, 62, 62, 62) + b"x" * 6),
    "v1 all behind the end": (Framing.V1, struct.pack("<7Q", 6, *[2**63] * 6)),
    "v1 big-endian": (Framing.V1, struct.pack(">7Q", 6, *[56] * 6)),
    "default framing on v1": (Framing.V1, write_default(JSON_BYTES, b"x")),
    "v1 on the default framing": (Framing.DEFAULT, write_v1(*v1_parts())),
}


@rows(("framing", "frame"), BAD_OFFSETS.values(), ids=BAD_OFFSETS)
def test_invalid_offsets_are_refused(framing: Framing, frame: bytes) -> None:
    with pytest.raises(WireError):
        decode(frame, framing)


OUT_OF_ORDER = "the offsets are out of order or outside the frame"
NO_OBJECT = "(TypeError: a JSON object is needed, not"
# A frame, and its fault.
REASONS: list[tuple[Framing, Frame, str]] = [
    (Framing.DEFAULT, struct.pack(">I", 0) + JSON_BYTES, "wrong number of parts: 0"),
    (Framing.DEFAULT, struct.pack(">2I", 3, 8), "wrong number of parts: 3"),
    (Framing.DEFAULT, struct.pack(">2I", 2**32 - 1, 8), "wrong number of parts: 4294967295"),
    (Framing.DEFAULT, struct.pack(">I", 1), "not a DEFAULT message (error: unpack_from"),
    (Framing.DEFAULT, struct.pack(">2I", 1, 7) + JSON_BYTES, OUT_OF_ORDER),
    (Framing.DEFAULT, struct.pack(">3I", 2, 12, 2**31) + JSON_BYTES, OUT_OF_ORDER),
    (Framing.V1, json.dumps(DOCUMENT), "V1 sends only binary frames, but this is a text frame"),
    (Framing.V1, write_v1(*v1_parts()[:4]), "wrong number of offsets: 5"),
    (Framing.V1, struct.pack("<7Q", 7, *[0] * 6), "not a V1 message (error: unpack_from"),
    (Framing.V1, struct.pack("<7Q", 8, *[0] * 6), "wrong number of offsets: 8"),
    (
        Framing.V1,
        struct.pack("<7Q", 2**64 - 1, *[0] * 6),
        "wrong number of offsets: 18446744073709551615",
    ),
    (Framing.V1, write_v1(*v1_parts()) + b"x", "the last offset is 99"),
    (Framing.V1, struct.pack("<7Q", 6, *[56] * 6), "not a V1 message (JSONDecodeError: "),
    (Framing.V1, struct.pack("<7Q", 6, *[48] * 5, 56), OUT_OF_ORDER),
    (Framing.V1, write_v1(*v1_parts(channel=b"\xff")), "not a V1 message (UnicodeDecodeError: "),
    (Framing.V1, write_v1(*v1_parts(content=b"{} {}")), "there is text after the JSON document)"),
    (Framing.V1, write_v1(*v1_parts(metadata=b"[]")), f"{NO_OBJECT} list)"),
    (Framing.DEFAULT, "{}", "not a DEFAULT message (KeyError: 'channel')"),
    (Framing.DEFAULT, "[", "not a DEFAULT message (JSONDecodeError: "),
    (
        Framing.DEFAULT,
        json.dumps({**DOCUMENT, "channel": 3}),
        "(TypeError: channel must be a string, not int)",
    ),
    (
        Framing.DEFAULT,
        json.dumps({**DOCUMENT, "header": {**HEADER, "msg_id": 3}}),
        "(TypeError: msg_id and msg_type must be strings)",
    ),
    (Framing.DEFAULT, json.dumps({**DOCUMENT, "content": "a"}), f"{NO_OBJECT} str)"),
]


@rows(("framing", "frame", "reason"), REASONS)
def test_a_wire_error_has_the_reason(framing: Framing, frame: Frame, reason: str) -> None:
    with pytest.raises(WireError) as caught:
        decode(frame, framing)
    assert reason in caught.value.reason
    assert caught.value.frame == frame


def refusal(frame: Frame, framing: Framing) -> tuple[WireError, Frame]:
    """The error of the half of ``decode`` that refuses the frame, and the input of this half."""
    try:
        packed = unpack(frame, framing)
    except WireError as refused:
        return refused, frame
    with pytest.raises(WireError) as caught:
        parse(packed)
    return caught.value, "".join(packed.texts)


@rows(("framing", "frame", "reason"), REASONS)
def test_the_error_for_an_invalid_frame_has_the_frame_and_the_reason(
    framing: Framing, frame: Frame, reason: str
) -> None:
    refused, came = refusal(frame, framing)
    assert reason in refused.reason
    assert refused.frame == came


def test_a_message_may_have_hundreds_of_empty_buffers() -> None:
    frame = write_default(json.dumps(DOCUMENT).encode(), *[b""] * 300)
    assert decode(frame).buffers == (b"",) * 300


# Only white space may surround JSON.
@rows(
    ("text", "value"),
    [("{}", {}), (' {"a": 1}', {"a": 1}), ("\t\r\n[1]\n\r\t ", [1]), (' "" ', "")],
)
def test_json_is_read_without_the_space_around_it(text: str, value: Any) -> None:
    assert loads(text) == value


@rows("text", ["", " ", "{} {}", "{}x", "x{}", "\u00a0{}", "\x0b{}", "{}\x0c"])
def test_text_that_is_not_one_json_value_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        loads(text)


@rows("value", [{"a": object()}, {"a": {1, 2}}])
def test_the_error_says_that_json_cannot_express_a_value(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^JSON cannot express this: \w") as caught:
        dumps(value)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_endless_nesting_is_refused(opening: str) -> None:
    deep = opening * 200_000
    with pytest.raises(WireError):
        decode(deep)
    with pytest.raises(WireError):
        decode(write_v1(*v1_parts(content=deep.encode())), Framing.V1)


def test_a_wire_error_shows_only_the_beginning_of_the_frame() -> None:
    frame = "x" * 1_000_000
    with pytest.raises(
        WireError, match=r"the frame has 1000000 characters and starts with 'xxx"
    ) as caught:
        decode(frame)
    assert caught.value.frame is frame
    assert len(str(caught.value)) < 300
    assert isinstance(caught.value, (JkgError, ValueError))
    assert pickle.loads(pickle.dumps(caught.value)).frame == frame


def nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth):
        value = {"a": value}
    return value


@rows("value", [float("nan"), float("inf"), b"bytes", {1, 2}, object(), nested(200_000)])
@rows("framing", Framing)
def test_values_that_json_cannot_express_are_a_value_error(framing: Framing, value: Any) -> None:
    with pytest.raises(ValueError):
        encode(evolve(BARE, content={"value": value}), framing)


@pytest.mark.parametrize("framing", Framing)
def test_a_lone_surrogate_is_transmitted(framing: Framing) -> None:
    message = evolve(BARE, content={"code": "\ud800"})
    frame = encode(message, framing)
    assert (frame.encode() if isinstance(frame, str) else frame).count(rb"\ud800") == 1
    assert decode(frame, framing) == message


@rows(("framing", "frame"), [(framing, frame) for framing, _, frame in BOOK])
def test_the_parts_of_a_frame_make_the_same_frame_again(framing: Framing, frame: Frame) -> None:
    assert pack(unpack(frame, framing)) == frame


# One row for each place that refuses a frame: the message, and the frame in the error.
REFUSED: list[tuple[Framing, Frame, str]] = [
    (Framing.V1, "{}", "V1 sends only binary frames, but this is a text frame"),
    (Framing.V1, b"\x05" + bytes(7) + bytes(40), "wrong number of offsets: 5"),
    (Framing.V1, b"\x06" + bytes(7) + bytes(48), "the last offset is 0, not the frame's end"),
    (
        Framing.V1,
        b"\x06" + bytes(7) + bytes(40) + b"\x38" + bytes(7),
        "the offsets are out of order or outside the frame",
    ),
    (Framing.V1, b"\x06", "not a V1 message"),
    (Framing.DEFAULT, bytes(8), "wrong number of parts: 0"),
    (Framing.DEFAULT, b"\x00\x00\x00\x03" + bytes(4), "wrong number of parts: 3"),
    (
        Framing.DEFAULT,
        b"\x00\x00\x00\x01" + bytes(4),
        "the offsets are out of order or outside the frame",
    ),
    (Framing.DEFAULT, b"\x00", "not a DEFAULT message"),
    (Framing.DEFAULT, "{", "not a DEFAULT message"),
]


@rows(("framing", "frame", "said"), REFUSED)
def test_a_frame_that_is_refused_is_named_and_kept(
    framing: Framing, frame: Frame, said: str
) -> None:
    with pytest.raises(WireError) as caught:
        decode(frame, framing)
    assert str(caught.value).startswith(said)
    assert caught.value.frame == frame
