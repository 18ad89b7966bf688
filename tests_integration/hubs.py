"""A real JupyterHub with its own proxy, in a separate environment."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from attrs import define, field
from environments import environment
from filelock import FileLock
from servers import surroundings

from jkg_client.client.deadline import Deadline

REQUIREMENTS = ("jupyterhub==6.1.1", "jupyter_server==2.21.1", "ipykernel==7.4.0")
CULLER = "jupyterhub-idle-culler==1.4.0"
PROXY = "configurable-http-proxy@4.6.3"
STARTING = 180.0
INSTALLING = 300
ENDING = 15.0
CONFIGURATION = Path(__file__).parent / "hub" / "jupyterhub_config.py"

DEFAULTS: dict[str, Any] = {
    "allow_named_servers": True,
    "limits": {"limited": 2},
    "cleanup_servers": True,
    "concurrent_spawn_limit": 100,
    "slow_spawn_timeout": 2,
}


@define(eq=False)
class Hub:
    """A JupyterHub that runs.

    Attributes:
        url: Its public address, with the prefix.
        api_url: Address of its API without the proxy.
        admin: Token of a service that may do everything.
        python: The interpreter of its environment.
        folder: Folder of its files.
    """

    url: str
    api_url: str
    admin: str = field(repr=False)
    python: Path
    folder: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def begin(self) -> None:
        """Start the process, and wait until the hub answers."""
        env = {**surroundings(self.folder, str(self.python)), "JKG_TEST_HUB": str(self.folder)}
        command = [str(self.python), "-m", "jupyterhub", "-f", str(CONFIGURATION)]
        with (self.folder / "log").open("ab") as log:
            self._process = process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=env,
                start_new_session=True,
            )
        deadline = Deadline(STARTING)
        while not self._answers():
            if deadline.passed or process.poll() is not None:
                raise RuntimeError(f"the hub does not come up: {self.log()[-3000:]}")
            time.sleep(0.1)

    def end(self) -> None:
        """End the process. The proxy ends with it."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(ENDING)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(ENDING)

    def restart(self) -> None:
        """End the hub, and start it again."""
        self.end()
        self.begin()

    def _answers(self) -> bool:
        try:
            self.ask("GET", "/info")
        except requests.RequestException:
            return False
        return True

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the hub's API as the administrator, and return the answer."""
        answer = requests.request(
            method,
            f"{self.url}/hub/api{path}",
            json=body,
            headers={"Authorization": f"token {self.admin}"},
            timeout=30,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def token(self, user: str, *scopes: str, **more: Any) -> str:
        """A new token of a user, who is created if necessary."""
        path = f"/users/{quote(user, safe='')}"
        if not any(known["name"] == user for known in self.ask("GET", "/users")):
            self.ask("POST", path)
        body = {**more, **({"scopes": list(scopes)} if scopes else {})}
        return str(self.ask("POST", f"{path}/tokens", body)["token"])

    def servers(self, user: str) -> dict[str, Any]:
        """The servers of a user: those that run, and those that are starting."""
        found: dict[str, Any] = self.ask("GET", f"/users/{quote(user, safe='')}")["servers"]
        return found

    def log(self) -> str:
        """The log so far."""
        return (self.folder / "log").read_text("utf-8", "replace")


def proxy_command(config: pytest.Config) -> list[str]:
    """The command of the proxy, which is installed once. Skips the test without npm; CI fails."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        missing = "npm is missing: JupyterHub's proxy is installed by it"
        if "CI" in os.environ:
            pytest.fail(missing)
        pytest.skip(missing)
    assert config.cache is not None
    folder = Path(config.cache.mkdir("environments")) / PROXY
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix"]
            subprocess.run([*command, str(folder), PROXY], check=True, timeout=INSTALLING)
            (folder / "done").touch()
    return [node, str(folder / "node_modules" / ".bin" / "configurable-http-proxy")]


@contextmanager
def running_hub(config: pytest.Config, *, prefix: str = "", **chosen: Any) -> Iterator[Hub]:
    """A hub below ``prefix``; ``chosen`` replaces ``DEFAULTS``."""
    bin_folder = environment(config, "hub", *REQUIREMENTS)
    command = proxy_command(config)
    # A short path, because the kernels have sockets in it.
    with tempfile.TemporaryDirectory(prefix="jkg-hub-", ignore_cleanup_errors=True) as path:
        folder, admin = Path(path), secrets.token_hex(16)
        public, private, control = _free_ports(3)
        settings = {
            **DEFAULTS,
            **chosen,
            "bind_url": f"http://127.0.0.1:{public}{prefix}/",
            "hub_bind_url": f"http://127.0.0.1:{private}{prefix}/hub/",
            "proxy_api_url": f"http://127.0.0.1:{control}",
            "proxy_command": command,
            "services": [{"name": "tests", "api_token": admin}, *chosen.get("services", [])],
            "roles": [
                {"name": "tests", "services": ["tests"], "scopes": ADMIN},
                *chosen.get("roles", []),
            ],
        }
        (folder / "hub.json").write_text(json.dumps(settings), "utf-8")
        url = f"http://127.0.0.1:{public}{prefix}"
        api_url = f"http://127.0.0.1:{private}{prefix}/hub/api"
        hub = Hub(url, api_url, admin, bin_folder / "python", folder)
        try:
            hub.begin()
            yield hub
        finally:
            hub.end()


def _free_ports(count: int) -> list[int]:
    """Different free ports. Each is held until all are found."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(one.getsockname()[1]) for one in held]


@contextmanager
def culler(hub: Hub, config: pytest.Config) -> Iterator[None]:
    """JupyterHub's own culler. It stops servers that are idle for 3 s."""
    python = environment(config, "culler", *REQUIREMENTS, CULLER) / "python"
    options = ["--timeout=3", "--cull-every=1", f"--url={hub.api_url}"]
    process = subprocess.Popen(
        [str(python), "-m", "jupyterhub_idle_culler", *options],
        env={**os.environ, "JUPYTERHUB_API_TOKEN": hub.admin},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(ENDING)


ADMIN = [
    *("admin:users", "admin:servers", "tokens", "access:servers", "read:hub", "list:users"),
]
