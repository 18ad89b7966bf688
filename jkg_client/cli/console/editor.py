"""The editor for cells, with several lines, history, completion and colours."""

from __future__ import annotations

import asyncio
import select
import sys
from collections.abc import AsyncGenerator, Iterable
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import has_focus, is_searching
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import History
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer, SimpleLexer
from prompt_toolkit.output import ColorDepth, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.patch_stdout import patch_stdout
from pygments.lexer import Lexer as PygmentsLexerClass
from pygments.lexers import find_lexer_class_by_name
from pygments.util import ClassNotFound

from .kernel_queries import KernelQueries
from .prompts import continuation, label

LEAVE = "leave at once"
"""Argument of ``EOFError`` when the user leaves without a question."""


class Editor:
    """Reads cells with prompt_toolkit.

    Args:
        questions: Queries to the kernel.
        history: Earlier cells.
        language: Language of the kernel, by its name in Pygments.
        has_colours: Whether to use colours.
    """

    def __init__(
        self, questions: KernelQueries, history: History, language: str, *, has_colours: bool
    ) -> None:
        self._questions = questions
        self._is_pasting = False
        output = create_output(stdout=sys.stdout)
        if isinstance(output, Vt100_Output):
            # A late answer of the terminal would appear in the cell as typed text.
            output.enable_cpr = False
        self._session: PromptSession[str] = PromptSession(
            history=history,
            output=output,
            lexer=_lexer(language) if has_colours else SimpleLexer(),
            completer=_KernelCompleter(questions),
            complete_while_typing=False,
            multiline=True,
            prompt_continuation=lambda width, *_: continuation(width),
            key_bindings=self._keys(),
            color_depth=None if has_colours else ColorDepth.DEPTH_1_BIT,
            bottom_toolbar=self._toolbar,
            include_default_pygments_style=has_colours,
        )

    def read(self, number: int | None) -> str:
        """Read a cell."""
        with patch_stdout(raw=True):
            return self._session.prompt(FormattedText([("bold", label(number))]))

    def tell(self, text: str) -> None:
        """Show lines, above the prompt if there is one."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def _toolbar(self) -> str | None:
        return "paste mode: F2 ends it" if self._is_pasting else None

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        in_cell = has_focus("DEFAULT_BUFFER") & ~is_searching
        keys.add("enter", filter=in_cell)(self._enter)
        keys.add("escape", "enter", filter=in_cell)(_accept)
        keys.add("f2")(self._toggle)
        keys.add("c-\\")(_leave)
        return keys

    def _toggle(self, _: KeyPressEvent) -> None:
        self._is_pasting = not self._is_pasting

    def _enter(self, event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if self._is_pasting or _more_comes(event.app):
            buffer.newline(copy_margin=False)
            return
        if buffer.complete_state is not None:
            buffer.cancel_completion()
        document = buffer.document
        if document.line_count > 1 and not document.on_last_line:
            buffer.newline(copy_margin=True)
            return
        indent = self._questions.indent_of_next(buffer.text) if buffer.text.strip() else None
        if indent is None:
            buffer.validate_and_handle()
        else:
            _begin_line(buffer, indent)


def _accept(event: KeyPressEvent) -> None:
    event.current_buffer.validate_and_handle()


def _leave(event: KeyPressEvent) -> None:
    event.app.exit(exception=EOFError(LEAVE))


def _begin_line(buffer: Buffer, indent: str) -> None:
    buffer.newline(copy_margin=False)
    buffer.insert_text(indent)


def _more_comes(app: Application[Any]) -> bool:
    """Whether more keys are waiting, which means that text is being pasted.

    Some terminals send pasted text as keys, without a mark. Then Enter only begins a new line,
    without indentation.
    """
    if app.key_processor.input_queue:
        return True
    if sys.platform == "win32":
        return False
    try:
        return bool(select.select([app.input.fileno()], [], [], 0)[0])
    except (OSError, ValueError, NotImplementedError):
        return False


class _KernelCompleter(Completer):
    """Gets completions from the kernel, while the user can continue to type."""

    def __init__(self, questions: KernelQueries) -> None:
        self._questions = questions

    def get_completions(self, document: Document, _: CompleteEvent) -> Iterable[Completion]:
        """Completions at the cursor."""
        text, position = document.text, document.cursor_position
        reply = self._questions.matches(text, position)
        start = reply.get("cursor_start")
        start = start if isinstance(start, int) and 0 <= start <= position else position
        matches = reply.get("matches")
        for match in matches if isinstance(matches, list) else []:
            if isinstance(match, str):
                yield Completion(match, start - position)

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """The same as ``get_completions``, in another thread."""
        found = await asyncio.get_running_loop().run_in_executor(
            None, lambda: list(self.get_completions(document, complete_event))
        )
        for completion in found:
            yield completion


def _lexer(language: str) -> PygmentsLexer | SimpleLexer:
    try:
        found: type[PygmentsLexerClass] = find_lexer_class_by_name(language)
    except ClassNotFound:
        return SimpleLexer()
    return PygmentsLexer(found)
