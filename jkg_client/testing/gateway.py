"""A fake gateway: for a client it looks like a kernel gateway, but it does not use Jupyter."""

from __future__ import annotations

import contextlib
import re
import threading
import uuid
from collections.abc import Sequence
from os import PathLike
from types import TracebackType
from typing import Any, get_args

from attrs import Attribute, define, evolve, field

from ..client import arguments
from ..client.arguments import validator
from ..gateway.connection import JupyterConnectionInfo
from ..protocol.messages import new_session
from .active_faults import ActiveFaults, RestFault
from .faults import Faults
from .journal import Journal
from .kernels import Kernels
from .launches import flavour_for
from .orders import Order
from .processes import KernelOptions
from .prompter import Prompter
from .replays import Recording, Replays
from .routes import CHANNELS, RestApi, is_from_here
from .scripts import Script
from .server import Call, Cutting, HttpAnswer, Server, end_by_reset
from .sockets import KernelSocket, SocketOptions, shake_hands

_FLAG = validator(arguments.flag)
_SECONDS = validator(arguments.seconds)


def _check_count(name: str, value: object) -> None:
    arguments.at_least(name, value, 0)


def _check_order(_: object, __: Attribute[Any], order: object) -> None:
    arguments.choice("reply", order, get_args(Order))


def _check_names(_: object, __: Attribute[Any], names: object) -> None:
    if not (isinstance(names, (list, tuple)) and names):
        raise ValueError(f"kernel_names must be a list of names, not {names!r:.200}")
    for number, name in enumerate(names):
        arguments.filled(f"kernel_names[{number}]", name)
        if not re.fullmatch(r"[\w.-]+", name, re.ASCII):
            allowed = "letters, digits, '.', '-' and '_'"
            raise ValueError(f"kernel_names[{number}] may have {allowed} only, not {name!r:.200}")
    if len({*names}) < len(names):
        raise ValueError(f"kernel_names must be different names, not {names!r:.200}")


@define(kw_only=True, eq=False, repr=False)
class FakeGateway:
    r"""A Jupyter kernel gateway in this process, for tests without Jupyter.

    It listens on a free port of this machine from its construction until ``stop``. Its kernels are
    child processes that run Python. If a cell has a script, the script is played instead.

    Example::

        from jkg_client import CodeBlock, JupyterCodeExecutor
        from jkg_client.testing import FakeGateway

        with FakeGateway() as gateway, JupyterCodeExecutor(gateway) as executor:
            gateway.script("fit()").stream("epoch 1\n")
            result = executor.execute_code_blocks([CodeBlock("fit()", "python")])
            assert result.output == "epoch 1\n"

    The end of the ``with`` block raises an ``AssertionError`` if something did not happen as the
    test has scripted it.

    Attributes:
        token: Token that clients must send. None for no token. The default is a random one.
        base_path: The path before ``/api``.
        kernel_names: Names of its kernels, all of which run Python. The first is the default.
        list_kernels: Whether clients can list kernels and sessions. A real kernel gateway lists
            them only if its configuration says so.
        max_kernels: How many kernels may run at a time. None for no limit.
        ipython: Whether kernels run IPython or plain Python. None for IPython if it is installed.
        strict: Whether every cell must have a script.
        reply: Place of the reply among the other messages of a cell. Real kernels use all possible
            places.
        subprotocol: Whether the gateway supports the v1 framing, as servers do since 2022.
        ping_interval: Seconds between the pings of the gateway.
        ping_timeout: Seconds without a pong after which the gateway closes the connection.
        restart_delay: Seconds between the death of a kernel and its restart.
        restart_limit: Number of deaths in a row after which a kernel is not restarted.
        faults: Causes faults of the gateway.
        journal: The requests and messages that the gateway has received.
    """

    token: str | None = field(factory=new_session)
    base_path: str = ""
    kernel_names: Sequence[str] = field(default=("python3",), validator=_check_names)
    list_kernels: bool = field(default=True, validator=_FLAG)
    max_kernels: int | None = field(default=None, validator=validator(_check_count, or_none=True))
    ipython: bool | None = field(default=None, validator=validator(arguments.flag, or_none=True))
    strict: bool = field(default=False, validator=_FLAG)
    reply: Order = field(default="before idle", validator=_check_order)
    subprotocol: bool = field(default=True, validator=_FLAG)
    ping_interval: float = field(default=30.0, validator=_SECONDS)
    ping_timeout: float = field(default=90.0, validator=_SECONDS)
    restart_delay: float = field(default=0.0, validator=validator(arguments.pause))
    restart_limit: int = field(default=5, validator=validator(_check_count))
    faults: Faults = field(init=False)
    journal: Journal = field(factory=Journal, init=False)
    _active_faults: ActiveFaults = field(factory=ActiveFaults, init=False)
    _prompter: Prompter = field(init=False)
    _replays: Replays = field(factory=Replays, init=False)
    _kernels: Kernels = field(init=False)
    _sockets: set[KernelSocket] = field(factory=set, init=False)
    _stopping: threading.Event = field(factory=threading.Event, init=False)
    _server: Server = field(init=False)
    _api: RestApi = field(init=False)
    _connection_info: JupyterConnectionInfo = field(init=False)

    def __attrs_post_init__(self) -> None:
        arguments.text("base_path", self.base_path)
        self._prompter = Prompter(strict=self.strict)
        options = KernelOptions(
            reply=self.reply,
            restart_delay=self.restart_delay,
            restart_limit=self.restart_limit,
            prompter=self._prompter,
            flavour=flavour_for(self.ipython),
        )
        self._kernels = Kernels(options)
        self._server = Server(self._answer)
        self._connection_info = JupyterConnectionInfo(
            "127.0.0.1", False, self._server.port, self.token, base_path=self.base_path
        )
        self._api = RestApi(
            kernels=self._kernels,
            token=self.token,
            base_path=self._connection_info.base_path,
            kernel_specs={name: _spec(name) for name in self.kernel_names},
            list_kernels=self.list_kernels,
            max_kernels=self.max_kernels,
        )
        self.faults = Faults(self._active_faults, self._server, self._kernels, self._sockets)

    def __repr__(self) -> str:
        state = "stopped" if self._stopping.is_set() else f"kernels: {len(self._kernels.running)}"
        return f"<FakeGateway at {self._connection_info.url}, {state}>"

    def __enter__(self) -> FakeGateway:
        if self._stopping.is_set():
            raise RuntimeError("the fake gateway was stopped; create a new one")
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if exc_type is None:
            self.check()

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """The address of the gateway, with its token."""
        return self._connection_info

    def script(self, cell: str | re.Pattern[str]) -> Script:
        """Add a script for a cell. The script is played, and the cell is not run.

        Args:
            cell: The whole text of the cell, without white space around it, or a pattern that is
                found in it. Several scripts for one cell are played one after the other, one in
                each run; the last one is played in all further runs.
        """
        return self._prompter.add(cell)

    def replay(self, recording: Recording | str | PathLike[str]) -> None:
        """Replay a recorded conversation to the first client that sends the same code.

        Args:
            recording: A recording, or the path of one; see ``Recording.load``.
        """
        if not isinstance(recording, Recording):
            arguments.folder("recording", recording)
        loaded = recording if isinstance(recording, Recording) else Recording.load(recording)
        self._replays.add(loaded)

    def check(self) -> None:
        """Raise an error if something did not happen as the test has scripted it.

        Errors are a script that was never played, a recording that was not played to its end, a
        fault that never occurred and, if ``strict``, a cell without a script.

        Raises:
            AssertionError: The message lists these errors, and shows the end of the journal.
        """
        complaints = self.complaints()
        if complaints:
            lines = [*complaints, "", "the fake gateway has received:", self.journal.tail()]
            raise AssertionError("\n".join(lines))

    def complaints(self) -> list[str]:
        """The errors that ``check`` finds, one sentence for each of them."""
        sources = (self._prompter, self._replays, self._active_faults)
        return [complaint for source in sources for complaint in source.complaints()]

    def reset(self) -> None:
        """Check, and remove scripts, recordings, faults and the journal. The kernels keep running.

        Raises:
            AssertionError: As ``check``. Everything is removed nevertheless.
        """
        try:
            self.check()
        finally:
            self.faults.clear()
            for source in (self._prompter, self._replays, self.journal):
                source.forget()

    def stop(self) -> None:
        """End the kernels, sockets and threads of the gateway. A second call does nothing."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._active_faults.release()
        self._kernels.stop()
        self._server.stop()

    def _answer(self, call: Call) -> HttpAnswer | Cutting | None:
        base = self._connection_info.base_path
        path = call.path[len(base) :] if call.path.startswith(f"{base}/") else ""
        number = self.journal.add_request(
            method=call.method,
            path=path or call.path,
            query=call.query,
            headers=call.headers,
            body=call.body,
        )
        faults = self._active_faults.for_request(call.method, path)
        if not all(self._wait(fault) for fault in faults):
            return None
        answer = self._right_answer(evolve(call, path=path), number, faults)
        if answer is not None:
            self.journal.add_answer(number, answer.status)
            for fault in faults:
                if fault.cut is not None:
                    return Cutting(answer, fault.cut, fault.rst)
        return answer

    def _wait(self, fault: RestFault) -> bool:
        """Wait for the delay of ``fault``. Returns whether an answer should be sent."""
        if fault.seconds != 0:
            self._active_faults.wait(fault.seconds)
        return not self._stopping.is_set()

    def _right_answer(self, call: Call, number: int, faults: list[RestFault]) -> HttpAnswer | None:
        for fault in faults:
            if fault.answer is not None:
                return fault.answer
        found = CHANNELS.fullmatch(call.path)
        if found and call.method == "GET" and call.header("Upgrade").lower() == "websocket":
            return self._open_socket(call, found["kernel_id"], number, faults)
        return self._api.answer(call)

    def _open_socket(
        self, call: Call, kernel_id: str, number: int, faults: list[RestFault]
    ) -> HttpAnswer | None:
        kernel = self._kernels.running.get(kernel_id)
        admitted = self._api.admits(call)
        if kernel is None or not admitted:
            return HttpAnswer(
                status=404 if admitted else 401, headers={"Content-Type": "text/html"}
            )
        if not is_from_here(call):
            return HttpAnswer(status=403, body=b"Cross origin websockets not allowed")
        options = SocketOptions(
            faults=self._active_faults,
            journal=self.journal,
            replays=self._replays,
            ping_interval=self.ping_interval,
            ping_timeout=self.ping_timeout,
            subprotocol=self.subprotocol,
        )
        protocol, handshake, is_open = shake_hands(call.head, options)
        self.journal.add_answer(number, 101 if is_open else 400)
        cuts = [fault for fault in faults if fault.cut is not None]
        if cuts or not is_open:
            call.socket.sendall(handshake[: cuts[0].cut] if cuts else handshake)
            if any(fault.rst for fault in cuts):
                end_by_reset(call.socket)
            return None
        session = call.query.get("session_id") or uuid.uuid4().hex
        sock = KernelSocket(call.socket, protocol, kernel, session, options)
        self._sockets.add(sock)
        try:
            with contextlib.suppress(OSError):
                sock.serve(call.reader, handshake)
        finally:
            self._sockets.discard(sock)
        return None


def _spec(name: str) -> dict[str, Any]:
    return {
        "argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "env": {},
        "display_name": "Python 3 (ipykernel)" if name == "python3" else name,
        "language": "python",
        "interrupt_mode": "signal",
        "metadata": {"debugger": True},
        "kernel_protocol_version": "5.5",
    }
