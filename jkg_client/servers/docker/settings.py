"""What a server in a container is started with."""

from __future__ import annotations

import ipaddress
import logging
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import TIMEOUT_MAX
from typing import Any

from attrs import Attribute, field, frozen

from ...gateway.connection import JupyterConnectionInfo
from ..token import GenerateToken, TokenChoice, token_for
from .images import ImageProgress

logger: logging.Logger = logging.getLogger("jkg_client")

# As engines have it.
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")

Report = Callable[[ImageProgress], object]


def log_progress(progress: ImageProgress) -> None:
    """Log the steps of a build or pull as information, what they print for debugging."""
    level = logging.INFO if progress.is_step else logging.DEBUG
    if progress.layer is None or progress.is_step:
        logger.log(level, "%s", progress)


def check_seconds(name: str, seconds: float) -> None:
    """Raise ``ValueError`` for what cannot be waited for."""
    if not (isinstance(seconds, (int, float)) and 0 < seconds <= TIMEOUT_MAX):
        raise ValueError(f"{name} must be positive and finite, not {seconds!r}")


def check_token(token: str | None) -> None:
    """Raise ``ValueError`` for what cannot be sent as a token."""
    JupyterConnectionInfo("127.0.0.1", use_https=False, token=token_for(token))


def chosen_token(choice: TokenChoice, env: Mapping[str, str]) -> str | None:
    """The token that ``choice`` stands for, or the one in ``env`` if that does not matter."""
    given = env.get("TOKEN") if isinstance(env, Mapping) else None
    return given if given and choice is GenerateToken else token_for(choice)


def _check_seconds(_: object, attribute: Attribute[float], seconds: float) -> None:
    check_seconds(attribute.name, seconds)


def _check_token(_: object, __: Attribute[Any], token: str | None) -> None:
    check_token(token)


def _check_image(_: object, __: Attribute[Any], image: str | None) -> None:
    if image is not None and not (isinstance(image, str) and image):
        raise ValueError(f"custom_image_name must be a name, not {image!r}")


def _check_name(_: object, __: Attribute[Any], name: str | None) -> None:
    if name and not _NAME.fullmatch(name):
        raise ValueError(f"container_name must be like {_NAME.pattern}, not {name!r}")


def _check_port(_: object, __: Attribute[Any], port: int | None) -> None:
    if port is not None and not (type(port) is int and 0 < port < 65536):
        raise ValueError(f"port must be 1 to 65535, not {port!r}")


def _check_env(_: object, __: Attribute[Any], env: Mapping[str, str]) -> None:
    if not (isinstance(env, Mapping) and all(isinstance(w, str) for i in env.items() for w in i)):
        raise ValueError("docker_env must be a mapping of strings to strings")
    if bad := [name for name in env if not name or "=" in name or "\0" in name]:
        raise ValueError(f"invalid names in docker_env: {bad}")


def dockerfile_at(path: str | os.PathLike[str] | None) -> Path | None:
    """The Dockerfile at ``path``, which must be there."""
    place = _absolute(path)
    if place is not None and not place.is_file():
        raise ValueError(f"there is no Dockerfile {place}")
    return place


def _absolute(path: str | os.PathLike[str] | None) -> Path | None:
    return None if path is None else Path(path).expanduser().absolute()


def _address(ip: str | None) -> str | None:
    # What an engine cannot read as an address, it takes for all addresses.
    if ip is None:
        return None
    try:
        return str(ipaddress.ip_address("127.0.0.1" if ip == "localhost" else ip.strip("[]")))
    except ValueError:
        raise ValueError(f"ip must be an address, not {ip!r}") from None


@frozen(kw_only=True)
class ContainerSettings:
    """What a server in a container is started with.

    Attributes:
        image: Its image; None for the one that ``dockerfile`` describes.
        dockerfile: Path of a Dockerfile; None for the one of this package.
        name: Of the container; None for a new one.
        token: Of the server; None for none.
        env: Added to the image's environment.
        work_dir: Directory to be mounted; None for none.
        ip: Address to publish on; None for loopback, or the engine's if that is elsewhere.
        port: To publish on; None for a free one.
        keeps: Whether the container is left running in the end.
        removes: Whether it is removed when it has ended.
        startup_timeout: Seconds until the server must answer.
        image_timeout: Seconds for building or pulling the image.
        report: Is told the progress of that.
        options: Further ones of the container.
    """

    image: str | None = field(validator=_check_image)
    dockerfile: Path | None = field(converter=dockerfile_at)
    name: str | None = field(validator=_check_name)
    token: str | None = field(validator=_check_token, repr=False)
    env: Mapping[str, str] = field(validator=_check_env, repr=False)
    work_dir: Path | None = field(converter=_absolute)
    ip: str | None = field(converter=_address)
    port: int | None = field(validator=_check_port)
    keeps: bool
    removes: bool
    startup_timeout: float = field(validator=_check_seconds)
    image_timeout: float = field(validator=_check_seconds)
    report: Report
    options: Mapping[str, Any] = field(repr=False)

    def __attrs_post_init__(self) -> None:
        if self.image is not None and self.dockerfile is not None:
            raise ValueError("pass custom_image_name or dockerfile, not both")
        if self.work_dir is not None and self.work_dir.exists() and not self.work_dir.is_dir():
            raise ValueError(f"work_dir is not a folder: {self.work_dir}")
