"""All errors of this package, as a tree of exceptions.

::

    JkgError
    ├── WireError (ValueError)             bytes that are not a Jupyter message
    ├── GatewayError                       the server, or the connection to the kernel
    │   ├── GatewayUnreachable (ConnectionError)   nothing answers, or the connection broke
    │   │   └── GatewayTimeout (TimeoutError)      no answer within the time limit
    │   ├── NotAGateway                    something answers, but it is not a Jupyter server
    │   ├── GatewayStatus                  the server answered with an error status
    │   │   ├── GatewayUnauthorized (PermissionError)   401, 403, or a login page
    │   │   ├── GatewayFull                the server runs as many kernels as it allows
    │   │   ├── KernelNotFound (LookupError)   the kernel does not exist (any more)
    │   │   └── ServerNotRunning           a hub answers; the user's server does not run
    │   ├── ServerStartError               a server did not start
    │   │   ├── ServerStartTimeout (TimeoutError)   not within the time limit
    │   │   ├── NamedServersDisabled       the hub allows each user one server only
    │   │   └── TooManyServers             the hub allows the user no more servers
    │   └── KernelStartError               an embedded kernel ended before it answered
    ├── EngineError                        the Docker engine, or the connection to it
    ├── KernelSpecNotFound (ValueError)    no kernel of this name is installed
    ├── UnknownLanguage (ValueError)       a block that the kernel cannot run (in code_blocks)
    ├── VariableNotFound (LookupError)     the kernel has no variable of this name
    ├── NotJsonValue (ValueError)          JSON cannot express a variable's value
    ├── KernelNotReady (TimeoutError)      the kernel was started but does not answer
    ├── ClientClosed                       used after ``stop`` or ``close``
    ├── NotebookError                      a notebook did not run to its end; has the notebook
    │   ├── NotebookTimeout (TimeoutError)     a time limit of the notebook or of a cell has passed
    │   └── NotebookKernelDied                 its kernel died, or did not start
    └── ExecutionError                     only raised by ``raise_for_error``; has the result
        ├── ExecutionTimeout (TimeoutError)
        └── KernelDied

If the *code* of a cell fails, this is a result, not an exception. Only a notebook that stops at a
failed cell raises an exception. Wrong arguments are a ``ValueError``.
"""

from __future__ import annotations

from typing import Any


class JkgError(Exception):
    """Base class of all errors of this package, except for wrong arguments.

    Example::

        try:
            result = executor.execute_code_blocks(blocks)
        except JkgError as error:
            print(error, error.result)

    Attributes:
        result: The output of the code before the error: an ``ExecutionResult``, or a
            ``CodeResult`` if an executor raises the error. None if no code was running.
    """

    result: Any = None  # Any, because protocol/ imports this module


class WireError(JkgError, ValueError):
    """Bytes that are not a Jupyter message.

    Attributes:
        reason: The fault in the bytes.
        frame: The whole frame as it was received. A ``str`` for a text frame.
    """

    def __init__(self, reason: str, frame: str | bytes | bytearray) -> None:
        super().__init__(reason, frame)
        self.reason = reason
        self.frame = frame

    def __str__(self) -> str:
        unit = "characters" if isinstance(self.frame, str) else "bytes"
        start = f"{self.frame[:60]!r}"
        return f"{self.reason}; the frame has {len(self.frame)} {unit} and starts with {start}"


class GatewayError(JkgError):
    """The server, or the connection to the kernel, has failed."""


class GatewayUnreachable(GatewayError, ConnectionError):
    """Nothing answers at the address, or the connection broke and could not be restored."""


class GatewayTimeout(GatewayUnreachable, TimeoutError):
    """There is a server, but it did not answer within the time limit."""


class NotAGateway(GatewayError):
    """Something answers, but it is not a Jupyter server."""


class GatewayStatus(GatewayError):
    """The server answered with an error status.

    Attributes:
        status: HTTP status code. 0 if there is no server, as for an embedded kernel.
        request: Method and URL, without the token. For an embedded kernel, the name of the kernel.
        body: Beginning of the answer, at most 500 characters.
        hint: What the caller can do. It may be empty.
    """

    def __init__(self, status: int, request: str, body: str, hint: str = "") -> None:
        super().__init__(status, request, body, hint)  # as args, so that it can be pickled
        self.status = status
        self.request = request
        self.body = body
        self.hint = hint

    def __str__(self) -> str:
        answered = f"{self.request} answered {self.status}" if self.status else self.request
        said = f"{answered}: {self.body}" if self.body else answered
        return f"{said} ({self.hint})" if self.hint else said


class GatewayUnauthorized(GatewayStatus, PermissionError):
    """The server refuses the token, or asks for one."""


class GatewayFull(GatewayStatus):
    """The server already runs as many kernels as it allows."""


class KernelNotFound(GatewayStatus, LookupError):
    """The kernel does not exist (any more): it was deleted or culled, or it died too often."""


class ServerNotRunning(GatewayStatus):
    """The hub answers instead of the user's server, which was stopped, culled or never started."""


class ServerStartError(GatewayError):
    """A server did not start. The message says why."""


class ServerStartTimeout(ServerStartError, TimeoutError):
    """The hub did not start the server within the time limit."""


class NamedServersDisabled(ServerStartError):
    """The hub does not allow named servers: each user has one server."""


class TooManyServers(ServerStartError):
    """The user has as many named servers as the hub allows. Stopped servers count.

    Attributes:
        message: The message of the hub.
        servers: Names of the user's servers.
    """

    def __init__(self, message: str, servers: tuple[str, ...] = ()) -> None:
        super().__init__(message, servers)  # as args, so that it can be pickled
        self.message = message
        self.servers = servers

    def __str__(self) -> str:
        return self.message


class KernelStartError(GatewayError):
    """An embedded kernel ended before it answered. The message has the last lines of its output."""


class EngineError(JkgError):
    """The Docker engine cannot be reached, or it refused a request.

    Attributes:
        message: The request, and the message of the engine.
        status: HTTP status code of the answer. None if there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message, status)
        self.message = message
        self.status = status

    def __str__(self) -> str:
        return self.message


class KernelSpecNotFound(JkgError, ValueError):
    """No kernel of this name is installed. The message lists the installed kernels."""


class KernelNotReady(JkgError, TimeoutError):
    """The kernel was started but did not answer within the time limit."""


class VariableNotFound(JkgError, LookupError):
    """The kernel has no variable of this name.

    Attributes:
        name: Name of the variable.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"the kernel has no variable {self.name!r}"


class NotJsonValue(JkgError, ValueError):
    """JSON cannot express the value of a variable.

    Attributes:
        name: Name of the variable.
        kind: Name of the value's class.
        reason: The kernel's error.
    """

    def __init__(self, name: str, kind: str, reason: str) -> None:
        super().__init__(name, kind, reason)
        self.name = name
        self.kind = kind
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"the value of {self.name!r}, of type {self.kind}, cannot be read as JSON"
            f" ({self.reason}); convert it in the kernel first"
        )


class ClientClosed(JkgError):
    """The object was used after ``stop`` or ``close``."""


class ExecutionError(JkgError):
    """The cell failed. Only ``ExecutionResult.raise_for_error`` raises this.

    Attributes:
        message: The exception of the cell, or a sentence that says how the cell ended.
        result: The ``ExecutionResult``.
    """

    def __init__(self, message: str, result: Any) -> None:
        super().__init__(message, result)
        self.message = message
        self.result = result

    def __str__(self) -> str:
        return self.message


class ExecutionTimeout(ExecutionError, TimeoutError):
    """The cell exceeded its time limit."""


class KernelDied(ExecutionError):
    """The kernel died while the cell was running."""


class NotebookError(JkgError):
    """A notebook did not run to its end.

    Attributes:
        message: What happened.
        status: ``error``: a cell failed. ``timeout``: a time limit has passed. ``died``: the kernel
            died, or did not start. ``incomplete``: all cells ran, but some output was lost.
            ``unreachable``: the connection to the kernel broke.
        notebook: The notebook with the outputs so far, a ``NotebookNode``.
        index: Position of the cell in ``notebook.cells``. None if no cell had begun.
        number: Position of the cell in the notebook that the caller passed, from 0. None if no cell
            had begun, or if the cell sets the parameters.
        traceback: The exception of the cell, without colours.
        exit_code: Exit status for a program that runs notebooks: the exit status of the code, or 1,
            124 or 137.
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
        """The cell, which is part of ``notebook``. None if no cell had begun."""
        return None if self.index is None else self.notebook.cells[self.index]

    @property
    def source(self) -> str:
        """Code of the cell, as the saved notebook has it. Empty if no cell had begun."""
        return "" if self.index is None else str(self.cell.source)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (self.message, self.status, self.notebook, self.index, self.number)
        return type(self), (*fields, self.traceback, self.exit_code)


class NotebookTimeout(NotebookError, TimeoutError):
    """A time limit of the notebook, or of one of its cells, has passed."""


class NotebookKernelDied(NotebookError):
    """The kernel of the notebook died, or did not start."""
