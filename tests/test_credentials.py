"""Wrong arguments for a connection are refused before it is made, without showing a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tables import rows

from jkg_client import DockerJupyterServer, JupyterConnectionInfo, JupyterKernelClient, Timeouts
from jkg_client.code_blocks import MarkdownCodeExtractor

SECRET = b"secret"
FILES = "must be a path, or the paths of a certificate and its key, not"

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"host": None}, "host must be a string, not NoneType"),
    ({"host": b"x"}, "host must be a string, not bytes"),
    ({"use_https": "no"}, "use_https must be True or False, not 'no'"),
    ({"use_https": 1}, "use_https must be True or False, not 1"),
    ({"port": "1"}, "port must be 1 to 65535, not '1'"),
    ({"token": SECRET}, "token must be a string, not bytes"),
    ({"token": 3}, "token must be a string, not int"),
    ({"base_path": None}, "base_path must be a string, not NoneType"),
    ({"base_path": Path("/x")}, f"base_path must be a string, not {type(Path()).__name__}"),
    ({"headers": [("a", SECRET)]}, "headers must be a mapping, not list"),
    ({"headers": ""}, "headers must be a mapping, not str"),
    ({"headers": {"a": SECRET}}, "names and values of headers must be strings"),
    ({"verify": None}, "verify must be True, False or a path, not None"),
    ({"verify": ""}, "verify must be True, False or a path, not ''"),
    ({"verify": 0}, "verify must be True, False or a path, not 0"),
    ({"cert": ""}, f"cert {FILES} ''"),
    ({"cert": True}, f"cert {FILES} True"),
    ({"cert": ("a",)}, f"cert {FILES} ('a',)"),
    ({"cert": ("a", None)}, f"cert {FILES} None"),
]


@pytest.mark.field("E10")
@rows(("wrong", "message"), REFUSED)
def test_wrong_arguments_of_a_connection_are_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as told:
        JupyterConnectionInfo(**{"host": "h", "use_https": False, **wrong})
    assert str(told.value) == message


@pytest.mark.field("E10")
def test_certificates_may_be_paths_of_any_kind() -> None:
    info = JupyterConnectionInfo("h", True, verify=Path("ca.pem"), cert=[Path("a"), "b"])
    assert (info.verify, info.cert) == ("ca.pem", ("a", "b"))
    assert JupyterConnectionInfo("h", True, cert=Path("a")).cert == "a"


OTHERS: list[tuple[Any, str]] = [
    (lambda: JupyterConnectionInfo.from_url(None), "url must be a string, not NoneType"),  # type: ignore[arg-type]
    (lambda: Timeouts(launch="1"), "launch must be a number of seconds, not '1'"),  # type: ignore[arg-type]
    (lambda: Timeouts(grace=-1), "grace must be a number of seconds, not -1"),
    (lambda: Timeouts(pong=float("nan")), "pong must be a number of seconds, not nan"),
    (lambda: Timeouts(stale=True), "stale must be a number of seconds, not True"),
    (lambda: JupyterKernelClient("h", "id"), "provider must be a JupyterClient, not str"),  # type: ignore[arg-type]
    (
        lambda: DockerJupyterServer(auto_remove="no"),  # type: ignore[arg-type]
        "auto_remove must be True or False, not 'no'",
    ),
    (
        lambda: DockerJupyterServer(stop_container=None),  # type: ignore[arg-type]
        "stop_container must be True or False, not None",
    ),
    (
        lambda: MarkdownCodeExtractor().extract_code_blocks(b"x"),  # type: ignore[arg-type]
        "message must be a text or a list of parts, not bytes",
    ),
    (
        lambda: MarkdownCodeExtractor().extract_code_blocks([3]),  # type: ignore[list-item]
        "message[0] must be a mapping, not int",
    ),
]


def test_a_time_limit_of_zero_is_allowed() -> None:
    assert Timeouts(ready=0).ready == 0


@pytest.mark.field("E10")
@rows(("call", "message"), OTHERS)
def test_other_wrong_arguments_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError) as told:
        call()
    assert str(told.value) == message
