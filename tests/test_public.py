from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, get_origin

import pytest
from fixtures import Executors
from tables import rows

import jkg_client
from jkg_client.errors import JkgError

# As promised in DESIGN: names of positional arguments, and of keyword-only arguments.
SIGNATURES = [
    ("JupyterConnectionInfo", "host use_https port token", "base_path headers verify cert"),
    ("JupyterConnectionInfo.from_url", "url", "token"),
    ("JupyterConnectionInfo.from_env", "", ""),
    ("JupyterClient", "connection_info", ""),
    ("JupyterClient.list_kernel_specs", "", ""),
    ("JupyterClient.list_kernels", "", ""),
    ("JupyterClient.get_kernel", "kernel_id", ""),
    ("JupyterClient.start_kernel", "kernel_spec_name", "env path"),
    ("JupyterClient.interrupt_kernel", "kernel_id", ""),
    ("JupyterClient.restart_kernel", "kernel_id", ""),
    ("JupyterClient.delete_kernel", "kernel_id", ""),
    ("JupyterClient.get_kernel_client", "kernel_id", ""),
    ("JupyterClient.close", "", ""),
    ("JupyterKernelClient.wait_for_ready", "timeout_seconds", ""),
    (
        "JupyterKernelClient.execute",
        "code timeout_seconds",
        "on_output on_input silent store_history user_expressions",
    ),
    ("JupyterKernelClient.interrupt", "", ""),
    ("JupyterKernelClient.stop", "", ""),
    (
        "JupyterCodeExecutor",
        "jupyter_server kernel_name timeout output_dir",
        "kernel_id env max_output on_output",
    ),
    ("JupyterCodeExecutor.execute_code_blocks", "code_blocks", ""),
    ("JupyterCodeExecutor.restart", "", ""),
    ("JupyterCodeExecutor.stop", "", ""),
    ("CodeBlock", "code language", ""),
    ("LocalJupyterServer.get_client", "", ""),
    ("LocalJupyterServer.stop", "", ""),
    ("ExecutionResult.raise_for_error", "", ""),
]

DEFAULTS = [
    ("JupyterConnectionInfo", "port", None),
    ("JupyterConnectionInfo", "token", None),
    ("JupyterConnectionInfo", "verify", True),
    ("JupyterKernelClient.execute", "timeout_seconds", None),
    ("JupyterKernelClient.execute", "store_history", True),
    ("JupyterCodeExecutor", "kernel_name", "python3"),
    ("JupyterCodeExecutor", "timeout", 60),
    ("JupyterCodeExecutor", "output_dir", Path()),
    ("JupyterCodeExecutor", "max_output", 64 * 2**20),
    ("LocalJupyterServer", "ip", "127.0.0.1"),
    ("LocalJupyterServer", "port", None),
    ("LocalJupyterServer", "log_file", None),
    ("LocalJupyterServer", "token", jkg_client.GenerateToken),
]

ATTRIBUTES = {
    "ExecutionResult": (
        "status is_ok output outputs data_items failure execution_count kernel_restarted truncated"
    ),
    "CodeResult": "exit_code output output_files status kernel_restarted truncated results",
    "JupyterCodeExecutor": "code_extractor __enter__ __exit__",
    "LocalJupyterServer": "connection_info __enter__ __exit__",
    "JupyterConnectable": "connection_info",
    "JupyterClient": "connection_info __enter__ __exit__",
}


def named(path: str) -> Any:
    found: Any = jkg_client
    for name in path.split("."):
        found = getattr(found, name)
    return found


def public_objects() -> Iterator[tuple[str, Any]]:
    for name in jkg_client.__all__:
        thing = getattr(jkg_client, name)
        if get_origin(thing):  # a type with a name, which Python 3.9 takes for a class
            continue
        if inspect.isclass(thing) or inspect.isfunction(thing):
            yield name, thing
        for inner, member in vars(thing).items() if inspect.isclass(thing) else ():
            if not inner.startswith("_") and _is_ours(member):
                yield f"{name}.{inner}", member


def _is_ours(member: Any) -> bool:
    if isinstance(member, (classmethod, staticmethod)):
        member = member.__func__
    return inspect.isfunction(member) or isinstance(member, property)


def family(root: type[JkgError]) -> set[type[JkgError]]:
    return {root}.union(*(family(child) for child in root.__subclasses__()))


def test_all_lists_the_exposed_names() -> None:
    for name in jkg_client.__all__:
        assert getattr(jkg_client, name) is not None
    exposed = {
        name
        for name, thing in vars(jkg_client).items()
        if not name.startswith("_") and not isinstance(thing, ModuleType)
    }
    exposed -= {"Any", "TYPE_CHECKING", "annotations", "import_module"}
    assert sorted(jkg_client.__all__) == sorted({*exposed, "__version__"}) == dir(jkg_client)


def test_type_checkers_see_the_same_names_from_the_same_modules() -> None:
    source = ast.parse(Path(jkg_client.__file__).read_text(encoding="utf-8"))
    told = {
        alias.name: node.module
        for node in ast.walk(source)
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }
    del told["__version__"]
    for name, module in told.items():
        assert getattr(import_module(f"jkg_client.{module}"), name) is getattr(jkg_client, name)
    assert {*told, "__version__"} == set(jkg_client.__all__)


def test_the_error_for_an_unknown_name_has_the_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        jkg_client.Nothing  # noqa: B018


def test_every_exception_is_public() -> None:
    assert {kind.__name__ for kind in family(JkgError)} - set(jkg_client.__all__) == set()


def test_everything_public_has_a_docstring() -> None:
    objects = dict(public_objects())
    assert len(objects) > 60
    assert [path for path, thing in objects.items() if not inspect.getdoc(thing)] == []


@rows(("path", "by_position", "by_keyword"), SIGNATURES)
def test_signatures_are_as_promised(path: str, by_position: str, by_keyword: str) -> None:
    signature = inspect.signature(named(path))
    given = [*(["self"] if "self" in signature.parameters else []), *by_position.split()]
    options = {name: name for name in by_keyword.split()}
    assert signature.bind(*given, **options).arguments == {**{n: n for n in given}, **options}


@rows(("path", "by_position"), [row[:2] for row in SIGNATURES if row[2]])
def test_options_come_by_keyword_only(path: str, by_position: str) -> None:
    signature = inspect.signature(named(path))
    given = [*(["self"] if "self" in signature.parameters else []), *by_position.split()]
    with pytest.raises(TypeError, match="too many positional arguments"):
        signature.bind(*given, "one more")


@rows(("path", "name", "value"), DEFAULTS)
def test_defaults_are_as_promised(path: str, name: str, value: Any) -> None:
    default = inspect.signature(named(path)).parameters[name].default
    assert default is value or default == value


@rows("name", ["kernel_info", "complete", "inspect", "is_complete", "history"])
def test_kernels_can_be_asked(name: str) -> None:
    assert callable(getattr(jkg_client.JupyterKernelClient, name))


@rows("name", ATTRIBUTES)
def test_attributes_are_as_promised(name: str) -> None:
    found = set(dir(named(name))) | set(getattr(named(name), "__annotations__", ()))
    assert set(ATTRIBUTES[name].split()) - found == set()


def test_the_names_that_autogen_reads_are_there(executors: Executors, tmp_path: Path) -> None:
    executor = executors(kernel_name="python3", timeout=7, output_dir=tmp_path)
    assert (executor._timeout, executor._kernel_name) == (7, "python3")
    assert executor._output_dir == tmp_path


def test_a_result_is_printed_as_autogen_prints_it() -> None:
    result = jkg_client.CodeResult(exit_code=0, output="Hello, World!\n")
    assert str(result) == "exit_code=0 output='Hello, World!\\n' output_files=[]"


@pytest.mark.parametrize(
    "block",
    [jkg_client.CodeBlock("1", "python"), jkg_client.CodeBlock(language="python", code="1")],
)
def test_a_block_is_made_by_position_or_keyword(block: jkg_client.CodeBlock) -> None:
    assert (block.code, block.language) == ("1", "python")


def test_the_version_heads_the_changelog() -> None:
    changelog = (Path(__file__).parent.parent / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## {jkg_client.__version__} " in changelog


@pytest.mark.field("E11")
def test_types_of_callbacks_are_public() -> None:
    assert {"OnInput", "OnOutput"} <= set(jkg_client.__all__)
