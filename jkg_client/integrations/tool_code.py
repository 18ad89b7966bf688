"""Extracts the code that a model passes to a tool, without blocking the event loop."""

from __future__ import annotations

import asyncio

from ..code_blocks import CodeBlock, unfenced

_QUICK = 2**16
"""Longest code that is parsed in the event loop itself, in characters."""


async def tool_block(code: str, language: str = "") -> CodeBlock:
    """The same as ``unfenced``. Long code does not block the event loop."""
    if len(code) <= _QUICK:
        return unfenced(code, language)
    return await asyncio.to_thread(unfenced, code, language)
