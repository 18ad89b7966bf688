"""Adapter for nbclient and its users, see https://nbclient.readthedocs.io.

It replaces the kernel manager and the kernel client of ``jupyter_client``, and runs the code in a
kernel of a Jupyter server.
"""

try:
    import jupyter_client as _jupyter_client  # noqa: F401
except ImportError as _missing:
    raise ImportError(
        'GatewayKernelManager needs an extra: pip install "jkg-client[nbclient]"'
    ) from _missing

from .client import GatewayKernelClient
from .defaults import use_gateway
from .manager import GatewayKernelManager

__all__ = ["GatewayKernelClient", "GatewayKernelManager", "use_gateway"]
