"""What a server in a container is started with."""

from __future__ import annotations

import ipaddress
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import Attribute, field, frozen

from .images import ImageProgress

logger = logging.getLogger("jkg_client")

Report = Callable[[ImageProgress], object]


def log_progress(progress: ImageProgress) -> None:
    """Log the steps of a build or pull as information, what they print for debugging."""
    level = logging.INFO if progress.is_step else logging.DEBUG
    if progress.layer is None or progress.is_step:
        logger.log(level, "%s", progress)


def _check_seconds(_: object, attribute: Attribute[float], seconds: float) -> None:
    if not seconds > 0:
        raise ValueError(f"{attribute.name} must be positive, not {seconds!r}")


def _check_port(_: object, __: Attribute[Any], port: int | None) -> None:
    if port is not None and not (type(port) is int and 0 < port < 65536):
        raise ValueError(f"port must be 1 to 65535, not {port!r}")


def _check_env(_: object, __: Attribute[Any], env: Mapping[str, str]) -> None:
    if not all(isinstance(word, str) for item in env.items() for word in item):
        raise ValueError("names and values of docker_env must be strings")


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

    image: str | None
    dockerfile: Path | None = field(converter=dockerfile_at)
    name: str | None
    token: str | None = field(repr=False)
    env: Mapping[str, str] = field(validator=_check_env)
    work_dir: Path | None = field(converter=_absolute)
    ip: str | None = field(converter=_address)
    port: int | None = field(validator=_check_port)
    keeps: bool
    removes: bool
    startup_timeout: float = field(validator=_check_seconds)
    image_timeout: float = field(validator=_check_seconds)
    report: Report
    options: Mapping[str, Any]

    def __attrs_post_init__(self) -> None:
        if self.image is not None and self.dockerfile is not None:
            raise ValueError("custom_image_name or dockerfile, not both")
        if self.work_dir is not None and self.work_dir.exists() and not self.work_dir.is_dir():
            raise ValueError(f"work_dir is no directory: {self.work_dir}")
