from __future__ import annotations

import itertools

from tables import rows

from jkg_client.client.deadline import Deadline


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_budget_is_for_all_waits_together() -> None:
    clock = Clock()
    deadline = Deadline(10.0, clock=clock)
    left = []
    for pause in (0.0, 4.0, 5.0, 2.0):
        clock.now += pause
        left.append(deadline.left())
    assert left == [10.0, 6.0, 1.0, 0.0]


@rows(
    ("seconds", "later", "passed"),
    [(1.0, 0.5, False), (1.0, 1.0, True), (1.0, 9.0, True), (0.0, 0.0, True), (-1.0, 0.0, True)],
)
def test_a_deadline_has_passed_when_no_time_is_left(
    seconds: float, later: float, passed: bool
) -> None:
    clock = Clock()
    deadline = Deadline(seconds, clock=clock)
    clock.now += later
    assert deadline.passed is passed


def test_a_deadline_without_an_end_never_passes() -> None:
    clock = Clock()
    deadline = Deadline(None, clock=clock)
    clock.now += 1e9
    assert (deadline.left(), deadline.passed) == (None, False)


@rows(
    ("whole", "part", "left"),
    [(10.0, 3.0, 3.0), (10.0, 30.0, 6.0), (None, 3.0, 3.0), (4.0, 3.0, 0.0), (1.0, 3.0, 0.0)],
)
def test_a_part_of_a_deadline_ends_no_later_than_the_whole(
    whole: float | None, part: float, left: float
) -> None:
    clock = Clock()
    deadline = Deadline(whole, clock=clock)
    clock.now += 4.0
    assert deadline.within(part).left() == left


def test_a_part_goes_by_the_same_clock() -> None:
    clock = Clock()
    part = Deadline(10.0, clock=clock).within(5.0)
    clock.now += 2.0
    assert part.left() == 3.0
    assert part.seconds == 5.0


def test_each_call_of_left_reads_the_clock() -> None:
    ticks = itertools.count()
    deadline = Deadline(5.0, clock=lambda: float(next(ticks)))
    assert [deadline.left() for _ in range(3)] == [4.0, 3.0, 2.0]


def test_a_deadline_counts_down() -> None:
    deadline = Deadline(3600.0)
    first, second = deadline.left(), deadline.left()
    assert first is not None
    assert second is not None
    assert 0.0 < second <= first <= 3600.0


@rows(
    ("whole", "more", "left"),
    [(10.0, 3.0, 9.0), (4.0, 3.0, 3.0), (1.0, 3.0, 3.0), (None, 3.0, None)],
)
def test_a_later_deadline_counts_from_the_first_one_or_from_now(
    whole: float | None, more: float, left: float | None
) -> None:
    clock = Clock()
    deadline = Deadline(whole, clock=clock)
    clock.now += 4.0
    later = deadline.later(more)
    assert later.left() == left
    clock.now += 1.0
    assert later.left() == (None if left is None else left - 1.0)
