"""One use of a hub's server: check the token, start the server or use a running one, stop it."""

from __future__ import annotations

import logging
import threading
from typing import Any

from attrs import evolve

from ...client.deadline import Deadline
from ...errors import ClientClosed, GatewayError, GatewayUnauthorized
from ...gateway.connection import JupyterConnectionInfo
from .activity import ActivityReports
from .addresses import server_at
from .api import HubApi
from .lifecycle import ServerLifecycle
from .models import Caller, HubServer
from .scopes import ACCESS, ACTIVITY, READ, START, STOP, missing
from .settings import HubSettings

_log = logging.getLogger("jkg_client")

_FIRST_CONTACT = 30.0
_UNDO_SECONDS = 20.0


class Launch:
    """One use of a hub's server, from the first request to the last.

    Args:
        settings: The server, and how to use it.
        given_up: An event. If another thread sets it, ``bring_up`` ends and stops the server again.
    """

    def __init__(self, settings: HubSettings, given_up: threading.Event | None = None) -> None:
        self._settings = settings
        self._api = HubApi(settings.hub, settings.token, given_up or threading.Event())
        self._life: ServerLifecycle | None = None
        self._info: JupyterConnectionInfo | None = None
        self._reports: ActivityReports | None = None

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """Address of the server, with a token that is valid now."""
        if self._info is None:
            raise ClientClosed("the server is not started yet")
        return evolve(self._info, token=self._api.fresh_token())

    @property
    def url(self) -> str:
        """Address of the server or, while that is unknown, of the hub."""
        return (self._info or self._settings.public).url

    def bring_up(self) -> None:
        """Start the server, or use it if it is running. If that fails, stop it again.

        Raises:
            GatewayError: The hub cannot be reached, or it refuses a request.
            ServerStartError: The server does not start.
            ValueError: The token belongs to a service, and no user is named.
        """
        deadline = Deadline(self._settings.timeout)
        try:
            self._bring_up(deadline)
        except BaseException:
            # Do this also with stop_server=False: the caller would not know that the server runs.
            self._end(_UNDO_SECONDS, is_wanted=self._life is not None and self._life.owns)
            raise

    def stop(self, seconds: float) -> bool:
        """Stop the server, unless it is kept. A second call does nothing.

        Returns:
            True if nothing is left to do.
        """
        return self._end(seconds, is_wanted=self._must_stop)

    def end_forgotten(self) -> None:
        """Stop the server at the end of the program, or when no variable refers to it any more."""
        if self._reports is not None:
            self._reports.stop()
        if self._life is not None and self._must_stop:
            self._life.end_forgotten()
        self._api.close()

    @property
    def _must_stop(self) -> bool:
        choice = self._settings.stop_server
        return (self._life is not None and self._life.owns) if choice is None else choice

    def _bring_up(self, deadline: Deadline) -> None:
        settings, contact = self._settings, deadline.within(_FIRST_CONTACT)
        version = self._api.version(contact)
        caller = self._api.caller(contact)
        user = _user(caller, settings.user)
        self._check_scopes(caller, user, [READ, ACCESS])
        state = self._api.servers(user, contact).get(settings.server_name)
        is_new = state is None or state.stopped
        stops = settings.stop_server or (is_new and settings.stop_server is None)
        self._check_scopes(caller, user, [START] * is_new + [STOP] * stops)
        life = self._life = ServerLifecycle(
            self._api, user, settings.server_name, _body(version, settings), settings.on_progress
        )
        self._info = life.bring_up(self._address, deadline)
        if settings.keep_active is not None:
            self._check_scopes(caller, user, [ACTIVITY])
            api = HubApi(settings.hub, settings.token, threading.Event())
            self._reports = ActivityReports(api, user, settings.server_name, settings.keep_active)

    def _check_scopes(self, caller: Caller, user: str, wanted: list[str]) -> None:
        lacking = missing(caller, wanted, user, self._settings.server_name)
        if lacking:
            name = self._settings.server_name
            limit = f"server={user}/{name}" if name else f"user={user}"
            scopes = " and ".join(f"{scope}!{limit}" for scope in lacking)
            request = f"GET {self._settings.hub.url}/hub/api/user"
            raise GatewayUnauthorized(
                200, request, f"the token is that of {caller.name!r}", f"it lacks {scopes}"
            )

    def _address(self, server: HubServer) -> JupyterConnectionInfo:
        return server_at(self._settings.public, server.url, self._api.fresh_token())

    def _end(self, seconds: float, *, is_wanted: bool) -> bool:
        reports, self._reports = self._reports, None
        if reports is not None:
            reports.stop()
        life, deadline = self._life, Deadline(seconds)
        if life is not None and is_wanted:
            try:
                life.end(deadline)
            except (GatewayError, ValueError) as exc:
                _log.warning("%s may keep running: %s", life.name, exc)
                return False
        self._life = None
        self._api.close()
        return True


def _user(caller: Caller, named: str | None) -> str:
    if named is None and not caller.is_user:
        raise ValueError(
            f"the token belongs to the service {caller.name!r};"
            " pass the owner of the server as user="
        )
    if named is None or named.casefold() == caller.name.casefold():
        return caller.name  # the hub has its own spelling
    return named


def _body(version: tuple[int, ...], settings: HubSettings) -> dict[str, Any]:
    # Send the options even if they are empty. Otherwise, a hub uses the options of the last start.
    options = dict(settings.options)
    return {"user_options": options} if version >= (6,) else options
