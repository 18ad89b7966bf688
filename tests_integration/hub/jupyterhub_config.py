"""The hub of the tests. Servers are processes of this machine. Users need no password.

The spawner understands these options of a server:

- ``wait``: the start takes this many seconds. Each second is reported as progress.
- ``fail``: the start fails, with this message for the user.
- ``exit``: the server's process ends at once with this exit status.
- ``refuse``: the hub refuses these options, with this message.
"""

# mypy: ignore-errors
# It runs in the environment of the hub, whose packages mypy does not see.

import asyncio
import json
import os
from pathlib import Path

from jupyterhub.spawner import SimpleLocalProcessSpawner
from tornado.web import HTTPError

HERE = Path(os.environ["JKG_TEST_HUB"])
CHOSEN = json.loads((HERE / "hub.json").read_text("utf-8"))


class Spawner(SimpleLocalProcessSpawner):
    """Starts a server as its options say."""

    waited = 0

    async def start(self):
        options = self.user_options
        self.waited = 0
        while self.waited < options.get("wait", 0):
            await asyncio.sleep(0.2)
            self.waited += 0.2
        if "fail" in options:
            failure = RuntimeError("it shall fail")
            failure.jupyterhub_message = options["fail"]
            raise failure
        dies = ["sh", "-c", f"exit {options.get('exit')}"]
        self.cmd = dies if "exit" in options else ["jupyterhub-singleuser"]
        return await super().start()

    async def progress(self):
        yield {"progress": 10, "message": "the server was asked for"}
        told = 0
        while True:
            await asyncio.sleep(0.1)
            if self.waited > told + 1:
                told += 1
                yield {"progress": 10 + told, "message": f"waited {told} s"}


def apply_options(_, options):
    if "refuse" in options:
        raise HTTPError(400, options["refuse"])


c = get_config()  # noqa: F821
c.JupyterHub.bind_url = CHOSEN["bind_url"]
c.JupyterHub.hub_bind_url = CHOSEN["hub_bind_url"]
c.JupyterHub.db_url = f"sqlite:///{HERE}/hub.sqlite"
c.JupyterHub.cookie_secret_file = f"{HERE}/cookie_secret"
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = Spawner
c.JupyterHub.allow_named_servers = CHOSEN["allow_named_servers"]
c.JupyterHub.named_server_limit_per_user = lambda handler: (
    CHOSEN["limits"].get(handler.current_user.name, 0) if handler.current_user else 0
)
c.JupyterHub.cleanup_servers = CHOSEN["cleanup_servers"]
c.JupyterHub.concurrent_spawn_limit = CHOSEN["concurrent_spawn_limit"]
c.JupyterHub.services = CHOSEN["services"]
c.JupyterHub.load_roles = CHOSEN["roles"]
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": CHOSEN["slow_spawn_timeout"]}
c.ConfigurableHTTPProxy.api_url = CHOSEN["proxy_api_url"]
c.ConfigurableHTTPProxy.command = CHOSEN["proxy_command"]
c.ConfigurableHTTPProxy.pid_file = f"{HERE}/proxy.pid"
c.ConfigurableHTTPProxy.debug = False
c.Authenticator.allow_all = True
c.Spawner.args = ["--allow-root"] if os.getuid() == 0 else []
c.Spawner.apply_user_options = apply_options
c.Spawner.env_keep = ["PATH", "LANG"]
c.Spawner.environment = {"JUPYTERHUB_SINGLEUSER_APP": "jupyter-server"}
c.Spawner.home_dir_template = f"{HERE}/home"
c.SimpleLocalProcessSpawner.home_dir_template = f"{HERE}/home"
c.Spawner.consecutive_failure_limit = 0
c.Spawner.poll_interval = 2
# On a busy machine the first server of a new environment takes long to start.
c.Spawner.http_timeout = 90
