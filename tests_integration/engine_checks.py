"""Checks of DockerJupyterServer for every engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docker_engine import run
from engines import Engine, client_of

from jkg_client import DockerJupyterServer
from jkg_client.servers.docker.owners import OWNER

SHARES_FILES = """
import os
from pathlib import Path
print(Path("sent").read_text())
_ = Path("theirs").write_text("from there")
os.symlink("theirs", "link")
"""


HAS_TOKEN = "import os; print('TOKEN' in os.environ, {token!r} in os.environ.values())"


def assert_it_works(server: DockerJupyterServer, folder: Path) -> None:
    """A block runs and cannot see the token. Files can be sent and fetched."""
    token = server.connection_info.token
    assert run(server, HAS_TOKEN.format(token=token)).output == "False False\n"
    assert_files_go_both_ways(server, folder)


def assert_files_go_both_ways(server: DockerJupyterServer, folder: Path) -> None:
    """Files can be sent from ``folder`` to the directory of the kernels, and back."""
    (folder / "sent").write_text("from here", encoding="utf-8")
    server.put_file(folder / "sent")
    assert run(server, SHARES_FILES).output == "from here\n"
    assert {"sent", "theirs", "link"} <= set(server.list_files())
    for name in ("theirs", "link"):
        assert server.get_file(name, folder / name).read_text(encoding="utf-8") == "from there"


def containers_of(engine: Engine) -> list[Any]:
    """The containers on ``engine`` that our code has created."""
    with client_of(engine.unix) as client:
        return client.containers.list(all=True, filters={"label": OWNER})
