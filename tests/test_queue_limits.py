"""Changes of queue limits in the process of a Jupyter server, here and in containers."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Callable

import pytest

from jkg_client.servers import launcher

LOSE_NOTHING: Callable[[], None] = runpy.run_path(
    str(Path(launcher.__file__).with_name("queue_limits.py"))
)["lift_queue_limits"]

# The command of a kernelspec, and the position where the module is replaced by a program.
COMMANDS = [
    (["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], 1),
    (["python", "-X", "frozen_modules=off", "-m", "ipykernel_launcher", "-f", "x"], 3),
    (["python", "-m", "bash_kernel", "-f", "x"], None),
    (["R", "--slave", "-e", "IRkernel::main()", "--args", "x"], None),
    (["ipykernel_launcher"], None),
    ([], None),
]


@pytest.fixture
def jupyter(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The parts of jupyter_client that the module changes."""

    class ConnectionFileMixin:
        context = SimpleNamespace(rcvhwm=1000, reconnect_ivl=100)

        def _create_connected_socket(self, channel: str, identity: Any = None) -> Any:
            return channel, identity, self.context.rcvhwm, self.context.reconnect_ivl

        def write_connection_file(self, **kwargs: Any) -> None:
            self.written = (self.transport, self.ip, kwargs)

        def __init__(self, transport: str = "ipc", argv: list[str] | None = None) -> None:
            self.transport, self.ip = transport, "/folder/kernel-ipc"
            self.kernel_spec = None if argv is None else SimpleNamespace(argv=argv)

    class KernelSpecManager:
        argv: list[str]

        def get_kernel_spec(self, kernel_name: str) -> Any:
            return SimpleNamespace(argv=self.argv, name=kernel_name)

    for kind in (ConnectionFileMixin, KernelSpecManager):
        word = "connect" if kind is ConnectionFileMixin else "kernelspec"
        module = ModuleType(f"jupyter_client.{word}")
        setattr(module, kind.__name__, kind)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return SimpleNamespace(connection=ConnectionFileMixin, specs=KernelSpecManager)


@pytest.mark.parametrize(("argv", "place"), COMMANDS)
def test_only_ipython_kernels_are_started_with_another_command(
    jupyter: SimpleNamespace, argv: list[str], place: int | None
) -> None:
    LOSE_NOTHING()
    manager = jupyter.specs()
    manager.argv = argv
    spec = manager.get_kernel_spec("python3")
    assert spec.name == "python3"
    if place is None:
        assert spec.argv == argv
    else:
        rest = argv[place + 2 :]
        assert spec.argv[: place + 1] == [*argv[:place], "-c"]
        assert "sndhwm = 0" in spec.argv[place + 1]
        compile(spec.argv[place + 1], "kernel", "exec")
        assert spec.argv[place + 2 :] == [*rest, "--HistoryManager.hist_file=:memory:"]


def test_a_server_has_unlimited_queues_and_connects_quickly(
    jupyter: SimpleNamespace,
) -> None:
    LOSE_NOTHING()
    made = jupyter.connection()._create_connected_socket("iopub", identity=b"i")
    assert made == ("iopub", b"i", 0, 10)


def test_a_program_without_kernels_is_left_as_it_is() -> None:
    assert not {"jupyter_client.connect", "jupyter_client.kernelspec"} & set(sys.modules)
    LOSE_NOTHING()


@pytest.mark.parametrize(
    ("transport", "argv", "where"),
    [
        ("ipc", ["python", "-m", "ipykernel_launcher", "-f", "x"], ("ipc", "/folder/kernel-ipc")),
        ("ipc", ["python", "-c", "from ipykernel.kernelapp"], ("ipc", "/folder/kernel-ipc")),
        ("ipc", ["deno", "jupyter", "--conn", "x"], ("tcp", "127.0.0.1")),
        ("ipc", None, ("tcp", "127.0.0.1")),
        ("tcp", ["deno", "jupyter", "--conn", "x"], ("tcp", "/folder/kernel-ipc")),
    ],
)
def test_kernels_that_may_support_only_tcp_use_tcp(
    jupyter: SimpleNamespace, transport: str, argv: list[str] | None, where: tuple[str, str]
) -> None:
    LOSE_NOTHING()
    kernel = jupyter.connection(transport, argv)
    kernel.write_connection_file(jupyter_session="s")
    assert kernel.written == (*where, {"jupyter_session": "s"})
