"""Python, as a kernel runs it: one namespace, cells in order, the last expression shown."""

from __future__ import annotations

import ast
import asyncio
import inspect
import linecache
import traceback
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, timezone
from queue import SimpleQueue
from types import CodeType
from typing import Any, Literal

from attrs import field, frozen

from ..protocol.messages import Json
from .captures import CapturedIO
from .displays import Displays, mime_bundle
from .environment import Environment
from .magics import Magics, UsageError, to_python
from .outbox import Request, Said
from .shell_commands import Commands
from .terminal import Terminal
from .tracebacks import CELL, error_content

Ending = Literal["reply", "idle"]
"""A message that tells of the end of a cell."""


@frozen(kw_only=True)
class Outcome:
    """How a cell ended.

    Attributes:
        error: ``ename``, ``evalue`` and ``traceback``; None if it succeeded.
        quiet: Whether the error is in the reply only.
        payload: For the reply: pages, the next input.
        user_expressions: Their values, for the reply.
        exits: Whether the kernel ends now.
        loses: What of its end is never sent.
    """

    error: Mapping[str, Any] | None = None
    quiet: bool = False
    payload: tuple[Mapping[str, Any], ...] = ()
    user_expressions: Mapping[str, Any] = field(factory=dict)
    exits: bool = False
    loses: Collection[Ending] = ()


class PythonShell:
    """The variables of one kernel and the code that ran in it."""

    def __init__(self, terminal: Terminal, env: dict[str, str]) -> None:
        self.count = 0
        self.history: list[tuple[str, str | None]] = []
        self.payload: list[dict[str, Any]] = []
        self.task: asyncio.Task[Any] | None = None
        self._terminal = terminal
        self._exits = False
        self._shown: str | None = None
        self._number = 0
        self._silent = False
        self._id = uuid.uuid4().hex[:8]
        self._files: list[str] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        displays = Displays(terminal.say)
        magics = Magics(self, Commands(env, self.wait))
        builtins = Environment(self, displays, magics, env).builtins()
        self.namespace: dict[str, Any] = {
            "__name__": "__main__",
            "__builtins__": builtins,
            "In": [""],
            "Out": {},
        }

    def run(self, request: Json, number: int) -> Outcome:
        """Run a cell. In the thread that cells run in.

        Args:
            request: Content of the ``execute_request``.
            number: Its number, for its name in tracebacks.
        """
        self.payload.clear()
        self._exits = False
        self._shown = None
        self._number = number
        self._silent = bool(request.get("silent"))
        self._terminal.captured = None
        try:
            source = to_python(request["code"])
            if _is_remembered(request):
                self.namespace["In"].append(source)
            self.show(self._run(source))
        except UsageError as exc:
            self.write("stderr", f"UsageError: {exc}\n")
            return Outcome(error={**error_content(exc), "traceback": []}, quiet=True)
        except Exception as exc:  # noqa: BLE001 - whatever the cell raises is its outcome
            return Outcome(error=error_content(exc))
        expressions = request.get("user_expressions") or {}
        return Outcome(
            payload=tuple(self.payload),
            user_expressions={name: self._value(text) for name, text in expressions.items()},
            exits=self._exits,
        )

    def failed(self, exc: BaseException) -> Outcome:
        """The outcome of a cell that ended by something that is no ``Exception``."""
        if isinstance(exc, SystemExit):
            self.write("stderr", "UserWarning: To exit: use 'exit', 'quit', or Ctrl-D.\n")
        return Outcome(error=error_content(exc))

    def remember(self, content: Json) -> None:
        """Count a cell that has ended, and note what it was; silent ones leave no trace."""
        code = content["code"]
        if not (_is_remembered(content) and code.strip()):
            return
        self.count += 1
        self.history.append((code, self._shown))

    def close(self) -> None:
        """Forget the cells' sources, end what awaits. Not while a cell runs."""
        for file in self._files:
            linecache.cache.pop(file, None)
        loop, self._loop = self._loop, None
        if loop is not None:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks))
            loop.close()

    # What the cells' environment and magics need of the kernel.

    @property
    def stdout(self) -> Any:
        """Where cells print."""
        return self._terminal.stdout

    def evaluate(self, code: str) -> Any:
        """The value of code that stands behind a magic."""
        source = to_python(code)
        codes, is_shown = _compiled(source, self._new_file(source), 0)
        values = [eval(one, self.namespace) for one in codes]  # noqa: S307 - what it is for
        return values[-1] if is_shown else None

    def show(self, value: Any) -> None:
        """Show the value of a cell, unless it has none."""
        if value is None or self._silent:
            return
        data, metadata = mime_bundle(value)
        content = {"data": data, "metadata": metadata, "execution_count": self._number}
        if self._terminal.say("execute_result", content):
            self.namespace["_"] = self.namespace["Out"][self._number] = value
            self._shown = data.get("text/plain")

    def capture(self, kinds: set[str] | None) -> CapturedIO | None:
        """Keep from now on what the cell says, for None say it again; what keeps it."""
        captured = CapturedIO(self._terminal, kinds) if kinds is not None else None
        self._terminal.captured = captured
        return captured

    def fail(self, exc: Exception) -> None:
        """Show an error with which the cell does not end."""
        self._terminal.say("error", error_content(exc))

    def write(self, name: str, text: str) -> None:
        """Print ``text`` on the stream ``name``."""
        if text:
            self._terminal.write(name, text)

    def ask(self, prompt: str, password: bool) -> str:
        """What the client answers."""
        return self._terminal.ask(prompt, password)

    def wait(self, awaited: SimpleQueue[Any], timeout: float | None = None) -> Any:
        """Wait in the cell's thread."""
        return self._terminal.wait(awaited, timeout)

    def interrupt(self) -> None:
        """Interrupt the cell that runs."""
        self._terminal.interrupt()

    def die(self) -> None:
        """End as a process does that is killed."""
        self._terminal.die()

    def exit(self, keep_kernel: bool) -> None:
        """End when the cell has ended."""
        self._exits = not keep_kernel
        self.payload.append({"source": "ask_exit", "keepkernel": keep_kernel})

    def describe(self, name: str) -> str | None:
        """Signature, documentation and type of an object."""
        try:
            value = eval(name, self.namespace)  # noqa: S307 - a cell asks for it
        except Exception:  # noqa: BLE001 - then there is no such object
            return None
        lines = [f"Type:      {type(value).__name__}", f"Docstring: {inspect.getdoc(value)}"]
        try:
            lines.insert(0, f"Signature: {name}{inspect.signature(value)}")
        except (TypeError, ValueError):
            lines.insert(0, f"String form: {value!r}")
        return "\n".join(lines)

    def _new_file(self, source: str) -> str:
        file = f"{CELL}{self._number}-{self._id}-{len(self._files)}>"
        self._files.append(file)
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        return file

    def _run(self, source: str) -> Any:
        file = self._new_file(source)
        codes, is_shown = _compiled(source, file, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if any(code.co_flags & inspect.CO_COROUTINE for code in codes):
            values = self._await(self._evaluate_awaiting(codes))
        else:
            values = [eval(code, self.namespace) for code in codes]  # noqa: S307 - what it is for
        return values[-1] if is_shown else None

    async def _evaluate_awaiting(self, codes: list[CodeType]) -> list[Any]:
        values = []
        for code in codes:
            value = eval(code, self.namespace)  # noqa: S307 - what a kernel is for
            values.append(await value if code.co_flags & inspect.CO_COROUTINE else value)
        return values

    def _await(self, coroutine: Any) -> Any:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        self.task = self._loop.create_task(coroutine)
        try:
            return self._loop.run_until_complete(self.task)
        finally:
            self.task.cancel()
            self.task = None

    def _value(self, expression: str) -> dict[str, Any]:
        try:
            data, metadata = mime_bundle(eval(expression, self.namespace))  # noqa: S307
        except Exception as exc:  # noqa: BLE001 - its error is its value
            lines = traceback.format_exception_only(type(exc), exc)
            return {"status": "error", **error_content(exc), "traceback": lines}
        return {"status": "ok", "data": data, "metadata": metadata}


def _is_remembered(request: Json) -> bool:
    return not request.get("silent") and bool(request.get("store_history", True))


def execute_reply(request: Request, outcome: Outcome, count: int, engine: str) -> Said:
    """The reply that tells of ``outcome``."""
    status = "error" if outcome.error else "ok"
    content = {
        "status": status,
        "execution_count": count,
        "user_expressions": outcome.user_expressions,
        "payload": list(outcome.payload),
        **(outcome.error or {}),
    }
    about = {
        "started": datetime.now(timezone.utc).isoformat(),
        "dependencies_met": True,
        "engine": engine,
        "status": status,
    }
    return Said(
        request=request,
        channel=request.message.channel,
        msg_type="execute_reply",
        content=content,
        metadata=about,
    )


def _compiled(source: str, file: str, flags: int) -> tuple[list[CodeType], bool]:
    """The code of ``source``, and whether the value of the last of it is to be shown."""
    tree = ast.parse(source, file)
    last = tree.body[-1] if tree.body else None
    is_shown = isinstance(last, ast.Expr) and not source.rstrip().endswith(";")
    if is_shown:
        tree.body.pop()
    codes = [_compile(tree, file, "exec", flags)]
    if is_shown and isinstance(last, ast.Expr):
        codes.append(_compile(ast.Expression(last.value), file, "eval", flags))
    return codes, is_shown


def _compile(tree: Any, file: str, mode: str, flags: int) -> CodeType:
    code: CodeType = compile(tree, file, mode, flags, dont_inherit=True)
    return code
