"""Requests that a server sends to a kernel, unseen by us, when a client connects again."""

from __future__ import annotations

import pytest

from jkg_client import JupyterClient, JupyterConnectable
from jkg_client.client.deadline import Deadline
from jkg_client.client.timeouts import TIMEOUTS
from jkg_client.gateway.websocket import WebSocketTransport
from jkg_client.protocol.message_gaps import ASKED_AT_CONNECT
from jkg_client.protocol.messages import kernel_info_request, new_session

TIMES = 8


@pytest.mark.every_server
def test_a_reconnect_uses_no_more_message_numbers_than_allowed(server: JupyterConnectable) -> None:
    with JupyterClient(server.connection_info) as client:
        kernel_id = client.start_kernel("python3")
        try:
            session = new_session()
            heard = [_numbers_heard(client, kernel_id, session) for _ in range(TIMES)]
        finally:
            client.delete_kernel(kernel_id)
    unseen = []
    for before, after in zip(heard, heard[1:]):
        between = set(range(max(before) + 1, max(after)))
        unseen.append(len(between - after))
    print("unseen at each reconnection:", unseen)
    assert max(unseen) <= ASKED_AT_CONNECT


def _numbers_heard(client: JupyterClient, kernel_id: str, session: str) -> set[int]:
    """Numbers of the kernel's messages on a new connection, until it has answered a request."""
    address = client.channels_address(kernel_id, session)
    transport = WebSocketTransport(address, Deadline(60), TIMEOUTS.overtime)
    try:
        request, deadline = kernel_info_request(session), Deadline(60)
        transport.send(request, deadline)
        numbers, awaited = set[int](), {"kernel_info_reply", "idle"}
        while awaited:
            message = transport.receive(deadline)
            assert message is not None, "no answer in time"
            number = message.msg_id.rpartition("_")[2]
            if number.isdecimal():  # messages of the server itself have other ids
                numbers.add(int(number))
            if message.parent_id == request.msg_id:
                awaited -= {message.msg_type, message.content.get("execution_state")}
        return numbers
    finally:
        transport.close()
