"""The code that a model passes to a tool, for adapters that live in an event loop."""

from __future__ import annotations

import asyncio

from ..code_blocks import CodeBlock, unfenced

_QUICK = 2**16
"""Characters of a code that takes a moment."""


async def tool_block(code: str, language: str = "") -> CodeBlock:
    """As ``unfenced``. The event loop goes on meanwhile, however long the code is."""
    if len(code) <= _QUICK:
        return unfenced(code, language)
    return await asyncio.to_thread(unfenced, code, language)
