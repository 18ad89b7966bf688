"""Finds code blocks in Markdown, and converts them to cells for a kernel."""

from .block import CodeBlock, UnknownLanguage
from .cells import to_cell
from .extractor import MarkdownCodeExtractor, MessageContent
from .languages import is_data, is_python
from .tool_arguments import unfenced

__all__ = [
    "CodeBlock",
    "MarkdownCodeExtractor",
    "MessageContent",
    "UnknownLanguage",
    "is_data",
    "is_python",
    "to_cell",
    "unfenced",
]
