"""Two clients of one kernel: our cells that wait while code of the other client runs."""

from __future__ import annotations

from tables import rows

from jkg_client.client.queued_cells import QueuedCells
from jkg_client.protocol.exchange import Exchange
from jkg_client.protocol.messages import Json, Message

# One row for each word: channel, type, content and parent.
WORDS: dict[str, tuple[str, str, Json, Json]] = {
    "theirs": ("iopub", "execute_input", {}, {"msg_id": "t1", "session": "theirs"}),
    "others": ("iopub", "execute_input", {}, {"msg_id": "t2", "session": "others"}),
    "theirs-busy": (
        *("iopub", "status", {"execution_state": "busy"}),
        {"msg_id": "t1", "session": "theirs"},
    ),
    "theirs-idle": (
        *("iopub", "status", {"execution_state": "idle"}),
        {"msg_id": "t1", "session": "theirs"},
    ),
    "unseen-idle": (
        *("iopub", "status", {"execution_state": "idle"}),
        {"msg_id": "t0", "session": "theirs", "msg_type": "execute_request"},
    ),
    "question-idle": (
        *("iopub", "status", {"execution_state": "idle"}),
        {"msg_id": "q1", "session": "theirs"},
    ),
    "on-shell": ("shell", "execute_input", {}, {"msg_id": "t1", "session": "theirs"}),
    "ours-input": ("iopub", "execute_input", {}, {"msg_id": "c0", "session": "ours"}),
    "ours-idle": (
        *("iopub", "status", {"execution_state": "idle"}),
        {"msg_id": "t1", "session": "ours"},
    ),
    "restarting": ("iopub", "status", {"execution_state": "restarting"}, {}),
    "dead": ("iopub", "status", {"execution_state": "dead"}, {}),
    "starting": ("iopub", "status", {"execution_state": "starting"}, {}),
    "begins": (
        *("iopub", "status", {"execution_state": "busy"}),
        {"msg_id": "c1", "session": "ours"},
    ),
    "idle": ("iopub", "status", {"execution_state": "idle"}, {"msg_id": "c1", "session": "ours"}),
    "reply": ("shell", "execute_reply", {"status": "ok"}, {"msg_id": "c1", "session": "ours"}),
}


def message(word: str) -> Message:
    channel, msg_type, content, parent = WORDS[word]
    header = {"msg_id": "m", "msg_type": msg_type, "session": "kernel"}
    return Message(channel=channel, header=header, parent_header=parent, content=content)


# The received messages, and whether a new cell of ours waits behind another client.
WAITS = {
    "": False,
    "theirs": True,
    "theirs-busy": False,
    "theirs theirs-idle": False,
    "theirs others": True,
    "theirs others theirs-idle": True,
    "theirs question-idle": True,
    "theirs theirs-busy": True,
    "on-shell": False,
    "ours-input": False,
    "theirs ours-idle": True,
    "theirs restarting": False,
    "theirs dead": False,
    "theirs starting": True,
}


@rows("words", WAITS)
def test_a_cell_waits_while_code_of_another_client_runs(words: str) -> None:
    queued = QueuedCells("ours")
    begins = [queued.feed(message(word)) for word in words.split()]
    assert (queued.waits(Exchange("c1")), any(begins)) == (WAITS[words], False)
    assert not queued.waits(Exchange("c1", begun=True))


# The messages while an abandoned cell of ours waits, and when it begins.
BEGINS = {
    "begins": [True],
    "theirs-idle begins": [False, True],
    "begins begins": [True, False],
    "begins idle reply begins": [True, False, False, False],
    "dead begins": [False, False],
    # The process had not begun the cell, so the next process may get it.
    "restarting begins": [False, True],
    "begins restarting begins": [True, False, False],
}


@rows("words", BEGINS)
def test_the_beginning_of_an_abandoned_cell_is_reported_once(words: str) -> None:
    queued, cell = QueuedCells("ours"), Exchange("c1")
    queued.feed(message("theirs"))
    queued.add(cell)
    assert [queued.feed(message(word)) for word in words.split()] == BEGINS[words]


# The messages that arrive while code of another client is supposed to run, and whether a new cell
# still has to wait.
SUPPOSED = {
    "": True,
    "theirs-busy": True,
    "question-idle": True,
    "unseen-idle": False,
    "dead": False,
    "theirs theirs-idle": False,
    "begins": False,
}


@rows("words", SUPPOSED)
def test_unseen_code_of_another_client_ends(words: str) -> None:
    queued = QueuedCells("ours")
    queued.suppose_other_code()
    queued.add(Exchange("c1"))
    for word in words.split():
        queued.feed(message(word))
    assert queued.waits(Exchange("c2")) is SUPPOSED[words]


def test_one_of_several_waiting_cells_begins() -> None:
    queued = QueuedCells("ours")
    for msg_id in ("c0", "c1", "c2"):
        queued.add(Exchange(msg_id))
    assert queued.feed(message("begins"))


def test_an_abandoned_cell_has_the_failure_not_begun() -> None:
    queued, cell = QueuedCells("ours"), Exchange("c1")
    queued.add(cell)
    failure = cell.result(gave_up=True).failure
    assert failure is not None
    assert failure.ename == "NotBegun"


def test_a_new_process_has_no_waiting_cells() -> None:
    queued = QueuedCells("ours")
    queued.feed(message("theirs"))
    queued.add(Exchange("c1"))
    queued.clear()
    assert not queued.waits(Exchange("c2"))
    assert not queued.feed(message("begins"))
