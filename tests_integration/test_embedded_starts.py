"""The start of an embedded kernel, and the errors when the start fails."""

from __future__ import annotations

import json
import stat
import sys
import tempfile
from pathlib import Path

import pytest
from embedded import (
    IPYKERNEL,
    SpecWriter,
    Starter,
    kernels,
    spec,
    start,
)

from jkg_client import JupyterKernelClient, KernelNotFound
from jkg_client.client.deadline import Deadline
from jkg_client.client.timeouts import Timeouts
from jkg_client.embedded.kernels import LocalKernels
from jkg_client.errors import KernelStartError

__all__ = ["kernels", "spec", "start"]

# Fails twice like a kernel whose port is in use, and writes down the ports of each try.
UNLUCKY = """
import json, os, sys
from pathlib import Path
file, seen = Path(sys.argv[1]), Path(sys.argv[2])
tries = json.loads(seen.read_text()) if seen.exists() else []
said = json.loads(file.read_text())
seen.write_text(json.dumps([*tries, [said["transport"], said["shell_port"]]]))
if len(tries) < 2:
    sys.exit("Address already in use")
os.execv(sys.executable, [sys.executable, "-m", "ipykernel_launcher", "-f", str(file)])
"""


@pytest.mark.field("K1")
def test_no_first_output_is_lost(start: Starter) -> None:
    for number in range(5):
        assert start().execute(f"print({number})", 20).output == f"{number}\n"


@pytest.mark.field("K2")
def test_a_second_client_receives_all_output_without_a_welcome_message(
    start: Starter, kernels: LocalKernels, timeouts: Timeouts
) -> None:
    first = start()
    for number in range(3):
        with JupyterKernelClient(kernels, first.kernel_id, timeouts=timeouts) as guest:
            assert guest.execute(f"print({number})", 20).output == f"{number}\n"
    assert first.execute("print('here')", 20).output == "here\n"


def test_a_client_can_connect_to_a_busy_kernel(
    start: Starter, kernels: LocalKernels, timeouts: Timeouts
) -> None:
    first = start()
    guests: list[JupyterKernelClient] = []

    def come(_: object) -> None:
        if not guests:
            guests.append(JupyterKernelClient(kernels, first.kernel_id, timeouts=timeouts))

    code = "import time\nprint('on', flush=True)\ntime.sleep(2)\nprint('done')"
    assert first.execute(code, 30, on_output=come).output == "on\ndone\n"
    with guests[0] as guest:
        assert guest.execute("print('in')", 20).output == "in\n"


@pytest.mark.field("K4")
def test_an_early_exit_is_tried_again_with_fresh_ports(
    start: Starter, spec: SpecWriter, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    name = spec(["python", "-c", UNLUCKY, "{connection_file}", str(seen)])
    with LocalKernels(transport="tcp") as over_tcp:
        assert start(name, provider=over_tcp).execute("6 * 7", 20).output == "42"
    tries = json.loads(seen.read_text())
    assert [transport for transport, _ in tries] == ["tcp"] * 3
    assert len({port for _, port in tries}) == 3


@pytest.mark.field("K5")
def test_loopback_is_used_if_paths_are_too_long_for_sockets(
    start: Starter, kernels: LocalKernels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    kernel = start()
    assert kernels.kernel(kernel.kernel_id).launch().info.transport == "tcp"
    assert kernel.execute("6 * 7", 20).output == "42"
    kernels.close()
    assert list(deep.iterdir()) == []


@pytest.mark.field("K5", "K6", "K7")
def test_the_files_of_a_kernel_are_private_and_removed_at_the_end(
    start: Starter, kernels: LocalKernels
) -> None:
    kernel, other = start(), start()
    keys, folders = [], []
    for one in (kernel, other):
        folder = kernels.kernel(one.kernel_id).launch().process.folder.path
        file = folder / "kernel.json"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        keys.append(json.loads(file.read_text())["key"])
        folders.append(folder)
    assert min(map(len, keys)) >= 32
    assert len(set(keys)) == 2
    kernels.delete_kernel(kernel.kernel_id)
    kernels.close()
    assert [folder for folder in folders if folder.exists()] == []


@pytest.mark.field("K8")
def test_another_signature_scheme_is_understood_by_the_kernel(start: Starter) -> None:
    with LocalKernels(signature_scheme="hmac-sha512") as provider:
        assert start(provider=provider).execute("6 * 7", 20).output == "42"


@pytest.mark.field("K8", "K28")
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"signature_scheme": "hmac-nosuch"}, "unknown signature scheme 'hmac-nosuch'"),
        ({"transport": "udp"}, "transport must be"),
        ({"cwd": "/nosuch/folder"}, "cwd must be an existing folder, not /nosuch/folder"),
        ({"cwd": __file__}, "cwd must be an existing folder"),
    ],
)
def test_bad_arguments_are_reported_before_anything_starts(options: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        LocalKernels(**options)  # type: ignore[arg-type]  # that is the point


@pytest.mark.field("K11")
def test_a_kernel_that_cannot_be_imported_is_reported_with_its_last_output(
    start: Starter, spec: SpecWriter
) -> None:
    name = spec(["python", "-S", *IPYKERNEL[1:]])
    with pytest.raises(KernelStartError) as caught:
        start(name)
    said = str(caught.value)
    assert "exit code 1" in said
    assert "python -S -m ipykernel_launcher" in said
    assert str(Path(name, "kernel.json")) in said
    assert "No module named 'ipykernel'" in said


@pytest.mark.field("K11")
@pytest.mark.parametrize("name", ["mine", "python3"])
def test_the_error_for_a_missing_program_has_its_name_and_the_kernelspec(
    start: Starter, spec: SpecWriter, name: str
) -> None:
    with pytest.raises(KernelStartError, match=rf"{name}.kernel\.json.*no-such-program"):
        start(spec(["no-such-program", "{connection_file}"], name))


@pytest.mark.field("K13")
def test_output_of_the_kernel_process_never_blocks_the_process(
    start: Starter, spec: SpecWriter
) -> None:
    wordy = 'head -c 3000000 /dev/zero | tr "\\0" x >&2; exec "$0" "$@"'
    kernel = start(spec(["sh", "-c", wordy, sys.executable, *IPYKERNEL[1:]]))
    assert kernel.execute("6 * 7", 20).output == "42"


@pytest.mark.field("K13")
def test_the_error_has_the_end_of_long_output(start: Starter, spec: SpecWriter) -> None:
    wordy = 'head -c 1000000 /dev/zero | tr "\\0" x; echo; echo last words >&2; exit 5'
    with pytest.raises(KernelStartError) as caught:
        start(spec(["sh", "-c", wordy]))
    assert "exit code 5" in str(caught.value)
    assert str(caught.value).endswith("last words")
    assert len(str(caught.value)) < 5_000


@pytest.mark.field("K14")
def test_ctrl_c_in_the_terminal_does_not_reach_an_embedded_kernel(start: Starter) -> None:
    code = "import os\nprint(os.getsid(0) == os.getpid() == os.getpgid(0))"
    assert start().execute(code, 20).output == "True\n"


@pytest.mark.field("K21")
def test_an_interrupt_waits_until_the_kernel_answers(
    kernels: LocalKernels, timeouts: Timeouts
) -> None:
    kernel_id = kernels.start_kernel("python3")
    kernels.kernel(kernel_id).interrupt(Deadline(0.2))
    with JupyterKernelClient(kernels, kernel_id, timeouts=timeouts) as kernel:
        assert kernel.execute("6 * 7", 20).output == "42"
        assert kernels.kernel(kernel_id).launch().process.ended() is None


def with_startup(folder: Path, code: str) -> dict[str, str]:
    """An environment in which ipykernel runs ``code`` as it starts."""
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-mine.py").write_text(code, "utf-8")
    return {"IPYTHONDIR": str(folder / "ipython")}


@pytest.mark.field("K28")
@pytest.mark.parametrize("code", ["import time; time.sleep(2)", "1 / 0"])
def test_a_startup_file_that_sleeps_or_raises_does_not_prevent_the_start(
    start: Starter, tmp_path: Path, code: str
) -> None:
    kernel = start(env=with_startup(tmp_path, f"x = 6 * 7\n{code}"))
    assert kernel.execute("x", 20).output == "42"


@pytest.mark.field("K28")
def test_a_startup_file_that_exits_is_reported(start: Starter, tmp_path: Path) -> None:
    env = with_startup(tmp_path, "import os\nos.write(2, b'no start today')\nos._exit(7)")
    with pytest.raises(KernelStartError, match="exit code 7"):
        start(env=env)


@pytest.mark.field("K28", "D10")
def test_cells_are_not_in_the_history_of_the_user(start: Starter, tmp_path: Path) -> None:
    kernel = start(env={"IPYTHONDIR": str(tmp_path)})
    assert kernel.execute("'a cell of an agent'", 20).is_ok
    assert list(tmp_path.rglob("history.sqlite*")) == []
    assert [entry[2] for entry in kernel.history(1)["history"]] == ["'a cell of an agent'"]


@pytest.mark.field("K28")
def test_an_embedded_kernel_starts_in_cwd(start: Starter, tmp_path: Path) -> None:
    with LocalKernels(cwd=tmp_path) as provider:
        output = start(provider=provider).execute("import os\nprint(os.getcwd())", 20).output
    assert Path(output.strip()).samefile(tmp_path)


def test_env_reaches_the_kernel_and_our_secrets_do_not(
    start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KG_AUTH_TOKEN", "hush-hush")
    monkeypatch.setenv("JUPYTER_GATEWAY_HTTP_PWD", "hush-hush")
    kernel = start(env={"MINE": "given"})
    output = kernel.execute("import os\nprint(dict(os.environ))", 20).output
    assert "'MINE': 'given'" in output
    assert "hush-hush" not in output


@pytest.mark.parametrize(
    ("env", "problem"),
    [
        ({"A": 1}, "env must be strings"),
        ({1: "A"}, "env must be strings"),
        ({"A=B": "x"}, "env: 'A=B' cannot be the name"),
        ({"A": "\0"}, "env: the value of 'A' has a null character"),
    ],
)
def test_an_environment_that_no_process_can_have_is_a_value_error(
    kernels: LocalKernels, env: object, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        kernels.start_kernel("python3", env=env)  # type: ignore[arg-type]  # that is the point


def test_an_unknown_id_is_an_error(kernels: LocalKernels, timeouts: Timeouts) -> None:
    with pytest.raises(KernelNotFound, match="nosuch"):
        kernels.connect("nosuch", Deadline(5), timeouts)
    with pytest.raises(KernelNotFound, match="nosuch"):
        kernels.delete_kernel("nosuch")
