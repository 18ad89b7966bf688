"""Each environment of tox.ini has the packages that its conftest.py imports."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tables import table

ROOT = Path(__file__).parent.parent
# Modules of packages with another name or with further modules.
NAMES = {
    "pyyaml": "yaml",
    "jupyter_kernel_gateway": "kernel_gateway",
    "websocket-client": "websocket",
}
BRING = {"jupyter_kernel_gateway": {"jupyter_client"}, "ipykernel": {"jupyter_client"}}


def read(name: str) -> configparser.ConfigParser:
    config = configparser.ConfigParser(
        interpolation=None, inline_comment_prefixes="#", default_section="none"
    )
    config.read(ROOT / name, encoding="utf-8")
    return config


TOX, SETUP = read("tox.ini"), read("setup.cfg")
RUNNING_PYTEST = [name for name in TOX.sections() if "pytest" in TOX[name].get("commands", "")]


def setting(section: str, name: str) -> str:
    """A setting, with its references to other sections, such as ``{[testenv]deps}``."""
    text = TOX[section].get(name, TOX["testenv"].get(name, ""))
    return re.sub(r"\{\[([\w:]+)\](\w+)\}", lambda found: setting(found[1], found[2]), text)


def installed(section: str) -> set[str]:
    """Modules of the environment: of its own requirements and of our extras."""
    lines = setting(section, "deps").split("\n") + SETUP["options"]["install_requires"].split("\n")
    for extra in re.split(r"[,\s]+", setting(section, "extras").strip()):
        lines += SETUP["options.extras_require"].get(extra, "").split("\n")
    names = {found[0] for line in lines if (found := re.match(r"\w[\w.-]*", line.strip()))}
    return {NAMES.get(name, name).replace("-", "_") for name in names}.union(
        *(BRING.get(name, set()) for name in names)
    )


def started(section: str) -> set[Path]:
    """The conftest.py of the tests that the commands name."""
    named = re.findall(r"\{posargs:([^}]+)\}", setting(section, "commands"))
    paths = [ROOT / word for text in named for word in text.split()]
    here = {path.parent if path.suffix else path for path in paths}
    files = {folder / "conftest.py" for path in here for folder in (path, path.parent)}
    return {file for file in files if file.exists()}


def imported(path: Path, seen: set[Path]) -> Iterator[str]:
    """Libraries that a module imports at its start, directly or through modules beside it."""
    seen.add(path)
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in {name.partition(".")[0] for name in names}:
            near = [folder / f"{name}.py" for folder in (path.parent, ROOT / "tests")]
            ours = next((file for file in near if file.exists()), None)
            if ours is None:
                yield name
            elif ours not in seen:
                yield from imported(ours, seen)


@pytest.mark.field("G5")
@pytest.mark.skipif(sys.version_info < (3, 10), reason="cannot tell what is the standard library")
def test_each_environment_has_what_its_conftest_imports() -> None:
    known = {"jkg_client", "_pytest", "__future__", *sys.stdlib_module_names}
    with table() as row:
        for section in RUNNING_PYTEST:
            with row(section):
                files = started(section)
                assert files
                needed = {name for file in files for name in imported(file, set())}
                assert needed - known - installed(section) == set()


@pytest.mark.field("G3")
def test_tox_without_arguments_needs_no_engine_no_hub_and_one_python() -> None:
    names = re.split(r"[,\s]+", TOX["tox"]["env_list"].strip())
    assert names == ["style", "types", "py", "here"]
    with table() as row:
        for name in names:
            section = f"testenv:{name}" if name != "py" else "testenv"
            with row(name):
                assert "base_python" not in TOX[section]
                commands = setting(section, "commands")
                assert "tests_integration" not in commands or name in ("types", "here")
    assert "--part=here" in setting("testenv:here", "commands")
