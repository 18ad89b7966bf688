"""What models write: the blocks that a person would run are those that are run."""

from __future__ import annotations

import pytest
from replies import Reply, replies

from jkg_client.code_blocks import MarkdownCodeExtractor, is_data

REPLIES = replies()


@pytest.mark.field("A1", "A2", "A3", "A4", "A5", "A6")
@pytest.mark.parametrize("reply", REPLIES, ids=str)
def test_the_blocks_of_a_reply_are_those_that_a_person_would_run(reply: Reply) -> None:
    for text in (reply.text, reply.text + "\n"):
        found = MarkdownCodeExtractor().extract_code_blocks(text)
        runnable = [(block.language, block.code) for block in found if not is_data(block.language)]
        assert runnable == list(reply.blocks)


def test_there_are_two_hundred_replies_with_names_of_their_own() -> None:
    assert len({reply.name for reply in REPLIES}) == len(REPLIES) >= 200
