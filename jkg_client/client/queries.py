"""The queries of a kernel client: requests that a kernel answers without running code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

from ..protocol.messages import (
    Json,
    Message,
    complete_request,
    history_request,
    inspect_request,
    is_complete_request,
    kernel_info_request,
)
from ..protocol.outputs import encodable
from . import arguments


class SendsQueries(ABC):
    """Queries, for a client that can send a request and wait for the reply.

    Half of a character (a lone surrogate) is replaced in all queries: kernels would not answer.
    """

    def kernel_info(self, timeout_seconds: float = 30.0) -> Json:
        """Information about the kernel: ``language_info``, ``implementation``, ``banner`` and more.

        Args:
            timeout_seconds: Time limit for the answer.

        Raises:
            KernelNotReady: There was no answer in time. Every query of the kernel raises this.
        """
        return self._ask(kernel_info_request, timeout_seconds)

    def complete(
        self, code: str, cursor_pos: int | None = None, timeout_seconds: float = 30.0
    ) -> Json:
        """Completions for the code at a cursor position, in the field ``matches``.

        Args:
            code: The code.
            cursor_pos: Position in characters. None for the end.
            timeout_seconds: Time limit for the answer.
        """
        return self._ask(partial(complete_request, **_at(code, cursor_pos)), timeout_seconds)

    def inspect(
        self,
        code: str,
        cursor_pos: int | None = None,
        detail_level: int = 0,
        timeout_seconds: float = 30.0,
    ) -> Json:
        """Documentation of the object at a cursor position: ``found``, and ``data`` by MIME type.

        Args:
            code: The code.
            cursor_pos: Position in characters. None for the end.
            detail_level: 1 asks for more information, such as the source code.
            timeout_seconds: Time limit for the answer.
        """
        level = arguments.at_least("detail_level", detail_level, 0)
        request = partial(inspect_request, **_at(code, cursor_pos), detail_level=level)
        return self._ask(request, timeout_seconds)

    def is_complete(self, code: str, timeout_seconds: float = 30.0) -> Json:
        """Whether ``code`` can run: ``status`` is complete, incomplete, invalid or unknown.

        Args:
            code: The code.
            timeout_seconds: Time limit for the answer.
        """
        text = encodable(arguments.text("code", code))
        return self._ask(partial(is_complete_request, code=text), timeout_seconds)

    def history(self, n: int = 10, timeout_seconds: float = 30.0, **options: Any) -> Json:
        """The last cells, in the field ``history``.

        Args:
            n: Number of cells.
            timeout_seconds: Time limit for the answer.
            options: Further fields of the ``history_request`` message, such as ``output=True``.
        """
        access = options.pop("access_type", "tail")
        number = arguments.at_least("n", n, 0)
        if isinstance(options.get("pattern"), str):
            options["pattern"] = encodable(options["pattern"])
        request = partial(history_request, access_type=access, n=number, **options)
        return self._ask(request, timeout_seconds)

    @abstractmethod
    def _ask(self, request_of: Callable[[str], Message], timeout_seconds: float) -> Json:
        """Send a request, and return the content of the reply.

        Args:
            request_of: Returns the request for the session id of this client.
            timeout_seconds: Time limit for the answer.
        """


def _at(code: str, cursor_pos: int | None) -> Json:
    """The code and the cursor position of a request."""
    position = arguments.position(code, cursor_pos)
    # Kernels count two halves of a character as one character.
    return {"code": encodable(code), "cursor_pos": len(encodable(code[:position]))}
