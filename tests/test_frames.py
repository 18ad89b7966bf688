"""Frames of a WebSocket. The bytes are those of RFC 6455, section 5.7, or written by hand."""

from __future__ import annotations

import tracemalloc

import pytest
from tables import rows

from jkg_client.protocol.frames import BINARY, CLOSE, PING, PONG, TEXT, FrameReader, beginning

HELLO = bytes.fromhex("81 05 48 65 6c 6c 6f")
HEL, LO = bytes.fromhex("01 03 48 65 6c"), bytes.fromhex("80 02 6c 6f")
PINGED = bytes.fromhex("89 05 48 65 6c 6c 6f")

# Received bytes, and their messages.
WHOLE: dict[str, tuple[bytes, list[tuple[int, bytes]]]] = {
    "text": (HELLO, [(TEXT, b"Hello")]),
    "two in one read": (2 * HELLO, [(TEXT, b"Hello"), (TEXT, b"Hello")]),
    "text in parts": (HEL + LO, [(TEXT, b"Hello")]),
    "in three parts": (HEL + b"\x00\x00" + LO, [(TEXT, b"Hello")]),
    "binary in parts": (b"\x02\x01a\x80\x01b", [(BINARY, b"ab")]),
    "a ping between parts": (HEL + PINGED + LO, [(PING, b"Hello"), (TEXT, b"Hello")]),
    "a message after one in parts": (HEL + LO + HELLO, [(TEXT, b"Hello")] * 2),
    "parts after parts": (2 * (HEL + LO), [(TEXT, b"Hello")] * 2),
    "pong": (b"\x8a\x00", [(PONG, b"")]),
    "goodbye": (b"\x88\x02\x03\xe8", [(CLOSE, b"\x03\xe8")]),
    "nothing": (b"\x82\x00", [(BINARY, b"")]),
    "125 bytes": (b"\x82\x7d" + bytes(125), [(BINARY, bytes(125))]),
    "126 bytes": (b"\x82\x7e\x00\x7e" + bytes(126), [(BINARY, bytes(126))]),
    "256 bytes": (b"\x82\x7e\x01\x00" + bytes(256), [(BINARY, bytes(256))]),
    "64 KiB": (
        b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + bytes(65536),
        [(BINARY, bytes(65536))],
    ),
    "longer than it must be": (b"\x81\x7f" + bytes(7) + b"\x02ok", [(TEXT, b"ok")]),
    "not quite UTF-8": (b"\x81\x02\xffk", [(TEXT, b"\xffk")]),
}


@rows("size", [1, 2, 3, 100_000])
@rows("case", WHOLE)
def test_messages_are_read_from_pieces_of_any_size(case: str, size: int) -> None:
    sent, messages = WHOLE[case]
    reader, given = FrameReader(2**20), []
    for start in range(0, len(sent), size):
        reader.feed(sent[start : start + size])
        while (received := reader.next()) is not None:
            given.append(received)
    assert given == messages


@rows("count", [0, 1, 2, 3, 6])
def test_a_part_of_a_frame_is_not_a_message(count: int) -> None:
    reader = FrameReader(100)
    reader.feed(HELLO[:count])
    assert reader.next() is None


# Frames that break the rules of the format.
STRANGE: dict[str, bytes] = {
    "compressed": b"\xc1\x00",
    "a reserved bit": b"\xa1\x00",
    "another reserved bit": b"\x91\x00",
    "an opcode that nobody knows": b"\x83\x00",
    "a control frame that nobody knows": b"\x8b\x00",
    "a ping in parts": b"\x09\x00",
    "a goodbye in parts": b"\x08\x00",
    "a ping of 126 bytes": b"\x89\x7e\x00\x7e" + bytes(126),
    "a short masked frame": b"\x81\x81\x00\x00\x00\x00x",
    "a masked frame": b"\x81\xfe\x00\x7e" + bytes(4 + 126),
    "the end of nothing": LO,
    "the middle of nothing": b"\x00\x00",
    "a message within a message": HEL + HELLO,
    "parts within parts": HEL + HEL,
    "another kind of part": HEL + b"\x82\x00",
}


TOLD = (
    r"^a frame that begins with 0x..$"
    r"|^a control frame that is too long, or a masked frame$"
    r"|^a part of a message without the one before it$"
)


@rows("case", STRANGE)
def test_invalid_frames_are_an_error(case: str) -> None:
    reader = FrameReader(100)
    reader.feed(STRANGE[case])
    with pytest.raises(ValueError, match=TOLD):
        reader.next()


@rows(
    ("sent", "is_told"),
    [
        (b"\x82\x05", False),
        (b"\x82\x06", True),
        (b"\x82\x7f" + b"\xff" * 8, True),
        (b"\x02\x03abc\x80\x02", False),
        (b"\x02\x03abc\x80\x03", True),
    ],
)
def test_a_message_that_is_too_large_is_an_error_before_it_has_arrived(
    sent: bytes, is_told: bool
) -> None:
    reader = FrameReader(5)
    reader.feed(sent)
    if is_told:
        with pytest.raises(ValueError, match="a message of over 5 bytes"):
            reader.next()
    else:
        assert reader.next() is None


@pytest.mark.parametrize(
    ("size", "begins"),
    [
        (0, "82 80"),
        (5, "82 85"),
        (125, "82 fd"),
        (126, "82 fe 00 7e"),
        (65535, "82 fe ff ff"),
        (65536, "82 ff 00 00 00 00 00 01 00 00"),
    ],
)
def test_frames_of_a_client_begin_with_a_size_of_one_three_or_nine_bytes(
    size: int, begins: str
) -> None:
    assert beginning(BINARY, size) == bytes.fromhex(begins)


def test_a_large_message_is_not_in_memory_twice_after_it_was_read() -> None:
    size = 2**22
    reader = FrameReader(2 * size)
    tracemalloc.start()
    try:
        # The next frame has begun to arrive.
        reader.feed(b"".join([b"\x82\x7f", size.to_bytes(8, "big"), bytes(size), b"\x81"]))
        received = reader.next()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert received is not None
    assert len(received.data) == size
    assert held < 1.5 * size
    reader.feed(b"\x01a")
    assert reader.next() == (TEXT, b"a")


def test_memory_grows_with_the_received_data_not_with_the_announced_size() -> None:
    size = 2**28
    reader = FrameReader(size)
    tracemalloc.start()
    try:
        reader.feed(b"\x82\x7f" + size.to_bytes(8, "big") + b"a")
        assert reader.next() is None
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < size / 32


@pytest.mark.parametrize("piece", [1, 4096, 2**16 + 9, 2**17 + 25])
def test_frames_after_large_messages_are_read_from_pieces_of_any_size(piece: int) -> None:
    large = bytes(range(256)) * 260
    sent = b"\x82\x7f" + len(large).to_bytes(8, "big") + large
    data = b"".join([sent, b"\x81\x01a", sent, b"\x89\x00", sent])
    reader = FrameReader(2**20)
    read: list[object] = []
    for start in range(0, len(data), piece):
        reader.feed(data[start : start + piece])
        while (received := reader.next()) is not None:
            read.append((received.opcode, bytes(received.data)))
    whole = (BINARY, large)
    assert read == [whole, (TEXT, b"a"), whole, (PING, b""), whole]
