"""A container with a Jupyter server in it: found, asked and ended."""

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
        engine: Where it runs; closed with this.
        id: Its id.
        name: Its name.
        token: Of the server.
        stops: Whether ``stop`` ends it.
        removes: Whether ``stop`` removes it then.
    """

    engine: Engine
    id: str
    name: str
    token: str | None = field(repr=False)
    stops: bool
    removes: bool
    _tunnel: Tunnel | None = field(default=None, init=False)
    # A process that ours has forked shares this object, but the container is not its own.
    _owner: int = field(factory=os.getpid, init=False)

    def reached(self, own: Mapping[str, Any] | None, deadline: Deadline) -> JupyterConnectionInfo:
        """Where its server is, once that answers.

        Args:
            own: The container in which this program runs; None for none.
            deadline: Until then.

        Raises:
            ServerStartError: If it does not; with the end of the container's log.
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
                    f"{name} refuses the token: its image must respect the variable TOKEN\n"
                    f"The end of its log:\n{self._log_tail()}"
                ) from exc
        if self.token and _lets_in(evolve(info, token=None)):
            logger.warning("%s lets everybody in: its image ignores the variable TOKEN", name)
        return info

    def files(self) -> ContainerFiles:
        """Its files, as seen from its working directory."""
        folder = self._told()["Config"].get("WorkingDir") or "/"
        return ContainerFiles(self.engine, self.id, folder)

    def stop(self, timeout_seconds: float) -> None:
        """End it, if it shall, and then the connection to its engine.

        Raises:
            EngineError: If the engine does not do it; then it can be tried again.
        """
        if self.stops and self._owner == os.getpid():
            end(self.engine, self.id, timeout_seconds, removes=self.removes)
        self.close()

    def abandon(self, timeout_seconds: float) -> None:
        """End it likewise, if that can be done; nobody is there who could try again."""
        try:
            self.stop(timeout_seconds)
        except EngineError as exc:
            logger.warning("container %s was not removed: %s", self.name, exc)
            self.close()

    def close(self) -> None:
        """Close the connections to its engine and its server, and leave it as it is."""
        if self._tunnel:
            self._tunnel.stop()
        self.engine.close()

    def _address(self, own: Mapping[str, Any] | None, deadline: Deadline) -> tuple[str, int]:
        told, endpoint = with_network(self.engine, self._told()), self.engine.endpoint
        if own and not _are_neighbours(own, told):
            raise ServerStartError(
                f"container {self.name} is in none of the networks of this container;"
                " pass one as network="
            )
        address = address_of(told, host=endpoint.host, shared=networks_of(own) if own else ())
        if address is None:
            how = _how_it_ended(told)
            why = f"ended ({how})" if how else f"has no address for port {PORT} that leads to it"
            said = f"\nThe end of its log:\n{self._log_tail()}"
            raise ServerStartError(f"container {self.name} {why}{said}")
        if endpoint.is_ssh:
            self._tunnel = Tunnel.to_port(endpoint.url, *address, deadline)
            return "127.0.0.1", int(self._tunnel.local)
        return address

    def _told(self) -> dict[str, Any]:
        told = self.engine.inspect(self.id)
        if told is None:
            raise EngineError(f"container {self.name} is gone")
        return told

    def _ended(self) -> str | None:
        told = self.engine.inspect(self.id)
        return "its container is gone" if told is None else _how_it_ended(told)

    def _log_tail(self) -> str:
        try:
            log = self.engine.logs(self.id, _LOG_LINES).strip()
        except EngineError as exc:
            return f"({exc})"
        return log.replace(self.token, "[token]") if self.token else log


def end(engine: Engine, container: str, timeout_seconds: float, *, removes: bool) -> None:
    """End a container, by force after so many seconds; remove it if it shall be."""
    try:
        engine.stop(container, min(timeout_seconds, _STOP_SECONDS))
    finally:
        if removes:
            engine.remove(container)


def with_network(engine: Engine, told: dict[str, Any]) -> dict[str, Any]:
    """What the engine says of a container, with the network of another if it uses that."""
    mode, _, other = told["HostConfig"].get("NetworkMode", "").partition(":")
    lender = engine.inspect(other) if mode == "container" else None
    return {**told, "NetworkSettings": lender["NetworkSettings"]} if lender else told


def _are_neighbours(own: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    mine = networks_of(own)
    return "host" in mine or not mine.keys().isdisjoint(networks_of(told))


class _Refused(Exception):
    """The server does not take the token. Nobody else is at that address: it never will."""


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


def _how_it_ended(told: Mapping[str, Any]) -> str | None:
    state = told["State"]
    if state.get("Running") or state.get("Status") in ("created", "restarting"):
        return None
    memory = ", out of memory" if state.get("OOMKilled") else ""
    reason = f", {state['Error']}" if state.get("Error") else ""
    return f"exit code {state.get('ExitCode')}{memory}{reason}"
