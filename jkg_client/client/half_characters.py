"""Code that contains half of a character: one surrogate of a pair, without the other one.

Such code is not text. ipykernel sends no reply to it, and prints a traceback into a later result.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..protocol.result import ExecutionResult
from ..protocol.stepwise import search
from ..protocol.values import Failure
from .callbacks import Callbacks

# Two halves that belong together are text: JSON joins them.
_HALF = re.compile(r"[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]")


def run_if_text(
    code: str, callbacks: Callbacks, run: Callable[[], ExecutionResult]
) -> ExecutionResult:
    """The result of ``run``, or an error if ``code`` contains half of a character."""
    half = None if code.isascii() else search(_HALF, code)
    if half is None:
        return run()
    said = f"the code contains half of a character (U+{ord(half[0]):04X}, a lone surrogate)"
    failure = Failure("InvalidCode", said)
    callbacks.tell(failure)
    return ExecutionResult(status="error", outputs=(failure,), failure=failure)
