from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from jkg_client.client.deadline import Deadline
from jkg_client.errors import (
    GatewayError,
    GatewayStatus,
    GatewayTimeout,
    GatewayUnauthorized,
    GatewayUnreachable,
    NotAGateway,
    ServerStartError,
)
from jkg_client.servers.readiness import wait_until_ready


class Clock:
    """A clock that only moves when the code sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def answers(*words: Exception | None) -> Callable[[float], None]:
    """Gives each of these answers once, then always the last one. None is the right answer."""
    said: Iterator[Exception | None] = iter(words)

    def ask(_: float) -> None:
        word = next(said, words[-1])
        if word is not None:
            raise word

    return ask


def wait(
    ask: Callable[[float], object],
    *,
    ended: Callable[[], str | None] = lambda: None,
    log: str = "",
    seconds: float = 10.0,
) -> list[float]:
    clock = Clock()
    wait_until_ready(
        ask,
        ended=ended,
        log_tail=lambda: log,
        name="the server at http://there",
        deadline=Deadline(seconds, clock=clock),
        sleep=clock.sleep,
    )
    return clock.slept


def test_a_server_that_answers_is_not_waited_for() -> None:
    assert wait(answers(None)) == []


@pytest.mark.parametrize(
    "error",
    [
        GatewayUnreachable("refused"),
        GatewayTimeout("slow"),
        NotAGateway("somebody else"),
        GatewayStatus(503, "GET /api", "starting"),
        GatewayUnauthorized(401, "GET /api", "somebody else"),
    ],
    ids=repr,
)
def test_only_the_right_answer_ends_the_wait(error: GatewayError) -> None:
    assert len(wait(answers(error, error, None))) == 2


def test_pauses_are_short_at_first_and_never_long() -> None:
    refused = GatewayUnreachable("refused")
    pauses = wait(answers(*[refused] * 40, None))
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.02, 0.25)


def test_the_end_of_the_server_ends_the_wait() -> None:
    with pytest.raises(ServerStartError) as caught:
        wait(answers(GatewayUnreachable("refused")), ended=lambda: "exit code 7", log="no disk")
    assert str(caught.value) == (
        "the server at http://there ended (exit code 7) before it answered\n"
        "The end of its log:\nno disk"
    )


def test_the_deadline_ends_the_wait_and_the_error_has_the_last_answer() -> None:
    with pytest.raises(ServerStartError) as caught:
        wait(answers(GatewayUnreachable("refused")), seconds=3)
    assert str(caught.value) == (
        "the server at http://there did not answer within 3 s; the last error: refused\n"
        "Its log is empty."
    )


def test_the_last_pause_ends_with_the_deadline() -> None:
    clock = Clock()
    with pytest.raises(ServerStartError):
        wait_until_ready(
            answers(GatewayUnreachable("refused")),
            ended=lambda: None,
            log_tail=str,
            name="it",
            deadline=Deadline(1.0, clock=clock),
            sleep=clock.sleep,
        )
    assert clock.now == pytest.approx(1.0)


def test_a_server_that_ends_after_its_answer_has_answered() -> None:
    assert wait(answers(None), ended=lambda: "exit code 0") == []


def limits(error: GatewayError, count: int, seconds: float) -> list[float]:
    given: list[float] = []

    def ask(limit: float) -> None:
        given.append(limit)
        if len(given) < count:
            raise error

    wait(ask, seconds=seconds)
    return given


def test_a_slow_server_gets_more_time_per_request() -> None:
    assert limits(GatewayTimeout("slow"), 6, 60) == pytest.approx([1, 2, 4, 8, 10, 10])


def test_refused_connections_keep_the_time_limit_of_a_second() -> None:
    assert limits(GatewayUnreachable("refused"), 6, 60) == pytest.approx([1] * 6)


def test_no_request_takes_longer_than_the_remaining_time() -> None:
    assert limits(GatewayTimeout("slow"), 1, 0.5) == [0.5]


def test_other_exceptions_are_raised() -> None:
    def ask(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wait(ask)
