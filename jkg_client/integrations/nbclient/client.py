"""A kernel client with the interface of jupyter_client, for a kernel of a Jupyter server."""

from __future__ import annotations

import asyncio
import inspect
import queue
import weakref
from collections.abc import Mapping
from typing import Any, Callable, cast

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.clientabc import KernelClientABC
from traitlets import Any as AnyTrait

from ...client.channels import KernelControl
from ...client.deadline import Deadline
from ...client.timeouts import TIMEOUTS
from ...gateway.rest import JupyterClient
from .channels import GatewayChannel, GatewayHeartbeat
from .relay import Relay, RelayedChannels

_LOOK = 1.0
"""Seconds without a message after which the client checks whether the kernel is alive."""

Hook = Callable[[dict[str, Any]], Any]


class GatewayKernelClient(AsyncKernelClient):
    """Talks with one kernel of a Jupyter server. ``GatewayKernelManager.client`` creates it.

    Args:
        provider: Client of the server.
        kernel_id: Id of the kernel.
        first_code: Code that ``wait_for_ready`` runs silently.
        options: Arguments of ``AsyncKernelClient``.
    """

    timeouts = AnyTrait(TIMEOUTS, help="Time limits, as a jkg_client.Timeouts object.")

    def __init__(
        self, provider: JupyterClient, kernel_id: str, *, first_code: str = "", **options: Any
    ) -> None:
        super().__init__(**options)
        self.kernel_id = kernel_id
        self._first_code = first_code
        self._provider = provider
        self._relay: Relay | None = None
        self._closer: Callable[[], object] = lambda: None
        self._by_name: dict[str, Any] = {}

    def start_channels(
        self,
        shell: bool = True,
        iopub: bool = True,
        stdin: bool = True,
        hb: bool = True,
        control: bool = True,
    ) -> None:
        """Connect to the kernel in the background. All channels share one connection."""
        if self._relay is not None:
            return
        relay = Relay(self._connector(), self.timeouts)
        self._relay = relay
        self._closer = weakref.finalize(self, relay.close)
        self._by_name = {name: GatewayChannel(name, relay) for name in relay.queues}
        self._by_name["hb"] = GatewayHeartbeat(relay)

    def stop_channels(self) -> None:
        """Close the connection. The kernel keeps running. A second call does nothing."""
        for channel in self._by_name.values():
            channel.stop()
        self._closer()
        self._relay = None

    @property
    def channels_running(self) -> bool:
        """Whether the channels were started and not stopped."""
        return self._relay is not None

    @property
    def shell_channel(self) -> Any:
        """Requests and replies."""
        return self._channel("shell")

    @property
    def iopub_channel(self) -> Any:
        """Outputs and status of the kernel."""
        return self._channel("iopub")

    @property
    def stdin_channel(self) -> Any:
        """Input requests of the code."""
        return self._channel("stdin")

    @property
    def control_channel(self) -> Any:
        """Requests that overtake the requests on ``shell``."""
        return self._channel("control")

    @property
    def hb_channel(self) -> Any:
        """The heartbeat of the kernel."""
        return self._channel("hb")

    def poke(self) -> None:
        """Send a request, because code that awaits notices an interrupt only with a new message."""
        if self._relay is not None:
            self._relay.poke()

    def revive(self, first_code: str) -> None:
        """Note that the kernel was restarted on request, so that it counts as alive again."""
        self._first_code = first_code
        if self._relay is not None:
            self._relay.revive()

    async def is_alive(self) -> bool:
        """Whether the kernel lives, and is the process to which this client has connected."""
        return self._relay is not None and self._relay.is_alive

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel answers.

        Args:
            timeout: Time limit in seconds. None for the limit of a kernel's start.

        Raises:
            RuntimeError: The kernel does not answer in time, or it has ended.
            GatewayError: The kernel cannot be reached.
        """
        deadline = Deadline(self.timeouts.launch if timeout is None else timeout)
        pause = _LOOK
        while True:
            if await self._answers(deadline.within(pause)):
                break
            if self._relay is None or not self._relay.is_alive:
                raise RuntimeError("Kernel died before replying to kernel_info")
            if deadline.passed:
                raise RuntimeError(f"Kernel didn't respond in {deadline.seconds:g} seconds")
            pause = min(2 * pause, 8.0)  # on a slow connection, an answer takes longer
        first_code, self._first_code = self._first_code, ""
        if first_code:
            msg_id = self.execute(first_code, silent=True, store_history=False)
            await self._recv_reply(msg_id, timeout=deadline.left())
        self._relay_now().queues["iopub"].clear()

    async def execute_interactive(
        self,
        code: str,
        silent: bool = False,
        store_history: bool = True,
        user_expressions: dict[str, Any] | None = None,
        allow_stdin: bool | None = None,
        stop_on_error: bool = True,
        timeout: float | None = None,
        output_hook: Hook | None = None,
        stdin_hook: Hook | None = None,
    ) -> dict[str, Any]:
        """Run ``code``, show its output and answer its input requests, as ``AsyncKernelClient``.

        Raises:
            TimeoutError: The code did not end in time.
            RuntimeError: The kernel died.
        """
        allow_stdin = self.allow_stdin if allow_stdin is None else allow_stdin
        deadline = Deadline(timeout)
        msg_id = self.execute(
            code, silent, store_history, user_expressions, allow_stdin, stop_on_error
        )
        hooks = {"iopub": output_hook or self._output_hook_default}
        if allow_stdin:
            hooks["stdin"] = stdin_hook or self._stdin_hook_default
        is_idle = False
        while not is_idle:
            for name, message in (await self._incoming(hooks, deadline)).items():
                if name == "iopub" and message["parent_header"].get("msg_id") != msg_id:
                    continue
                answer = hooks[name](message)
                if inspect.isawaitable(answer):
                    await answer
                is_idle |= message["content"].get("execution_state") == "idle"
        reply: dict[str, Any] = await self._recv_reply(msg_id, timeout=deadline.left())
        return reply

    async def _incoming(
        self, names: Mapping[str, object], deadline: Deadline
    ) -> dict[str, dict[str, Any]]:
        """The next messages: at most one of each channel, and at least one in all."""
        while True:
            limit = deadline.within(_LOOK).left()
            tasks = {
                asyncio.ensure_future(self._channel(name).get_msg(timeout=limit)): name
                for name in names
            }
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()  # a cancelled reader loses no message
            found = {tasks[task]: task for task in done}
            came = {name: task.result() for name, task in found.items() if not _is_empty(task)}
            if came:
                return came
            if not await self.is_alive():
                raise RuntimeError("Kernel died")
            if deadline.passed:
                raise TimeoutError("Timeout waiting for output")

    async def _answers(self, deadline: Deadline) -> bool:
        """Whether the kernel answers in time, also on iopub, which may start to work later."""
        msg_id = self.kernel_info()
        try:
            for channel in (self.shell_channel, self.iopub_channel):
                message = await channel.get_msg(timeout=deadline.left())
                while message["parent_header"].get("msg_id") != msg_id:
                    message = await channel.get_msg(timeout=deadline.left())
        except queue.Empty:
            return False
        return True

    def _relay_now(self) -> Relay:
        if self._relay is None:
            raise RuntimeError("the channels are not running; call start_channels()")
        return self._relay

    def _channel(self, name: str) -> Any:
        self._relay_now()
        return self._by_name[name]

    def _connector(self) -> Callable[[], tuple[RelayedChannels, KernelControl]]:
        # Keep no reference to the client, so that an unused client can be garbage-collected.
        provider, kernel_id, timeouts = self._provider, self.kernel_id, self.timeouts

        def connect() -> tuple[RelayedChannels, KernelControl]:
            connection = provider.connect(kernel_id, Deadline(timeouts.launch), timeouts)
            # Channels of a server have ``wait_for_input``.
            return cast("RelayedChannels", connection.channels), connection.control

        return connect


def _is_empty(task: asyncio.Future[Any]) -> bool:
    return isinstance(task.exception(), queue.Empty)


KernelClientABC.register(GatewayKernelClient)
