"""The clients that are compared, and the packages that each of them needs."""

from __future__ import annotations

from attrs import frozen

from .environments import our_requirements

GATEWAY = ("jupyter_kernel_gateway==3.0.1", "ipykernel==7.4.0")
"""Packages of the gateway and its kernels, and of the kernel that is used directly."""

OURS = tuple(our_requirements())


@frozen(kw_only=True)
class Peer:
    """A client and its driver.

    Attributes:
        name: Name in the tables and for ``--peers``.
        driver: Module in ``benchmarks.peers``.
        variant: Argument of the driver.
        environment: Name of its environment. Peers may share one.
        requirements: Packages of the environment.
        imports: The module that its users import. Empty if the import is not measured.
        slow: Whether a cell takes about 0.1 s, so that fewer cells are measured.
        direct: Whether it starts kernels by itself, without the gateway.
    """

    name: str
    driver: str
    environment: str
    requirements: tuple[str, ...]
    variant: str = ""
    imports: str = ""
    slow: bool = False
    direct: bool = False


def _minimal(name: str, driver: str, variant: str) -> Peer:
    requirements = ("websocket-client>=1.9", "requests")
    return Peer(
        name=name,
        driver=driver,
        variant=variant,
        environment="minimal",
        requirements=requirements,
    )


def ours(name: str, variant: str = "", driver: str = "ours") -> Peer:
    """A peer with the requirements of this package."""
    return Peer(name=name, driver=driver, variant=variant, environment="ours", requirements=OURS)


FLOOR = _minimal("floor", "floor", "default")
FLOOR_V1 = _minimal("floor-v1", "floor", "v1")
MINIMAL = _minimal("minimal", "minimal", "default")
QUICKACK = _minimal("minimal-quickack", "minimal", "quickack")
MINIMAL_V1 = _minimal("minimal-v1", "minimal_v1", "")
ZMQ = Peer(
    name="zmq",
    driver="zmq_direct",
    environment="gateway",
    requirements=GATEWAY,
    imports="jupyter_client",
    direct=True,
)
CLIENT = ours("jkg-client", "client")
EMBEDDED = Peer(
    name="jkg-client embedded",
    driver="ours",
    variant="embedded",
    environment="embedded",
    requirements=(*OURS, "ipykernel==7.4.0"),
    direct=True,
)
PONGS = ours("jkg-client by pongs", "pongs")
EXECUTOR = ours("jkg-client executor", "executor")
PEERS = (
    ZMQ,
    MINIMAL,
    QUICKACK,
    MINIMAL_V1,
    CLIENT,
    EXECUTOR,
    EMBEDDED,
    PONGS,
    Peer(
        name="jupyter-kernel-client",
        driver="datalayer",
        environment="kernel-client",
        requirements=("jupyter-kernel-client==1.0.2",),
        imports="jupyter_kernel_client",
    ),
    Peer(
        name="nbclient",
        driver="notebook",
        environment="nbclient",
        requirements=("nbclient==0.11.0", "ipykernel==7.4.0"),
        imports="nbclient",
        direct=True,
    ),
    Peer(
        name="autogen-ext",
        driver="autogen_ext",
        variant="nbclient",
        environment="autogen-ext",
        requirements=(
            "autogen-ext[jupyter-executor]==0.7.5",
            "autogen-core==0.7.5",
            "ipykernel==7.4.0",
        ),
        imports="autogen_ext.code_executors.jupyter",
        direct=True,
    ),
    Peer(
        name="autogen-ext docker",
        driver="autogen_ext",
        variant="gateway",
        environment="autogen-ext-docker",
        requirements=("autogen-ext[docker-jupyter-executor]==0.7.5", "autogen-core==0.7.5"),
        imports="autogen_ext.code_executors.docker_jupyter",
        slow=True,
    ),
    Peer(
        name="autogen-0.2",
        driver="autogen_0_2",
        environment="autogen-0.2",
        requirements=("autogen-agentchat[jupyter-executor]==0.2.40",),
        imports="autogen.coding.jupyter",
        slow=True,
    ),
)
