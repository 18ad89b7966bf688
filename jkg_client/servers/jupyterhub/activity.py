"""Reports to a hub that a server is in use, for hubs that stop idle servers."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timezone

from ...client.deadline import Deadline
from ...errors import GatewayError
from .api import HubApi

_log = logging.getLogger("jkg_client")

_REPORT = 10.0
_JOIN = 15.0


class ActivityReports:
    """A thread that reports at regular intervals, until ``stop``.

    A hub considers a server idle if nothing passes through its proxy, although a cell may be
    running that prints nothing.

    Args:
        api: Client that only this thread uses.
        user: Owner of the server.
        server: Name of the server.
        seconds: Time between two reports.
    """

    def __init__(self, api: HubApi, user: str, server: str, seconds: float) -> None:
        self._api = api
        self._user = user
        self._server = server
        self._seconds = seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jkg-hub-activity", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread. A second call does nothing."""
        self._over.set()
        if self._thread is not threading.current_thread():
            self._thread.join(_JOIN)
        self._api.close()

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            self._report()

    def _report(self) -> None:
        now = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
        body = {"servers": {self._server: {"last_activity": now}}, "last_activity": now}
        try:
            answer = self._api.post_activity(self._user, body, Deadline(_REPORT))
            why = str(answer.error()) if answer.status >= 300 else ""
        except (GatewayError, ValueError) as exc:
            why = str(exc)
        if why:
            _log.warning("cannot report to the hub that the server is in use: %s", why)
