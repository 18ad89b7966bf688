"""Commands for kernels and files, with the fake gateway as their server."""

from __future__ import annotations

import io
import json
import os
import pty
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from attrs import frozen

from jkg_client import JupyterClient
from jkg_client.cli import main
from jkg_client.cli.screen import Screen
from jkg_client.cli.tables import aligned, show_table
from jkg_client.testing import FakeGateway


@frozen
class Done:
    status: int
    out: str
    err: str


Jkg = Callable[..., Done]


@pytest.fixture
def jkg(
    server: FakeGateway,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Jkg:
    """Runs a command to its end, in its own folder."""
    monkeypatch.setenv("JUPYTER_GATEWAY_URL", server.connection_info.url)
    monkeypatch.setenv("JKG_TOKEN", server.connection_info.token or "")
    monkeypatch.chdir(tmp_path)

    def run(*words: str, given: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), encoding="utf-8"))
        capfd.readouterr()
        status = main(words)
        return Done(status, *capfd.readouterr())

    return run


@pytest.fixture
def client(server: FakeGateway) -> Iterator[JupyterClient]:
    with JupyterClient(server.connection_info) as client:
        yield client


def ids(client: JupyterClient) -> list[str]:
    return [kernel["id"] for kernel in client.list_kernels()]


def test_a_kernel_is_started_listed_restarted_and_stopped(jkg: Jkg, client: JupyterClient) -> None:
    assert jkg("kernels") == Done(0, "", "")
    kernel_id = jkg("kernels", "start").out.strip()
    assert ids(client) == [kernel_id]
    listed = jkg("kernels").out
    assert listed.split("\t")[:2] == [kernel_id, "python3"]
    assert jkg("kernels", "restart", kernel_id[:6]).out == f"{kernel_id}\n"
    assert jkg("kernels", "interrupt", kernel_id).out == f"{kernel_id}\n"
    assert jkg("kernels", "stop", kernel_id[:6]) == Done(0, f"{kernel_id}\n", "")
    assert ids(client) == []


@pytest.mark.field("CMD32")
def test_a_pipe_gets_full_ids_between_tabs_at_any_width(
    jkg: Jkg, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel_id = jkg("kernels", "start").out.strip()
    shown = set()
    for columns in ("20", "200"):
        monkeypatch.setenv("COLUMNS", columns)
        shown.add(jkg("kernels").out)
    (line,) = shown
    assert (line.split("\t")[0], line.count("\t"), line.count("\n")) == (kernel_id, 4, 1)


@pytest.mark.field("CMD32")
def test_a_terminal_gets_columns_below_a_head() -> None:
    controller, terminal = pty.openpty()
    with os.fdopen(terminal, "w", encoding="utf-8") as out:
        show_table(Screen(out, None), ("ID", "NAME"), [("1", "日本\x1b[2J"), ("22", "b\tc")])
        shown = b""
        while shown.count(b"\n") < 3:
            shown += os.read(controller, 1000)
    os.close(controller)
    assert shown.decode().splitlines() == ["ID  NAME", "1   日本 [2J", "22  b c"]
    assert list(aligned([("日本", "x"), ("a", "y")])) == ["日本  x", "a     y"]


@pytest.mark.field("CMD31")
def test_a_list_is_one_document_of_json(jkg: Jkg, client: JupyterClient) -> None:
    jkg("kernels", "start")
    assert [one["id"] for one in json.loads(jkg("kernels", "--json").out)] == ids(client)
    assert [one["id"] for one in json.loads(jkg("kernels", "list", "--json").out)] == ids(client)


@pytest.mark.field("CMD33")
def test_the_beginning_of_an_id_must_be_unique(jkg: Jkg, client: JupyterClient) -> None:
    first = jkg("kernels", "start").out.strip()
    others: list[str] = []
    while not any(other[0] == first[0] for other in others):
        others.append(jkg("kernels", "start").out.strip())
    done = jkg("kernels", "stop", first[0])
    assert (done.status, done.out) == (2, "")
    assert first in done.err
    assert others[-1] in done.err
    unknown = jkg("kernels", "stop", first, "xyz")
    assert (unknown.status, unknown.out) == (2, "")
    assert f"there is no kernel xyz; running: {first}" in unknown.err
    assert len(ids(client)) == 1 + len(others)


@pytest.mark.field("CMD34")
def test_all_kernels_are_stopped_only_if_that_is_confirmed(
    jkg: Jkg, client: JupyterClient, server: FakeGateway
) -> None:
    jkg("kernels", "start")
    jkg("kernels", "start")
    for words in (("--all",), (), ("--all", ids(client)[0])):
        assert jkg("kernels", "stop", *words).status == 2
    assert len(ids(client)) == 2
    before = ("--url", server.connection_info.url)
    assert len(jkg("kernels", *before, "stop", "--all", "--yes").out.splitlines()) == 2
    assert ids(client) == []


@pytest.mark.field("CMD28")
def test_errors_of_kernel_commands_are_reported_in_one_line(
    jkg: Jkg, monkeypatch: pytest.MonkeyPatch
) -> None:
    nosuch = jkg("kernels", "start", "nosuch")
    assert (nosuch.status, nosuch.err.count("\n")) == (125, 1)
    assert "installed there: python3" in nosuch.err
    local = jkg("kernels", "--local")
    assert (local.status, "--url or --hub" in local.err) == (2, True)
    monkeypatch.setenv("JKG_TOKEN", "wrong")
    wrong = jkg("kernels")
    assert (wrong.status, wrong.err.count("\n")) == (125, 1)
    assert "wrong" not in wrong.err.replace("the token is wrong", "")


def test_a_file_is_put_listed_and_got(jkg: Jkg, tmp_path: Path) -> None:
    data = os.urandom(1_300_000)  # three pieces
    (tmp_path / "data.bin").write_bytes(data)
    there = tmp_path / "there"
    there.mkdir()
    assert jkg("put", "data.bin", f"{there}/in/").out == f"{there}/in/data.bin\n"
    assert jkg("ls", str(there)).out == "in/\n"
    assert jkg("get", f"{there}/in/data.bin", "copy").out == "copy\n"
    assert (tmp_path / "copy").read_bytes() == data
    assert jkg("put", "-", f"{there}/é.txt", given="ä\n".encode()).status == 0
    assert jkg("get", f"{there}/é.txt", "-") == Done(0, "ä\n", "")


def test_missing_files_are_reported(jkg: Jkg, tmp_path: Path) -> None:
    got = jkg("get", "nosuch.txt")
    assert (got.status, got.err[-28:]) == (1, ": No such file or directory\n")
    listed = jkg("ls", "nosuch")
    assert (listed.status, listed.err[-28:]) == (1, ": No such file or directory\n")
    assert jkg("put", "nosuch.txt") == Done(1, "", _CANNOT_READ)
    assert jkg("get", "/dev/zero").status == 1
    assert jkg("put", "-").status == 2
    assert jkg("ls", "--docker").status == 2
    assert list(tmp_path.iterdir()) == []


_CANNOT_READ = "jkg: cannot read nosuch.txt: No such file or directory\n"


@pytest.mark.field("CMD43")
def test_doctor_reports_the_settings_without_secrets(
    jkg: Jkg, server: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://me:hunter2@127.0.0.1:9")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    monkeypatch.delenv("JUPYTERHUB_API_URL", raising=False)
    done = jkg("doctor")
    assert done.status == 0
    assert f"the server at {server.connection_info.url} (by JUPYTER_GATEWAY_URL)" in done.out
    assert "https_proxy: http://127.0.0.1:9 (environment)" in done.out
    assert "JKG_TOKEN: set (environment)" in done.out
    assert f"gateway: {server.connection_info.url} answers; kernels: python3" in done.out
    assert "hub: not configured" in done.out
    assert "ran a cell" in done.out
    assert (server.connection_info.token or "-") not in done.out
    assert "hunter2" not in done.out
    found = {one["name"]: one for one in json.loads(jkg("doctor", "--json").out)}
    assert found["kernel"]["state"] == "ok"
    assert found["Docker engine"]["state"] == "missing"


@pytest.mark.field("CMD43")
def test_doctor_fails_if_no_kernel_can_be_started(jkg: Jkg) -> None:
    done = jkg("doctor", "--url", "http://127.0.0.1:9")
    assert done.status == 1
    assert "FAILS    kernel: " in done.out
    assert "127.0.0.1:9" in done.out
    assert jkg("doctor", "--kernel", "nosuch").status == 1


def test_serve_refuses_options_that_start_no_server(jkg: Jkg) -> None:
    done = jkg("serve")
    assert done.status == 2
    assert "JUPYTER_GATEWAY_URL names a server that is already running" in done.err
    assert jkg("serve", "--embedded").status == 2


@pytest.mark.field("CMD31")
def test_kernelspecs_can_be_listed_as_one_document_of_json(jkg: Jkg) -> None:
    listed = json.loads(jkg("kernelspecs", "--json").out)
    assert listed["kernelspecs"]["python3"]["spec"]["language"] == "python"
    assert jkg("kernelspecs").out == "python3\n"


def test_the_beginning_of_an_id_is_enough_for_every_command(
    jkg: Jkg, client: JupyterClient, tmp_path: Path
) -> None:
    kernel_id = jkg("kernels", "start").out.strip()
    begin = kernel_id[:8]
    (tmp_path / "a.txt").write_text("a", encoding="utf-8")
    assert jkg("run", "--kernel-id", begin, "-c", "x = 6").status == 0
    assert jkg("run", "--kernel-id", begin, "-c", "x * 7").out == "42\n"
    assert jkg("put", "--kernel-id", begin, "a.txt", str(tmp_path / "b.txt")).status == 0
    assert jkg("get", "--kernel-id", begin, str(tmp_path / "b.txt"), "-").out == "a"
    assert ids(client) == [kernel_id]
    nosuch = jkg("run", "--kernel-id", "nosuch", "-c", "1")
    assert (nosuch.status, f"running: {kernel_id}" in nosuch.err) == (2, True)


def test_a_gateway_that_lists_no_kernels_takes_a_whole_id(jkg: Jkg, server: FakeGateway) -> None:
    kernel_id = jkg("kernels", "start").out.strip()
    server.faults.status(403, method="GET", path="/api/kernels", times=None)
    assert jkg("run", "--kernel-id", kernel_id, "-c", "6 * 7").out == "42\n"
    assert jkg("run", "--kernel-id", kernel_id[:8], "-c", "1").status == 125
    server.faults.clear()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_options_that_a_command_refuses_are_in_neither_help_nor_completion(
    jkg: Jkg, capfd: pytest.CaptureFixture[str], shell: str
) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    shown = capfd.readouterr().out
    assert "--local" in shown
    assert "--embedded" not in shown
    assert "--url" not in shown
    assert "SUPPRESS" not in shown + jkg("completion", shell).out


def test_an_unknown_option_is_reported_with_the_usage_of_its_command(
    capfd: pytest.CaptureFixture[str],
) -> None:
    for words in (["kernels", "--nope"], ["kernels", "stop", "--nope"], ["serve", "--nope"]):
        with pytest.raises(SystemExit):
            main(words)
        said = capfd.readouterr().err
        assert f"jkg {words[0]}: error: unrecognized arguments: --nope" in said
