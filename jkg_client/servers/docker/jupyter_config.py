"""Configuration of the server in a container: copied there, behind ``launcher/queue_limits.py``.

Jupyter's loader of configuration executes it there and defines ``get_config``; nothing
of ``jkg_client`` is installed there. What an image or its command line sets wins.
See https://jupyter-server.readthedocs.io/en/latest/users/configuration.html
"""

import functools
import inspect
import os
import subprocess
from typing import Any


class _Everything(list):  # type: ignore[type-arg]  # by an interpreter of any age
    """An allow-list of all variables, so that ``env`` adds to a kernel's environment.

    By itself a kernel gateway would take HOME away and drop most of ``env``, to guard
    itself from its clients; ours may run any code anyway.
    """

    def __contains__(self, name: object) -> bool:
        """Whatever is asked for."""
        return True


_token = os.environ.get("TOKEN", "")
_tokens = (_token, os.fsencode(_token))
_start = subprocess.Popen.__init__
_parameters = inspect.signature(_start)


@functools.wraps(_start)
def _start_without_token(*args: Any, **kwargs: Any) -> None:
    # The server itself needs the variable for its own settings; what it starts does not.
    said = _parameters.bind(*args, **kwargs)
    env = said.arguments.get("env")
    env = os.environ if env is None else env
    said.arguments["env"] = {name: value for name, value in env.items() if value not in _tokens}
    _start(*said.args, **said.kwargs)


if _token:
    subprocess.Popen.__init__ = _start_without_token  # type: ignore[method-assign]  # that is it

lift_queue_limits()  # type: ignore[name-defined]  # noqa: F821 - of launcher/queue_limits.py, put before this
c: Any = get_config()  # type: ignore[name-defined]  # noqa: F821 - of the loader
c.ZMQChannelsWebsocketConnection.limit_rate = False
c.KernelGatewayApp.env_process_whitelist = _Everything()
c.JupyterWebsocketPersonality.env_whitelist = _Everything()
