"""What can go wrong, as a tree of exceptions.

::

    JkgError
    ├── WireError (ValueError)             bytes that are no Jupyter message
    ├── GatewayError                       the server, or the way to the kernel
    │   ├── GatewayUnreachable (ConnectionError)   nobody there, or the line broke for good
    │   │   └── GatewayTimeout (TimeoutError)      somebody there, but no answer in time
    │   ├── NotAGateway                    it answers, but not as a Jupyter server does
    │   ├── GatewayStatus                  it answered with an error status
    │   │   ├── GatewayUnauthorized (PermissionError)   401, 403, or sent to a login page
    │   │   ├── GatewayFull                it runs as many kernels as it may
    │   │   ├── KernelNotFound (LookupError)   there is no such kernel (any more)
    │   │   └── ServerNotRunning           a hub is there, but the user's server does not run
    │   ├── ServerStartError               a server that we launch did not come up
    │   │   ├── ServerStartTimeout (TimeoutError)   not within the time limit
    │   │   ├── NamedServersDisabled       the hub lets users have one server each
    │   │   └── TooManyServers             the hub lets the user have no more servers
    │   └── KernelStartError               a kernel that we run ended as soon as it was started
    ├── EngineError                        the Docker engine, or the way to it
    ├── KernelSpecNotFound (ValueError)    no kernel of that name is installed there
    ├── UnknownLanguage (ValueError)       a block that the kernel cannot run (in code_blocks)
    ├── KernelNotReady (TimeoutError)      the kernel was started but does not answer
    ├── ClientClosed                       used after ``stop`` or ``close``
    ├── NotebookError                      a notebook did not run to its end; carries it so far
    │   ├── NotebookTimeout (TimeoutError)     a time limit of it, or of a cell, has passed
    │   └── NotebookKernelDied                 its kernel died, or never came up
    └── ExecutionError                     raised by ``raise_for_error`` only; carries the result
        ├── ExecutionTimeout (TimeoutError)
        └── KernelDied

What the *code* of a cell does is a result, never an exception; only a notebook that stops is one.
Bad arguments are ``ValueError``.
"""

from __future__ import annotations

from typing import Any


class JkgError(Exception):
    """Root of all that this package raises, bad arguments excepted.

    Attributes:
        result: When it happened while a cell ran: what the cell had said until then,
            an ``ExecutionResult`` (from an executor a ``CodeResult``); else None.
    """

    result: Any = None  # Any: protocol/ imports this module


class WireError(JkgError, ValueError):
    """Bytes that are no Jupyter message.

    Attributes:
        frame: The whole frame as it came, ``str`` for a text frame.
    """

    def __init__(self, reason: str, frame: str | bytes) -> None:
        super().__init__(reason, frame)
        self.reason = reason
        self.frame = frame

    def __str__(self) -> str:
        return f"{self.reason}; frame of {len(self.frame)}, starts {self.frame[:60]!r}"


class GatewayError(JkgError):
    """The server, or the way to the kernel."""


class GatewayUnreachable(GatewayError, ConnectionError):
    """Nobody answers there, or the connection broke and could not be mended."""


class GatewayTimeout(GatewayUnreachable, TimeoutError):
    """Somebody is there, but the answer did not come within the time limit."""


class NotAGateway(GatewayError):
    """It answers, but not as a Jupyter server does."""


class GatewayStatus(GatewayError):
    """The server answered with an error status.

    Attributes:
        status: HTTP status code; 0 where no server was asked, as about a kernel of our own.
        request: Method and URL, without the token; without a server, what was looked for.
        body: Start of the answer, at most 500 characters.
        hint: What the caller can do, may be empty.
    """

    def __init__(self, status: int, request: str, body: str, hint: str = "") -> None:
        super().__init__(status, request, body, hint)  # args, so that it pickles
        self.status = status
        self.request = request
        self.body = body
        self.hint = hint

    def __str__(self) -> str:
        answered = f"{self.request} answered {self.status}" if self.status else self.request
        said = f"{answered}: {self.body}" if self.body else answered
        return f"{said} ({self.hint})" if self.hint else said


class GatewayUnauthorized(GatewayStatus, PermissionError):
    """The server does not accept the token, or wants one."""


class GatewayFull(GatewayStatus):
    """The server already runs as many kernels as it may."""


class KernelNotFound(GatewayStatus, LookupError):
    """There is no such kernel (any more): deleted, culled, or it died too often."""


class ServerNotRunning(GatewayStatus):
    """The hub answers in place of a user's server: that was stopped, culled or never started."""


class ServerStartError(GatewayError):
    """A server that we launch did not come up; the reason is in the message."""


class ServerStartTimeout(ServerStartError, TimeoutError):
    """A server of a hub was not ready within the time limit."""


class NamedServersDisabled(ServerStartError):
    """The hub lets users have one server each, without a name."""


class TooManyServers(ServerStartError):
    """The user has as many named servers as the hub allows; stopped ones count.

    Attributes:
        servers: Names of those that there are.
    """

    def __init__(self, message: str, servers: tuple[str, ...] = ()) -> None:
        super().__init__(message, servers)  # args, so that it pickles
        self.message = message
        self.servers = servers

    def __str__(self) -> str:
        return self.message


class KernelStartError(GatewayError):
    """A kernel that we run ended before it answered; the end of its output is in the message."""


class EngineError(JkgError):
    """The Docker engine is not there, or does not do what it was asked for.

    Attributes:
        status: HTTP status code of its answer; None if there was none.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message, status)
        self.message = message
        self.status = status

    def __str__(self) -> str:
        return self.message


class KernelSpecNotFound(JkgError, ValueError):
    """No kernel of that name is installed on the server; the message lists those that are."""


class KernelNotReady(JkgError, TimeoutError):
    """The kernel was started but did not answer within the time limit."""


class ClientClosed(JkgError):
    """Used after ``stop`` or ``close``."""


class ExecutionError(JkgError):
    """The cell did not succeed; raised by ``raise_for_error`` only.

    Attributes:
        result: The ``ExecutionResult`` as it was returned.
    """

    def __init__(self, message: str, result: Any) -> None:
        super().__init__(message, result)
        self.message = message
        self.result = result

    def __str__(self) -> str:
        return self.message


class ExecutionTimeout(ExecutionError, TimeoutError):
    """The cell ran longer than it was given."""


class KernelDied(ExecutionError):
    """The kernel died while the cell ran."""


class NotebookError(JkgError):
    """A notebook did not run to its end.

    Attributes:
        status: ``error``: a cell failed; ``timeout``: a time limit has passed; ``died``: the kernel
            did, or never came up; ``incomplete``: all cells ran, but output of one was lost;
            ``unreachable``: the way to the kernel broke.
        notebook: The notebook as far as it ran, a ``NotebookNode``.
        index: Where the cell is in ``notebook.cells``; None if no cell had begun.
        number: Where it is among the cells of the notebook as it was given, from 0; None if no cell
            had begun, or if it is the cell that sets the parameters.
        traceback: What the cell says of the exception, without colours.
        exit_code: The status that a program can end with: the code's own, or 1, 124, 137.
    """

    def __init__(
        self,
        message: str,
        status: str,
        notebook: Any,
        index: int | None = None,
        number: int | None = None,
        traceback: str = "",
        exit_code: int = 1,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.notebook = notebook
        self.index = index
        self.number = number
        self.traceback = traceback
        self.exit_code = exit_code

    @property
    def cell(self) -> Any:
        """The cell, a part of ``notebook``; None if no cell had begun."""
        return None if self.index is None else self.notebook.cells[self.index]

    @property
    def source(self) -> str:
        """Code of the cell, as it is saved; empty if no cell had begun."""
        return "" if self.index is None else str(self.cell.source)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (self.message, self.status, self.notebook, self.index, self.number)
        return type(self), (*fields, self.traceback, self.exit_code)


class NotebookTimeout(NotebookError, TimeoutError):
    """A time limit of the notebook, or of one of its cells, has passed."""


class NotebookKernelDied(NotebookError):
    """The kernel of the notebook died, or never came up."""
