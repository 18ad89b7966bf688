from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from strategies import BOUNDED
from tables import rows

from jkg_client.protocol.bounded_output import MAX_SLOTS, BoundedOutput, Slot, StreamSlot, ValueSlot
from jkg_client.protocol.terminal import picture

CHUNKS = st.lists(st.text("abc\n", min_size=1, max_size=30), max_size=30)
ENTRIES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["out", "err"]), st.text("ab\n", min_size=1)), st.integers(1, 40)
    ),
    max_size=40,
)


def shortened(value: object, most: int) -> tuple[object, int]:
    """Shorten a value: any part of it is a value, too."""
    return value, most


def bounded(limit: int) -> BoundedOutput:
    return BoundedOutput(limit, shortened)


def text_of(slots: list[Slot]) -> str:
    return "".join(str(s.text) if isinstance(s, StreamSlot) else f"<{s.value}>" for s in slots)


def both(kept: BoundedOutput) -> tuple[str, str]:
    head, tail = kept.halves()
    return text_of(head), text_of(tail)


def size_of(kept: BoundedOutput) -> int:
    return sum(slot.size for half in kept.halves() for slot in half)


def count_of(kept: BoundedOutput) -> int:
    return sum(map(len, kept.halves()))


def filled(limit: int, *entries: str | int) -> BoundedOutput:
    """The output after these entries: a text of a stream, or a number for a value of this size."""
    kept = bounded(limit)
    for entry in entries:
        if isinstance(entry, str):
            kept.write("out", entry)
        else:
            kept.append(ValueSlot(entry, entry))
    return kept


@rows("limit", [1, 2, 10, 100, 10_000])
def test_all_is_kept_up_to_the_limit(limit: int) -> None:
    kept = filled(limit, "x" * limit)
    assert (both(kept), kept.dropped) == (("x" * limit, ""), 0)


# One row for each place of the gap.
@rows(
    ("limit", "entries", "head", "tail", "dropped"),
    [
        (10, ["0123456789A"], "01234", "6789A", 1),
        (10, ["0123", "456789", "ABCDEFGHI"], "01234", "EFGHI", 9),
        (11, ["0123456789ABCDEF"], "01234", "ABCDEF", 5),
        (2, ["abc"], "a", "c", 1),
        (1, ["abc"], "", "c", 2),
        (10, [3, 3, 3, 3], "<3>", "<3><3>", 3),
        (10, [5, 5, 5], "<5>", "<5>", 5),
        (10, ["abc", 11, "def"], "abc", "def", 11),
        (10, ["abc", 4, "defgh"], "abc", "defgh", 4),
        (10, ["abcdefgh", 4], "abcde", "h<4>", 2),
        (10, [20], "", "<20>", 10),
        (10, ["abc", 20], "abc", "<20>", 13),
        (10, [20, "a"], "", "a", 20),
        (10, [20, 30], "", "<30>", 40),
        (1000, [2000, "a"], "<2000>", "a", 1500),
        (1000, ["abc", 2000, "a"], "abc<2000>", "a", 1503),
        (1000, ["a" * 500, 800, "b" * 300], "a" * 500, "<800>" + "b" * 300, 600),
        (1000, ["a" * 500, 800, "b" * 400], "a" * 500, "b" * 400, 800),
        (1000, ["a" * 300, 2000, "b"], "a" * 300 + "<2000>", "b", 1800),
        (1000, ["a" * 100, 2000, 2000, "b"], "a" * 100 + "<2000>", "<2000>b", 3350),
        (1000, ["a" * 900, 2000, "b"], "a" * 500, "<2000>b", 2150),
        (10, ["abcdefgh", 4, "i"], "abcde", "<4>i", 3),
        (10, [5, "abcdefgh"], "<5>", "defgh", 3),
        # A value of no size counts as one character.
        (10, ["abcdefgh", 0, "0123456789"], "abcde", "56789", 9),
        (10, ["abcdefgh", 1, "0123456789"], "abcde", "56789", 9),
    ],
)
def test_beyond_the_limit_the_first_and_the_last_half_are_kept(
    limit: int, entries: list[str | int], head: str, tail: str, dropped: int
) -> None:
    kept = filled(limit, *entries)
    assert (both(kept), kept.dropped + kept.cut) == ((head, tail), dropped)
    assert size_of(kept) <= limit
    slots = [slot for half in kept.halves() for slot in half]
    assert all(slot.size for slot in slots)
    assert {slot.name for slot in slots if isinstance(slot, StreamSlot)} <= {"out"}


@BOUNDED
@given(st.integers(1, 200), CHUNKS)
def test_dropped_counts_the_missing_characters_of_a_stream(limit: int, chunks: list[str]) -> None:
    whole, kept = "".join(chunks), filled(limit, *chunks)
    head, tail = both(kept)
    assert whole.startswith(head)
    assert whole.endswith(tail)
    assert len(head) + kept.dropped + len(tail) == len(whole)
    assert len(head) + len(tail) == min(limit, len(whole))
    assert not kept.dropped or len(head) == limit // 2


@BOUNDED
@given(st.integers(1, 100), ENTRIES)
def test_all_lost_characters_of_many_slots_are_counted(
    limit: int, entries: list[tuple[str, str] | int]
) -> None:
    kept, total, values, gone = bounded(limit), 0, 0, 0
    for entry in entries:
        if isinstance(entry, int):
            gone += len(kept.append(ValueSlot(entry, entry)))
            total, values = total + entry, values + 1
        else:
            gone += len(kept.write(*entry))
            total += len(entry[1])
        assert size_of(kept) <= limit
    assert size_of(kept) + kept.dropped + kept.cut == total
    assert kept.dropped + kept.cut == 0 or total > limit
    left = [s for half in kept.halves() for s in half if isinstance(s, ValueSlot)]
    assert len(left) + gone == values
    assert all(slot.kept for slot in left)


def test_an_endless_stream_takes_no_more_than_the_limit() -> None:
    kept = bounded(10_000)
    for i in range(10_000):
        kept.write("out", f"{i}\n")
    head, tail = both(kept)
    assert head.startswith("0\n1\n2\n")
    assert tail.endswith("\n9998\n9999\n")
    assert len(head) == len(tail) == 5_000
    # 10 numbers of one digit, 90 of two …, each with its newline.
    assert kept.dropped == 20 + 270 + 3600 + 45_000 - 10_000


# This takes minutes if the time of a small write grows with the length of the tail.
def test_small_writes_beyond_a_large_limit_are_quick() -> None:
    kept = filled(2**25, "x" * 2**25)
    for _ in range(20_000):
        kept.write("out", "yz")
    assert (size_of(kept), kept.dropped) == (2**25, 40_000)


def test_the_number_of_slots_of_endless_alternating_streams_is_bounded() -> None:
    kept = bounded(10**9)
    for _ in range(MAX_SLOTS // 2 + 500):
        kept.write("out", "o")
        kept.write("err", "e")
    assert (count_of(kept), kept.dropped) == (MAX_SLOTS, 1000)


def test_the_number_of_slots_of_endless_displays_is_bounded() -> None:
    kept = bounded(10**9)
    gone = [slot for _ in range(MAX_SLOTS + 500) for slot in kept.append(ValueSlot("", 7))]
    assert [len(half) for half in kept.halves()] == [MAX_SLOTS // 2, MAX_SLOTS // 2]
    assert len(gone) == 500
    assert kept.dropped == 500 * 7


def test_an_endless_progress_bar_is_kept_whole() -> None:
    kept = bounded(100)
    for i in range(10_000):
        kept.write("out", f"\r{i:5} of 10000")
    assert (picture(both(kept)[0]), kept.dropped) == (" 9999 of 10000", 0)


BAR = "".join(f"\r{i:5} of 10000" for i in range(6))


def test_progress_bars_of_two_streams_are_kept_whole() -> None:
    kept = bounded(100)
    kept.write("out", BAR)
    kept.write("err", BAR)
    head, tail = kept.halves()
    assert [picture(text_of([slot])) for slot in head] == ["    5 of 10000"] * 2
    assert (tail, kept.dropped) == ([], 0)


def test_a_folded_progress_bar_makes_room_for_other_output() -> None:
    kept = filled(100, 40, BAR)
    assert (size_of(kept), kept.dropped) == (54, 0)
    kept.write("err", "x" * 46)
    assert (size_of(kept), kept.dropped) == (100, 0)
    kept.write("err", "x")
    assert (size_of(kept), kept.dropped) == (100, 1)


def test_a_value_can_be_replaced_by_a_smaller_one_and_makes_room() -> None:
    kept = bounded(10)
    slot = ValueSlot("big", 9)
    kept.append(slot)
    kept.replace([slot], "small", 2)
    kept.write("out", "12345678")
    assert (both(kept), kept.dropped) == (("<small>12345678", ""), 0)


# A value is replaced by a larger or smaller one. It is cut if it exceeds half of the limit.
@rows(
    ("limit", "entries", "size", "shown", "dropped", "cut"),
    [
        (10, [9], 10, ("<V>", ""), 0, 0),
        (10, [9], 11, ("<V>", ""), 0, 6),
        (20, [9, "abc"], 11, ("<V>abc", ""), 0, 0),
        (10, [2, "abcdef"], 9, ("<V>", "bcdef"), 1, 4),
    ],
)
def test_a_larger_value_is_kept_whole_if_there_is_room(
    limit: int,
    entries: list[str | int],
    size: int,
    shown: tuple[str, str],
    dropped: int,
    cut: int,
) -> None:
    kept = filled(limit, *entries)
    (slot,) = (slot for slot in kept.halves()[0] if isinstance(slot, ValueSlot))
    assert kept.replace([slot], "V", size) == []
    assert (both(kept), kept.dropped, kept.cut) == (shown, dropped, cut)


def test_characters_cut_from_a_value_do_not_count_after_it_is_replaced() -> None:
    kept = bounded(1000)
    slot = ValueSlot("v", 5000)
    kept.append(slot)
    assert kept.cut == 4000
    kept.write("out", "a" * 500)
    assert kept.cut == 4500
    kept.replace([slot], "w", 100)
    assert (both(kept), kept.dropped, kept.cut) == (("<w>", "a" * 500), 0, 0)


def test_a_value_that_grows_in_the_tail_pushes_out_earlier_output() -> None:
    kept = filled(10, "abcdefgh")
    slot = ValueSlot("v", 2)
    kept.append(slot)
    kept.write("out", "i")
    gone = kept.replace([slot], "V", 4)
    assert (both(kept), kept.dropped, gone) == (("abcde", "<V>i"), 3, [])
    assert size_of(kept) == 10


def test_a_value_too_large_for_the_head_removes_its_slot_and_all_later_ones() -> None:
    kept = bounded(10)
    slot = ValueSlot("v", 1)
    kept.write("out", "a")
    kept.append(slot)
    kept.write("out", "bcdefghijklmn")
    gone = kept.replace([slot], "V", 9)
    assert gone == [slot]
    assert both(kept) == ("a", "jklmn")
    assert kept.dropped + kept.cut == 5 + 3 + 9


def test_all_values_that_leave_the_head_are_returned() -> None:
    kept = bounded(11)
    grows, *others = slots = [ValueSlot(name, 1) for name in "abc"]
    for slot in slots:
        kept.append(slot)
    kept.write("out", "0123456789")
    assert (both(kept), kept.dropped) == (("<a><b><c>01", "456789"), 2)
    assert kept.replace([grows], "A", 5) == [*reversed(others)]
    assert (both(kept), kept.dropped) == (("<A>", "456789"), 6)


def test_the_tail_gets_the_room_of_a_head_that_has_become_smaller() -> None:
    kept = bounded(11)
    slot = ValueSlot("v", 3)
    kept.append(slot)
    kept.write("out", "abcdefghijklmn")
    kept.replace([slot], "V", 4)
    kept.append(ValueSlot("large", 50))
    assert (both(kept), size_of(kept)) == (("<V>", "<large>"), 11)


def test_captured_and_other_text_of_a_stream_are_in_separate_slots() -> None:
    kept = bounded(10)
    for text, owner in (("a", None), ("b", "w"), ("c", "w"), ("d", "v"), ("e", None)):
        kept.write("out", text, owner)
    slots = [slot for slot in kept.halves()[0] if isinstance(slot, StreamSlot)]
    assert [(str(slot.text), slot.owner) for slot in slots] == [
        ("a", None),
        ("bc", "w"),
        ("d", "v"),
        ("e", None),
    ]


def test_removing_captured_output_makes_room() -> None:
    kept = bounded(10)
    own, captured = ValueSlot("own", 1), ValueSlot("captured", 2, owner="w")
    kept.write("out", "ab", "w")
    kept.append(own)
    kept.append(captured)
    kept.write("out", "cd", "v")
    assert kept.remove(lambda slot: slot.owner == "w") == [captured]
    assert (both(kept), size_of(kept)) == (("<own>cd", ""), 3)
    kept.write("out", "1234567")
    assert (both(kept), kept.dropped) == (("<own>cd1234567", ""), 0)
    kept.write("out", "8")
    assert (size_of(kept), kept.dropped) == (10, 1)


def test_removing_captured_values_returns_each_of_them() -> None:
    kept = bounded(10)
    captured = [ValueSlot(name, 1, owner="w") for name in "ab"]
    for slot in captured:
        kept.append(slot)
    assert kept.remove(lambda slot: slot.owner == "w") == captured


def test_a_long_captured_text_is_removed_completely() -> None:
    kept = bounded(10)
    kept.write("out", "0123456789ABCD", "w")
    kept.write("out", "x")
    assert kept.remove(lambda slot: slot.owner == "w") == []
    assert both(kept) == ("", "x")


def test_captured_output_is_removed_on_both_sides_of_the_gap() -> None:
    kept = bounded(10)
    for text, owner in (("ab", "w"), ("cde", None), ("fghij", None), ("k", "w"), ("l", None)):
        kept.write("out", text, owner)
    assert (both(kept), kept.dropped) == (("abcde", "hijkl"), 2)
    assert kept.remove(lambda slot: slot.owner == "w") == []
    assert (both(kept), size_of(kept)) == (("cde", "hijl"), 7)


def test_a_dropped_value_cannot_be_replaced() -> None:
    kept = bounded(10)
    slot = ValueSlot("v", 20)
    assert kept.append(slot) == []
    assert kept.write("out", "0123456789") == [slot]
    assert kept.replace([slot], "w", 3) == []
    assert (both(kept), kept.dropped + kept.cut) == (("", "0123456789"), 20)


def test_updates_that_grow_are_bounded_by_the_limit() -> None:
    kept = bounded(1000)
    slots = [ValueSlot(i, 10) for i in range(100)]
    for slot in slots:
        kept.append(slot)
    for size in range(10, 500, 7):
        for slot in slots:
            kept.replace([slot], size, size)
            assert size_of(kept) <= 1000
    assert kept.dropped > 0
