"""The REST client, with correct and wrong answers of a server."""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

import pytest
from attrs import evolve
from tables import rows

from jkg_client import (
    GatewayError,
    GatewayFull,
    GatewayStatus,
    GatewayTimeout,
    GatewayUnauthorized,
    GatewayUnreachable,
    JkgError,
    JupyterClient,
    JupyterConnectionInfo,
    JupyterKernelClient,
    KernelNotFound,
    KernelSpecNotFound,
    NotAGateway,
)
from jkg_client.gateway import connecting
from jkg_client.testing import FakeGateway

UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def client(server: FakeGateway) -> Iterator[JupyterClient]:
    with JupyterClient(server.connection_info, request_timeout=5) as client:
        yield client


def test_a_kernel_is_started_listed_asked_about_and_deleted(client: JupyterClient) -> None:
    kernel_id = client.start_kernel("python3")
    assert [kernel["id"] for kernel in client.list_kernels()] == [kernel_id]
    assert client.get_kernel(kernel_id)["name"] == "python3"
    client.interrupt_kernel(kernel_id)
    client.restart_kernel(kernel_id)
    client.delete_kernel(kernel_id)
    assert client.list_kernels() == []


def test_kernel_specs_are_listed(client: JupyterClient) -> None:
    assert list(client.list_kernel_specs()["kernelspecs"]) == ["python3"]


def test_every_method_raises_kernel_not_found_for_an_unknown_kernel(client: JupyterClient) -> None:
    for ask in (
        client.get_kernel,
        client.interrupt_kernel,
        client.restart_kernel,
        client.delete_kernel,
        client.get_kernel_client,
    ):
        with pytest.raises(KernelNotFound, match="start another"):
            ask(UNKNOWN)


def test_the_error_for_an_unknown_kernel_spec_lists_the_installed_ones(
    client: JupyterClient,
) -> None:
    with pytest.raises(KernelSpecNotFound, match=r"Kernel 'nosuch' is not installed\..*: python3"):
        client.start_kernel("nosuch")


@rows(
    ("name", "env"),
    [
        ("", None),
        (None, None),
        ("python3", {"A": 1}),
        ("python3", {2: "B"}),
        ("python3", {"A=B": "1"}),
    ],
)
def test_bad_arguments_are_reported_before_anything_is_sent(
    client: JupyterClient, server: FakeGateway, name: Any, env: Any
) -> None:
    with pytest.raises(ValueError, match=r"must be|is needed|cannot be"):
        client.start_kernel(name, env=env)
    assert server.journal.requests() == []


def test_the_environment_and_path_are_passed_on(client: JupyterClient, server: FakeGateway) -> None:
    client.start_kernel("python3", env={"KERNEL_A": "1"}, path="there")
    (request,) = server.journal.requests("POST", "/api/kernels")
    assert request.body == {"name": "python3", "env": {"KERNEL_A": "1"}, "path": "there"}


@pytest.mark.pitfall(29, 53)
def test_the_token_is_sent_in_a_header_and_never_in_a_url(
    client: JupyterClient, server: FakeGateway
) -> None:
    client.get_kernel_client(client.start_kernel("python3")).stop()
    token = server.connection_info.token
    for request in server.journal.requests():
        assert request.headers["Authorization"] == f"token {token}"
        assert str(token) not in str(request.query)


@pytest.mark.pitfall(27)
def test_a_full_server_raises_gateway_full() -> None:
    with FakeGateway(max_kernels=1) as server, JupyterClient(server.connection_info) as client:
        client.start_kernel("python3")
        with pytest.raises(GatewayFull, match="Resource Limit"):
            client.start_kernel("python3")


def test_listing_kernels_may_be_switched_off() -> None:
    with (
        FakeGateway(list_kernels=False) as server,
        JupyterClient(server.connection_info) as client,
        pytest.raises(GatewayUnauthorized, match="list_kernels"),
    ):
        client.list_kernels()


@rows(
    ("status", "error"),
    [
        (400, GatewayStatus),
        (401, GatewayUnauthorized),
        (403, GatewayUnauthorized),
        (404, NotAGateway),
        (405, GatewayStatus),
        (429, GatewayStatus),
        (500, GatewayStatus),
    ],
)
@pytest.mark.pitfall(27)
def test_each_status_has_its_own_error(
    client: JupyterClient, server: FakeGateway, status: int, error: type[JkgError]
) -> None:
    server.faults.status(status, path="/api/kernelspecs", body={"message": "what it said"})
    with pytest.raises(error, match="what it said") as caught:
        client.list_kernel_specs()
    assert type(caught.value) is error


@pytest.mark.parametrize(
    "said",
    [
        "User 'bob' is not authorized to start kernel 'Python 3'. Ensure KERNEL_USERNAME is set",
        "User 'bob' is not in the set of users authorized to start kernel 'Python 3'.",
    ],
)
def test_the_error_for_a_forbidden_user_does_not_blame_the_token(
    client: JupyterClient, server: FakeGateway, said: str
) -> None:
    # The error message of Enterprise Gateway. It also says what the user can do.
    server.faults.status(403, path="/api/kernels", body={"reason": said, "message": ""})
    with pytest.raises(GatewayUnauthorized, match=rf"answered 403: {re.escape(said)}$"):
        client.start_kernel("python3")


@pytest.mark.pitfall(27)
def test_a_redirect_is_reported_and_not_followed(
    client: JupyterClient, server: FakeGateway
) -> None:
    server.faults.status(302, headers={"Location": "/hub/login?next=x"})
    with pytest.raises(GatewayUnauthorized, match="login page"):
        client.list_kernel_specs()
    server.faults.status(301, headers={"Location": "https://elsewhere.example/api?token=hidden"})
    with pytest.raises(GatewayStatus, match=r"https://elsewhere.example/api; use that") as caught:
        client.list_kernel_specs()
    assert "hidden" not in str(caught.value)
    assert len(server.journal.requests()) == 2


@pytest.mark.pitfall(27)
@rows("body", ["<html>log in</html>", "", "[1]", '{"kernelspecs": []}', "{" * 9])
def test_an_answer_of_another_server_is_reported(
    client: JupyterClient, server: FakeGateway, body: str
) -> None:
    server.faults.status(200, body=body or " ")
    with pytest.raises(NotAGateway, match="is not a Jupyter server"):
        client.list_kernel_specs()


@pytest.mark.pitfall(32)
def test_a_get_is_tried_again_but_a_post_never(client: JupyterClient, server: FakeGateway) -> None:
    server.faults.cut_answer(method="GET", times=1)
    assert client.list_kernels() == []
    server.faults.cut_answer(method="POST", times=1)
    with pytest.raises(GatewayUnreachable):
        client.start_kernel("python3")
    assert len(server.journal.requests("POST", "/api/kernels")) == 1
    assert len(client.list_kernels()) == 1


def test_a_bad_gateway_on_the_way_is_tried_again(
    client: JupyterClient, server: FakeGateway
) -> None:
    server.faults.status(502, method="GET", times=1)
    assert client.list_kernels() == []


@contextlib.contextmanager
def dripping(start: bytes) -> Iterator[JupyterConnectionInfo]:
    """A server that begins each answer with ``start``, and then sends it slowly without end."""
    stopping = threading.Event()

    class Drip(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.request.sendall(start)
                while not stopping.wait(0.02):
                    self.request.sendall(b"x")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Drip) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield JupyterConnectionInfo("127.0.0.1", False, server.server_address[1])
        finally:
            stopping.set()
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"HTTP/1.1 200 ",
        b"HTTP/1.1 200 OK\r\nServer: ",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n",
    ],
    ids=["nothing", "status", "header", "body", "known length", "chunk"],
)
@pytest.mark.pitfall(7)
def test_the_time_limit_applies_to_the_whole_answer(start: bytes) -> None:
    started = time.monotonic()
    with (
        dripping(start) as info,
        JupyterClient(info, request_timeout=0.1) as client,
        pytest.raises(GatewayTimeout, match=r"no answer within 0\.1 s"),
    ):
        client.list_kernel_specs()
    assert time.monotonic() - started < 10


@pytest.mark.pitfall(7)
def test_the_time_limit_applies_to_the_whole_handshake() -> None:
    started = time.monotonic()
    with (
        dripping(b"HTTP/1.1 101 Switching Protocols\r\nServer: ") as info,
        JupyterClient(info) as client,
        pytest.raises(GatewayTimeout, match="no answer in time"),
    ):
        JupyterKernelClient(client, UNKNOWN, connect_timeout=0.1)
    assert time.monotonic() - started < 10


@pytest.fixture
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "_PAUSE", 0.02)
    monkeypatch.setattr(connecting, "_CHECK", 0.05)


@pytest.mark.usefixtures("short_pause")
def test_a_kernel_that_is_gone_is_reported_while_the_server_does_not_answer_the_handshake(
    client: JupyterClient, server: FakeGateway
) -> None:
    server.faults.never_answer(path="/api/kernels/*/channels")
    with pytest.raises(KernelNotFound, match="it was deleted or has died"):
        client.get_kernel_client(UNKNOWN)


@pytest.mark.usefixtures("short_pause")
def test_a_slow_handshake_of_a_kernel_that_exists_is_waited_for(
    client: JupyterClient, server: FakeGateway
) -> None:
    kernel_id = client.start_kernel("python3")
    server.faults.delay(0.2, path="/api/kernels/*/channels")
    with client.get_kernel_client(kernel_id) as kernel:
        assert kernel.execute("6 * 7", 10).output == "42"
    assert server.journal.requests("GET", f"/api/kernels/{kernel_id}")


@pytest.mark.usefixtures("short_pause")
@rows("path", ["/api/kernels/*/channels", "*"])
def test_a_handshake_that_takes_too_long_ends_at_the_time_limit_although_the_kernel_exists(
    server: FakeGateway, path: str
) -> None:
    with JupyterClient(server.connection_info) as client:
        kernel_id = client.start_kernel("python3")
        server.faults.never_answer(path=path)
        started = time.monotonic()
        with pytest.raises(GatewayTimeout, match="channels: no answer in time"):
            JupyterKernelClient(client, kernel_id, connect_timeout=0.2)
        assert time.monotonic() - started < 10
        server.faults.clear()
    assert server.journal.requests("GET", f"/api/kernels/{kernel_id}")


@pytest.mark.pitfall(7)
def test_a_silent_server_is_given_up_in_time(server: FakeGateway) -> None:
    server.faults.never_answer()
    with (
        JupyterClient(server.connection_info, request_timeout=0.1) as client,
        pytest.raises(GatewayTimeout, match=r"no answer within 0\.1 s"),
    ):
        client.list_kernel_specs()


def test_the_error_for_a_refused_connection_says_what_to_check(server: FakeGateway) -> None:
    server.faults.refuse_connections()
    with (
        JupyterClient(server.connection_info) as client,
        pytest.raises(GatewayUnreachable, match="is the server running"),
    ):
        client.delete_kernel(UNKNOWN)  # not tried again


@pytest.mark.pitfall(28)
def test_cookies_of_rest_answers_are_sent_to_the_websocket(
    client: JupyterClient, server: FakeGateway
) -> None:
    kernel_id = client.start_kernel("python3")
    server.faults.status(
        500, method="GET", headers={"Set-Cookie": "route=backend-2; Path=/"}, body={"message": "x"}
    )
    with pytest.raises(GatewayStatus):
        client.list_kernels()
    client.get_kernel_client(kernel_id).stop()
    (opening,) = server.journal.requests("GET", f"/api/kernels/{kernel_id}/channels")
    assert "route=backend-2" in opening.headers["Cookie"]


@pytest.mark.pitfall(53)
def test_a_token_in_an_answer_is_masked(server: FakeGateway) -> None:
    info = server.connection_info
    server.faults.status(500, body=f"<p>bad token {info.token}</p>", path="/api/kernelspecs")
    with JupyterClient(info) as client, pytest.raises(GatewayStatus) as caught:
        client.list_kernel_specs()
    assert info.token is not None
    assert info.token not in str(caught.value)
    assert "[token]" in str(caught.value)


BASIC = {"Authorization": "Basic " + b64encode(b"me:pass word").decode()}


@pytest.mark.field("D1")
@rows(
    ("headers", "secret"),
    [
        ({"Authorization": "Bearer some-secret"}, "some-secret"),
        ({"Authorization": "Bearer some-secret"}, "Bearer some-secret"),
        (BASIC, BASIC["Authorization"].split()[1]),
        (BASIC, "pass word"),
        ({"X-Api-Key": "abc"}, "abc"),
        ({"X-Custom": "some/secret+"}, "some/secret+"),
        ({"Cookie": "session=some-secret; user=me"}, "some-secret"),
    ],
)
@rows("status", [302, 401, 403, 404, 500])
def test_a_header_in_an_answer_is_masked(
    headers: dict[str, str], secret: str, status: int, server: FakeGateway
) -> None:
    server.faults.status(
        status,
        body=f"<p>asked with {secret}</p>",
        headers={"Location": f"http://elsewhere/{quote(secret)}"},
        path="/api/kernelspecs",
    )
    info = evolve(server.connection_info, headers=headers)
    with JupyterClient(info) as client, pytest.raises(GatewayError) as caught:
        client.list_kernel_specs()
    told = f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert secret not in told
    assert secret not in unquote(told)


def test_a_netrc_entry_does_not_replace_the_token(
    server: FakeGateway, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with JupyterClient(server.connection_info) as client:
        assert client.list_kernels() == []


def test_a_proxy_of_the_environment_is_not_used_for_this_machine(
    server: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with JupyterClient(server.connection_info) as client:
        kernel_id = client.start_kernel("python3")
        with client.get_kernel_client(kernel_id) as kernel:
            assert kernel.wait_for_ready(5)


def test_deleting_just_after_a_death_is_tried_again(
    client: JupyterClient, server: FakeGateway
) -> None:
    kernel_id = client.start_kernel("python3")
    server.faults.status(500, method="DELETE")
    client.delete_kernel(kernel_id)
    assert client.list_kernels() == []


@contextlib.contextmanager
def silent() -> Iterator[JupyterConnectionInfo]:
    """A port that accepts connections, but sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield JupyterConnectionInfo("127.0.0.1", False, listener.getsockname()[1])


@contextlib.contextmanager
def hanging_up() -> Iterator[tuple[int, list[Any]]]:
    """A port that closes each connection, and the connections that were made."""
    callers: list[Any] = []

    class HangUp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            callers.append(self.client_address)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), HangUp) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1], callers
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.pitfall(32)
@pytest.mark.parametrize("use_https", [False, True])
def test_the_same_requests_are_tried_again_with_and_without_tls(use_https: bool) -> None:
    with hanging_up() as (port, callers):
        info = JupyterConnectionInfo("127.0.0.1", use_https, port)
        with JupyterClient(info) as client:
            with pytest.raises(GatewayUnreachable):
                client.get_kernel(UNKNOWN)
            assert len(callers) == 3
            with pytest.raises(GatewayUnreachable):
                client.interrupt_kernel(UNKNOWN)
            assert len(callers) == 4


def test_another_try_that_would_come_too_late_is_not_made() -> None:
    with hanging_up() as (port, callers):
        info = JupyterConnectionInfo("127.0.0.1", False, port)
        # The first pause takes at least 0.1 s.
        with JupyterClient(info, request_timeout=0.09) as client, pytest.raises(GatewayUnreachable):
            client.get_kernel(UNKNOWN)
    assert len(callers) <= 1


def test_an_answer_that_is_cut_short_is_a_broken_connection(
    client: JupyterClient, server: FakeGateway
) -> None:
    server.faults.cut_answer(300, method="POST")
    with pytest.raises(GatewayUnreachable, match="no connection"):
        client.start_kernel("python3")


@pytest.mark.field("C9")
def test_a_long_wait_ends_if_the_server_answers_no_request(server: FakeGateway) -> None:
    server.faults.never_answer()
    with (
        JupyterClient(server.connection_info, request_timeout=0.1) as client,
        pytest.raises(GatewayTimeout, match="does not answer, not even GET /api"),
    ):
        client.start_kernel("python3", timeout_seconds=600)


@pytest.mark.field("C9")
@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 201 Created\r\nServer: "])
def test_a_long_wait_ends_if_every_answer_comes_byte_by_byte(start: bytes) -> None:
    with (
        dripping(start) as info,
        JupyterClient(info, request_timeout=0.1) as client,
        pytest.raises(GatewayTimeout, match="does not answer, not even GET /api"),
    ):
        client.start_kernel("python3", timeout_seconds=600)


@pytest.mark.field("C9")
def test_a_long_wait_ends_if_the_port_is_silent() -> None:
    with (
        silent() as info,
        JupyterClient(info, request_timeout=0.1) as client,
        pytest.raises(GatewayTimeout, match="does not answer, not even GET /api"),
    ):
        client.start_kernel("python3", timeout_seconds=600)


@pytest.mark.field("C9")
def test_a_slow_launch_is_awaited(server: FakeGateway) -> None:
    server.faults.delay(0.3, method="POST", path="/api/kernels")
    with JupyterClient(server.connection_info, request_timeout=0.1) as client:
        client.start_kernel("python3", timeout_seconds=60)


@pytest.mark.field("C7")
def test_without_a_token_cookie_and_header_have_the_same_xsrf_value(server: FakeGateway) -> None:
    info = server.connection_info
    with JupyterClient(evolve(info, token=None)) as client, pytest.raises(GatewayUnauthorized):
        client.start_kernel("python3")
    (request,) = server.journal.requests("POST")
    said = request.headers["X-XSRFToken"]
    assert request.headers["Cookie"] == f"_xsrf={said}"


@pytest.mark.field("C7")
def test_with_a_token_no_xsrf_value_is_sent(client: JupyterClient, server: FakeGateway) -> None:
    client.start_kernel("python3")
    (request,) = server.journal.requests("POST")
    assert {"X-XSRFToken", "Cookie"} & set(request.headers) == set()


@pytest.mark.field("C7")
def test_an_xsrf_cookie_of_the_server_is_sent_back(server: FakeGateway) -> None:
    with JupyterClient(evolve(server.connection_info, token=None)) as client:
        cookie = {"Set-Cookie": "_xsrf=of-the-server; Path=/"}
        server.faults.status(200, method="GET", headers=cookie, body="[]")
        assert client.list_kernels() == []
        with pytest.raises(GatewayUnauthorized):
            client.start_kernel("python3")
    (request,) = server.journal.requests("POST")
    assert request.headers["X-XSRFToken"] == "of-the-server"
    assert request.headers["Cookie"] == "_xsrf=of-the-server"


@pytest.mark.field("C13")
def test_on_a_server_with_sessions_a_kernel_is_started_with_a_session(
    client: JupyterClient, server: FakeGateway
) -> None:
    server.faults.status(405, method="POST", path="/api/kernels", times=None)
    kernel_id = client.start_kernel("python3")
    assert client.get_kernel(kernel_id)["name"] == "python3"
    (first,) = server.journal.requests("POST", "/api/sessions")
    client.start_kernel("python3")
    assert first.body["kernel"] == {"name": "python3"}
    assert len(client.list_kernels()) == 2
    with pytest.raises(KernelSpecNotFound, match="installed there: python3"):
        client.start_kernel("nosuch")
