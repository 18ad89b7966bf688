"""The fake gateway's REST API, compared with answers of kernel gateway 3.0.1."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import websocket
from raw_client import RawClient, raw_client
from tables import rows

NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def client() -> Iterator[RawClient]:
    with raw_client() as client:
        yield client


# Request, its body, and the status that kernel gateway 3.0.1 answered.
ANSWERS: list[tuple[str, str, Any, int]] = [
    ("GET", "/api", None, 200),
    ("GET", "/api/", None, 404),
    ("GET", "/api/status", None, 404),
    ("GET", "/api/me", None, 404),
    ("GET", "/api/contents", None, 404),
    ("GET", "/api/terminals", None, 404),
    ("GET", "/", None, 404),
    ("GET", "/api/kernelspecs", None, 200),
    ("GET", "/api/kernelspecs/python3", None, 200),
    ("GET", "/api/kernelspecs/nosuch", None, 404),
    ("GET", "/api/kernels", None, 200),
    ("GET", "/api/kernels/", None, 404),
    ("GET", "/api/kernels/abc", None, 404),
    ("GET", f"/api/kernels/{NOBODY}", None, 404),
    ("DELETE", f"/api/kernels/{NOBODY}", None, 404),
    ("POST", f"/api/kernels/{NOBODY}/interrupt", None, 404),
    ("POST", f"/api/kernels/{NOBODY}/restart", None, 500),
    ("POST", f"/api/kernels/{NOBODY}/nosuch", None, 404),
    ("GET", f"/api/kernels/{NOBODY}/interrupt", None, 405),
    ("PUT", f"/api/kernels/{NOBODY}", None, 405),
    ("PATCH", f"/api/kernels/{NOBODY}", None, 405),
    ("GET", f"/api/kernels/{NOBODY}/channels", None, 404),
    ("OPTIONS", "/api/kernels", None, 200),
    ("GET", "/api/swagger.json", None, 200),
    ("GET", "/api/swagger.yaml", None, 200),
    ("POST", "/api/kernels", '{"name": "python"}', 201),
    ("POST", "/api/kernels", '{"name": "PYTHON3"}', 201),
    ("POST", "/api/kernels", '{"name": ["python3"]}', 500),
    ("POST", "/api/kernels", '{"env": {"A": 1}}', 201),
    ("POST", "/api/kernels", b"\xff", 500),
    ("POST", "/api/sessions", "[]", 500),
    ("POST", "/api/sessions", '{"notebook": {"path": "a"}, "kernel": {"name": "python3"}}', 201),
    ("DELETE", "/api/kernels", None, 405),
    ("HEAD", "/api", None, 405),
    ("POST", "/api/kernels", None, 201),
    ("POST", "/api/kernels", "{}", 201),
    ("POST", "/api/kernels", '{"name": null}', 201),
    ("POST", "/api/kernels", '{"name": "python3", "path": "no/such"}', 201),
    ("POST", "/api/kernels", '{"name": "nosuch"}', 500),
    ("POST", "/api/kernels", '{"name": ""}', 500),
    ("POST", "/api/kernels", '{"name": 5}', 500),
    ("POST", "/api/kernels", "[]", 500),
    ("POST", "/api/kernels", "notjson", 400),
    ("POST", "/api/kernels", '{"env": null}', 400),
    ("POST", "/api/kernels", '{"env": ["x"]}', 400),
    ("POST", "/api/kernels", '{"env": {"KERNEL_A": 5}}', 500),
    ("POST", "/api/sessions", "{}", 400),
    ("POST", "/api/sessions", '{"path": "a", "type": "notebook"}', 201),
    ("POST", "/api/sessions", '{"path": "a", "type": "x", "kernel": {"name": "nosuch"}}', 501),
    ("GET", f"/api/sessions/{NOBODY}", None, 404),
    ("DELETE", f"/api/sessions/{NOBODY}", None, 410),
]


@pytest.mark.field("F5")
def test_two_slashes_in_a_path_are_not_one_slash(client: RawClient) -> None:
    info = client.gateway.connection_info
    # Old releases of requests replace two slashes by one.
    connection = http.client.HTTPConnection(info.host, info.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "//api/kernels", headers=info.all_headers)
        assert connection.getresponse().status == 404


@pytest.mark.field("F1", "F2", "F4", "F6", "F8", "F14")
@rows(("method", "path", "body", "status"), ANSWERS)
def test_statuses_are_those_of_a_kernel_gateway(
    method: str, path: str, body: str | None, status: int
) -> None:
    with raw_client() as client:
        assert client.rest(method, path, data=body).status_code == status


# Token in the header, token in the query, and whether kernel gateway 3.0.1 accepted it.
TOKENS = [
    (None, None, False),
    ("token secret", None, True),
    ("Token secret", None, False),
    ("Bearer secret", None, False),
    ("secret", None, False),
    ("token wrong", None, False),
    (None, "secret", True),
    (None, "wrong", False),
    ("token secret", "wrong", False),
    ("token wrong", "secret", True),
]


@rows(("header", "query", "admitted"), TOKENS)
def test_only_the_scheme_token_is_accepted_and_the_query_overrides_the_header(
    header: str | None, query: str | None, admitted: bool
) -> None:
    with raw_client(token="secret") as client:
        answer = requests.get(
            f"{client.gateway.connection_info.url}/api/kernelspecs",
            headers={"Authorization": header} if header else {},
            params={"token": query} if query else {},
            timeout=10,
        )
    assert answer.status_code == (200 if admitted else 401)
    assert admitted or answer.json() == {"reason": "Unauthorized", "message": ""}


def test_unknown_paths_are_not_found_without_a_token_too(client: RawClient) -> None:
    url = client.gateway.connection_info.url
    assert requests.get(f"{url}/api/status", timeout=10).status_code == 404


def test_without_a_token_every_client_is_accepted() -> None:
    with raw_client(token=None) as client:
        assert client.gateway.connection_info.token is None
        assert client.rest("GET", "/api").json() == {"version": "2.21.1"}


def test_the_model_of_a_kernel_has_the_fields_of_jupyter(client: RawClient) -> None:
    answer = client.rest("POST", "/api/kernels", json={"name": "python3"})
    model = answer.json()
    assert list(model) == ["id", "name", "last_activity", "execution_state", "connections"]
    assert (model["name"], model["execution_state"], model["connections"]) == (
        "python3",
        "starting",
        0,
    )
    assert model["last_activity"].endswith("Z")
    assert answer.headers["Location"] == f"/api/kernels/{model['id']}"
    assert client.rest("GET", "/api/kernels").json() == [client.model(model["id"])]


def test_listing_can_be_off_as_in_a_gateway_that_was_not_configured() -> None:
    with raw_client(list_kernels=False) as client:
        for path in ("/api/kernels", "/api/sessions"):
            answer = client.rest("GET", path)
            assert answer.status_code == 403
            assert answer.json() == {"reason": "Forbidden", "message": "Forbidden"}


def test_no_more_kernels_than_allowed_can_be_started() -> None:
    with raw_client(max_kernels=1) as client:
        kernel_id = client.start()
        answer = client.rest("POST", "/api/kernels")
        assert answer.status_code == 403
        assert answer.json() == {"reason": "Forbidden", "message": "Resource Limit"}
        client.rest("DELETE", f"/api/kernels/{kernel_id}")
        assert client.rest("POST", "/api/kernels").status_code == 201


def test_a_deleted_kernel_is_gone(client: RawClient) -> None:
    kernel_id = client.start()
    path = f"/api/kernels/{kernel_id}"
    assert client.rest("DELETE", path).status_code == 204
    answer = client.rest("GET", path)
    assert answer.status_code == 404
    assert answer.json()["message"] == f"Kernel does not exist: {kernel_id}"


def test_a_client_may_choose_the_id(client: RawClient) -> None:
    assert client.start(kernel_id=NOBODY) == NOBODY


def test_the_name_of_an_unknown_kernel_is_only_in_the_traceback(client: RawClient) -> None:
    body = client.rest("POST", "/api/kernels", json={"name": "nosuch"}).json()
    assert body["message"] == "Unknown server error"
    assert "NoSuchKernel" in body["traceback"]


def test_all_paths_are_below_the_base_path() -> None:
    with raw_client(base_path="/user/me") as client:
        answer = client.rest("POST", "/api/kernels")
        assert answer.headers["Location"].startswith("/user/me/api/kernels/")
        info = client.gateway.connection_info
        assert info.url.endswith("/user/me")
        outside = requests.get(f"http://127.0.0.1:{info.port}/api", timeout=10)
        assert outside.status_code == 404
        with client.connect(answer.json()["id"]) as kernel:
            assert kernel.value("1 + 1") == "2"


# The origin, and the statuses for a request and a WebSocket. {host} is the gateway.
ORIGINS = [
    ("http://evil.example", 404, 403),
    ("null", 404, 403),
    ("http://127.0.0.1:1", 404, 403),
    ("http://{host}", 200, 101),
    ("https://{host}", 200, 101),
]


@pytest.mark.field("F3")
@rows(("origin", "rest", "socket"), ORIGINS)
def test_requests_from_pages_of_other_sites_are_refused(
    client: RawClient, origin: str, rest: int, socket: int
) -> None:
    info = client.gateway.connection_info
    headers = {"Origin": origin.format(host=f"{info.host}:{info.port}")}
    assert client.rest("GET", "/api/kernels", headers=headers).status_code == rest
    assert client.rest("OPTIONS", "/api/kernels", headers=headers).status_code == 200
    header = {**info.all_headers, **headers}
    url = f"{info.websocket_url}/api/kernels/{client.start()}/channels"
    status = 101
    try:
        websocket.create_connection(url, header=header, suppress_origin=True).shutdown()
    except websocket.WebSocketBadStatusException as exc:
        status = exc.status_code
    assert status == socket


def test_sessions_own_a_kernel(client: RawClient) -> None:
    model = {"path": "a.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    session = client.rest("POST", "/api/sessions", json=model).json()
    assert session["notebook"] == {"path": "a.ipynb"}
    assert client.model(session["kernel"]["id"])["name"] == "python3"
    assert [one["id"] for one in client.rest("GET", "/api/sessions").json()] == [session["id"]]
    path = f"/api/sessions/{session['id']}"
    # Kernel gateway 3.0.1 fails if one session is requested.
    assert client.rest("GET", path).status_code == 500
    assert client.rest("DELETE", path).status_code == 204
    assert client.rest("GET", f"/api/kernels/{session['kernel']['id']}").status_code == 404


def test_several_kernels_to_choose_from() -> None:
    with raw_client(kernel_names=("python3", "other")) as client:
        specs = client.rest("GET", "/api/kernelspecs").json()
        assert specs["default"] == "python3"
        assert list(specs["kernelspecs"]) == ["python3", "other"]
        assert client.model(client.start(name="other"))["name"] == "other"


def test_unauthorized_sockets_are_refused_with_an_empty_page(client: RawClient) -> None:
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    path = f"/api/kernels/{client.start()}/channels"
    info = client.gateway.connection_info
    answer = requests.get(info.url + path, headers=headers, timeout=10)
    assert (answer.status_code, answer.text) == (401, "")
    answer = client.rest("GET", f"/api/kernels/{NOBODY}/channels", headers=headers)
    assert (answer.status_code, answer.text) == (404, "")


def test_a_kernel_that_has_just_died_is_deleted_at_the_second_try() -> None:
    with raw_client(restart_delay=60) as client, client.connect() as kernel:
        kernel.send("execute_request", {"code": "import os\nos._exit(1)"})
        kernel.until("iopub status restarting")
        path = f"/api/kernels/{kernel.id}"
        answers = [client.rest("DELETE", path).status_code for _ in range(3)]
    assert answers == [500, 204, 404]


def test_a_kernel_that_has_started_again_is_deleted_at_once() -> None:
    with raw_client() as client, client.connect() as kernel:
        kernel.send("execute_request", {"code": "import os\nos._exit(1)"})
        kernel.until("iopub status starting")
        assert client.rest("DELETE", f"/api/kernels/{kernel.id}").status_code == 204
