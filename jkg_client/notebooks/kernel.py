"""The kernel of a run: its start, its cells and its end."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping

from attrs import define, evolve, field

from ..client.callbacks import OnInput
from ..client.ctrl_c import CtrlCHeldBack
from ..client.deadline import Deadline
from ..client.kernel import JupyterKernelClient
from ..client.timeouts import Timeouts
from ..errors import (
    ClientClosed,
    GatewayError,
    KernelDied,
    KernelNotFound,
    KernelNotReady,
    ServerNotRunning,
)
from ..protocol.messages import Json, Message, comm_message
from ..protocol.result import ExecutionResult
from ..protocol.values import mapping_of
from .kernel_process import KernelProcess
from .observed_channels import ObservedChannels, ObservedProvider
from .outputs import CellOutputs, NotebookOutputs
from .providers import NotebookKernels

_log = logging.getLogger("jkg_client")
_MOST = 100_000
"""Number of characters that the result of a cell keeps. The notebook has the outputs already."""


@define(eq=False)
class NotebookKernel:
    """A kernel that runs the cells of one notebook. It is a ``Listener`` of its channels.

    Attributes:
        outputs: Puts the kernel's messages into the notebook.
        on_message: Function that is called with each message that answers a cell.
        on_pause: Function that is called after each message, and regularly while no message
            arrives.
    """

    outputs: NotebookOutputs
    on_message: Callable[[Message], None] | None = None
    on_pause: Callable[[], None] | None = None
    _client: JupyterKernelClient | None = field(default=None, init=False)
    _heard: ObservedChannels | None = field(default=None, init=False)
    _process: KernelProcess | None = field(default=None, init=False)
    _cell: CellOutputs | None = field(default=None, init=False)

    def connect(
        self, kernels: NotebookKernels, kernel_id: str, deadline: Deadline, timeouts: Timeouts
    ) -> None:
        """Connect to a kernel, and wait until it answers.

        Raises:
            KernelNotReady: The kernel does not answer before the deadline.
        """
        heard = ObservedProvider(kernels, self)
        seconds = deadline.left() or 0.001
        client = JupyterKernelClient(heard, kernel_id, connect_timeout=seconds, timeouts=timeouts)
        self._client, self._heard = client, heard.channels
        if not client.wait_for_ready(deadline.left() or 0.001):
            raise KernelNotReady(f"kernel {kernel_id} does not answer")

    @property
    def client(self) -> JupyterKernelClient:
        """The client of the kernel."""
        if self._client is None:
            raise ClientClosed("there is no connection to a kernel yet")
        return self._client

    @property
    def _channels(self) -> ObservedChannels:
        if self._heard is None:
            raise ClientClosed("there is no connection to a kernel yet")
        return self._heard

    def info(self, deadline: Deadline) -> Json:
        """The kernel's ``language_info``. From now on, another process counts as a death."""
        info = self.client.kernel_info(max(1.0, deadline.left() or 0.0))
        self._process = KernelProcess(self._channels.session)
        return mapping_of(info.get("language_info"))

    def run(
        self, cell: CellOutputs, code: str, seconds: float | None, on_input: OnInput | None
    ) -> ExecutionResult:
        """Run one cell.

        Raises:
            KernelDied: The kernel has died since the last cell.
        """
        self._tell_widgets()
        self._cell = cell
        try:
            result = self.client.execute(code, seconds, on_input=on_input, max_output=_MOST)
        finally:
            self._cell = None
            self.outputs.settle()
        if self._process is not None and self._process.is_replaced and result.status != "timeout":
            # The kernel has died, and the server has sent the cell to the new process.
            return evolve(result, status="died")
        return result

    def stop(self) -> None:
        """Close the connection, if there is one."""
        if self._client is not None:
            self._client.stop()

    def listen(self, seconds: float) -> None:
        """Process messages for ``seconds`` while no cell is running."""
        deadline = Deadline(seconds)
        while not deadline.passed:
            self._channels.receive(deadline)
        self.outputs.settle()

    def will_send(self, message: Message) -> None:
        """Assign a request to the running cell."""
        if message.msg_type == "execute_request" and self._cell is not None:
            if self._process is not None and self._process.is_gone:
                died = "the kernel died between two cells"
                raise KernelDied(died, ExecutionResult(status="died"))
            self.outputs.sent(message.msg_id, self._cell)

    def received(self, message: Message | None) -> None:
        """Process a message of the kernel."""
        if message is not None:
            if self._process is not None:
                self._process.feed(message)
            if self.outputs.feed(message) is not None and self.on_message is not None:
                self.on_message(message)
        if self.on_pause is not None:
            self.on_pause()

    def _tell_widgets(self) -> None:
        limit = Deadline(10.0)
        for comm_id, data in self.outputs.widgets.take_updates():
            self._channels.send(comm_message(self._channels.session, comm_id, data), limit)


@contextlib.contextmanager
def started(
    kernels: NotebookKernels, name: str, env: Mapping[str, str] | None, seconds: float
) -> Iterator[str]:
    """Start a kernel for the ``with`` block. It is deleted at the end, also after an error."""
    kernel_id: str | None = None
    try:
        with CtrlCHeldBack():
            kernel_id = kernels.start_kernel(name, env=env, timeout_seconds=seconds)
        _log.info("kernel %s: %r was started", kernel_id, name)
        yield kernel_id
    finally:
        if kernel_id is not None:
            with CtrlCHeldBack():
                _delete(kernels, kernel_id)


def _delete(kernels: NotebookKernels, kernel_id: str) -> None:
    try:
        kernels.delete_kernel(kernel_id)
        _log.info("kernel %s: was deleted", kernel_id)
    except (KernelNotFound, ServerNotRunning, ClientClosed):
        pass
    except GatewayError as exc:
        _log.warning("cannot delete kernel %s: %s", kernel_id, exc)
