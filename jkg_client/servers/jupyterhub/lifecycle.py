"""Starts and stops one server of a hub."""

from __future__ import annotations

import contextlib
import logging
import os
import random
from collections import deque
from collections.abc import Callable, Generator, Mapping
from typing import Any

from ...client.deadline import Deadline
from ...errors import (
    GatewayError,
    GatewayTimeout,
    GatewayUnauthorized,
    GatewayUnreachable,
    NamedServersDisabled,
    ServerStartError,
    ServerStartTimeout,
    TooManyServers,
)
from ...gateway.connection import JupyterConnectionInfo
from ...gateway.rest import JupyterClient
from .api import HubApi
from .models import Answer, HubServer, ServerProgress

_log = logging.getLogger("jkg_client")

_FIRST_PAUSE, _PAUSE, _LONGEST_PAUSE = 0.01, 0.25, 2.0
"""Seconds between two requests for the state of the server. They become longer."""
_FIRST_STREAM, _LONGEST_STREAM = 0.5, 5.0
"""Seconds of reading events between two such requests, because a proxy may hold events back."""
_SILENT = 1.0
"""Seconds without an answer of the server after which the hub is asked to check it."""
_UNHEARD = 30.0
"""Seconds without an answer after which a server counts as unreachable."""
_ANSWERING = 10.0
_FAREWELL = 5.0
_AFTER_AN_OPEN_REQUEST = 1.0
_TURN = 5.0
"""Seconds until the next attempt if a busy hub gives no ``Retry-After``."""
_RETRY_AFTER_LIMIT = 3600.0

OnProgress = Callable[[ServerProgress], object]
AddressOf = Callable[[HubServer], JupyterConnectionInfo]
"""Returns the address of a server. Raises ``NotAGateway`` if the hub's address is not valid."""


class ServerLifecycle:
    """Starts one server and stops it.

    Attributes:
        owns: Whether this object has started the server and so should stop it.
    """

    def __init__(
        self,
        api: HubApi,
        user: str,
        server: str,
        body: Mapping[str, Any],
        on_progress: OnProgress | None,
    ) -> None:
        self._api = api
        self._user = user
        self._server = server
        self._body = body
        self._on_progress = on_progress
        self._process = os.getpid()
        self.owns: bool = False
        self._is_open = False  # a request whose answer we do not know
        self._accepted = False
        self._has_been_lost = False
        self._refusal = ""
        self._outages = 0
        self._told: deque[ServerProgress] = deque(maxlen=1000)
        self._listening = _FIRST_STREAM
        self._unheard: Deadline | None = None
        self._looked = Deadline(_SILENT)

    @property
    def name(self) -> str:
        """Name of the server for messages."""
        return (
            f"server {self._server!r} of {self._user!r}"
            if self._server
            else f"the server of {self._user!r}"
        )

    def bring_up(self, address_of: AddressOf, deadline: Deadline) -> JupyterConnectionInfo:
        """Start the server, and return its address when the hub reports it ready and it answers.

        Raises:
            ServerStartError: The server does not start. The message has the hub's reason.
            GatewayError: The hub cannot be reached, or the token does not allow this.
        """
        why, pause = "", _FIRST_PAUSE
        while not deadline.passed:
            try:
                server = self._state(deadline)
            except GatewayTimeout:
                if not self._accepted:
                    raise
                break  # the limit for the start passed during this request
            if server is None or server.stopped:
                self._have_it_started(deadline)
                continue
            if server.ready:
                address = address_of(server)
                silence = _silence_of(address, deadline.within(_ANSWERING))
                if silence is None:
                    return address
                why = str(silence)
                self._have_it_looked_after(silence, deadline)
            elif server.pending == "spawn":
                self._follow(deadline)
            self._api.pause(pause, deadline)
            pause = min(2 * pause, _PAUSE)
        last = why or self._refusal or (str(self._told[-1]) if self._told else "")
        heard = f"the last message was: {last}" if last else "the hub has sent no message"
        raise ServerStartTimeout(
            f"{self.name} was not ready within {deadline.seconds:g} s; {heard}"
        )

    def end(self, deadline: Deadline) -> None:
        """Stop the server, and wait until it has stopped.

        Raises:
            GatewayError: The hub cannot be reached, refuses the request, or does not stop the
                server in time.
        """
        if os.getpid() != self._process:
            return  # a forked child must not stop the server of its parent
        self._api.carry_on()
        pause = _FIRST_PAUSE
        while not self._has_ended(deadline):
            if deadline.passed:
                raise GatewayTimeout(f"{self.name} has not stopped within {deadline.seconds:g} s")
            self._api.pause(pause, deadline)
            pause = min(2 * pause, _LONGEST_PAUSE)
        if self._is_open:
            # A start request without an answer may still be on its way to the hub.
            self._is_open = False
            self._api.pause(_AFTER_AN_OPEN_REQUEST, deadline)
            self.end(deadline)

    def end_forgotten(self) -> None:
        """Ask the hub to stop the server, but do not wait for it."""
        if os.getpid() == self._process:
            try:
                self._api.stop(self._user, self._server, Deadline(_FAREWELL))
            except (GatewayError, ValueError) as exc:
                _log.warning("%s could not be stopped: %s", self.name, exc)
        self._api.close()

    def _state(self, deadline: Deadline) -> HubServer | None:
        return self._api.servers(self._user, deadline).get(self._server)

    def _have_it_started(self, deadline: Deadline) -> None:
        if self._accepted:
            self._explain_the_end(deadline)
        answer = self._asked(deadline)
        if answer is None or answer.status in {502, 503, 504}:
            # The state of the server will show whether the request has arrived.
            self._api.pause(_PAUSE, deadline)
        elif answer.status == 429:
            self._wait_for_a_turn(answer, deadline)
        elif answer.status < 300 or answer.status >= 500:
            # The hub may answer with an error although the start continues. If the start fails
            # later, its events give the reason.
            self._accepted = True
            self._outages = self._api.outages
            self._refusal = answer.message if answer.status >= 500 else ""
        else:
            self._check_refusal(answer, deadline)

    def _asked(self, deadline: Deadline) -> Answer | None:
        """Ask the hub to start the server. Returns the hub's answer, or None if it does not answer.

        Asking twice is safe: a server has only one start at a time.
        """
        owned, self.owns, self._is_open = self.owns, True, True
        try:
            answer = self._api.start(self._user, self._server, self._body, deadline)
        except GatewayUnreachable as exc:
            _log.info("no answer to the request for %s: %s", self.name, exc)
            return None
        self._is_open = False
        self.owns = owned or answer.status < 300 or answer.status >= 500
        return answer

    def _check_refusal(self, answer: Answer, deadline: Deadline) -> None:
        """Raise an error, unless the hub refuses only because the server runs, starts or stops."""
        if answer.status == 400:
            server = self._state(deadline)
            if server is not None and not server.stopped:
                return
            if "already running" in answer.message or " is pending " in answer.message:
                self._api.pause(_PAUSE, deadline)
                return
        if answer.status in {401, 403, 404}:
            raise answer.error(f"the token lacks the scope start:servers for {self.name}")
        said = answer.message or f"status {answer.status}"
        if "Named servers are not enabled" in said:
            raise NamedServersDisabled(f"{self.name} cannot be started: {said} Omit server_name=.")
        if "maximum of" in said:
            names = tuple(
                sorted(filter(None, self._api.servers(self._user, deadline, stopped_too=True)))
            )
            raise TooManyServers(
                f"{self.name} cannot be started: {said} (there are: {', '.join(names)})", names
            )
        raise ServerStartError(f"{self.name} cannot be started: {said}")

    def _wait_for_a_turn(self, answer: Answer, deadline: Deadline) -> None:
        try:
            seconds = float(answer.headers.get("Retry-After", _TURN))
        except ValueError:
            seconds = _TURN
        seconds = min(max(seconds, 0.1), _RETRY_AFTER_LIMIT) * (1 + random.random() / 4)  # noqa: S311
        left = deadline.left()
        if left is not None and seconds >= left:
            raise ServerStartTimeout(
                f"{self.name} cannot be started: {answer.message};"
                f" the next attempt in {seconds:.0f} s would be after the time limit of"
                f" {deadline.seconds:g} s"
            )
        self._api.pause(seconds, deadline)

    def _explain_the_end(self, deadline: Deadline) -> None:
        """Raise an error with the reason of the failed start, unless it should be tried again."""
        with self._events(deadline.within(_ANSWERING)) as events:
            cause = next((event.message for event in events if event.failed), "")
        reasons = "; before that: ".join(filter(None, (cause, self._refusal)))
        if reasons:
            raise ServerStartError(f"{self.name} did not start: {reasons}")
        was_away = self._api.outages > self._outages
        if not was_away or self._has_been_lost:
            raise ServerStartError(f"another program stopped {self.name} before it was ready")
        # A hub that was restarted has forgotten the start.
        self._has_been_lost, self._accepted = True, False

    def _have_it_looked_after(self, silence: GatewayError, deadline: Deadline) -> None:
        """Make the hub check a server that it reports as ready but that does not answer.

        The request is another start: a hub first checks whether the server is still running.
        """
        if self._unheard is None:
            self._unheard = Deadline(_UNHEARD)
            self._looked = Deadline(_SILENT)
        if self._unheard.passed:
            raise ServerStartError(
                f"the hub reports {self.name} as running, but it does not answer: {silence}."
                " If users reach the hub at another address, pass it as public_url="
            )
        if self._looked.passed:
            self._looked = Deadline(_SILENT)
            self._accepted = False
            self._asked(deadline)

    def _follow(self, deadline: Deadline) -> None:
        self._unheard = None
        with self._events(deadline.within(self._listening)) as events:
            for event in events:
                # Each stream repeats all events from the beginning of the start.
                if event not in self._told:
                    self._told.append(event)
                    if self._on_progress is not None:
                        self._on_progress(event)
        self._listening = min(2 * self._listening, _LONGEST_STREAM)

    def _events(
        self, deadline: Deadline
    ) -> contextlib.closing[Generator[ServerProgress, None, None]]:
        return contextlib.closing(self._api.progress(self._user, self._server, deadline))

    def _has_ended(self, deadline: Deadline) -> bool:
        """Whether the server has stopped. If it is not stopping either, ask the hub to stop it."""
        try:
            server = self._state(deadline)
            if server is None or server.stopped:
                return True
            if server.pending == "stop":
                return False
            answer = self._api.stop(self._user, self._server, deadline)
        except GatewayUnreachable:
            if deadline.passed:
                raise
            return False
        if answer.status in {401, 403}:
            raise answer.error(f"the token lacks the scope delete:servers for {self.name}")
        return answer.status == 404


def _silence_of(address: JupyterConnectionInfo, deadline: Deadline) -> GatewayError | None:
    """The error if the server itself does not answer. None if it answers.

    Raises:
        GatewayUnauthorized: The server refuses the token.
    """
    with JupyterClient(address) as client:
        try:
            client.list_kernel_specs(timeout_seconds=deadline.left() or 0.001)
        except GatewayUnauthorized:
            raise
        except GatewayError as exc:
            return exc
    return None
