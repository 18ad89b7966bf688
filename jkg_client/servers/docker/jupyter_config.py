"""Configuration file of the server in a container. It is appended to ``launcher/queue_limits.py``.

Jupyter's configuration loader executes it in the container and defines ``get_config``.
``jkg_client`` need not be installed there. Settings of the image and of its command line have
priority. See https://jupyter-server.readthedocs.io/en/latest/users/configuration.html
"""

import functools
import inspect
import os
import subprocess
from typing import Any


class _Everything(list):  # type: ignore[type-arg]  # must run on any Python version
    """An allow-list that contains every variable, so that ``env`` adds to a kernel's environment.

    Without this list, a kernel gateway removes HOME and most of ``env``, to protect itself from its
    clients. Our clients may run any code anyway.
    """

    def __contains__(self, name: object) -> bool:
        """True for every name."""
        return True


_token = os.environ.get("TOKEN", "")
_tokens = (_token, os.fsencode(_token))
_start = subprocess.Popen.__init__
_parameters = inspect.signature(_start)


@functools.wraps(_start)
def _start_without_token(*args: Any, **kwargs: Any) -> None:
    # The server needs TOKEN for its own settings. Its child processes, the kernels, do not need
    # TOKEN.
    said = _parameters.bind(*args, **kwargs)
    env = said.arguments.get("env")
    env = os.environ if env is None else env
    said.arguments["env"] = {name: value for name, value in env.items() if value not in _tokens}
    _start(*said.args, **said.kwargs)


if _token:
    subprocess.Popen.__init__ = _start_without_token  # type: ignore[method-assign]  # on purpose

lift_queue_limits()  # type: ignore[name-defined]  # noqa: F821 - defined in launcher/queue_limits.py
c: Any = get_config()  # type: ignore[name-defined]  # noqa: F821 - defined by the loader
c.ZMQChannelsWebsocketConnection.limit_rate = False
c.KernelGatewayApp.env_process_whitelist = _Everything()
c.JupyterWebsocketPersonality.env_whitelist = _Everything()
