"""Whose container it is: written on its label, and read from it when the program is gone."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import Attribute, asdict, field, frozen
from attrs.validators import instance_of

OWNER = "jkg_client.owner"
KEPT = "jkg_client.kept"
LAUNCH = "jkg_client.launch"

_PROC = Path("/proc")


def _check_pid(_: object, __: Attribute[int], pid: int) -> None:
    if type(pid) is not int or not 0 < pid < 1 << 31:
        raise ValueError(f"no process id: {pid!r}")


@frozen(kw_only=True)
class Owner:
    """The process that started a container.

    Attributes:
        node: Name of its machine.
        boot: Id of that machine's present boot; "" where there is none (not on Linux).
        namespace: Of process ids; "" likewise.
        pid: Process id.
        started: When it began, in ticks since the boot; "" likewise.
        container: Id of the container that it runs in; "" for none.
    """

    node: str = field(validator=instance_of(str))
    boot: str = field(validator=instance_of(str))
    namespace: str = field(validator=instance_of(str))
    pid: int = field(validator=_check_pid)
    started: str = field(validator=instance_of(str))
    container: str = field(default="", validator=instance_of(str))

    @classmethod
    def here(cls, container: str = "") -> Owner:
        """This process."""
        pid = os.getpid()
        return cls(pid=pid, started=_started(pid), container=container, **_machine())

    @classmethod
    def from_label(cls, label: str) -> Owner | None:
        """As ``label`` has it; None if we did not write that."""
        try:
            return cls(**json.loads(label))
        except (ValueError, TypeError, RecursionError):
            return None

    @property
    def label(self) -> str:
        """To be written on a container."""
        return json.dumps(asdict(self))

    @property
    def is_gone(self) -> bool:
        """Whether it surely has ended; False where we cannot tell, as from another machine."""
        machine = _machine()
        if any(getattr(self, name) != there for name, there in machine.items()):
            return False
        # Of a process that /proc hides from us, we know only that it is there.
        return not _runs(self.pid) or _started(self.pid) not in ("", self.started)

    def __str__(self) -> str:
        inside = f", in container {self.container[:12]}" if self.container else ""
        return f"process {self.pid} of {self.node}{inside}"


@frozen(kw_only=True)
class ServerContainer:
    """A container with a server that this package has started.

    Example::

        for container in DockerJupyterServer.containers():
            print(container.name, container.status, container.is_orphan)

    Attributes:
        name: Name of the container, for ``DockerJupyterServer.attach``.
        id: Id of the container.
        image: Name of its image.
        status: Its status in the words of the engine, such as "Up 5 minutes".
        owner: The process that started it.
        is_orphan: Whether that process has ended without removing it, and did not mean to keep it.
    """

    name: str
    id: str
    image: str
    status: str
    owner: str
    is_orphan: bool


def labels(owner: Owner, kept: bool, launch: str) -> dict[str, str]:
    """What is written on a container.

    Args:
        owner: Who starts it.
        kept: Whether it shall outlive its owner.
        launch: A word that no other container has.
    """
    return {OWNER: owner.label, KEPT: "true" if kept else "false", LAUNCH: launch}


def is_orphan(given: Mapping[str, str], running: Any) -> bool:
    """Whether a container's labels name an owner that is gone, and who wanted it gone, too.

    Args:
        given: The labels.
        running: Tells whether the container with an id runs.
    """
    owner = Owner.from_label(given.get(OWNER, ""))
    if owner is None or given.get(KEPT) == "true":
        return False
    # From outside, the processes of another container cannot be told apart; it itself can.
    return owner.is_gone or bool(owner.container and not running(owner.container))


def _machine() -> dict[str, str]:
    return {
        "node": platform.node(),
        "boot": _read(_PROC / "sys/kernel/random/boot_id"),
        "namespace": _link(_PROC / "self/ns/pid"),
    }


def _runs(pid: int) -> bool:
    if os.name != "posix":
        return True  # a signal 0 would be Ctrl-C there
    if _fields(pid)[:1] == ["Z"]:
        return False  # killed, and nobody has waited for it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _started(pid: int) -> str:
    fields = _fields(pid)
    return fields[19] if len(fields) > 19 else ""


def _fields(pid: int) -> list[str]:
    # From field 3, the state; the name before it may have blanks and parentheses in it:
    # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    return _read(_PROC / str(pid) / "stat").rpartition(")")[2].split()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _link(path: Path) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 - a str is wanted
    except OSError:
        return ""
