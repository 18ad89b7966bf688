"""Runs cells in IPython, and sends their output."""

from __future__ import annotations

import os
import pdb  # noqa: T100 - cells use it
import sys
import tempfile
import zlib
from collections.abc import Awaitable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Callable

from IPython.core import debugger, page, payloadpage
from IPython.core.autocall import ZMQExitAutocall
from IPython.core.compilerop import CachingCompiler
from IPython.core.completer import provisionalcompleter, rectify_completions
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import StdinNotImplementedError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.profiledir import ProfileDir
from IPython.core.release import version
from IPython.utils.tokenutil import token_at_cursor
from traitlets import Any as AnyTrait
from traitlets import CBool, Instance, Type, default
from traitlets.config import Config

from . import comms
from .console import Console
from .interrupts import code_begins
from .shells import Cell, Outcome, Reply, Shell

ENVIRONMENT = {
    "TERM": "xterm-color",
    "CLICOLOR": "1",
    "FORCE_COLOR": "1",
    "CLICOLOR_FORCE": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
}
"""Variables that ipykernel sets, too: output is coloured, and pagers do not wait for a key."""

INLINE = "module://matplotlib_inline.backend_inline"


class ResultHook(DisplayHook):  # type: ignore[misc]  # IPython may be missing
    """Sends the value of a cell."""

    console: Console
    content: dict[str, Any] | None = None

    def start_displayhook(self) -> None:
        self.content = {}

    def write_output_prompt(self) -> None:
        assert self.content is not None
        self.content["execution_count"] = self.prompt_count

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        assert self.content is not None
        self.content.update(data=format_dict, metadata=md_dict or {})

    def finish_displayhook(self) -> None:
        content, self.content = self.content, None
        if content and content.get("data"):
            self.console.say("execute_result", content)


class Compiler(CachingCompiler):  # type: ignore[misc]  # as above
    """Names the file of a cell as ipykernel does."""

    def get_code_name(self, raw_code: str, code: str, number: int) -> str:  # noqa: ARG002
        folder = Path(tempfile.gettempdir()) / f"ipykernel_{os.getpid()}"
        return str(folder / f"{zlib.crc32(code.encode(errors='replace'))}.py")


class Publisher(DisplayPublisher):  # type: ignore[misc]  # as above
    """Sends the displays of a cell."""

    console: Console

    def publish(
        self,
        data: Any,
        metadata: Any = None,
        source: Any = None,  # noqa: ARG002 - IPython's signature
        *,
        transient: Any = None,
        update: bool = False,
        **_: Any,
    ) -> None:
        self._validate_data(data, metadata)
        msg_type = "update_display_data" if update else "display_data"
        content = {"data": data, "metadata": metadata or {}, "transient": transient or {}}
        self.console.say(msg_type, content)

    def clear_output(self, wait: bool = False) -> None:
        self.console.say("clear_output", {"wait": wait})


class KernelFace:
    """The part of ``get_ipython().kernel`` that libraries use."""

    def __init__(self, shell: InteractiveShell, console: Console) -> None:
        self.shell = shell
        self._console = console

    def get_parent(self, channel: str = "shell") -> dict[str, Any]:  # noqa: ARG002 - ipykernel's
        """The request that is being answered."""
        header = self._console.parent()
        return {"header": header, "msg_id": header.get("msg_id")}


class ZMQInteractiveShell(InteractiveShell):  # type: ignore[misc]  # as above
    """IPython's shell in a kernel. Libraries look for the class by this name."""

    __module__ = "ipykernel.zmqshell"

    displayhook_class: Any = Type(ResultHook)
    display_pub_class: Any = Type(Publisher)
    exiter: Any = Instance(ZMQExitAutocall)
    kernel: Any = AnyTrait()
    keepkernel_on_exit = None
    compiler_class: Any = Type(Compiler)
    autoindent: Any = CBool(False)
    traceback_lines: Sequence[str] = ()
    failed_to_show: bool = False
    exit_now: bool

    @default("exiter")  # type: ignore[untyped-decorator]  # as above
    def _make_exiter(self) -> ZMQExitAutocall:
        return ZMQExitAutocall(self)

    def init_hooks(self) -> None:
        super().init_hooks()
        self.set_hook("show_in_pager", page.as_hook(payloadpage.page), 99)

    def init_virtualenv(self) -> None:
        """Keep the environment of the tests."""

    def enable_gui(self, gui: Any = None) -> None:
        """Do nothing: there is no window."""

    def ask_exit(self) -> None:
        self.exit_now = not self.keepkernel_on_exit
        payload = {"source": "ask_exit", "keepkernel": self.keepkernel_on_exit}
        self.payload_manager.write_payload(payload)

    async def run_ast_nodes(self, *args: Any, **options: Any) -> Any:
        code_begins()
        return await super().run_ast_nodes(*args, **options)

    def set_next_input(self, text: str, replace: bool = False) -> None:
        payload = {"source": "set_next_input", "text": text, "replace": replace}
        self.payload_manager.write_payload(payload)

    def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
        content = {"ename": str(etype.__name__), "evalue": str(evalue), "traceback": stb}
        # If showing the value raises an error, the cell fails, too.
        self.failed_to_show |= self.displayhook.content is not None
        self.displayhook.console.say("error", content)
        self.traceback_lines = stb


def _pass_breakpoint(*_: Any, **__: Any) -> None:
    """``breakpoint()`` does nothing, as in ipykernel while no client debugs."""


class _Nobody:
    """Drops messages before there is a kernel."""

    def say(self, *_: Any, **__: Any) -> None:
        """Send nothing."""

    def parent(self) -> Mapping[str, Any]:
        """There is no request."""
        return {}


class IPythonShell(Shell):
    """Runs cells in IPython."""

    def __init__(self) -> None:
        config = Config()
        # Do not use the history of the user. The history would also start a thread.
        config.HistoryManager.enabled = False
        config.IPKernelApp.connection_file = ""
        # IPython always creates a folder for its profile.
        with tempfile.TemporaryDirectory(prefix="jkg-ipython-") as folder:
            profile = ProfileDir(location=folder)
            self._ip = ZMQInteractiveShell.instance(
                config=config, ipython_dir=folder, profile_dir=profile
            )
        self._has_inline = find_spec("matplotlib_inline") is not None
        self._warm_up()
        self._ip.Completer.use_jedi = find_spec("jedi") is not None

    def _warm_up(self) -> None:
        # Import the modules that the first cell, the first value and the first traceback need.
        ip = self._ip
        before = [(names, dict(names)) for names in (ip.user_ns, ip.user_ns_hidden)]
        ip.displayhook.console = ip.display_pub.console = _Nobody()
        for code in ("1 + 1", "1 / 0"):
            ip.run_cell(code, store_history=False)
        # A new kernel has no value for _ and Out, and no error for %tb.
        ip.displayhook.flush()
        for names, values in before:
            names.clear()
            names.update(values)
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            vars(sys).pop(name, None)

    @property
    def count(self) -> int:
        """Number of the next cell."""
        return int(self._ip.execution_count)

    @property
    def info(self) -> Reply:
        """Implementation, version and banner."""
        return {
            "implementation": "ipython",
            "implementation_version": version,
            "banner": self._ip.banner,
        }

    def connect(self, console: Console) -> Mapping[str, Callable[[Any], None]]:
        self._ip.displayhook.console = self._ip.display_pub.console = console
        self._ip.kernel = KernelFace(self._ip, console)
        os.environ.update(ENVIRONMENT)
        if self._has_inline:
            os.environ.setdefault("MPLBACKEND", INLINE)
        sys.modules["__main__"] = self._ip.user_module
        # IPython knows this exception: its magics go on without an answer.
        console.prompts.refusal = StdinNotImplementedError
        # As in ipykernel: an interrupt ends IPython's debugger.
        debugger.Pdb = pdb.Pdb = debugger.InterruptiblePdb  # type: ignore[misc]
        pdb.set_trace = debugger.set_trace
        sys.breakpointhook = _pass_breakpoint
        return comms.connect(console)

    def run(self, cell: Cell) -> Outcome | Awaitable[Outcome]:
        self._ip.traceback_lines, self._ip.failed_to_show = (), False
        failed = None
        try:
            source = self._ip.transform_cell(cell.code)
        except Exception:  # noqa: BLE001 - reported when the cell is run
            source, failed = cell.code, sys.exc_info()
        transformed = {"transformed_cell": source, "preprocessing_exc_tuple": failed}
        if self._ip.should_run_async(cell.code, **transformed):
            return self._run_awaiting(cell, transformed)
        options = {"store_history": cell.store_history, "silent": cell.silent}
        return self._outcome(cell, self._ip.run_cell(cell.code, **options))

    async def _run_awaiting(self, cell: Cell, transformed: dict[str, Any]) -> Outcome:
        result = None
        try:
            result = await self._ip.run_cell_async(
                cell.code, store_history=cell.store_history, silent=cell.silent, **transformed
            )
        finally:
            self._ip.events.trigger("post_execute")
            if not cell.silent:
                self._ip.events.trigger("post_run_cell", result)
        return self._outcome(cell, result)

    def _outcome(self, cell: Cell, result: Any) -> Outcome:
        failure = result.error_before_exec or result.error_in_exec
        payload = tuple(self._ip.payload_manager.read_payload())
        self._ip.payload_manager.clear_payload()
        exits, self._ip.exit_now = bool(self._ip.exit_now), False
        if failure is None and not self._ip.failed_to_show:
            values = self._ip.user_expressions(dict(cell.user_expressions))
            return Outcome(payload=payload, user_expressions=values, exits=exits)
        error = {
            "ename": type(failure).__name__,
            "evalue": str(failure),
            "traceback": list(self._ip.traceback_lines),
        }
        return Outcome(error=error, payload=payload, exits=exits)

    def skip(self, cell: Cell) -> None:
        if cell.store_history and not cell.silent:
            self._ip.history_manager.store_inputs(self.count, cell.code, cell.code)
            self._ip.execution_count += 1

    def complete(self, code: str, cursor: int) -> Reply:
        found = self._completions(code, cursor)
        if not found and self._ip.Completer.use_jedi:
            # If another process writes jedi's cache at this moment, jedi reads half a file and
            # fails, and IPython ignores the error.
            self._ip.Completer.use_jedi = False
            try:
                found = self._completions(code, cursor)
            finally:
                self._ip.Completer.use_jedi = True
        types = [
            {"start": one.start, "end": one.end, "text": one.text, "type": one.type,
             "signature": one.signature}
            for one in found
        ]  # fmt: skip
        return {
            "matches": [one.text for one in found],
            "cursor_start": found[0].start if found else cursor,
            "cursor_end": found[0].end if found else cursor,
            "metadata": {"_jupyter_types_experimental": types},
        }

    def _completions(self, code: str, cursor: int) -> list[Any]:
        with provisionalcompleter():
            return list(rectify_completions(code, self._ip.Completer.completions(code, cursor)))

    def inspect(self, code: str, cursor: int, detail: int) -> Reply:
        try:
            name = token_at_cursor(code, cursor)
            data = dict(self._ip.object_inspect_mime(name, detail_level=detail))
        except KeyError:
            return {"found": False, "data": {}, "metadata": {}}
        if not self._ip.enable_html_pager:
            data.pop("text/html", None)
        return {"found": True, "data": data, "metadata": {}}

    def is_complete(self, code: str) -> Reply:
        status, spaces = self._ip.input_transformer_manager.check_complete(code)
        return {"status": status, **({"indent": " " * spaces} if status == "incomplete" else {})}

    def history(self) -> list[tuple[str, str | None]]:
        manager = self._ip.history_manager
        cells = list(enumerate(manager.input_hist_raw))[1:]
        return [(code, manager.output_hist_reprs.get(number)) for number, code in cells]

    def comms(self) -> dict[str, str]:
        return comms.open_comms()
