"""Commands for kernels and files, on a kernel gateway that ``jkg serve`` has started."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jkg_client import (
    GatewayUnreachable,
    JupyterClient,
    JupyterConnectionInfo,
    LocalJupyterServer,
)

PAGE = Path(__file__).parent.parent / "docs" / "managing.md"
SECONDS = 120


@pytest.fixture
def environ() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if "JUPYTER" not in name and not name.startswith("JKG_")
    }


def serving(environ: dict[str, str], folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "jkg_client", "serve", "--local", *words],
        env=environ,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )


@pytest.fixture
def served(environ: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a shell with the variables that ``jkg serve`` prints."""
    with serving(environ, tmp_path, "--json") as process:
        try:
            assert process.stdout is not None
            yield {**environ, **json.loads(process.stdout.readline())}
        finally:
            process.terminate()
            process.communicate(timeout=SECONDS)


def jkg(environ: dict[str, str], folder: Path, *words: str) -> str:
    command = [sys.executable, "-W", "error", "-m", "jkg_client", *words]
    done = subprocess.run(
        command, env=environ, cwd=folder, capture_output=True, timeout=SECONDS, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def test_kernels_of_a_served_gateway_are_managed(served: dict[str, str], tmp_path: Path) -> None:
    kernel_id = jkg(served, tmp_path, "kernels", "start").strip()
    jkg(served, tmp_path, "run", "--kernel-id", kernel_id, "-c", "x = 6")
    assert jkg(served, tmp_path, "run", "--kernel-id", kernel_id, "-c", "x * 7") == "42\n"
    listed = jkg(served, tmp_path, "kernels").rstrip("\n").split("\t")
    assert (listed[0], listed[1], len(listed)) == (kernel_id, "python3", 5)
    assert jkg(served, tmp_path, "kernels", "restart", kernel_id[:8]) == f"{kernel_id}\n"
    asked = "'x' in dir()"
    assert jkg(served, tmp_path, "run", "--kernel-id", kernel_id, "-c", asked) == "False\n"
    jkg(served, tmp_path, "kernels", "interrupt", kernel_id)
    jkg(served, tmp_path, "kernels", "stop", "--all", "--yes")
    assert jkg(served, tmp_path, "kernels") == ""


def test_files_of_a_served_gateway_are_put_and_got(served: dict[str, str], tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    data = os.urandom(11_000_000)
    (here / "data.bin").write_bytes(data)
    jkg(served, here, "put", "data.bin", "in/")
    assert "in/" in jkg(served, here, "ls").splitlines()
    jkg(served, here, "get", "in/data.bin", "copy.bin")
    assert (here / "copy.bin").read_bytes() == data
    assert (tmp_path / "in" / "data.bin").read_bytes() == data


def test_doctor_finds_the_kernel_of_a_served_gateway(
    served: dict[str, str], tmp_path: Path
) -> None:
    said = jkg(served, tmp_path, "doctor")
    assert "the server at http://127.0.0.1:" in said
    assert "ran a cell" in said
    assert served["JUPYTER_GATEWAY_AUTH_TOKEN"] not in said


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_serve_ends_by_a_signal_and_leaves_no_server(
    environ: dict[str, str], tmp_path: Path, number: signal.Signals, status: int
) -> None:
    with serving(environ, tmp_path) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(2)]
        variables = dict(line.split(" ", 1)[1].split("=", 1) for line in lines)
        info = JupyterConnectionInfo.from_env(variables)
        with JupyterClient(info) as client:
            client.start_kernel("python3")
            process.send_signal(number)
            _, said = process.communicate(timeout=SECONDS)
            with pytest.raises(GatewayUnreachable):
                client.list_kernels()
    assert (process.returncode, said) == (status, "jkg: the server runs until Ctrl-C\n")


def test_the_examples_of_the_page_print_the_shown_output(
    environ: dict[str, str], tmp_path: Path
) -> None:
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^```sh\n(.*?)^```\n+```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(found) == text.count("```sh\n") > 0
    with LocalJupyterServer(cwd=tmp_path) as server:
        info = server.connection_info
        here = {
            "URL_OF_THE_SERVER": info.url,
            "TOKEN_OF_THE_SERVER": info.token or "",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}",
        }
        for code, output in found:
            printed = subprocess.run(
                ["sh", "-c", code],
                env={**environ, **here},
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                timeout=SECONDS,
                check=False,
            ).stdout
            parts = map(re.escape, output.split("…"))
            assert re.fullmatch(r"[\s\S]*".join(parts), printed), f"{code}printed:\n{printed}"
