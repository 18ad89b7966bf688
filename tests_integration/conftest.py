"""Real servers, and the matrix of the tests that pass on each of them.

Most tests use the server that ``LocalJupyterServer`` starts. Tests marked ``every_server`` run on
each of ``servers.KINDS`` except the hub, or on the servers that ``--servers`` names. Tests that are
also marked ``same_everywhere`` run on two servers only, unless ``--servers`` names others.

``--part=here`` runs the tests that need only this environment: no engine, no hub, and no other
packages. ``--part=elsewhere`` runs all other tests.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from attrs import define, field
from docker_engine import dockerfiles, engine, one, seeds_image, servers
from fixtures import commands, executor, executors, kernel, programs, pytest_itemcollected
from frameworks import any_python, gateway, model
from servers import HUB, KINDS, LOCAL, Kind, running
from surroundings import in_the_foreground, shut_out

from jkg_client import JupyterConnectable
from jkg_client.client.timeouts import Timeouts

__all__ = [
    "any_python",
    "commands",
    "dockerfiles",
    "engine",
    "executor",
    "executors",
    "gateway",
    "kernel",
    "model",
    "one",
    "programs",
    "pytest_itemcollected",
    "seeds_image",
    "servers",
]

NAMES = [kind.name for kind in KINDS]
# Tests on a hub take minutes, and test_jupyterhub.py has its own hub: they run only by name.
DEFAULT = ",".join(name for name in NAMES if name != HUB.name)
# Enough for tests whose results are the same on every server: the newest of each program.
ENOUGH = {LOCAL.name, "js-2"}
# Modules whose tests need only this environment when they use our local server.
HERE = {
    "test_async_executor",
    "test_behaviours",
    "test_embedded_async",
    "test_embedded_behaviours",
    "test_embedded_ends",
    "test_embedded_faults",
    "test_embedded_life",
    "test_embedded_sockets",
    "test_embedded_starts",
    "test_fake_against_gateway",
    "test_gateway",
    "test_kernelspecs",
    "test_local_server",
    "test_ownership",
    "test_two_programs",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--servers",
        default=DEFAULT,
        metavar="NAME,…",
        help="servers on which tests marked every_server run (default: %(default)s)",
    )
    parser.addoption("--part", choices=["here", "elsewhere"], help="run one part of the tests")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "every_server(but=()): runs on every kind of server")
    # pytest rewrites the asserts of test_*.py only. Failures in these modules need details, too.
    pytest.register_assert_rewrite(
        "behaviours",
        "async_behaviours",
        "faults_on_the_line",
        "notebook_behaviours",
        "ownership",
        "two_programs",
    )
    _chosen(config)
    shut_out(offline=False)
    # A proxy may be needed to install packages, but not to reach the servers of the tests.
    for name in ("NO_PROXY", "no_proxy"):
        known = os.environ.get(name)
        os.environ[name] = ",".join(filter(None, [known, "127.0.0.1", "localhost", "::1"]))


@pytest.fixture(scope="session", autouse=True)
def only_our_kernels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Our servers do not list kernels that are installed elsewhere on this machine."""
    folder = tmp_path_factory.mktemp("jupyter")
    settings = {"KernelSpecManager": {"allowed_kernelspecs": ["python3"]}}
    (folder / "jupyter_config.json").write_text(json.dumps(settings), encoding="utf-8")
    # Servers of the session start after this, so kernels of these servers receive interrupts.
    with pytest.MonkeyPatch.context() as patch, in_the_foreground(("SIGINT",)):
        patch.setenv("JUPYTER_CONFIG_DIR", str(folder))
        patch.setenv("JUPYTER_DATA_DIR", str(folder / "data"))
        patch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        yield


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """Ctrl-C works as in a user's program, even if the tests run in the background."""
    with in_the_foreground():
        yield


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("every_server")
    # A module with its own fixture `server` runs these tests on that server only.
    has_own = hasattr(metafunc.module, "server")
    if "server" in metafunc.fixturenames and marker and not has_own:
        left_out = marker.kwargs.get("but", ())
        chosen = [kind for kind in _chosen(metafunc.config) if kind.name not in left_out]
        ids = [kind.name for kind in chosen]
        metafunc.parametrize("server", chosen, indirect=True, ids=ids, scope="session")


def _chosen(config: pytest.Config) -> list[Kind]:
    names = config.getoption("--servers").split(",")
    if unknown := set(names) - set(NAMES):
        raise pytest.UsageError(f"--servers: {', '.join(unknown)}; there are {', '.join(NAMES)}")
    return [kind for kind in KINDS if kind.name in names]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    _note_servers(items)
    left_out: list[pytest.Item] = []
    if config.getoption("--servers") == DEFAULT:
        left_out = [item for item in items if _is_superfluous(item)]
    part = config.getoption("--part")
    if part is not None:
        left_out += [item for item in items if _is_here(item) != (part == "here")]
    gone = set(left_out)
    items[:] = [item for item in items if item not in gone]
    config.hook.pytest_deselected(items=list(gone))


def _is_superfluous(item: pytest.Item) -> bool:
    server = _server_of(item)
    return bool(server and server not in ENOUGH and item.get_closest_marker("same_everywhere"))


def _is_here(item: pytest.Item) -> bool:
    return item.path.stem in HERE and _server_of(item) in {None, LOCAL.name}


def _server_of(item: pytest.Item) -> object:
    return dict(item.user_properties).get("server")


def _note_servers(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("every_server"):
            callspec = getattr(item, "callspec", None)
            if callspec and "server" in callspec.params:
                # The reports carry this, also from the workers of xdist.
                item.user_properties.append(("server", callspec.params["server"].name))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [
        report
        for outcome in ("passed", "failed", "error")
        for report in terminalreporter.stats.get(outcome, [])
    ]
    matrix = Matrix()
    for report in reports:
        if isinstance(report, pytest.TestReport):  # errors of the collection have other reports
            for name, server in report.user_properties:
                if name == "server":
                    matrix.add(report.nodeid, str(server), report.outcome)
    if matrix.cells:
        terminalreporter.section("servers")
        for line in matrix.lines():
            terminalreporter.write_line(line)


@define
class Matrix:
    """The results of the tests on each server: a row for each test, without its parameters."""

    cells: dict[tuple[str, str], str] = field(factory=dict)

    def add(self, nodeid: str, server: str, outcome: str) -> None:
        """Add a result. A row is ``ok`` if all its cases passed."""
        key = (nodeid.partition("[")[0], server)
        bad = outcome == "failed" or self.cells.get(key) == "FAIL"
        self.cells[key] = "FAIL" if bad else "ok"

    def lines(self) -> Iterator[str]:
        """The lines of the table. The sentence comes last, because it is long."""
        columns = [name for name in NAMES if any(server == name for _, server in self.cells)]
        yield "  ".join(columns)
        for row in sorted({row for row, _ in self.cells}):
            marks = (self.cells.get((row, name), "-").ljust(len(name)) for name in columns)
            sentence = row.rpartition("::")[2].removeprefix("test_").replace("_", " ")
            yield "  ".join((*marks, sentence))


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[JupyterConnectable]:
    with running(request.config, getattr(request, "param", LOCAL)) as server:
        yield server


@pytest.fixture
def timeouts() -> Timeouts:
    return Timeouts(grace=2.0)


@pytest.fixture
def limit() -> float:
    """A time limit that code exceeds after it has printed something, in seconds."""
    return 0.5
