from __future__ import annotations

import pickle
import traceback
from base64 import b64encode
from typing import Any

import pytest
from tables import rows

from jkg_client.gateway.connection import (
    JupyterConnectable,
    JupyterConnectionInfo,
    channels_query,
)

SECRET = "s3cr3t-t0k3n"

# One row for each form of an address: REST and WebSocket.
URLS: list[tuple[JupyterConnectionInfo, str]] = [
    (JupyterConnectionInfo("localhost", False, 8888), "://localhost:8888"),
    (JupyterConnectionInfo("localhost", False), "://localhost"),
    (JupyterConnectionInfo("hub.example.org", True), "s://hub.example.org"),
    (JupyterConnectionInfo("hub.example.org", True, 8443), "s://hub.example.org:8443"),
    (JupyterConnectionInfo("::1", False, 8888), "://[::1]:8888"),
    (JupyterConnectionInfo("[::1]", False, 8888), "://[::1]:8888"),
    (JupyterConnectionInfo("fe80::1%eth0", False), "://[fe80::1%eth0]"),
    (JupyterConnectionInfo("h", False, base_path="/user/me/"), "://h/user/me"),
    (JupyterConnectionInfo("h", False, base_path="user/me"), "://h/user/me"),
    (JupyterConnectionInfo("h", False, base_path="/"), "://h"),
    (
        JupyterConnectionInfo("h", True, 1, base_path="/user/j\u00f6 @x"),
        "s://h:1/user/j%C3%B6%20@x",
    ),
    (JupyterConnectionInfo("h", False, token=SECRET), "://h"),
]


@pytest.mark.pitfall(26, 28)
@rows(("info", "rest"), URLS)
def test_rest_and_websocket_go_to_the_same_place(info: JupyterConnectionInfo, rest: str) -> None:
    assert (info.url, info.websocket_url) == (f"http{rest}", f"ws{rest}")


@rows(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("192.0.2.1", False),
        ("localhost.example.org", False),
    ],
)
def test_loopback_is_this_machine(host: str, loopback: bool) -> None:
    assert JupyterConnectionInfo(host, False).is_loopback is loopback


# One row for each form of a pasted address: URL, clean URL, token.
FROM_URL = [
    ("http://localhost:8888", "http://localhost:8888", None),
    ("http://localhost:8888/", "http://localhost:8888", None),
    ("localhost:8888", "http://localhost:8888", None),
    (f"localhost:8888/?token={SECRET}", "http://localhost:8888", SECRET),
    (f" http://localhost:8888/?token={SECRET}\n", "http://localhost:8888", SECRET),
    ("127.0.0.1:8888/lab", "http://127.0.0.1:8888", None),
    ("HTTP://LOCALHOST", "http://localhost", None),
    ("http://[::1]:8888/tree", "http://[::1]:8888", None),
    (f"http://localhost:8888/lab?token={SECRET}", "http://localhost:8888", SECRET),
    (f"http://localhost:8888/lab/tree/a.ipynb?token={SECRET}#x", "http://localhost:8888", SECRET),
    ("http://localhost:8888/tree/lab/notes", "http://localhost:8888", None),
    ("http://localhost:8888/notebooks/api/x.ipynb", "http://localhost:8888", None),
    ("http://localhost:8888/doc/tree/x", "http://localhost:8888", None),
    ("http://localhost:8888/api/kernels", "http://localhost:8888", None),
    ("https://hub.example.org/user/me/", "https://hub.example.org/user/me", None),
    (
        f"https://hub.example.org/user/me/lab?token={SECRET}",
        "https://hub.example.org/user/me",
        SECRET,
    ),
    ("https://hub.example.org/user/lab/lab", "https://hub.example.org/user/lab", None),
    ("https://hub.example.org/user/tree", "https://hub.example.org/user/tree", None),
    ("https://example.org/hub/user/api/api", "https://example.org/hub/user/api", None),
    ("https://example.org/user/me%40x/lab", "https://example.org/user/me%40x", None),
    ("https://example.org/a/b?x=1", "https://example.org/a/b", None),
    ("http://localhost/?token=", "http://localhost", None),
    ("http://localhost/?token=a%2Bb", "http://localhost", "a+b"),
]


@pytest.mark.pitfall(28)
@rows(("url", "root", "token"), FROM_URL)
def test_an_address_is_read_as_a_browser_shows_it(url: str, root: str, token: str | None) -> None:
    info = JupyterConnectionInfo.from_url(url)
    assert (info.url, info.token) == (root, token)


# JupyterHub does not escape these, except for the last two, which must stay escaped.
@pytest.mark.field("C3")
@rows("name", ["a.b@example.org", "a~b", "a-b_c", "A.B", "a%2Bb", "%C3%A9%20x"])
def test_a_user_is_written_as_the_hub_writes_it(name: str) -> None:
    info = JupyterConnectionInfo.from_url(f"https://hub.example.org/user/{name}/lab")
    assert info.url == f"https://hub.example.org/user/{name}"
    assert info.websocket_url == f"wss://hub.example.org/user/{name}"
    by_hand = JupyterConnectionInfo("hub.example.org", True, base_path=f"/user/{name}")
    assert by_hand.url == info.url


@pytest.mark.field("C3")
@rows("char", list("!$&'()*+,;=:@~-._"))
def test_characters_that_are_valid_in_a_url_are_not_escaped(char: str) -> None:
    info = JupyterConnectionInfo.from_url(f"https://h/x{char}y/lab")
    assert info.url == f"https://h/x{char}y"


@pytest.mark.field("C3")
@pytest.mark.parametrize(
    ("path", "escaped"),
    [("/user/x y", "/user/x%20y"), ("/user/\u00e9", "/user/%C3%A9"), ("/100%", "/100%25")],
)
def test_characters_that_are_invalid_in_a_url_are_escaped(path: str, escaped: str) -> None:
    assert JupyterConnectionInfo("h", True, base_path=path).url == f"https://h{escaped}"
    assert JupyterConnectionInfo.from_url(f"https://h{path}").url == f"https://h{escaped}"


@pytest.mark.parametrize("token", ["other", ""])
def test_an_explicit_token_replaces_the_token_in_the_url(token: str) -> None:
    info = JupyterConnectionInfo.from_url(f"http://h/?token={SECRET}", token=token)
    assert info.token == token


def test_from_url_passes_on_its_other_arguments() -> None:
    info = JupyterConnectionInfo.from_url(
        "https://h:1", headers={"X": "y"}, verify="ca.pem", cert=("c.pem", "k.pem")
    )
    assert info == JupyterConnectionInfo(
        "h", True, 1, headers={"X": "y"}, verify="ca.pem", cert=("c.pem", "k.pem")
    )


@rows(
    "url",
    [
        "",
        "http://",
        f"http:///?token={SECRET}",
        f"ftp://h/?token={SECRET}",
        f"ws://h/?token={SECRET}",
        f"http://h:port/?token={SECRET}",
        f"http://h:0/?token={SECRET}",
        f"http://h:65536/?token={SECRET}",
        f"http://[::1/?token={SECRET}",
        f"http://[no address]/?token={SECRET}",
        f"http://me:{SECRET}@h/",
        f"http://{SECRET}@h/",
        f"http://me:{SECRET}@h\u2100.example/",
        f"http://h:{SECRET}/",
        f"http://h/?token={SECRET}%0A",
        f"http://h/?token={SECRET}%C3%A9",
    ],
)
@pytest.mark.pitfall(53)
def test_a_bad_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        JupyterConnectionInfo.from_url(url)
    shown = "".join(traceback.format_exception_only(type(caught.value), caught.value))
    assert str(caught.value)
    assert SECRET not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@rows(
    ("arguments", "options", "says"),
    [
        (("", False), {}, "host"),
        ((f"http://h/?token={SECRET}", False), {}, "from_url"),
        (("h/path", False), {}, "from_url"),
        (("my host", False), {}, "host"),
        (("h:8888", False), {}, "port="),
        (("h", False, 0), {}, "port"),
        (("h", False, 65536), {}, "port"),
        (("h", False, "8888"), {}, "port"),
        (("h", False, True), {}, "port"),
        (("h", False, 1, f"{SECRET}\n"), {}, "token"),
        (("h", False, 1, f"{SECRET}\u00e9"), {}, "token"),
        (("h", False), {"headers": {"X": f"{SECRET}\r\nY: z"}}, "header"),
        (("h", False), {"headers": {f"X\n{SECRET}": "y"}}, "header"),
        (("h", False), {"headers": {"X": None}}, "header"),
        (("h", False), {"headers": {1: SECRET}}, "header"),
        (("h", False), {"headers": {"X": f" {SECRET}"}}, "header"),
        (("h", False), {"headers": {"X": f"{SECRET}é"}}, "header"),
        (("h", False), {"headers": {f"{SECRET}:": "y"}}, "header"),
    ],
)
@pytest.mark.pitfall(53)
def test_bad_arguments_are_refused_and_secrets_not_shown(
    arguments: tuple[Any, ...], options: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        JupyterConnectionInfo(*arguments, **options)
    assert SECRET not in str(caught.value)


@pytest.mark.pitfall(53)
def test_secrets_are_not_in_the_repr() -> None:
    info = JupyterConnectionInfo("h", False, 1, SECRET, headers={"Authorization": SECRET})
    assert SECRET not in f"{info!r} {info} {info.url} {info.websocket_url}"


# One row for each choice of headers: token, headers, sent headers.
@rows(
    ("token", "headers", "sent"),
    [
        (None, None, {}),
        ("", None, {}),
        ("abc", None, {"Authorization": "token abc"}),
        ("abc", {"X": "y"}, {"X": "y", "Authorization": "token abc"}),
        ("abc", {"Authorization": "Bearer z"}, {"Authorization": "Bearer z"}),
        ("abc", {"authorization": "Bearer z"}, {"authorization": "Bearer z"}),
        (None, {"X": "y"}, {"X": "y"}),
    ],
)
@pytest.mark.pitfall(29)
def test_the_token_is_sent_unless_headers_say_otherwise(
    token: str | None, headers: dict[str, str] | None, sent: dict[str, str]
) -> None:
    assert JupyterConnectionInfo("h", False, token=token, headers=headers).all_headers == sent


def test_headers_are_copied() -> None:
    given = {"X": "y"}
    info = JupyterConnectionInfo("h", False, headers=given)
    given["X"] = "z"
    info.all_headers["Y"] = "z"
    assert info.all_headers == {"X": "y"}


def test_a_connection_is_a_value() -> None:
    one, two = (JupyterConnectionInfo("h", True, 1, "t", headers={"X": "y"}) for _ in range(2))
    assert one == two
    assert len({one, two}) == 1
    assert one != JupyterConnectionInfo("h", True, 1, "t", headers={"X": "z"})
    assert pickle.loads(pickle.dumps(one)) == one


def test_a_connection_info_is_a_jupyter_connectable() -> None:
    info = JupyterConnectionInfo("h", False)
    assert isinstance(info, JupyterConnectable)
    assert info.connection_info is info
    assert not isinstance("http://h", JupyterConnectable)


BASIC = "Basic " + b64encode(b"me:pw").decode()

# One row for each variable, in addition to JUPYTER_GATEWAY_URL=https://gw:1/x.
FROM_ENV: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({}, {}),
    ({"AUTH_TOKEN": "abc"}, {"token": "abc"}),
    ({"AUTH_TOKEN": " "}, {}),
    ({"AUTH_TOKEN": "abc", "AUTH_SCHEME": "token"}, {"token": "abc"}),
    ({"AUTH_TOKEN": "abc", "AUTH_SCHEME": "Bearer"}, {"headers": {"Authorization": "Bearer abc"}}),
    ({"AUTH_TOKEN": "abc", "AUTH_SCHEME": ""}, {"headers": {"Authorization": "abc"}}),
    ({"AUTH_TOKEN": "abc", "AUTH_HEADER_KEY": "X-Auth"}, {"headers": {"X-Auth": "token abc"}}),
    ({"AUTH_SCHEME": "Bearer"}, {}),
    ({"HEADERS": '{"X": "y", "N": 1}'}, {"headers": {"X": "y", "N": "1"}}),
    ({"HEADERS": "{}"}, {}),
    (
        {"HEADERS": '{"X": "y"}', "AUTH_TOKEN": "abc"},
        {"headers": {"X": "y"}, "token": "abc"},
    ),
    (
        {"HEADERS": '{"Authorization": "z"}', "AUTH_TOKEN": "abc", "AUTH_SCHEME": "Bearer"},
        {"headers": {"Authorization": "z"}},
    ),
    ({"HTTP_USER": "me", "HTTP_PWD": "pw"}, {"headers": {"Authorization": BASIC}}),
    ({"HTTP_USER": "me"}, {}),
    (
        {"HEADERS": '{"Authorization": "z"}', "HTTP_USER": "me", "HTTP_PWD": "pw"},
        {"headers": {"Authorization": "z"}},
    ),
    ({"VALIDATE_CERT": "no"}, {"verify": False}),
    ({"VALIDATE_CERT": "False"}, {"verify": False}),
    ({"VALIDATE_CERT": "true"}, {}),
    ({"CA_CERTS": "ca.pem"}, {"verify": "ca.pem"}),
    ({"CA_CERTS": "ca.pem", "VALIDATE_CERT": "no"}, {"verify": False}),
    ({"CLIENT_CERT": "c.pem"}, {"cert": "c.pem"}),
    ({"CLIENT_CERT": "c.pem", "CLIENT_KEY": "k.pem"}, {"cert": ("c.pem", "k.pem")}),
    ({"NO_SUCH": "x"}, {}),
]


@rows(("variables", "options"), FROM_ENV)
def test_a_gateway_is_found_as_jupyter_finds_it(
    variables: dict[str, str], options: dict[str, Any]
) -> None:
    environ = {f"JUPYTER_GATEWAY_{name}": value for name, value in variables.items()}
    info = JupyterConnectionInfo.from_env({"JUPYTER_GATEWAY_URL": "https://gw:1/x", **environ})
    assert info == JupyterConnectionInfo("gw", True, 1, base_path="/x", **options)


@pytest.mark.field("C5")
@rows("path", ["/api/jupyter-server", "/lab", "/tree/x", "/api", "/user/a@b"])
def test_the_address_of_the_environment_is_not_changed(path: str) -> None:
    info = JupyterConnectionInfo.from_env({"JUPYTER_GATEWAY_URL": f"https://h{path}/"})
    assert info.url == f"https://h{path}"


def test_the_environment_is_read_when_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_GATEWAY_URL", "http://from-env")
    monkeypatch.setenv("JUPYTER_GATEWAY_AUTH_TOKEN", "abc")
    info = JupyterConnectionInfo.from_env()
    assert (info.host, info.token) == ("from-env", "abc")


@rows(
    ("variables", "says"),
    [
        ({}, "JUPYTER_GATEWAY_URL is not set"),
        ({"URL": " "}, "JUPYTER_GATEWAY_URL is not set"),
        ({"URL": f"ftp://h/?token={SECRET}"}, "http"),
        ({"URL": "http://h", "HEADERS": f"Authorization: {SECRET}"}, "HEADERS"),
        ({"URL": "http://h", "HEADERS": f'["{SECRET}"]'}, "HEADERS"),
        ({"URL": "http://h", "CLIENT_KEY": "k.pem"}, "CLIENT_CERT"),
        ({"URL": "http://h", "AUTH_TOKEN": f"{SECRET}\n{SECRET}"}, "token"),
        (
            {"URL": "http://h", "AUTH_TOKEN": f"{SECRET}\n{SECRET}", "AUTH_SCHEME": "Bearer"},
            "header",
        ),
    ],
)
@pytest.mark.pitfall(53)
def test_invalid_variables_are_refused_and_not_shown(variables: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        JupyterConnectionInfo.from_env({f"JUPYTER_GATEWAY_{k}": v for k, v in variables.items()})
    assert SECRET not in str(caught.value)


def test_the_session_is_in_the_query_of_the_channels() -> None:
    assert channels_query("a b&c") == "session_id=a+b%26c"
