"""Nobody else can read the token of a real gateway in processes, environments or files."""

from __future__ import annotations

import contextlib
import json
import os
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from jkg_client import (
    CodeBlock,
    GatewayStatus,
    JupyterClient,
    JupyterCodeExecutor,
    LocalJupyterServer,
)

UNKNOWN = "00000000-0000-0000-0000-000000000000"

LOOK = """
import json, os, subprocess, sys
child = "import json, os; print(json.dumps(dict(os.environ)))"
inherited = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stdout
print(json.dumps([os.getpid(), os.getppid(), dict(os.environ), json.loads(inherited), sys.argv]))
"""


def processes() -> Iterator[tuple[int, bytes]]:
    """Command line and environment of each process that we may read."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            seen = (folder / "cmdline").read_bytes() + b"\0" + (folder / "environ").read_bytes()
            yield int(folder.name), seen


def run(executor: JupyterCodeExecutor, code: str) -> str:
    result = executor.execute_code_blocks([CodeBlock(code=code, language="python")])
    assert result.status == "ok"
    return result.output


@pytest.mark.pitfall(29, 37, 53)
def test_the_token_is_in_no_process_environment_or_file(tmp_path: Path) -> None:
    log_file = tmp_path / "logs" / "gateway.log"
    with LocalJupyterServer(log_level="DEBUG", log_file=log_file, cwd=tmp_path) as server:
        token = server.connection_info.token
        assert token
        with JupyterCodeExecutor(server, output_dir=tmp_path / "out") as executor:
            kernel, gateway, environ, inherited, argv = json.loads(run(executor, LOOK))
            executor.restart()
            again, *_ = json.loads(run(executor, LOOK))
            seen = dict(processes())
        with JupyterClient(server.connection_info) as client, pytest.raises(GatewayStatus):
            client.get_kernel(UNKNOWN)
        assert {os.getpid(), gateway, again} <= set(seen)
        assert again != kernel
        assert token not in f"{environ} {inherited} {argv}"
        assert not [pid for pid, text in seen.items() if token.encode() in text]
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert log_file in written
    assert b"GET" in written[log_file]
    assert not [path for path, data in written.items() if token.encode() in data]
    assert urllib.parse.quote(token) == token
