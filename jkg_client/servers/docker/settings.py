"""Settings of a server in a container."""

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

from ...client import arguments
from ...gateway.connection import JupyterConnectionInfo
from ..token import GenerateToken, TokenChoice, token_for
from .images import ImageProgress

logger: logging.Logger = logging.getLogger("jkg_client")

# The rule of Docker engines for names.
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")

Report = Callable[[ImageProgress], object]


def log_progress(progress: ImageProgress) -> None:
    """Log the steps of a build or pull at level INFO, and their output at level DEBUG."""
    level = logging.INFO if progress.is_step else logging.DEBUG
    if progress.layer is None or progress.is_step:
        logger.log(level, "%s", progress)


def check_seconds(name: str, seconds: float) -> None:
    """Raise ``ValueError`` if ``seconds`` is not a usable time limit."""
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not (is_number and 0 < seconds <= TIMEOUT_MAX):
        raise ValueError(f"{name} must be positive and finite, not {seconds!r}")


def check_token(token: str | None) -> None:
    """Raise ``ValueError`` if ``token`` cannot be sent in an HTTP header."""
    JupyterConnectionInfo("127.0.0.1", use_https=False, token=token_for(token))


def chosen_token(choice: TokenChoice, env: Mapping[str, str]) -> str | None:
    """The token for ``choice``. ``TOKEN`` in ``env`` replaces ``GenerateToken``."""
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
        raise ValueError(
            "container_name must begin with a letter or a digit, followed by letters, digits, '_',"
            f" '.' or '-', not {name!r}"
        )


def _check_port(_: object, __: Attribute[Any], port: int | None) -> None:
    if port is not None and not (type(port) is int and 0 < port < 65536):
        raise ValueError(f"port must be 1 to 65535, not {port!r}")


def _check_env(_: object, __: Attribute[Any], env: Mapping[str, str]) -> None:
    arguments.variables("docker_env", env)


def dockerfile_at(path: str | os.PathLike[str] | None) -> Path | None:
    """The Dockerfile at ``path``. Raise ``ValueError`` if there is no such file."""
    place = _absolute(path)
    if place is not None and not place.is_file():
        raise ValueError(f"there is no Dockerfile {place}")
    return place


def _absolute(path: str | os.PathLike[str] | None) -> Path | None:
    return None if path is None else Path(path).expanduser().absolute()


def _address(ip: str | None) -> str | None:
    # An engine treats an invalid address as "all addresses", which would be unsafe.
    if ip is None:
        return None
    try:
        return str(ipaddress.ip_address("127.0.0.1" if ip == "localhost" else ip.strip("[]")))
    except ValueError:
        raise ValueError(f"ip must be an address, not {ip!r}") from None


@frozen(kw_only=True)
class ContainerSettings:
    """Settings of a server in a container.

    Attributes:
        image: Name of the image. None for the image of ``dockerfile``.
        dockerfile: Path of a Dockerfile. None for the Dockerfile of this package.
        name: Name of the container. None for a new name.
        token: Token of the server. None for no token.
        env: Environment variables to add.
        work_dir: Directory to mount. None for no directory.
        ip: Address at which the server is published. None for loopback or, if the engine is
            reached by tcp, the address of the engine.
        port: Port at which the server is published. None for a free port.
        keeps: Whether the container keeps running when this program ends.
        removes: Whether the container is removed when it has ended.
        startup_timeout: Time limit for the server to answer, in seconds.
        image_timeout: Time limit to build or pull the image, in seconds.
        report: Function that is called with each progress message of the image.
        options: Further options of the container.
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
