"""Lost messages, counted by the numbers in message ids."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Optional

from attrs import evolve
from tables import rows

from jkg_client.protocol.exchange import Exchange
from jkg_client.protocol.message_gaps import Gap, MessageGaps
from jkg_client.protocol.messages import Message, execute_request
from jkg_client.protocol.result import Truncation

Sent = tuple[str, Optional[str]]


def message(msg_id: str, parent: str | None, msg_type: str = "execute_result") -> Message:
    header = {"msg_id": msg_id, "msg_type": msg_type}
    parent_header = {"msg_id": parent} if parent else {}
    return Message(channel="iopub", header=header, parent_header=parent_header)


# The received messages of a cell with a value, as (id, id of the answered request), and the number
# of lost messages.
ROWS: list[tuple[list[Sent], int]] = [
    ([], 0),
    ([("s_7_4", "me"), ("s_7_5", "me"), ("s_7_6", "me")], 0),
    ([("s_7_4", "me"), ("s_7_6", "me")], 1),
    ([("s_7_4", "me"), ("s_7_1000", "me")], 995),
    # In any order, because reply and idle may overtake each other.
    ([("s_7_4", "me"), ("s_7_6", "me"), ("s_7_5", "me")], 0),
    # A late message of an earlier request does not count.
    ([("s_7_4", "me"), ("s_7_2", "old"), ("s_7_6", "me")], 1),
    # It begins with the first answer.
    ([("s_7_1", "old"), ("s_7_90", "me"), ("s_7_91", "me")], 0),
    # Other clients received answers in between, and perhaps input requests.
    ([("s_7_4", "me"), ("s_7_5", "you"), ("s_7_8", "you"), ("s_7_9", "me")], 0),
    ([("s_7_4", "me"), ("s_7_5", "you"), ("s_7_9", "me"), ("s_7_10", "me")], 1),
    ([("s_7_4", "me"), ("s_7_5", "you"), ("s_7_6", "they"), ("s_7_11", "me")], 0),
    ([("s_7_4", "me"), ("s_7_5", "you"), ("s_7_6", "they"), ("s_7_12", "me")], 1),
    # A late message fills a part of the first of two holes.
    ([("s_7_4", "me"), ("s_7_8", "me"), ("s_7_12", "me"), ("s_7_5", "me")], 5),
    # Messages without a parent.
    ([("s_7_4", "me"), ("s_7_5", None), ("s_7_6", "me")], 0),
    # Processes that the kernel has forked, and other kernels, count by themselves.
    ([("s_7_4", "me"), ("s_9_50", "me"), ("s_7_5", "me")], 0),
    # Two threads may have taken the same number.
    ([("s_7_4", "me"), ("s_7_5", "me"), ("s_7_5", "me"), ("s_7_6", "me")], 0),
    ([("s_7_4", "me"), ("s_7_4", "you"), ("s_7_8", "me")], 1),
    # Ids that are not numbered.
    ([("d5f8", "me"), ("a_b", "me"), ("_3", "me"), ("a_\u00b2", "me"), ("x_-9", "me")], 0),
    ([("s_7_4", "me"), (f"s_7_{'9' * 40}", "me")], 0),
    # Ids of up to 200 characters, with numbers of up to 15 digits.
    ([(f"{'x' * 198}_4", "me"), (f"{'x' * 198}_6", "me")], 1),
    ([(f"{'x' * 199}_4", "me"), (f"{'x' * 199}_6", "me")], 0),
    ([(f"s_{10**14}", "me"), (f"s_{10**14 + 2}", "me")], 1),
    ([(f"s_{10**15}", "me"), (f"s_{10**15 + 2}", "me")], 0),
]


@rows(("sent", "missing"), ROWS)
def test_missing_messages_are_counted(sent: list[Sent], missing: int) -> None:
    gaps = MessageGaps("me")
    for msg_id, parent in sent:
        gaps.feed(message(msg_id, parent))
    assert gaps.missing == missing


# The same, as (number, channel) of answers to one request.
OVERTAKEN: list[tuple[list[tuple[int, str]], int]] = [
    ([(9, "shell"), (4, "iopub"), (5, "iopub"), (10, "iopub")], 3),
    ([(6, "shell"), (4, "iopub"), (5, "iopub"), (7, "iopub")], 0),
    ([(6, "stdin"), (4, "iopub"), (5, "iopub"), (7, "shell"), (8, "iopub")], 0),
    ([(9, "shell"), (6, "stdin"), (4, "iopub"), (10, "iopub")], 3),
    # All messages that were lost before the first one on iopub may be those of another client.
    ([(9, "shell"), (10, "iopub")], 0),
    ([(4, "iopub"), (9, "shell"), (3, "iopub"), (10, "iopub")], 4),
]


@rows(("sent", "missing"), OVERTAKEN)
def test_an_early_reply_does_not_hide_a_loss(sent: list[tuple[int, str]], missing: int) -> None:
    gaps = MessageGaps("me")
    for number, channel in sent:
        gaps.feed(evolve(message(f"s_7_{number}", "me"), channel=channel))
    assert gaps.missing == missing


@rows(("last", "missing"), [(5, 0), (6, 0), (7, 1), (1000, 994)])
def test_a_value_that_displays_itself_has_an_unused_number(last: int, missing: int) -> None:
    gaps = MessageGaps("me")
    for number in (4, last):
        gaps.feed(message(f"s_7_{number}", "me", "stream"))
    assert gaps.missing == missing


def test_a_result_says_how_many_messages_were_lost() -> None:
    exchange = Exchange("me")
    for number in (3, 4, 9):
        exchange.feed(message(f"s_1_{number}", "me"))
    exchange.skip(Gap(unread=1))
    truncated = exchange.result().truncated
    assert truncated is not None
    assert str(truncated) == "4 messages were lost"


KINDS: dict[str, tuple[str, str, dict[str, str]]] = {
    "b": ("iopub", "status", {"execution_state": "busy"}),
    "i": ("iopub", "status", {"execution_state": "idle"}),
    "s": ("iopub", "execute_input", {}),
    "o": ("iopub", "stream", {}),
    "v": ("iopub", "execute_result", {}),
    "r": ("shell", "execute_reply", {}),
    "c": ("control", "some_reply", {}),
    "q": ("stdin", "input_request", {}),
}
CUT = Gap(may_lack=True, end_unseen=True)


def fed(words: str, parent_session: str | None = "ours") -> MessageGaps:
    """The ``MessageGaps`` after ``words``."""
    gaps = MessageGaps("me")
    feed(gaps, words, parent_session)
    return gaps


def feed(gaps: MessageGaps | Exchange, words: str, parent_session: str | None = "ours") -> None:
    """Feed messages, written as words: whose answer it is, a letter for the kind, and a number."""
    for word in words.split():
        if word == "overtaken":
            (gaps.gaps if isinstance(gaps, Exchange) else gaps).overtake()
            continue
        if word in ("cut", "kept", "unread"):
            gap = {"cut": CUT, "kept": Gap(end_unseen=True), "unread": Gap(unread=1)}[word]
            gaps.skip(gap)
            continue
        whose, _, what = word.rpartition(":")
        channel, msg_type, content = KINDS[what[0]]
        session = {"": parent_session, "late": "ours"}.get(whose, "theirs")
        parent = {"msg_id": whose or "me", **({"session": session} if session else {})}
        header = {"msg_id": f"s_7_{what[1:]}", "msg_type": msg_type}
        gaps.feed(Message(channel=channel, header=header, parent_header=parent, content=content))


# The messages, the number of lost ones, and whether an unknown number may be missing, too.
PROOFS: list[tuple[str, int, bool]] = [
    ("b4 s5 o6 o7 r8 i9", 0, False),
    # Nothing is lost at a cut that loses no number.
    ("b4 s5 o6 cut o7 r8 i9", 0, False),
    ("b4 cut s5 o6 cut o7 r8 i9", 0, False),
    ("b4 s5 o6 cut r8 o7 i9", 0, False),
    ("s5 o6 cut o7 r8 i9", 0, False),
    ("b4 o6 cut s5 c7 i8", 0, False),
    # The messages that were lost at a cut are counted, up to the last one.
    ("b4 s5 cut o7 r8 i9", 1, True),
    ("b4 s5 unread o7 r8 i9", 1, False),
    ("b4 s5 unread unread o9 r10 i11", 3, False),
    ("b4 s5 cut kept o7 r8 i9", 1, True),
    ("b4 cut s6 cut o9 r10 i11", 3, True),
    ("b4 cut o8 o6 r9 i10", 2, True),
    # Elsewhere a number may belong to a value that shows itself.
    ("b4 s5 o7 r8 i9", 0, False),
    ("b4 s5 kept o7 r8 i9", 0, False),
    ("b4 s5 o7 cut r8 i9", 0, True),
    ("b4 s5 o6 cut o7 o9 v10 r11 i12", 1, True),
    # Without the beginning, the end or a number, nothing is proved.
    ("cut o6 o7 r8 i9", 0, True),
    ("b4 s5 o6 cut", 0, True),
    ("b4 s5 o6 cut o7", 0, True),
    ("b4 s5 o6 r7 cut", 0, True),
    ("cut", 0, True),
    ("cut r8 i9", 0, True),
    ("cut i9", 0, True),
    # The end and the reply show nothing: a later answer proves that no more is lost.
    ("b4 s5 o6 r7 cut late:b9 late:r10 late:i11 overtaken", 0, False),
    ("b4 s5 o6 cut late:b9 late:r10 late:i11 overtaken", 0, False),
    ("b4 s5 o6 cut overtaken", 0, True),
    ("b4 s5 o6 r7 cut overtaken", 0, True),
    # Without it, the answer may have come on the control channel while the code was running.
    ("b4 s5 o6 cut late:b9 late:r10 late:i11", 0, True),
    ("b4 s5 cut r7 late:b8", 1, True),
    # Replies to some requests come on the control channel.
    ("b4 s5 o6 c7 cut late:b9 late:r10 late:i11 overtaken", 0, False),
    ("b4 s5 o6 cut late:b8 late:r9", 0, True),
    ("b4 s5 o6 cut i8", 1, False),
    ("b4 s5 o6 r7 cut late:b10", 0, True),
    # Requests that a server may have sent when we connected again are not counted.
    ("b4 s5 o6 r7 cut late:b20", 0, True),
    ("b4 s5 o6 r7 cut late:b21", 1, True),
    ("b4 s5 o6 r7 cut late:b16 late:b25", 4, True),
    ("b4 s5 o6 cut o7 cut late:b32", 0, True),
    ("b4 s5 o6 cut o7 cut late:b33", 1, True),
    ("b4 s5 cut o8 r9 late:b10 late:b20", 2, True),
    # After the end, the kernel may answer other clients.
    ("b4 s5 o6 cut r7 i8 late:b40", 0, False),
    ("b4 s5 o6 cut r7 i8 you:b40", 0, False),
    ("b4 s5 o9 v10 i11 you:b12 me:r13", 3, False),
    # Replies to other clients are sent to them, replies to us are sent to us.
    ("b4 s5 you:b6 you:i8 o9 v10 r11 i12", 0, False),
    ("b4 s5 late:b6 late:i8 o9 v10 r11 i12", 1, False),
    ("b4 s5 cut you:b6 you:i8 v9 r10 i11", 0, True),
    # In any order.
    ("r8 late:r12 b4 s5 o6 o7 i9", 0, False),
    ("r8 late:r12 b4 s5 cut o7 i9", 1, True),
    ("r8 b4 s5 o6 o7 i9", 0, False),
    ("r8 cut b4 s5 o6 o7 i9", 0, False),
    ("r8 b4 s5 cut o7 i9", 1, True),
    ("q7 b4 s5 cut o6 r8 i9", 0, False),
    # Repeated messages fill no hole.
    ("b4 s5 o6 o6 cut o8 o6 r9 i10", 1, True),
]


@rows(("words", "missing", "may_lack"), PROOFS)
def test_numbers_prove_whether_anything_is_missing(
    words: str, missing: int, may_lack: bool
) -> None:
    gaps = fed(words)
    assert (gaps.missing, gaps.may_lack) == (missing, may_lack)


def test_a_request_without_a_session_may_belong_to_any_client() -> None:
    assert fed("b4 s5 you:b6 you:i8 o9 v10 r11 i12", parent_session=None).missing == 0


def test_any_number_of_holes_is_counted_in_bounded_memory() -> None:
    numbers = [5 + 2 * number for number in range(1500)]
    last = numbers[-1]
    gaps = fed("b4 " + " ".join(f"o{number}" for number in numbers) + f" v{last + 1}")
    assert gaps.missing == 1499
    for number in (numbers[0] + 1, numbers[-1] - 1):
        gaps.feed(message(f"s_7_{number}", "me"))
    # The first hole is forgotten, so a message that fills it now comes too late.
    assert gaps.missing == 1498
    gaps.skip(CUT)
    assert gaps.may_lack


def test_a_thousand_holes_are_remembered_and_can_be_filled() -> None:
    gaps = fed("b4 " + " ".join(f"o{6 + 2 * number}" for number in range(999)) + " v2004")
    assert gaps.missing == 1000
    for number in range(5, 2004, 2):
        gaps.feed(message(f"s_7_{number}", "me"))
    assert gaps.missing == 0


def test_a_hole_can_still_be_filled_after_thousands_of_messages_without_a_loss() -> None:
    gaps = fed("b4 s5 " + " ".join(f"o{number}" for number in range(7, 3000)) + " v3000")
    assert gaps.missing == 1
    feed(gaps, "o6")
    assert gaps.missing == 0


# The messages of a cell, whether the cell is silent, how many messages were lost, and whether more
# may be missing. The last message before the cell has the number 3.
BEGINS: list[tuple[str, bool, int, bool]] = [
    # "busy" and ``execute_input`` were lost. They are not output.
    ("cut o6 o7 r8 i9", False, 0, False),
    ("o6 cut o7 r8 i9", False, 0, False),
    ("r8 cut o6 o7 i9", False, 0, False),
    ("cut r6 i7", False, 0, False),
    ("cut i7", False, 0, True),
    ("cut o7 r8 i9", False, 0, True),
    ("cut o6 o8 r9 i10", False, 0, True),
    ("cut o5 o6 r7 i8", False, 0, True),
    ("b4 cut o6 o7 r8 i9", False, 0, False),
    ("b4 cut o7 r8 i9", False, 1, True),
    ("b4 cut o7 s5 r8 i9", False, 1, True),
    ("b4 cut o6 s5 o7 r8 i9", False, 0, False),
    # No ``execute_input`` comes for a silent cell, so all other messages may be output.
    ("cut o5 o6 r7 i8", True, 0, False),
    ("cut o6 r7 i8", True, 0, True),
    ("b4 cut o6 r7 i8", True, 1, True),
]


@rows(("words", "silent", "missing", "may_lack"), BEGINS)
def test_the_messages_before_all_output_are_no_loss(
    words: str, silent: bool, missing: int, may_lack: bool
) -> None:
    earlier, gaps = fed("b1 r2 i3"), MessageGaps("me")
    gaps.begin_cell(execute_request("session", "code", silent=silent), earlier.position)
    feed(gaps, words)
    assert (gaps.missing, gaps.may_lack) == (missing, may_lack)


def losses(count: int) -> Iterator[list[range]]:
    """Every way in which one or two cuts can lose some of ``count`` messages."""
    cuts = [range(*cut) for cut in combinations_with_replacement(range(count + 1), 2)]
    yield from ([cut] for cut in cuts)
    yield from ([one, two] for one in cuts for two in cuts if one.stop < two.start)


@rows(("kinds", "silent"), [("bsri", False), ("bsori", False), ("bsoovri", False), ("boori", True)])
def test_lost_output_is_always_reported_and_nothing_else_is(kinds: str, silent: bool) -> None:
    sent = [f"{kind}{number}" for number, kind in enumerate(kinds, 4)]
    later = [f"late:{kind}{number}" for number, kind in enumerate("bri", 4 + len(kinds))]
    for cuts in losses(len(kinds)):
        words = [*sent, *later]
        lost = {kinds[place] for cut in cuts for place in cut}
        for cut in reversed(cuts):
            words[cut.start : cut.stop] = ["cut"]
        exchange = Exchange("me")
        exchange.gaps.begin_cell(execute_request("session", "code", silent=silent), ("s_7", 3))
        feed(exchange, " ".join(words))
        exchange.overtake(Exchange("later"))
        reported = exchange.result().truncated
        assert (reported is not None) == bool(lost & set("ovr")), words


def test_a_request_of_another_process_proves_nothing_about_the_begin() -> None:
    gaps = MessageGaps("me")
    gaps.begin_cell(execute_request("session", "code"), ("s_8", 3))
    feed(gaps, "cut o6 o7 r8 i9")
    assert gaps.may_lack


# Each request of another client may have a reply and an input request that we do not receive.
@rows(("others", "missing"), [(9_999, 30_000 - 2 * 9_999), (10_000, 1)])
def test_after_many_requests_of_other_clients_only_certain_losses_are_counted(
    others: int, missing: int
) -> None:
    gaps = fed("b4 unread")
    for number in range(others):
        gaps.feed(message(f"s_7_{number + 5}", f"theirs {number}"))
    gaps.feed(message(f"s_7_{others + 5 + 30_000}", "me"))
    assert gaps.missing == missing


# The messages until a later request was answered, and the missing messages in the result.
ENDINGS: list[tuple[str, Truncation | None]] = [
    ("b4 s5 o6 r7 i8", None),
    ("b4 s5 o6 cut r7 i8", None),
    # All output is there, but the message about the end was lost.
    ("b4 s5 o6 cut late:b9", Truncation(messages=1, connection_lost=True)),
    ("b4 s5 o6 late:b9", Truncation(messages=1)),
    ("b4 s5 o6 i8", None),
    ("b4 s5 o6 r7 cut late:b9", None),
]


@rows(("words", "truncated"), ENDINGS)
def test_a_lost_end_alone_is_not_missing_output(words: str, truncated: Truncation | None) -> None:
    exchange = Exchange("me")
    feed(exchange, words)
    exchange.overtake(Exchange("later"))
    assert exchange.result().truncated == truncated


@rows(("words", "messages"), [("busy idle", 0), ("busy", 1)])
def test_without_numbers_a_lost_idle_is_a_message(words: str, messages: int) -> None:
    exchange = Exchange("me")
    for number, state in enumerate(words.split()):
        status = message(f"unnumbered-{number}", "me", "status")
        exchange.feed(evolve(status, content={"execution_state": state}))
    exchange.skip(CUT)
    exchange.overtake(Exchange("later"))
    truncated = exchange.result().truncated
    assert truncated == Truncation(messages=messages, connection_lost=True)
