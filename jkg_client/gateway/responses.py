"""Responses to REST requests, and the errors that they stand for."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from typing import Any

import requests

from ..client.deadline import Deadline
from ..errors import (
    GatewayError,
    GatewayFull,
    GatewayStatus,
    GatewayTimeout,
    GatewayUnauthorized,
    GatewayUnreachable,
    KernelNotFound,
    NotAGateway,
)
from .adapter import PlainHttp
from .connecting import proxy_name
from .connection import JupyterConnectionInfo
from .limits import NONSENSE
from .masking import masked

PROXY_REFUSES = 407
"""Status with which a proxy asks for a user and a password."""

_BODY_LIMIT = 32 * 2**20

# Error codes of OpenSSL for data that is not TLS. They depend on the release of OpenSSL.
_NO_TLS = ("HTTP_REQUEST", "RECORD_LAYER_FAILURE", "WRONG_VERSION_NUMBER")


def read_body(response: requests.Response, request: str) -> str:
    """The body as text."""
    chunks, size = [], 0
    for chunk in response.iter_content(65536):
        chunks.append(chunk)
        size += len(chunk)
        if size > _BODY_LIMIT:
            raise NotAGateway(f"{request}: answer of over {_BODY_LIMIT} bytes")
    if response.raw.length_remaining:  # urllib3 1 raises no error
        raise requests.ConnectionError("the answer was cut short")
    return b"".join(chunks).decode("utf-8", "replace")


def error_for(
    info: JupyterConnectionInfo,
    response: requests.Response,
    request: str,
    text: str,
    proxy: str | None = None,
) -> GatewayError:
    """The error for a response with a status of 300 or more.

    Args:
        info: The server. Its token and headers must not appear in the message.
        response: The response.
        request: Method and URL.
        text: Body of the response.
        proxy: URL of the proxy, which may have sent the response. None for no proxy.
    """
    status, body = response.status_code, _clean(info, text)
    if status < 400:
        return _redirect(info, status, request, response.headers.get("Location", ""))
    if status == 403 and "limit" in body.lower():
        return GatewayFull(status, request, body, "delete kernels or raise the server's limit")
    if status in {401, 403}:
        is_known = "not authorized" in body or "users authorized" in body
        hint = "" if is_known else _token_hint(info, status, request)
        hint += f", or the proxy {proxy_name(proxy)} refuses" if hint and proxy else ""
        return GatewayUnauthorized(status, request, body, hint)
    if status == 404 and "/api/kernels/" in request:
        return KernelNotFound(
            status,
            request,
            body,
            "there is no such kernel; if there was, it was deleted or has died: start another",
        )
    if status == 404:
        return not_a_gateway(info, request, body)
    return GatewayStatus(status, request, body, _by_way_of(proxy) if status >= 500 else "")


def not_a_gateway(info: JupyterConnectionInfo, asked: str, answer: Any) -> NotAGateway:
    """The error for a response that does not come from a Jupyter server."""
    said = _clean(info, answer if isinstance(answer, str) else json.dumps(answer))[:120]
    return NotAGateway(
        f"{info.url} is not a Jupyter server (asked for {asked}, it answered {said!r});"
        " are host, port and base_path right?"
    )


def is_kernel_id(value: Any) -> bool:
    """Whether ``value`` can be the id of a kernel: a word that a URL may contain."""
    is_word = isinstance(value, str) and value.isascii() and value.isprintable()
    return is_word and len(value) < 256 and value.strip(".") != ""


def _redirect(info: JupyterConnectionInfo, status: int, request: str, target: str) -> GatewayStatus:
    target = _clean(info, target).partition("?")[0]
    if "login" in target:
        return GatewayUnauthorized(
            status, request, "", "redirected to a login page; is the token right?"
        )
    return GatewayStatus(status, request, "", f"redirected to {target}; use that URL")


def _by_way_of(proxy: str | None) -> str:
    return f"asked through the proxy {proxy_name(proxy)}" if proxy else ""


def _token_hint(info: JupyterConnectionInfo, status: int, request: str) -> str:
    if status == 403 and request.startswith("GET") and request.endswith("/api/kernels"):
        return "the token is wrong, or the gateway runs without list_kernels"
    if info.token:
        return "the token is wrong"
    return (
        "a token is needed, but none was given: pass token=, or set JUPYTER_GATEWAY_AUTH_TOKEN; a"
        " server with a password needs a token of its own, which its IdentityProvider.token sets"
    )


def _clean(info: JupyterConnectionInfo, text: str) -> str:
    return " ".join(masked(info, _message_of(text)).split())[:500]


def _message_of(text: str) -> str:
    """The message in an error's body, without the traceback that some servers add."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(body, dict):
        return str(body.get("message") or body.get("reason") or text)
    return text


@contextlib.contextmanager
def translated(request: str, deadline: Deadline, proxy: str | None) -> Iterator[None]:
    """Turn exceptions of libraries into ``GatewayError``, with the request in the message.

    Args:
        request: Method and URL.
        deadline: Deadline of the request.
        proxy: URL of the proxy. None for no proxy.
    """
    try:
        yield
    except requests.exceptions.SSLError as exc:
        root = root_of(exc)
        if isinstance(root, PlainHttp) or getattr(root, "reason", "") in _NO_TLS:
            raise NotAGateway(
                f"{request}: the server does not speak TLS; use http instead of https?"
            ) from exc
        raise GatewayUnreachable(
            f"{request}: no secure connection: {root};"
            " verify= takes a CA file, cert= a client certificate"
        ) from exc
    except requests.exceptions.InvalidSchema as exc:
        missing = ' pip install "jkg-client[socks]"' if "SOCKS" in str(exc) else ""
        raise GatewayUnreachable(
            f"{request}: the proxy {proxy_name(proxy or '')} cannot be used: {exc}{missing}"
        ) from exc
    except requests.RequestException as exc:
        root = root_of(exc)
        if isinstance(exc, requests.Timeout) or deadline.passed:
            raise GatewayTimeout(f"{request}: {_too_late(deadline)}") from exc
        speaks = isinstance(root, http.client.BadStatusLine)
        if speaks and not isinstance(root, http.client.RemoteDisconnected):
            raise NotAGateway(f"{request}: the answer is not HTTP") from exc
        if proxy:
            raise GatewayUnreachable(
                f"{request}: no connection through the proxy {proxy_name(proxy)} in the environment"
                f" ({root}); NO_PROXY lists the hosts without proxy"
            ) from exc
        raise GatewayUnreachable(
            f"{request}: no connection ({root});"
            " is the server running, and are host and port right?"
        ) from exc
    except NONSENSE as exc:
        raise NotAGateway(f"{request}: the answer cannot be understood ({exc!s:.200})") from exc


def refusal_of(proxy: str | None, response: requests.Response) -> str:
    """The message for a response that comes from a proxy instead of the server."""
    name = f" {proxy_name(proxy)}" if proxy else ""
    status = f"{response.status_code} {response.reason}"
    return f"the proxy{name} refuses: {status}; put a user and a password into the proxy's URL"


def _too_late(deadline: Deadline) -> str:
    if deadline.passed:
        return f"no answer within {deadline.seconds:g} s"
    return "no connection in time; is the server running, and is https in the URL right?"


def root_of(exc: BaseException) -> BaseException:
    """The original exception, without the wrappers of requests and urllib3."""
    root, inner = exc, exc.__cause__ or exc.__context__
    while inner is not None:
        # urllib3 1 first tries an argument that Python 3 does not have. Ignore that TypeError.
        if not isinstance(inner, TypeError):
            root = inner
        inner = inner.__cause__ or inner.__context__
    return root
