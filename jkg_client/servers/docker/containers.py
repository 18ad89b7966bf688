"""A container with a Jupyter server in it: its address, its files and its end."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from attrs import define, evolve, field

from ...client.deadline import Deadline
from ...errors import EngineError, GatewayError, GatewayUnauthorized, ServerStartError
from ...gateway.connection import JupyterConnectionInfo
from ...gateway.rest import JupyterClient
from ..readiness import ask, wait_until_ready
from .addresses import address_of, networks_of
from .engine import Engine
from .files import ContainerFiles
from .options import PORT
from .tunnel import Tunnel

logger: logging.Logger = logging.getLogger("jkg_client")

_LOG_LINES = 20
_STOP_SECONDS = 5.0


@define(eq=False)
class Container:
    """A container with a Jupyter server in it.

    Attributes:
        engine: The engine that runs the container. The connection to it is closed with this object.
        id: Id of the container.
        name: Name of the container.
        token: Token of the server.
        stops: Whether ``stop`` ends the container.
        removes: Whether the container is removed when ``stop`` has ended it.
    """

    engine: Engine
    id: str
    name: str
    token: str | None = field(repr=False)
    stops: bool
    removes: bool
    _tunnel: Tunnel | None = field(default=None, init=False)
    # A forked child has a copy of this object, but must not stop the container of its parent.
    _owner: int = field(factory=os.getpid, init=False)

    def reached(self, own: Mapping[str, Any] | None, deadline: Deadline) -> JupyterConnectionInfo:
        """Wait until the server answers, and return its address.

        Args:
            own: The container in which this program runs. None outside of containers.
            deadline: Time limit for the whole wait.

        Raises:
            ServerStartError: The server does not answer. The message has the end of the server's
                log.
        """
        host, port = self._address(own, deadline)
        info = JupyterConnectionInfo(host, use_https=False, port=port, token=self.token)
        name = f"the server in container {self.name}"
        with JupyterClient(info) as client:
            try:
                wait_until_ready(
                    lambda seconds: _asked(client, seconds),
                    ended=self._ended,
                    log_tail=self._log_tail,
                    name=f"{name} at {info.url}",
                    deadline=deadline,
                )
            except _Refused as exc:
                raise ServerStartError(
                    f"{name} refuses the token: its image must read the token from TOKEN\n"
                    f"The end of its log:\n{self._log_tail()}"
                ) from exc
        if self.token and _lets_in(evolve(info, token=None)):
            logger.warning("%s asks for no token: its image ignores the variable TOKEN", name)
        return info

    def files(self) -> ContainerFiles:
        """The files of the container. Paths are relative to its working directory."""
        folder = self._inspect()["Config"].get("WorkingDir") or "/"
        return ContainerFiles(self.engine, self.id, folder)

    def stop(self, timeout_seconds: float) -> None:
        """End the container if ``stops`` is set, and close the connection to the engine.

        Raises:
            EngineError: The engine does not stop the container. Call ``stop`` again.
        """
        if self.stops and self._owner == os.getpid():
            end(self.engine, self.id, timeout_seconds, removes=self.removes)
        self.close()

    def abandon(self, timeout_seconds: float) -> None:
        """Do the same as ``stop``, but only log an error: nobody could call ``stop`` again."""
        try:
            self.stop(timeout_seconds)
        except EngineError as exc:
            logger.warning("container %s was not removed: %s", self.name, exc)
            self.close()

    def close(self) -> None:
        """Close the connections to the engine and to the server. The container stays as it is."""
        if self._tunnel:
            self._tunnel.stop()
        self.engine.close()

    def _address(self, own: Mapping[str, Any] | None, deadline: Deadline) -> tuple[str, int]:
        data, endpoint = with_network(self.engine, self._inspect()), self.engine.endpoint
        if own and not _are_neighbours(own, data):
            raise ServerStartError(
                f"container {self.name} shares no network with the container of this program;"
                " pass one of its networks as network="
            )
        address = address_of(data, host=endpoint.host, shared=networks_of(own) if own else ())
        if address is None:
            how = _how_it_ended(data)
            why = f"ended ({how})" if how else f"has no address at which port {PORT} can be reached"
            said = f"\nThe end of its log:\n{self._log_tail()}"
            raise ServerStartError(f"container {self.name} {why}{said}")
        if endpoint.is_ssh:
            self._tunnel = Tunnel.to_port(endpoint.url, *address, deadline)
            return "127.0.0.1", int(self._tunnel.local)
        return address

    def _inspect(self) -> dict[str, Any]:
        data = self.engine.inspect(self.id)
        if data is None:
            raise EngineError(f"container {self.name} no longer exists")
        return data

    def _ended(self) -> str | None:
        data = self.engine.inspect(self.id)
        return "its container was removed" if data is None else _how_it_ended(data)

    def _log_tail(self) -> str:
        try:
            log = self.engine.logs(self.id, _LOG_LINES).strip()
        except EngineError as exc:
            return f"({exc})"
        return log.replace(self.token, "[token]") if self.token else log


def end(engine: Engine, container: str, timeout_seconds: float, *, removes: bool) -> None:
    """Stop a container; kill it after the time limit. Remove it if ``removes`` is set."""
    try:
        engine.stop(container, min(timeout_seconds, _STOP_SECONDS))
    finally:
        if removes:
            engine.remove(container)


def with_network(engine: Engine, data: dict[str, Any]) -> dict[str, Any]:
    """The description ``data``. If the container uses another container's network, add that."""
    mode, _, other = data["HostConfig"].get("NetworkMode", "").partition(":")
    lender = engine.inspect(other) if mode == "container" else None
    return {**data, "NetworkSettings": lender["NetworkSettings"]} if lender else data


def _are_neighbours(own: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    mine = networks_of(own)
    return "host" in mine or not mine.keys().isdisjoint(networks_of(data))


class _Refused(Exception):
    """The server refuses the token.

    This error ends the wait at once: no other program can be at this address, so waiting does not
    help.
    """


def _asked(client: JupyterClient, seconds: float) -> None:
    try:
        ask(client, seconds)
    except GatewayUnauthorized as exc:
        raise _Refused from exc


def _lets_in(info: JupyterConnectionInfo) -> bool:
    try:
        with JupyterClient(info) as client:
            client.list_kernel_specs(timeout_seconds=_STOP_SECONDS)
    except GatewayError:
        return False
    return True


def _how_it_ended(data: Mapping[str, Any]) -> str | None:
    state = data["State"]
    if state.get("Running") or state.get("Status") in ("created", "restarting"):
        return None
    memory = ", out of memory" if state.get("OOMKilled") else ""
    reason = f", {state['Error']}" if state.get("Error") else ""
    return f"exit code {state.get('ExitCode')}{memory}{reason}"
