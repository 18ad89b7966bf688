"""Replies of models: the blocks that a person would run are run."""

from __future__ import annotations

import pytest
from replies import replies
from tables import table

from jkg_client.code_blocks import MarkdownCodeExtractor, is_data

REPLIES = replies()


@pytest.mark.field("A1", "A2", "A3", "A4", "A5", "A6")
def test_the_blocks_of_a_reply_are_the_blocks_that_a_person_would_run() -> None:
    with table() as row:
        for reply in REPLIES:
            for text in (reply.text, reply.text + "\n"):
                with row(reply.name):
                    assert runnable(text) == list(reply.blocks)


def runnable(text: str) -> list[tuple[str, str]]:
    """Language and code of each block that would be run."""
    blocks = MarkdownCodeExtractor().extract_code_blocks(text)
    return [(block.language, block.code) for block in blocks if not is_data(block.language)]


def test_there_are_two_hundred_replies_with_unique_names() -> None:
    assert len({reply.name for reply in REPLIES}) == len(REPLIES) >= 200
