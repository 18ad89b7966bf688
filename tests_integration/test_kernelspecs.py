"""The search for kernelspecs on this machine."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from embedded import SpecWriter, program, spec

from jkg_client import KernelSpecNotFound
from jkg_client.embedded import kernelspecs
from jkg_client.embedded.environment import command, environment

__all__ = ["spec"]

FILE = Path("/somewhere/kernel.json")


def test_the_native_kernel_is_found_without_a_kernelspec(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernelspecs, "jupyter_path", lambda *_: [])
    assert kernelspecs.names() == ["python3"]
    assert kernelspecs.find("python3").command(FILE)[0] == sys.executable


@pytest.mark.parametrize("name", ["Mine", "mine", "MINE"])
def test_a_kernel_is_found_in_upper_and_lower_case(spec: SpecWriter, name: str) -> None:
    spec(["run", "it"], "miNe")
    assert kernelspecs.find(name).argv == ("run", "it")


def test_python_is_another_name_of_python3(spec: SpecWriter) -> None:
    spec(["p3"], "python3")
    assert kernelspecs.find("python").argv == ("p3",)


@pytest.mark.parametrize("name", ["nosuch", "../kernels/mine", "mine/"])
def test_the_error_for_an_unknown_kernel_lists_the_installed_ones(
    spec: SpecWriter, name: str
) -> None:
    spec(["run"])
    with pytest.raises(KernelSpecNotFound, match=r"Kernel .* is not installed.*mine, .*python3"):
        kernelspecs.find(name)


@pytest.mark.parametrize("name", ["", None, 3])
def test_an_invalid_name_is_a_value_error(name: str) -> None:
    with pytest.raises(ValueError, match="name of a kernel must be"):
        kernelspecs.find(name)


@pytest.mark.field("K10")
@pytest.mark.parametrize(
    "word",
    [
        "python",
        f"python{sys.version_info[0]}",
        f"python{sys.version_info[0]}.{sys.version_info[1]}",
    ],
)
def test_python_as_first_word_is_the_running_interpreter(spec: SpecWriter, word: str) -> None:
    found = kernelspecs.find(spec([word, word]))
    assert found.command(FILE) == [sys.executable, word]


@pytest.mark.field("K10")
@pytest.mark.parametrize("word", ["python2", "python3.1", "/usr/bin/python3", "pythonw", "Python"])
def test_other_programs_stay_as_they_are(spec: SpecWriter, word: str) -> None:
    assert kernelspecs.find(spec([word])).command(FILE) == [word]


@pytest.mark.field("K10")
def test_placeholders_are_replaced_and_unknown_ones_left(spec: SpecWriter) -> None:
    found = kernelspecs.find(
        spec(["x", "--f={connection_file}", "{resource_dir}/a", "{prefix}", "{other} {} {{"])
    )
    assert found.command(FILE) == [
        "x",
        f"--f={FILE}",
        f"{found.resource_dir}/a",
        sys.prefix,
        "{other} {} {{",
    ]


@pytest.mark.field("K10")
def test_env_is_expanded_and_overridden_by_the_caller(spec: SpecWriter) -> None:
    found = kernelspecs.find(
        spec(["x"], env={"A": "${HOME}/a", "B": "$NOSUCH", "C": "$HOME", "D": "spec"})
    )
    env = environment(found, {"D": "ours"}, "x", {"HOME": "/home/me", "D": "parent"})
    assert (env["A"], env["B"], env["C"], env["D"]) == ("/home/me/a", "$NOSUCH", "/home/me", "ours")


@pytest.mark.field("K12")
def test_the_error_names_an_unsupported_provisioner_and_nothing_is_run(spec: SpecWriter) -> None:
    metadata = {"kernel_provisioner": {"provisioner_name": "yarn-provisioner", "config": {}}}
    name = spec(["touch", "never"], metadata=metadata)
    with pytest.raises(KernelSpecNotFound, match=r"provisioner 'yarn-provisioner'"):
        kernelspecs.find(name)


@pytest.mark.field("K12")
@pytest.mark.parametrize(
    "metadata", [{}, {"kernel_provisioner": {"provisioner_name": "local-provisioner"}}]
)
def test_the_local_provisioner_is_supported(spec: SpecWriter, metadata: dict[str, object]) -> None:
    assert kernelspecs.find(spec(["x"], metadata=metadata)).argv == ("x",)


@pytest.mark.parametrize(
    "said",
    [
        "{",
        "[]",
        "{}",
        '{"argv": []}',
        '{"argv": "python"}',
        '{"argv": [1]}',
        '{"argv": ["x"], "env": {"A": 1}}',
        '{"argv": ["x"], "env": ["A"]}',
        '{"argv": ["x"], "interrupt_mode": "never"}',
        '{"argv": ["x"], "metadata": {"kernel_provisioner": "x"}}',
    ],
)
def test_the_error_for_a_broken_kernelspec_has_its_path(spec: SpecWriter, said: str) -> None:
    spec(["x"])
    folder = kernelspecs.find("mine").resource_dir
    assert folder is not None
    (folder / "kernel.json").write_text(said, "utf-8")
    with pytest.raises(KernelSpecNotFound, match=r"mine/kernel.json does not describe a kernel"):
        kernelspecs.find("mine")
    assert "mine" in kernelspecs.names()


@pytest.mark.parametrize("mode", ["message", "Message", "signal", None])
def test_the_interrupt_mode_is_taken_from_the_kernelspec(spec: SpecWriter, mode: str) -> None:
    more = {"interrupt_mode": mode} if mode else {}
    assert kernelspecs.find(spec(["x"], **more)).interrupt_mode == (mode or "signal").lower()


@pytest.mark.field("D10")
@pytest.mark.parametrize("module", ["ipykernel_launcher", "ipykernel"])
def test_ipykernel_keeps_its_history_in_memory(spec: SpecWriter, module: str) -> None:
    found = kernelspecs.find(spec(["python", "-m", module, "-f", "{connection_file}"]))
    assert command(found, FILE)[-1] == "--HistoryManager.hist_file=:memory:"


def test_other_kernels_get_no_arguments_of_ipykernel(spec: SpecWriter) -> None:
    found = kernelspecs.find(spec(["deno", "jupyter", "--conn", "{connection_file}"]))
    assert command(found, FILE) == ["deno", "jupyter", "--conn", str(FILE)]


@pytest.mark.field("K28")
def test_a_backend_for_plots_is_not_inherited_unless_given(spec: SpecWriter) -> None:
    found = kernelspecs.find(spec(["x"]))
    environ = {"MPLBACKEND": "Agg"}
    assert "MPLBACKEND" not in environment(found, {}, "x", environ)
    assert environment(found, environ, "x", {})["MPLBACKEND"] == "Agg"


@pytest.mark.field("D2")
def test_secrets_of_servers_are_not_inherited(spec: SpecWriter) -> None:
    found = kernelspecs.find(spec(["x"]))
    secrets = dict.fromkeys(
        [
            "JUPYTER_GATEWAY_AUTH_TOKEN",
            "JUPYTER_GATEWAY_HEADERS",
            "JUPYTER_GATEWAY_HTTP_PWD",
            "JUPYTER_TOKEN",
            "JUPYTERHUB_API_TOKEN",
            "JPY_API_TOKEN",
            "KG_AUTH_TOKEN",
            "JKG_MCP_TOKEN",
            "JKG_TOKEN",
        ],
        "secret",
    )
    env = environment(found, {"MINE": "x"}, "x", {**secrets, "HOME": "/"})
    assert "secret" not in json.dumps(env)
    assert (env["MINE"], env["HOME"]) == ("x", "/")


WITHOUT = """
import sys
sys.modules[{missing!r}] = None
from jkg_client import *
try:
    EmbeddedIPythonCodeExecutor()
except ImportError as exc:
    print(exc)
"""


@pytest.mark.parametrize("missing", ["zmq", "jupyter_core"])
def test_the_error_for_missing_libraries_names_the_extra(missing: str) -> None:
    with program(WITHOUT.format(missing=missing)) as one:
        assert 'pip install "jkg-client[embedded]"' in one.communicate(timeout=60)[0]
