"""The process that owns a container. A label names it, so that orphans can be found later."""

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
        raise ValueError(f"not a process id: {pid!r}")


@frozen(kw_only=True)
class Owner:
    """The process that started a container.

    Attributes:
        node: Name of its machine.
        boot: Id of the machine's current boot. Empty if unknown (not on Linux).
        namespace: Namespace of its process id. Empty if unknown.
        pid: Process id.
        started: Start of the process, in ticks since the boot. Empty if unknown.
        container: Id of the container in which the process itself runs. Empty outside of
            containers.
    """

    node: str = field(validator=instance_of(str))
    boot: str = field(validator=instance_of(str))
    namespace: str = field(validator=instance_of(str))
    pid: int = field(validator=_check_pid)
    started: str = field(validator=instance_of(str))
    container: str = field(default="", validator=instance_of(str))

    @classmethod
    def here(cls, container: str = "") -> Owner:
        """The owner for the current process."""
        pid = os.getpid()
        return cls(pid=pid, started=_started(pid), container=container, **_machine())

    @classmethod
    def from_label(cls, label: str) -> Owner | None:
        """The owner that ``label`` names. None if this package did not write the label."""
        try:
            return cls(**json.loads(label))
        except (ValueError, TypeError, RecursionError):
            return None

    @property
    def label(self) -> str:
        """The label for a container of this owner."""
        return json.dumps(asdict(self))

    @property
    def is_gone(self) -> bool:
        """Whether the process has certainly ended. False if unknown, as on another machine."""
        machine = _machine()
        if any(getattr(self, name) != there for name, there in machine.items()):
            return False
        # /proc may hide the start time of other users' processes. The time is then empty.
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
        status: Status of the container in the words of the engine, such as "Up 5 minutes".
        owner: The process that started it.
        is_orphan: Whether that process has ended without removing the container, although the
            container should not be kept.
    """

    name: str
    id: str
    image: str
    status: str
    owner: str
    is_orphan: bool


def labels(owner: Owner, kept: bool, launch: str) -> dict[str, str]:
    """Labels for a container.

    Args:
        owner: The process that starts it.
        kept: Whether the container is kept when its owner ends.
        launch: A word that no other container has.
    """
    return {OWNER: owner.label, KEPT: "true" if kept else "false", LAUNCH: launch}


def is_orphan(given: Mapping[str, str], running: Any) -> bool:
    """Whether the owner of a container has ended and did not want to keep the container.

    Args:
        given: Labels of the container.
        running: Function that returns whether the container with an id is running.
    """
    owner = Owner.from_label(given.get(OWNER, ""))
    if owner is None or given.get(KEPT) == "true":
        return False
    # The owner may be in another container, whose processes we cannot see. Then we only know
    # whether that container runs.
    return owner.is_gone or bool(owner.container and not running(owner.container))


def _machine() -> dict[str, str]:
    return {
        "node": platform.node(),
        "boot": _read(_PROC / "sys/kernel/random/boot_id"),
        "namespace": _link(_PROC / "self/ns/pid"),
    }


def _runs(pid: int) -> bool:
    if os.name != "posix":
        return True  # on Windows, signal 0 is Ctrl-C
    if _fields(pid)[:1] == ["Z"]:
        return False  # a zombie: it has ended, but its parent has not waited for it
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
    # The fields from field 3 on, which is the state. Field 2, a name, may contain blanks and
    # parentheses: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
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
