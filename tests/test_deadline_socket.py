"""The WebSocket with deadlines, connected to a second socket in the test."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from jkg_client.client.deadline import Deadline
from jkg_client.gateway.deadline_socket import DeadlineWebSocket
from jkg_client.gateway.handshake import HandshakeAnswer
from jkg_client.protocol.frames import BINARY, TEXT

FRAME = b"\x81\x02ok"
"""A whole text message, as a server sends it."""
PONG = b"\x8a\x80"
"""The beginning of an empty pong of a client. A mask of four bytes follows."""


@contextlib.contextmanager
def pair() -> Iterator[tuple[DeadlineWebSocket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield DeadlineWebSocket(ours, HandshakeAnswer(101, {}), 1.0), theirs


@pytest.mark.parametrize("has_quickack", [True, False])
def test_a_pong_is_sent_only_if_nothing_else_acknowledges_at_once(
    has_quickack: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(socket, "TCP_QUICKACK", raising=False)
    if has_quickack:
        monkeypatch.setattr(socket, "TCP_QUICKACK", 12, raising=False)
    with pair() as (opened, theirs):
        theirs.sendall(2 * FRAME)
        assert [opened.receive(Deadline(10)) for _ in range(2)] == [(1, b"ok")] * 2
        theirs.setblocking(False)
        try:
            sent = theirs.recv(100)
        except BlockingIOError:
            sent = b""
        assert (sent[:2], len(sent)) == ((b"", 0) if has_quickack else (PONG, 6))


@pytest.mark.pitfall(23)
@pytest.mark.parametrize(
    "sent", [b"\x81\x02\xffk", b"\x01\x01\xff\x80\x01k"], ids=["whole", "parts"]
)
def test_text_frames_are_accepted_without_a_check_for_utf8(sent: bytes) -> None:
    # websocket-client's own check of UTF-8 takes seconds for an image, and drops the connection.
    with pair() as (opened, theirs):
        theirs.sendall(sent)
        assert opened.receive(Deadline(10)) == (1, b"\xffk")


def test_sent_frames_are_masked_as_the_rfc_says() -> None:
    with pair() as (opened, theirs):
        opened.send(TEXT, b"Hello", Deadline(10))
        sent = theirs.recv(100)
        mask, masked = sent[2:6], sent[6:]
        assert (sent[:2], len(sent)) == (b"\x81\x85", 11)
        assert bytes(a ^ b for a, b in zip(masked, mask + mask)) == b"Hello"


def test_a_send_keeps_its_deadline_although_the_other_end_reads_nothing() -> None:
    with pair() as (opened, _), pytest.raises(socket.timeout):
        opened.send(BINARY, bytes(2**23), Deadline(0.2))


def test_a_close_frame_is_sent_only_once() -> None:
    with pair() as (opened, theirs):
        opened.say_goodbye()
        opened.say_goodbye()
        assert len(theirs.recv(100)) == 8
        opened.shutdown()
        opened.say_goodbye()
        assert theirs.recv(100) == b""
