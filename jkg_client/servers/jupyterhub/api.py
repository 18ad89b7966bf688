"""Requests to a hub's REST API, and the stream of events while it starts a server.

The API: https://jupyterhub.readthedocs.io/en/stable/reference/rest-api.html
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Generator, Iterator
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Union

import requests
from attrs import evolve

from ...client.deadline import Deadline
from ...errors import (
    ClientClosed,
    GatewayError,
    GatewayTimeout,
    GatewayUnreachable,
    NotAGateway,
)
from ...gateway.adapter import limits, session_for
from ...gateway.connecting import authorities_of, proxy_for
from ...gateway.connection import JupyterConnectionInfo
from ...gateway.masking import masked
from ...gateway.responses import read_body, translated
from .addresses import API, path_of_server, path_of_user
from .models import (
    Answer,
    Caller,
    HubServer,
    ServerProgress,
    caller_of,
    lines_of,
    progress_of,
    servers_of,
)

TokenSource = Union[str, Callable[[], str]]
"""A token, or a function that returns a valid one."""

_REQUEST = 30.0
"""Time limit of one request, in seconds."""
_TRIES = 3
_ECHO = 10.0
"""Seconds after an outage. A hub that has just started may not know its users' servers yet."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 3.0
"""Seconds between two requests to a hub that cannot be reached. They become longer."""
_ECHO_PAUSE = 0.25
"""Seconds between two requests to a hub that does not know its users' servers yet."""
_AWAY = {502, 503, 504}


class HubApi:
    """A hub's REST API, for one token.

    Redirects are not followed and cookies are not kept, so the token is sent only to the hub.

    Attributes:
        outages: How often the hub could not be reached.

    Args:
        hub: Address of the hub. Its ``base_path`` is without ``/hub``.
        token: The token, or a function that is called before each request.
        given_up: An event. When it is set, waits end with ``ClientClosed``.
    """

    def __init__(
        self, hub: JupyterConnectionInfo, token: TokenSource, given_up: threading.Event
    ) -> None:
        self._url = hub.url + API
        self._token = token
        self._given_up = given_up
        self._hub = evolve(hub, token=None)
        self._proxy = proxy_for(hub)
        authorities = authorities_of(hub, os.environ)
        self._session = session_for(self._hub, authorities, self._proxy)
        self._session.auth = None  # each request has its token
        self._session.headers["Accept"] = "application/json"
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._echo = Deadline(0.0)
        self.outages: int = 0

    def close(self) -> None:
        """Close the connections. A second call does nothing."""
        self._session.close()

    def fresh_token(self) -> str:
        """The token for the next request.

        Raises:
            ValueError: The value is not a token. The message does not show the value.
        """
        token = self._token() if callable(self._token) else self._token
        if not (isinstance(token, str) and token and token.isascii() and token.isprintable()):
            raise ValueError("the token is empty, or has characters that no HTTP header can carry")
        return token

    def version(self, deadline: Deadline) -> tuple[int, ...]:
        """The first two numbers of the hub's version.

        Raises:
            NotAGateway: There is no hub at this address.
        """
        answer = self._get("/", deadline)
        body = answer.json
        version = body.get("version") if isinstance(body, dict) else None
        if answer.status != 200 or not isinstance(version, str):
            raise NotAGateway(
                f"{self._url} answered {answer.status}{answer.target}:"
                " there is no JupyterHub at this address. Check the URL and its prefix"
            )
        return tuple(int(word) for word in version.split(".")[:2] if word.isdigit())

    def caller(self, deadline: Deadline) -> Caller:
        """The owner of the token.

        Raises:
            GatewayUnauthorized: The token is not valid.
        """
        answer = self._get("/user", deadline)
        if answer.status in {401, 403}:
            raise answer.error("the hub does not know the token: it is wrong or has expired")
        caller = caller_of(answer.json) if answer.status == 200 else None
        if caller is None:
            raise answer.error("this is not the answer of a JupyterHub")
        return caller

    def servers(
        self, user: str, deadline: Deadline, *, stopped_too: bool = False
    ) -> dict[str, HubServer]:
        """Servers of a user that are running, starting or stopping; with ``stopped_too`` all.

        If the hub cannot be reached, this waits for it until the deadline.

        Raises:
            GatewayUnauthorized: The token may not see the servers, or there is no such user.
        """
        query = "?include_stopped_servers" if stopped_too else ""
        answer = self._get(path_of_user(user) + query, deadline, is_patient=True)
        if answer.status == 404:
            raise answer.error(f"there is no user {user!r}, or the token may not see that user")
        servers = servers_of(answer.json) if answer.status == 200 else None
        if servers is None:
            raise answer.error(f"the token lacks the scope read:servers for user {user!r}")
        return servers

    def start(self, user: str, server: str, body: Any, deadline: Deadline) -> Answer:
        """Ask the hub to start a server. The state of the server shows whether it starts.

        Raises:
            GatewayUnreachable: The hub did not answer. It may have received the request.
        """
        return self._send("POST", path_of_server(user, server), body, deadline)

    def stop(self, user: str, server: str, deadline: Deadline) -> Answer:
        """Ask the hub to stop a server. Raises the same error as ``start``."""
        return self._send("DELETE", path_of_server(user, server), None, deadline)

    def post_activity(self, user: str, body: Any, deadline: Deadline) -> Answer:
        """Tell the hub that a server is in use."""
        return self._send("POST", f"{path_of_user(user)}/activity", body, deadline)

    def progress(
        self, user: str, server: str, deadline: Deadline
    ) -> Generator[ServerProgress, None, None]:
        """The events of a start, from its beginning, until it ends or the deadline passes.

        The events are only information. ``servers`` returns the state. If the hub sends no events,
        the stream is empty.
        """
        request = f"GET {self._url}{path_of_server(user, server)}/progress"
        token = self.fresh_token()
        try:
            response = self._opened(request, token, None, deadline)
        except GatewayError:
            self._note_outage(deadline)
            return
        with response:
            pieces = self._pieces(response, request, deadline)
            for line in lines_of(pieces) if response.status_code == 200 else ():
                event = progress_of(line)
                if event is not None:
                    yield evolve(event, message=self._clean(event.message, token))
                    if event.ready or event.failed:
                        return

    def pause(self, seconds: float, deadline: Deadline) -> None:
        """Wait, but not beyond the deadline.

        Raises:
            ClientClosed: The start was given up.
        """
        self._given_up.wait(deadline.within(seconds).left() or 0.0)
        self._check_given_up()

    def carry_on(self) -> None:
        """Ignore ``given_up`` from now on, because the server is being stopped."""
        self._given_up = threading.Event()

    def _get(self, path: str, deadline: Deadline, *, is_patient: bool = False) -> Answer:
        """Send a GET request, and repeat it while the hub cannot be reached.

        Args:
            path: Path below the API.
            deadline: Time limit for all attempts.
            is_patient: Whether to repeat the request until the deadline, and not only three times.
        """
        tries, pause = 0, _FIRST_PAUSE
        while True:
            tries += 1
            is_last = deadline.passed or not (is_patient or tries < _TRIES)
            try:
                answer = self._send("GET", path, None, deadline)
            except GatewayTimeout:
                if is_last or not is_patient:
                    raise
            except GatewayUnreachable:
                if is_last:
                    raise
            else:
                # A hub that has just restarted needs a moment until it knows all servers.
                is_echo = answer.status == 404 and not self._echo.passed
                if is_last or not (answer.status in _AWAY or is_echo):
                    return answer
                if is_echo:
                    self.pause(_ECHO_PAUSE, deadline)
                    continue
            self._note_outage(deadline)
            self.pause(pause * (1 + random.random() / 2), deadline)  # noqa: S311
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _send(self, method: str, path: str, body: Any, deadline: Deadline) -> Answer:
        request, limit = f"{method} {self._url}{path}", deadline.within(_REQUEST)
        token = self.fresh_token()
        with (
            self._opened(request, token, body, limit) as response,
            translated(request, limit, self._proxy),
        ):
            text = self._clean(read_body(response, request), token)
            return Answer(request, response.status_code, text, response.headers)

    def _opened(self, request: str, token: str, body: Any, deadline: Deadline) -> requests.Response:
        method, _, url = request.partition(" ")
        self._check_given_up()
        with translated(request, deadline, self._proxy):
            return self._session.request(
                method,
                url,
                json=body,
                headers={"Authorization": f"token {token}"},
                timeout=limits(deadline),
                allow_redirects=False,
                stream=True,
            )

    def _check_given_up(self) -> None:
        if self._given_up.is_set():
            raise ClientClosed("the start of the server was given up")

    def _pieces(
        self, response: requests.Response, request: str, deadline: Deadline
    ) -> Iterator[bytes]:
        pieces = response.iter_content(1)
        while True:
            self._check_given_up()
            try:
                with translated(request, deadline, self._proxy):
                    piece = next(pieces, b"")
            except GatewayError:
                self._note_outage(deadline)
                return
            if not piece:
                return
            yield piece

    def _clean(self, text: str, token: str) -> str:
        return masked(evolve(self._hub, token=token), text)

    def _note_outage(self, deadline: Deadline) -> None:
        if not deadline.passed:
            self.outages += 1
            self._echo = Deadline(_ECHO)
