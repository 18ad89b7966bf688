"""Reconnecting to a kernel, with scripts instead of sockets."""

from __future__ import annotations

import socket
from collections import deque
from typing import Union

import pytest
from attrs import define, field
from scripted import HandClock
from tables import rows

from jkg_client.client.channels import Incoming
from jkg_client.client.deadline import Deadline
from jkg_client.client.timeouts import Timeouts
from jkg_client.errors import (
    ClientClosed,
    GatewayError,
    GatewayStatus,
    GatewayUnauthorized,
    GatewayUnreachable,
    KernelNotFound,
    WireError,
)
from jkg_client.gateway.channels import ServerChannels
from jkg_client.protocol.message_gaps import Gap
from jkg_client.protocol.messages import Json, Message, kernel_info_request

KEPT, CUT, UNREAD = Gap(end_unseen=True), Gap(may_lack=True, end_unseen=True), Gap(unread=1)
FREE: Json = {"connections": 0}
HELD: Json = {"connections": 1}
REQUEST = kernel_info_request("ours")
Model = Union[Json, None, GatewayError]


def _split(words: str) -> deque[str]:
    return deque(words.split())


@define(eq=False)
class Line:
    """One connection, as a list of words. Each call of ``receive`` uses one word.

    A word is a message, except for ``nonsense`` (an invalid frame), ``pong`` (a sign of life),
    ``breaks`` (the connection breaks without a close frame) and ``bye`` (with a close frame). After
    the last word, the connection is silent.
    """

    words: deque[str] = field(converter=_split)
    hand: HandClock
    takes: int = 99
    answers: bool = True
    bytes_received: int = 0
    said_goodbye: bool = False
    sent: list[str] = field(factory=list)
    pings: int = 0
    closed: int = 0
    aborted: bool = False

    def send(self, message: Message, deadline: Deadline) -> None:
        if self.takes <= 0 or self.closed:
            raise GatewayUnreachable("takes nothing")
        self.takes -= 1
        self.sent.append(message.msg_id)

    def receive(self, deadline: Deadline, *, pong_will_do: bool = False) -> Message | None:
        left = deadline.left()
        assert left is not None, "a wait without end"
        if self.aborted or self.closed:
            raise GatewayUnreachable("closed")
        if pong_will_do and self.pings and self.answers and not self.words:
            self.bytes_received += 1
            return None
        if not self.words:
            self.hand.now += left
            return None
        word = self.words.popleft()
        self.bytes_received += word not in ("breaks", "bye")
        if word == "pong":
            return None if pong_will_do else self.receive(deadline)
        if word == "nonsense":
            raise WireError("nonsense", b"")
        if word in ("breaks", "bye"):
            self.said_goodbye = word == "bye"
            raise GatewayUnreachable(f"it {word}")
        return message(word)

    def wait_for_input(self, wake: socket.socket, seconds: float) -> None:
        self.hand.now += 0.0 if self.words else seconds

    def ping(self, deadline: Deadline) -> None:
        self.pings += 1
        if self.closed:
            raise GatewayUnreachable("closed")

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.closed += 1


def message(msg_id: str) -> Message:
    return Message(channel="iopub", header={"msg_id": msg_id, "msg_type": "status"})


class Server:
    """The server of the connections."""

    def __init__(self, *lines: str | GatewayError, models: tuple[Model, ...] = ()) -> None:
        self.hand = HandClock()
        self.lines = deque(
            Line(line, self.hand) if isinstance(line, str) else line for line in lines
        )
        self.opened: list[Line] = []
        self.limits: list[float | None] = []
        self.sessions: set[str] = set()
        self.opening_takes = 0.0
        self.asking_takes = 0.0
        self.models = deque(models)
        self.asked: list[float | None] = []

    def connect(self, seconds: float = 5.0, **timeouts: float) -> ServerChannels:
        clock = self.hand.clock()
        limits = Timeouts(**{"stale": 1e9, **timeouts})
        deadline = clock.deadline(seconds)
        return ServerChannels("k", self._open, self._ask, deadline, limits, clock)

    def within(self, seconds: float) -> Deadline:
        return self.hand.clock().deadline(seconds)

    def _open(self, session: str, deadline: Deadline) -> Line:
        self.limits.append(deadline.left())
        self.hand.now += self.opening_takes
        self.sessions.add(session)
        line: Line | GatewayError = self.lines.popleft() if self.lines else away()
        if isinstance(line, GatewayError):
            raise line
        self.opened.append(line)
        return line

    def _ask(self, deadline: Deadline) -> Json | None:
        self.asked.append(deadline.left())
        self.hand.now += self.asking_takes
        model = self.models.popleft() if self.models else FREE
        if isinstance(model, GatewayError):
            raise model
        return model


def away() -> GatewayUnreachable:
    return GatewayUnreachable("away")


def gone() -> KernelNotFound:
    return KernelNotFound(404, "GET k", "")


def names(incoming: list[Incoming]) -> list[str | Gap]:
    return [one.msg_id if isinstance(one, Message) else one for one in incoming]


def everything(channels: ServerChannels, server: Server, seconds: float = 5.0) -> list[str | Gap]:
    """All messages until there is silence."""
    came, deadline = list[Incoming](), server.within(seconds)
    while (incoming := channels.receive(deadline)) is not None:
        came.append(incoming)
    return names(came)


# The words on each connection, the answer of REST, and what ``receive`` returns.
BROKEN: list[tuple[tuple[str | GatewayError, ...], tuple[Model, ...], list[str | Gap]]] = [
    (("a b",), (), ["a", "b"]),
    (("a nonsense b",), (), ["a", UNREAD, "b"]),
    (("a pong b",), (), ["a", "b"]),
    # All messages are kept only by a server that has sent a close frame and noticed the end.
    (("a bye", "b"), (FREE,), ["a", KEPT, "b"]),
    (("a bye", "b"), (HELD, FREE), ["a", KEPT, "b"]),
    (("a bye", "b"), (HELD, HELD, FREE), ["a", KEPT, "b"]),
    (("a bye", "b"), (HELD, HELD, HELD, FREE), ["a", CUT, "b"]),
    (("a bye", "b"), (None, FREE), ["a", CUT, "b"]),
    (("a bye", "b"), ({}, {}, {}), ["a", CUT, "b"]),
    # A failed attempt may have received the kept messages.
    (("a bye", away(), "b"), (FREE,), ["a", CUT, "b"]),
    (("a breaks", "b"), (FREE,), ["a", CUT, "b"]),
    (("a breaks", "breaks", "b"), (), ["a", CUT, CUT, "b"]),
    (("a breaks", away(), away(), "b"), (), ["a", CUT, "b"]),
    (("a breaks", GatewayStatus(503, "WS", ""), "b"), (), ["a", CUT, "b"]),
]


@rows(("lines", "models", "came"), BROKEN)
def test_a_broken_connection_is_restored_and_the_gap_is_returned_in_its_place(
    lines: tuple[str | GatewayError, ...], models: tuple[Model, ...], came: list[str | Gap]
) -> None:
    server = Server(*lines, models=models)
    channels = server.connect()
    assert everything(channels, server) == came
    assert len(server.sessions) == 1
    assert [line.closed for line in server.opened] == [1] * (len(server.opened) - 1) + [0]


@pytest.mark.parametrize(
    "error", [gone(), GatewayUnauthorized(403, "WS", "")], ids=["gone", "refused"]
)
def test_a_refusal_that_will_not_change_is_an_error_at_once(error: GatewayError) -> None:
    server = Server("breaks", error, "b")
    channels = server.connect()
    with pytest.raises(type(error)):
        channels.receive(server.within(5))
    assert server.hand.slept == []


def test_a_kernel_that_rest_does_not_know_is_gone() -> None:
    server = Server("bye", "b", models=(gone(),))
    channels = server.connect()
    with pytest.raises(KernelNotFound):
        channels.receive(server.within(5))


def test_a_connection_that_cannot_be_restored_in_time_is_an_error() -> None:
    server = Server("breaks")
    channels = server.connect(reconnect=8.0, handshake=3.0)
    started = server.hand.now
    with pytest.raises(GatewayUnreachable) as caught:
        channels.receive(server.within(60))
    assert str(caught.value) == (
        "the connection to kernel k broke (it breaks) and could not be restored: away;"
        " is the server still running?"
    )
    assert server.hand.now - started == pytest.approx(8.0)
    # The attempts follow each other, and each has its own time limit.
    assert all(limit is not None and limit <= 3.0 for limit in server.limits[1:])
    assert 0.05 <= server.hand.slept[0] <= 0.1
    assert all(pause <= 3.0 for pause in server.hand.slept)
    assert 5 <= len(server.limits) <= 12


def test_a_gap_after_a_passed_deadline_is_returned_by_the_next_receive() -> None:
    server = Server("breaks", *[away()] * 50)
    channels = server.connect(reconnect=100.0)
    assert channels.receive(server.within(1)) is None
    server.lines.clear()
    server.lines.append(Line("b", server.hand))
    assert everything(channels, server) == [CUT, "b"]


def turns(channels: ServerChannels, server: Server, seconds: float) -> list[str | Gap]:
    """What a reader with short turns gets in a time. An error is its last entry."""
    came: list[str | Gap] = []
    end = server.hand.now + seconds
    while server.hand.now < end:
        try:
            incoming = channels.listen(server.within(0.05))
        except GatewayError as exc:
            return [*came, str(exc)]
        came += names([incoming]) if incoming is not None else []
        server.hand.now += 0.005
    return came


LOST = (
    "the connection to kernel k broke (it breaks) and could not be restored: away;"
    " is the server still running?"
)


def test_a_reader_with_short_turns_makes_few_attempts_and_gets_the_error_in_time() -> None:
    server = Server("a breaks")
    channels = server.connect(reconnect=30.0)
    assert turns(channels, server, 60.0) == ["a", LOST]
    assert server.hand.now - 1000.0 == pytest.approx(30.0, abs=0.1)
    assert 10 <= len(server.limits[1:]) <= 25
    # An attempt may take as long as an attempt for a cell: distant servers need that.
    assert server.limits[1:] == pytest.approx([10.0] * len(server.limits[1:]))


def test_a_time_limit_that_passes_between_two_turns_is_an_error_in_the_next_turn() -> None:
    server = Server("breaks")
    channels = server.connect(reconnect=8.0)
    assert channels.listen(server.within(0.05)) is None
    server.hand.now += 9.0
    server.lines.append(Line("a", server.hand))
    with pytest.raises(GatewayUnreachable, match="could not be restored"):
        channels.listen(server.within(0.0))
    assert turns(channels, server, 4.0) == [CUT, "a"]


def test_after_the_error_each_further_attempt_is_an_error_and_the_attempts_stay_rare() -> None:
    server = Server("breaks")
    channels = server.connect(reconnect=8.0)
    assert turns(channels, server, 60.0) == [LOST]
    before, started = len(server.limits), server.hand.now
    assert [turns(channels, server, 60.0) for _ in range(10)] == [[LOST]] * 10
    assert len(server.limits) - before == 10
    assert server.hand.now - started >= 10.0


def test_a_server_that_comes_back_late_is_found_by_a_reader_with_short_turns() -> None:
    server = Server("breaks", *[away()] * 14, "a breaks", "b")
    channels = server.connect(reconnect=5.0)
    came = [each for _ in range(20) for each in turns(channels, server, 20.0)]
    assert [each for each in came if each != LOST] == [CUT, "a", CUT, "b"]
    # After the message, the pauses and the time limit begin again.
    assert channels.send(REQUEST, server.within(5)) is None


def test_short_turns_do_not_lose_that_the_server_keeps_the_messages() -> None:
    server = Server("bye", "a", models=(FREE,))
    assert turns(server.connect(), server, 1.0) == [KEPT, "a"]


def test_short_waits_of_a_cell_are_one_outage() -> None:
    server = Server("breaks")
    channels = server.connect(reconnect=8.0)
    while server.hand.now < 1007.7:
        assert channels.receive(server.within(0.2)) is None
    with pytest.raises(GatewayUnreachable, match="could not be restored"):
        channels.receive(server.within(1))
    assert len(server.limits) <= 12


def test_a_request_during_an_outage_tries_at_once_and_has_its_own_time_limit() -> None:
    server = Server("breaks")
    channels = server.connect(reconnect=8.0)
    assert turns(channels, server, 60.0) == [LOST]
    before, started = len(server.limits), server.hand.now
    with pytest.raises(GatewayUnreachable, match="could not be restored"):
        channels.send(REQUEST, server.within(60))
    assert server.hand.now - started == pytest.approx(8.0)
    assert len(server.limits) - before >= 5
    server.lines.append(Line("", server.hand))
    started = server.hand.now
    assert channels.send(REQUEST, server.within(60)) == CUT
    assert server.hand.now == started


def test_a_check_during_an_outage_reconnects() -> None:
    server = Server("breaks", away(), "a")
    channels = server.connect()
    assert channels.receive(server.within(0.01)) is None
    assert channels.check(server.within(5)) == CUT
    assert everything(channels, server) == ["a"]


def test_a_server_that_ends_each_new_connection_gets_few_of_them_from_short_turns() -> None:
    server = Server("breaks", *["breaks"] * 10_000)
    assert set(turns(server.connect(), server, 60.0)) == {CUT}
    assert len(server.opened) < 60


SENDS: list[tuple[list[int], tuple[str | GatewayError, ...], Gap | None]] = [
    ([1], (), None),
    ([0, 1], (), CUT),
]


@pytest.mark.parametrize(("takes", "_", "gap"), SENDS)
def test_a_message_that_was_not_sent_is_sent_again_on_the_new_connection(
    takes: list[int], _: object, gap: Gap | None
) -> None:
    server = Server(*["" for _ in takes])
    for line, count in zip(server.lines, takes):
        assert isinstance(line, Line)
        line.takes = count
    channels = server.connect()
    assert channels.send(REQUEST, server.within(5)) == gap
    assert [line.sent for line in server.opened] == [*[[]] * (len(takes) - 1), [REQUEST.msg_id]]
    assert everything(channels, server) == []


def test_a_message_that_two_connections_refuse_is_an_error() -> None:
    server = Server("", "")
    for line in server.lines:
        assert isinstance(line, Line)
        line.takes = 0
    with pytest.raises(GatewayUnreachable, match="takes nothing"):
        server.connect().send(REQUEST, server.within(5))


def test_a_message_that_is_too_large_is_not_sent() -> None:
    class Small(Line):
        def send(self, message: Message, deadline: Deadline) -> None:
            raise ValueError("too large")

    server = Server()
    server.lines.append(Small("", server.hand))
    channels = server.connect()
    with pytest.raises(ValueError, match="too large"):
        channels.send(REQUEST, server.within(5))
    assert len(server.opened) == 1


def test_drain_returns_all_messages_since_the_last_read() -> None:
    server = Server("a nonsense b bye", "c breaks", "d")
    channels = server.connect()
    assert names(list(channels.drain())) == ["a", UNREAD, "b", KEPT, "c", CUT, "d"]
    assert (server.asked, server.hand.now) == ([3.0], 1000.0)


def test_refresh_keeps_the_received_messages_for_the_reader() -> None:
    server = Server("a bye", "b")
    channels = server.connect()
    channels.refresh()
    server.opened[-1].words.append("c")
    assert everything(channels, server) == ["a", KEPT, "b", "c"]


def test_refresh_reads_at_most_32_mib() -> None:
    class Loud(Line):
        def receive(self, deadline: Deadline, *, pong_will_do: bool = False) -> Message | None:
            self.bytes_received += 2**20 if self.words else 0
            return super().receive(deadline, pong_will_do=pong_will_do)

    server = Server()
    words = [str(number) for number in range(100)]
    server.lines.append(Loud(" ".join(words), server.hand))
    channels = server.connect()
    channels.refresh()
    assert 60 <= len(server.opened[-1].words) <= 70
    assert everything(channels, server) == words


def test_drain_ends_although_the_kernel_never_stops_sending() -> None:
    class Endless(Line):
        def receive(self, deadline: Deadline, *, pong_will_do: bool = False) -> Message | None:
            self.hand.now += 0.5
            return message("x")

    server = Server()
    server.lines.append(Endless("", server.hand))
    channels = server.connect(pong=3.0)
    assert len(list(channels.drain())) == 6


def test_draining_ends_in_time_if_every_connection_breaks() -> None:
    server = Server("breaks", *["breaks"] * 1000)
    channels = server.connect(reconnect=10.0)
    server.opening_takes = 1.0
    assert set(channels.drain()) == {CUT}
    assert 10.0 <= server.hand.now - 1000.0 <= 11.0


def test_a_server_that_ends_each_new_connection_gets_few_of_them() -> None:
    server = Server("breaks", *["breaks"] * 10_000)
    server.opening_takes = 0.005
    channels = server.connect()
    assert set(everything(channels, server, 60.0)) == {CUT}
    assert len(server.opened) < 60
    # The first new connection does not wait, and after a message all waits begin again.
    server = Server("a breaks", "b breaks", "c breaks", "breaks", "")
    assert everything(server.connect(), server) == ["a", CUT, "b", CUT, "c", CUT, CUT]
    assert len(server.hand.slept) == 1


# The reaction of the connection to a ping, and the result of the check.
PROOFS: list[tuple[str, bool, list[str | Gap], int]] = [
    ("", True, ["z"], 1),
    ("pong", True, ["z"], 1),
    ("a", True, ["a", "z"], 1),
    ("nonsense", True, [UNREAD, "z"], 1),
    ("bye", True, [KEPT, "z"], 2),
    ("", False, [CUT, "z"], 2),
]


@rows(("words", "answers", "came", "lines"), PROOFS)
def test_a_connection_has_to_prove_that_it_is_alive(
    words: str, answers: bool, came: list[str | Gap], lines: int
) -> None:
    server = Server(words, "")
    assert isinstance(server.lines[0], Line)
    server.lines[0].answers = answers
    channels = server.connect(pong=3.0)
    started = server.hand.now
    channels.prove_alive(server.within(9))
    assert server.hand.now - started == (0.0 if answers else 3.0)
    assert len(server.opened) == lines
    assert server.opened[0].pings == 1
    assert server.asked[0] == 3.0
    server.opened[-1].words.append("z")
    assert everything(channels, server) == came


@rows(("answers", "lines"), [(True, 1), (False, 2)])
def test_the_time_of_a_slow_answer_is_also_time_for_the_pong(answers: bool, lines: int) -> None:
    server = Server("", "")
    assert isinstance(server.lines[0], Line)
    server.lines[0].answers = answers
    channels = server.connect(pong=3.0)
    server.asking_takes, started = 3.0, server.hand.now
    channels.prove_alive(server.within(9))
    assert server.hand.now - started == 3.0
    assert len(server.opened) == lines


@rows(("pause", "pings"), [(19.0, 0), (20.0, 0), (21.0, 1)])
@rows("use", ["send", "receive"])
def test_an_idle_connection_is_tested_before_use(use: str, pause: float, pings: int) -> None:
    server = Server("a")
    channels = server.connect(stale=20.0)
    server.hand.now += 15.0
    if use == "send":
        channels.send(REQUEST, server.within(5))
    else:
        channels.receive(server.within(0))
    server.hand.now += pause
    list(channels.drain())
    assert server.opened[0].pings == pings


def test_a_kernel_that_was_deleted_during_a_pause_is_an_error() -> None:
    server = Server("", models=(gone(),))
    channels = server.connect(stale=20.0)
    server.hand.now += 21.0
    with pytest.raises(KernelNotFound):
        list(channels.drain())


def test_after_silence_the_client_pings_and_reconnects_without_a_sign_of_life() -> None:
    server = Server("", "")
    channels = server.connect(pong=3.0)
    found = []
    for pause in (0.0, 2.9, 0.2):
        server.hand.now += pause
        found.append(channels.check(server.within(5)))
    assert found == [None, None, CUT]
    assert [line.pings for line in server.opened] == [1, 0]


def test_after_a_sign_of_life_the_silence_begins_anew() -> None:
    server = Server("")
    channels = server.connect(pong=3.0)
    for _ in range(3):
        server.hand.now += 4.0
        assert channels.check(server.within(5)) is None
        server.opened[0].bytes_received += 1
    assert server.opened[0].pings == 3


def test_a_restored_connection_is_checked_as_well() -> None:
    server = Server("", "")
    channels = server.connect(pong=3.0)
    channels.check(server.within(5))
    server.hand.now += 4.0
    assert channels.check(server.within(5)) == CUT
    assert channels.check(server.within(5)) is None
    assert server.opened[1].pings == 1


def test_a_ping_that_fails_is_left_to_the_next_read() -> None:
    server = Server("a", "b")
    channels = server.connect()
    server.opened[0].closed = 1
    assert channels.check(server.within(5)) is None
    assert everything(channels, server) == [CUT, "b"]


@pytest.mark.parametrize(("last", "gap"), [("", Gap(end_unseen=True)), (None, None)])
def test_a_new_kernel_that_gives_no_answer_gets_a_new_connection_without_a_loss(
    last: str | None, gap: Gap | None
) -> None:
    server = Server("", *([] if last is None else [last]))
    channels = server.connect(reconnect=50.0)
    assert channels.check(server.within(5), is_new_kernel=True) == gap
    assert len(server.opened) == (1 if last is None else 2)


@pytest.mark.parametrize(
    ("errors", "slept"),
    [([], []), ([502], [0.2]), ([503, 504], [0.2, 0.5])],
)
def test_connecting_is_tried_again_if_a_proxy_times_out_during_the_start(
    errors: list[int], slept: list[float]
) -> None:
    server = Server(*[GatewayStatus(status, "WS", "") for status in errors], "a")
    channels = server.connect()
    assert everything(channels, server) == ["a"]
    assert server.hand.slept == slept


@pytest.mark.parametrize("errors", [[500], [502, 502, 502], [404]])
def test_other_refusals_are_errors_at_once(errors: list[int]) -> None:
    server = Server(*[GatewayStatus(status, "WS", "") for status in errors], "a")
    with pytest.raises(GatewayStatus) as caught:
        server.connect()
    assert caught.value.status == errors[-1]
    assert len(server.lines) == 1


def test_connecting_is_not_tried_again_after_the_time_limit() -> None:
    server = Server(GatewayStatus(502, "WS", ""), "a")
    with pytest.raises(GatewayStatus):
        server.connect(0.0)


def test_a_waiting_thread_gets_an_error_when_the_channels_are_closed() -> None:
    server = Server("breaks", "b")
    channels = server.connect()
    assert not channels.closed
    channels.abort()
    assert server.opened[0].aborted
    assert channels.closed
    with pytest.raises(ClientClosed):
        channels.receive(server.within(5))
    assert len(server.opened) == 1


def test_channels_that_are_closed_during_a_reconnect_stay_closed() -> None:
    server = Server("breaks", away(), away(), "b")
    channels = server.connect()
    server.hand.at_sleep = channels.abort
    with pytest.raises(ClientClosed):
        channels.receive(server.within(5))


def test_channels_may_be_closed_twice() -> None:
    server = Server("a")
    channels = server.connect()
    channels.close()
    channels.close()
    assert (channels.closed, server.opened[0].closed) == (True, 2)
