"""The sockets of a client, with messages that do not come from the kernel."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from attrs import evolve

from jkg_client.client.deadline import Deadline
from jkg_client.embedded.connection_file import ConnectionInfo
from jkg_client.embedded.sockets import KernelSockets
from jkg_client.errors import GatewayUnreachable
from jkg_client.protocol.message_gaps import Gap
from jkg_client.protocol.messages import Message, kernel_info_request
from jkg_client.protocol.zmq_wire import SigningKey, decode, encode


@pytest.fixture
def info(tmp_path: Path) -> ConnectionInfo:
    return ConnectionInfo.new(tmp_path, "tcp", "hmac-sha256")


@pytest.fixture
def iopub(info: ConnectionInfo) -> Iterator[zmq.Socket[bytes]]:
    """The kernel's iopub socket. It also receives the subscriptions of clients."""
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.bind(info.address("iopub"))
        yield socket


def said(number: int) -> Message:
    header = {"msg_id": f"m{number}", "msg_type": "status"}
    return Message(channel="iopub", header=header, content={"execution_state": "busy"})


@pytest.mark.field("K9")
def test_forged_unsigned_replayed_and_invalid_messages_are_dropped_and_counted(
    info: ConnectionInfo, iopub: zmq.Socket[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    good, later = encode(said(1), info.key), encode(said(2), info.key)
    forged = encode(said(3), SigningKey(b"another key"))
    unsigned = [good[0], b"", *encode(said(4), info.key)[2:]]
    sent = [good, forged, unsigned, good, [b"nonsense"], good[:4], later]
    with contextlib.closing(KernelSockets.connected(info, "session", ["iopub"])) as sockets:
        assert iopub.poll(10_000), "nobody has subscribed"
        iopub.recv()
        for parts in sent:
            iopub.send_multipart([b"topic", *parts])
        came: list[str] = []
        deadline = Deadline(10)
        while len(came) < 2 and not deadline.passed:
            message = sockets.receive(0.1)
            if isinstance(message, Message):
                came.append(message.msg_id)
        assert came == ["m1", "m2"]
        assert sockets.rejected == 5
    assert len(caplog.records) == 5


def test_a_message_of_the_kernel_that_cannot_be_read_is_a_gap(
    info: ConnectionInfo, iopub: zmq.Socket[bytes]
) -> None:
    parts = [b'{"msg_id":"m","msg_type":"t"}', b"{}", b"{}", b"no JSON"]
    with contextlib.closing(KernelSockets.connected(info, "session", ["iopub"])) as sockets:
        assert iopub.poll(10_000), "nobody has subscribed"
        iopub.recv()
        iopub.send_multipart([b"<IDS|MSG>", info.key.sign(parts), *parts])
        assert sockets.receive(10) == Gap(unread=1)
        assert sockets.rejected == 0


def test_sent_messages_are_signed_and_use_their_channel(
    info: ConnectionInfo,
) -> None:
    request = kernel_info_request("session")
    with zmq.Context() as context, context.socket(zmq.ROUTER) as control:
        control.setsockopt(zmq.LINGER, 0)
        control.bind(info.address("control"))
        with contextlib.closing(KernelSockets.connected(info, "session")) as sockets:
            sockets.send(evolve(request, channel="control"))
            assert control.poll(10_000)
            identity, *parts = control.recv_multipart()
        assert identity == b"session"
        assert decode(parts, "control", info.key).header == request.header


@pytest.mark.parametrize("channel", ["iopub2", "hb", ""])
def test_an_unknown_channel_is_refused(info: ConnectionInfo, channel: str) -> None:
    with (
        contextlib.closing(KernelSockets.connected(info, "session")) as sockets,
        pytest.raises(ValueError, match="cannot send a message on channel"),
    ):
        sockets.send(evolve(kernel_info_request("session"), channel=channel))


@pytest.mark.field("K20")
def test_a_missing_heartbeat_is_noticed_at_the_second_check(info: ConnectionInfo) -> None:
    with contextlib.closing(KernelSockets.connected(info, "session")) as sockets:
        assert [sockets.beats() for _ in range(3)] == [True, False, False]


def test_sockets_that_cannot_be_opened_are_reported(info: ConnectionInfo) -> None:
    nowhere = evolve(info, ip="no such host!")
    with pytest.raises(GatewayUnreachable, match="cannot open sockets to the kernel"):
        KernelSockets.connected(nowhere, "session")
