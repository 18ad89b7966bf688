"""Responses of a JupyterHub instead of a user's server, and the errors that they stand for.

A hub receives the requests for all servers that are not running. It redirects a GET to one of its
own pages and refuses a POST. The status of that page shows the reason:
https://jupyterhub.readthedocs.io/en/stable/howto/rest.html
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from ..errors import GatewayError, GatewayUnauthorized, NotAGateway, ServerNotRunning
from .connection import JupyterConnectionInfo

_VERSION = "X-JupyterHub-Version"
_STOPPED = "this user's server is not running: stopped, perhaps culled, or not started yet"
_NOT_RUNNING = {424, 503}


def may_be_of_a_hub(
    info: JupyterConnectionInfo, request: str, status: int, headers: Mapping[str, str]
) -> bool:
    """Whether a hub may have answered instead of the server.

    A user's server sends the version header of the hub, too. If there is no other sign, the page at
    ``page_about`` decides.

    Args:
        info: The server.
        request: Method and URL.
        status: Status of the response.
        headers: Headers of the response.
    """
    if status in range(300, 400):
        return leads_to_a_hub(request.partition(" ")[2], headers.get("Location", ""))
    expected = {403, 404} if _place(info) is None else {403, 404, *_NOT_RUNNING}
    return _VERSION in headers and status in expected


def leads_to_a_hub(url: str, location: str) -> bool:
    """Whether a redirect leads from a server's URL to the hub's page about that server."""
    asked, target = _path_of(url), _path_of(location)
    start = target.find("/hub/")
    while start >= 0:
        if target[:start] + target[start + len("/hub") :] == asked:
            return True
        start = target.find("/hub/", start + 1)
    return False


def page_about(info: JupyterConnectionInfo) -> str | None:
    """URL of the hub's page about the server. None if ``info`` is not a user's server."""
    place = _place(info)
    return None if place is None else f"{place[0]}/hub/user/{place[1]}/api/kernelspecs"


def hub_itself(info: JupyterConnectionInfo) -> NotAGateway:
    """The error for the address of a hub instead of a user's server."""
    return NotAGateway(
        f"{info.url} is a JupyterHub, which has no kernels itself: give the address of a"
        " user's server, …/user/NAME, or start one with JupyterHubServer"
    )


def page_error(
    request: str, status: int, page: tuple[int, Mapping[str, str]]
) -> GatewayError | None:
    """The error that the hub's page about the server stands for. None if the server is running.

    Args:
        request: Method and URL of the request to the server.
        status: Status of the response to that request.
        page: Status and headers of the hub's page.
    """
    page_status, target = page[0], _path_of(page[1].get("Location", ""))
    is_redirect = page_status in range(300, 400)
    if is_redirect and "/login" in target:
        return GatewayUnauthorized(
            status,
            request,
            "",
            "the token is wrong, or has expired: the hub does not know the token",
        )
    if page_status in {401, 403, 404}:
        hint = "no access with this token, or there is no such user"
        return GatewayUnauthorized(status, request, "", hint)
    if is_redirect and "/hub/" not in target:
        return None
    return not_running(request, status)


def not_running(request: str, status: int) -> ServerNotRunning:
    """The error for a server that is not running."""
    url = request.partition(" ")[2].replace(
        "ws", "http", 1 if request.startswith("WebSocket") else 0
    )
    before, found, rest = url.partition("/user/")
    place = rest.partition("/api/")[0]
    where = f"at {before.removesuffix('/hub')}/hub/spawn/{place}" if found else "in a browser"
    return ServerNotRunning(
        status, request, "", f"{_STOPPED}; start it {where} or with JupyterHubServer"
    )


def _path_of(url: str) -> str:
    """The path of a URL. Empty if the URL is invalid."""
    try:
        return unquote(urlsplit(url).path)
    except ValueError:
        return ""


def _place(info: JupyterConnectionInfo) -> tuple[str, str] | None:
    """The hub's URL without ``/hub``, and the part of the server's URL after ``/user/``."""
    before, found, rest = info.url.partition("/user/")
    return (before.removesuffix("/hub"), rest) if found and rest else None
