"""Settings of a local gateway."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import Attribute, field, frozen

from ..gateway.connection import JupyterConnectionInfo
from ..secret_variables import without_secrets
from . import launcher
from .child import Place

_LEVELS = ("DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL")
_SOCKET_FOLDER = 40
"""Longest path of a folder for sockets, in bytes. Their names add 58; the system allows 103."""


def _check_python(_: object, __: Attribute[str], python: str) -> None:
    if not python:
        raise ValueError("sys.executable is not a Python interpreter; pass one as python=")


def _check_level(_: object, __: Attribute[str], level: str) -> None:
    if level not in _LEVELS:
        raise ValueError(f"log_level must be one of {', '.join(_LEVELS)}, not {level!r}")


def _check_size(_: object, attribute: Attribute[int], size: int) -> None:
    if type(size) is not int or size < 0:
        raise ValueError(f"{attribute.name} must be 0 or more, not {size!r}")


def _absolute(python: str) -> str:
    # The child would look for a relative path in its own folder.
    return os.path.abspath(python) if os.path.dirname(python) else python  # noqa: PTH100, PTH120


@frozen(kw_only=True)
class GatewaySettings:
    """Settings of a local gateway, without its address.

    Attributes:
        python: Interpreter that has the kernel gateway: a path, or a name on PATH.
        cwd: Folder in which the server and its kernels start. None for the current folder.
        env: Environment variables that are added for the server and its kernels.
        log_file: Path of the log. None for a temporary one.
        log_level: Name of a logging level.
        log_max_bytes: Size at which the log is rotated. 0 for never.
        log_backup_count: Number of rotated logs that are kept.
    """

    python: str = field(validator=_check_python, converter=_absolute)
    cwd: str | None
    env: Mapping[str, str]
    log_file: Path | None
    log_level: str = field(validator=_check_level)
    log_max_bytes: int = field(validator=_check_size)
    log_backup_count: int = field(validator=_check_size)

    def command(self, place: Place) -> list[str]:
        """The command that runs the launcher, which is copied into the server's private folder.

        It uses neither ``-m`` nor ``-c``: they put the current folder on ``sys.path``, where a
        user's ``token.py`` would hide ``token`` of the standard library.
        """
        return [self.python, str(launcher.put_into(place.folder))]

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Environment of the gateway. Its kernels inherit it."""
        # A variable that the caller adds is meant for the kernels. But KG_AUTH_TOKEN would change
        # the token of the gateway itself.
        env = {**without_secrets(environ), **self.env}
        env.pop("KG_AUTH_TOKEN", None)
        # Cells with `!pip` or `%%bash` should find the programs of the kernel's environment, even
        # if it is not activated.
        programs = os.path.dirname(shutil.which(self.python) or self.python)  # noqa: PTH120
        env["PATH"] = os.pathsep.join(filter(None, (programs, env.get("PATH", os.defpath))))
        return env

    def line(self, ip: str, address: JupyterConnectionInfo, place: Place) -> str:
        """The line of JSON that the launcher reads, with all settings that must not be overridden.

        The settings have the names of
        https://jupyter-kernel-gateway.readthedocs.io/en/latest/config-options.html
        """
        gateway = {
            "ip": ip,
            "port": address.port,
            "port_retries": 0,
            "base_url": "/",
            "api": "kernel_gateway.jupyter_websocket",
            "certfile": None,
            "keyfile": None,
            "client_ca": None,
            "ssl_version": None,
            "answer_yes": True,
            "log_level": logging.getLevelName(self.log_level),
            "logging_config": self._logging(place.log_file),
        }
        config = {
            "KernelGatewayApp": gateway,
            "JupyterWebsocketPersonality": {"list_kernels": True},
            "ZMQChannelsWebsocketConnection": {"limit_rate": False},
        }
        if os.name == "posix" and len(os.fsencode(place.folder)) <= _SOCKET_FOLDER:
            # TCP ports are chosen long before a kernel binds them, so another program may take
            # one: for this reason, about one of 64 kernels died.
            config["KernelManager"] = {"transport": "ipc"}
        told = {"token": address.token or "", "config": config, "folder": str(place.folder)}
        return json.dumps(told)

    def _logging(self, log_file: Path) -> dict[str, Any]:
        handler = {
            "class": "logging.handlers.RotatingFileHandler",
            "filename": str(log_file),
            # Windows cannot rename the file: stderr has it open.
            "maxBytes": self.log_max_bytes if os.name == "posix" else 0,
            "backupCount": self.log_backup_count,
            "encoding": "utf-8",
            "formatter": "console",
            "level": self.log_level,
        }
        return {
            "handlers": {"file": handler},
            "loggers": {"KernelGatewayApp": {"level": "DEBUG", "handlers": ["file"]}},
            "root": {"level": self.log_level, "handlers": ["file"]},
        }
