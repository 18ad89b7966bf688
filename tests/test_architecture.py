"""The layers of the package as in DESIGN, read from the source without imports."""

from __future__ import annotations

import ast
import functools
import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tables import table

import jkg_client

ROOT = Path(jkg_client.__file__).parent
FILES = {path.relative_to(ROOT).as_posix(): path for path in sorted(ROOT.rglob("*.py"))}

CORE = {"errors", "protocol"}
BELOW_EXECUTOR = {
    *CORE,
    "session_file",
    "client",
    "gateway",
    "servers",
    "code_blocks",
    "pages",
    "rendering",
    "code_result",
    "shell_cells",
    "installs",
    "python_files",
    "python_variables",
    "secret_variables",
    "variable_access",
}
FRONTS = {*BELOW_EXECUTOR, "executor", "async_executor", "jupyter_executors", "prompts", "worker"}
# The streams of the command and of the MCP server.
STREAMS = "waiting_files"
# The parts that each part may import.
ARROWS = {
    "_version": set(),
    "errors": set(),
    "protocol": {"errors"},
    "client": {*CORE, "session_file"},
    # These save JSON text in files. All parts that run code may use them.
    "session_file": CORE,
    "gateway": {*CORE, "client"},
    "embedded": {*CORE, "client", "secret_variables"},
    "secret_variables": set(),
    "servers": {*CORE, "client", "gateway", "secret_variables"},
    "code_blocks": CORE,
    "shell_cells": CORE,
    "shell_runner": set(),
    "installs": CORE,
    "python_files": CORE,
    "python_variables": {*CORE, "client", "code_blocks"},
    "variable_access": {"python_variables"},
    "pages": CORE,
    "rendering": {*CORE, "pages"},
    "code_result": {*CORE, "pages", "rendering"},
    "executor": BELOW_EXECUTOR,
    "prompts": set(),
    "worker": set(),
    STREAMS: set(),
    "async_executor": {*BELOW_EXECUTOR, "executor", "worker"},
    "jupyter_executors": {*BELOW_EXECUTOR, "async_executor", "executor"},
    "embedded_executor": {*BELOW_EXECUTOR, "async_executor", "embedded", "executor"},
    "notebooks": {*FRONTS, "embedded"},
    "integrations": {*FRONTS, STREAMS, "_version", "embedded_executor", "notebooks"},
    "cli": {*FRONTS, STREAMS, "_version", "embedded", "integrations", "notebooks"},
    "testing": FRONTS,
    "__main__": {"cli"},
    "__init__": {*FRONTS, "_version", "embedded_executor", "notebooks"},
}

# The only modules that may import a library; attrs may be imported anywhere.
DOORS = {
    "requests": {
        *(f"gateway/{name}.py" for name in ("adapter", "responses", "http_session", "connecting")),
        "servers/jupyterhub/api.py",
    },
    "socks": {"gateway/connecting.py"},
    "urllib3": {"gateway/adapter.py", "gateway/http_session.py", "servers/docker/api.py"},
    "websocket": {"gateway/deadline_socket.py"},
    "docker": {f"servers/docker/{name}.py" for name in ("api", "endpoints", "engine")},
    "websockets": {"testing/sockets.py"},
    "pytest": {"testing/plugin.py"},
    # Without these libraries, the console still works on a plain terminal.
    "prompt_toolkit": {f"cli/console/{name}.py" for name in ("__init__", "editor", "history")},
    "pygments": {f"cli/console/{name}.py" for name in ("__init__", "editor")},
    # Only in the process of a fake kernel, if they are installed.
    "IPython": {"testing/kernel/ipython.py"},
    "comm": {"testing/kernel/comms.py"},
    "kernel_gateway": {"servers/launcher/__main__.py"},
    "traitlets": {
        "servers/launcher/__main__.py",
        "testing/kernel/ipython.py",
        *(f"integrations/nbclient/{name}.py" for name in ("client", "manager")),
    },
    "zmq": {f"embedded/{name}.py" for name in ("__init__", "connection_file", "sockets")},
    "jupyter_core": {"embedded/__init__.py", "embedded/kernelspecs.py"},
    "ipykernel": {"embedded/unlimited_queue_kernel.py"},
    "PIL": {"cli/sixel.py", "integrations/smolagents.py"},
    # Notebooks need it anyway. Only one module names the extra in its error.
    "nbformat": {name for name in FILES if name.startswith("notebooks/")},
    "papermill": {
        "notebooks/parameters.py",
        *(f"notebooks/papermill_{name}.py" for name in ("log", "manager", "output", "run")),
    },
    "click": {"notebooks/papermill_run.py"},
}

# No clock, file, socket, environment or random number. Only new_header adds an id and the time.
PURE = {"__future__", "attrs", "collections", "enum", "json", "re", "struct", "typing"}
PURE |= {"base64", "binascii", "codecs", "functools", "itertools"}
# A signature is computed only from the bytes and the key.
SIGNS = {"hashlib", "hmac"}
STAMPS = {"datetime", "secrets"}


@functools.cache
def modules() -> dict[str, ast.Module]:
    """The modules by name, read when the first test needs them."""
    # Trees have no cycles: to search them for garbage again and again takes longer than to read.
    gc.disable()
    try:
        return {name: ast.parse(path.read_text("utf-8")) for name, path in FILES.items()}
    finally:
        gc.enable()


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements of a module. To pass over expressions takes a tenth of the time."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            waiting += getattr(node, name, ())


def imported(name: str, tree: ast.AST) -> Iterator[str]:
    """Modules that a module imports, by absolute names. Imports of a name in a string count."""
    package = ("jkg_client/" + name).split("/")[:-1]
    calls_import = "import_module" in FILES[name].read_text("utf-8")
    for node in ast.walk(tree) if calls_import else statements(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _name_of(node.func) == "import_module":
            words = (arg.value for arg in node.args if isinstance(arg, ast.Constant))
            yield from (word for word in words if isinstance(word, str))


def _name_of(function: ast.expr) -> str:
    """The last part of the name of the called function."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


@functools.cache
def imports() -> dict[str, set[str]]:
    """The imports of each module."""
    return {name: set(imported(name, tree)) for name, tree in modules().items()}


def libraries_of(names: set[str]) -> set[str]:
    """The libraries that these modules belong to."""
    return {name.split(".")[0] for name in names} - {""}


def part_of(module: str) -> str | None:
    """The part of the package to which a module belongs. None for no part."""
    names = module.split(".")
    return names[1] if names[0] == "jkg_client" and len(names) > 1 else None


def part_of_file(name: str) -> str:
    return Path(name).parts[0].replace(".py", "")


def test_imports_point_one_way() -> None:
    with table() as row:
        for name, names in imports().items():
            with row(name):
                here = part_of_file(name)
                parts = {part for module in names if (part := part_of(module))}
                assert parts - ARROWS[here] - {here} == set()


def test_no_module_imports_itself_through_other_modules() -> None:
    # Imports for the type checker count, too.
    files = {name: _files(name) for name in FILES}
    reached = {name: _reached(files, name) for name in FILES}
    assert {name for name in FILES if name in reached[name]} == set()


def _files(name: str) -> set[str]:
    """The modules of this package that a module imports, as names of files."""
    paths = {m.replace("jkg_client.", "", 1).replace(".", "/") for m in imports()[name]}
    files = {f"{path}.py" for path in paths} & set(FILES)
    # ``from . import cells`` needs only this module of the package.
    packages = paths - {Path(file).parent.as_posix() for file in files}
    return files | ({f"{path}/__init__.py" for path in packages} & set(FILES))


def _reached(files: dict[str, set[str]], start: str) -> set[str]:
    reached, waiting = set[str](), list(files[start])
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += files[name]
    return reached


def test_no_module_of_the_package_imports_the_testing_modules() -> None:
    with table() as row:
        for name, names in imports().items():
            if not name.startswith("testing/"):
                with row(name):
                    assert not {m for m in names if m.startswith("jkg_client.testing")}


def test_other_modules_import_only_the_public_container_modules() -> None:
    inside = "jkg_client.servers.docker."
    with table() as row:
        for name, names in imports().items():
            if not name.startswith("servers/docker/"):
                with row(name):
                    known = {m.replace(inside, "") for m in names if m.startswith(inside)}
                    public = {"images", "owners", "server"}
                    assert {module.split(".")[0] for module in known} <= public


def test_the_launcher_runs_without_this_package() -> None:
    with table() as row:
        for name, names in imports().items():
            if "launcher/" in name:
                with row(name):
                    assert not {m for m in names if m.startswith("jkg_client")}


@pytest.mark.parametrize("name", ["embedded/watchdog.py", "embedded/unlimited_queue_kernel.py"])
def test_programs_that_run_beside_a_kernel_do_not_need_this_package(name: str) -> None:
    assert not {module for module in imports()[name] if module.startswith("jkg_client")}
    # It is run by ``python -c``, so it cannot import a module beside it.
    assert not any(
        isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(modules()[name])
    )


def test_each_library_is_imported_only_by_its_own_modules() -> None:
    with table() as row:
        for name, names in imports().items():
            with row(name):
                assert {
                    lib for lib in libraries_of(names) & set(DOORS) if name not in DOORS[lib]
                } == set()


@pytest.mark.skipif(sys.version_info < (3, 10), reason="cannot tell what is the standard library")
def test_no_other_library_is_imported() -> None:
    known = {*sys.stdlib_module_names, *DOORS, "attrs", "jkg_client"}
    # The replacement of pip imports the real pip.
    inner = {"testing/kernel/refusals/pip.py": {"pip"}}
    with table() as row:
        for name, names in imports().items():
            if not name.startswith("integrations/"):
                with row(name):
                    assert libraries_of(names) - known - inner.get(name, set()) == set()


def test_the_messaging_libraries_are_imported_nowhere() -> None:
    with table() as row:
        for name, names in imports().items():
            # nbclient itself needs the first of these libraries.
            allowed = {"jupyter_client", "nbclient"} if "integrations/nbclient/" in name else set()
            with row(name):
                assert libraries_of(names) & {"jupyter_client", "tornado", "nbclient"} <= allowed


INSIDE = {f"testing/kernel/{name}.py" for name in ("execution", "ipython", "plain", "process",
                                                    "service", "streams")}  # fmt: skip


def test_modules_that_run_cells_are_imported_only_in_the_process_of_a_kernel() -> None:
    with table() as row:
        for name, names in imports().items():
            if "testing/kernel/" not in name:
                with row(name):
                    files = {module.replace(".", "/") + ".py" for module in names}
                    assert not {f"jkg_client/{inside}" for inside in INSIDE} & files


def test_the_protocol_only_computes() -> None:
    more = {"protocol/messages.py": STAMPS, "protocol/zmq_wire.py": SIGNS}
    with table() as row:
        for name, names in imports().items():
            if name.startswith("protocol/"):
                with row(name):
                    assert (
                        libraries_of(names) - {"jkg_client"} - PURE - more.get(name, set()) == set()
                    )


def test_the_core_neither_waits_nor_logs() -> None:
    waits = {"logging", "select", "socket", "subprocess", "threading", "time"}
    core = ("errors.py", "rendering.py", "gateway/connection.py", "code_blocks/")
    with table() as row:
        for name, names in imports().items():
            if name.startswith(core):
                with row(name):
                    assert libraries_of(names) & waits == set()


def test_a_module_holds_one_idea() -> None:
    # At 300 lines, look for a second idea. Do not compress code to stay below a number.
    with table() as row:
        for name, path in FILES.items():
            with row(name):
                assert len(path.read_text("utf-8").splitlines()) <= 350


def test_a_function_stays_under_40_lines() -> None:
    with table() as row:
        for name, tree in modules().items():
            with row(name):
                functions = (node for node in statements(tree) if isinstance(node, FUNCTIONS))
                assert [function.name for function in functions if _lines(function) >= 40] == []


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Number of lines of a function, without its docstring."""
    said = ast.get_docstring(function, clean=False)
    return (function.end_lineno or 0) - function.lineno + 1 - (said.count("\n") + 1 if said else 0)


def test_every_module_has_a_docstring() -> None:
    with table() as row:
        for name, tree in modules().items():
            with row(name):
                assert ast.get_docstring(tree) or not FILES[name].read_text("utf-8").strip()


LOOKS_ON = """
import sys
events = []
sys.addaudithook(lambda event, args: events.append((event, args)))
from jkg_client import *
begun = ("os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "subprocess.")
asked = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname")
print(*{name for name, _ in events if name.startswith(begun + asked)})
print(*{args[0] for name, args in events if name == "open" and set(str(args[1])) & set("wax+")})
print("import" in {name for name, _ in events})
print(*{name.split(".")[0] for name in sys.modules})
"""


@functools.cache
def imported_anew() -> subprocess.CompletedProcess[str]:
    """What happened when a new interpreter imported the whole package."""
    return subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", LOOKS_ON],
        env={**os.environ, "PYTHONPATH": str(ROOT.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


@pytest.mark.pitfall(33)
def test_an_import_of_the_package_loads_no_framework_and_prints_nothing() -> None:
    done = imported_anew()
    *events, modules = done.stdout.splitlines()
    loaded = set(modules.split())
    assert len(events) == 3
    assert "jkg_client" in loaded
    assert loaded & {
        *("docker", "IPython", "jupyter_client", "jupyter_server", "kernel_gateway", "nbclient"),
        *("pytest", "tornado", "traitlets", "websockets", "zmq"),
    } == set()  # fmt: skip
    assert done.stderr == ""


WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(["requests", "urllib3", "websocket", "docker"]))
from jkg_client.protocol import exchange, messages, outputs, result, wire
from jkg_client import CodeBlock, ExecutionResult, MarkdownCodeExtractor, Stream
print(exchange.Exchange("id").msg_id)
"""


def test_the_protocol_needs_no_library_that_moves_bytes() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT],
        env={**os.environ, "PYTHONPATH": str(ROOT.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "id\n"


def test_the_modules_that_may_import_a_library_exist() -> None:
    assert {name for doors in DOORS.values() for name in doors if name not in FILES} == set()


@pytest.mark.pitfall(33)
def test_an_import_of_the_package_has_no_side_effects() -> None:
    assert imported_anew().stdout.splitlines()[:3] == ["", "", "True"]
