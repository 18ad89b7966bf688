"""For nbclient and all that runs notebooks by it, see https://nbclient.readthedocs.io.

The seat of ``jupyter_client``'s kernel manager and kernel client, on a kernel of a Jupyter server.
"""

try:
    import jupyter_client as _jupyter_client  # noqa: F401
except ImportError as _missing:
    raise ImportError(
        'GatewayKernelManager needs: pip install "jkg-client[nbclient]"'
    ) from _missing

from .client import GatewayKernelClient
from .defaults import use_gateway
from .manager import GatewayKernelManager

__all__ = ["GatewayKernelClient", "GatewayKernelManager", "use_gateway"]
