from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from surroundings import in_the_foreground, shut_out

FOREIGN = [
    *("http_proxy", "HTTPS_PROXY", "all_proxy", "no_proxy", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"),
    *("JUPYTER_PATH", "JUPYTER_GATEWAY_URL", "JUPYTERHUB_API_TOKEN", "KG_AUTH_TOKEN", "JKG_TOKEN"),
    *("PYTHONSTARTUP", "PYTHONIOENCODING", "PYTHONWARNINGS", "PYTHONDONTWRITEBYTECODE"),
    *("IPYTHONDIR", "MPLBACKEND"),
    *("DOCKER_HOST", "COLUMNS", "NO_COLOR", "KERNEL_USERNAME", "SHELL", "BASH_ENV"),
]


def test_no_variable_of_the_machine_reaches_the_tests() -> None:
    mine = {"PATH": "/bin", "HOME": "/root", "PYTHONPATH": "/here", "LANG": "C", "TZ": "Asia/Tokyo"}
    environ = {**mine, **dict.fromkeys(FOREIGN, "from the machine")}
    shut_out(environ)
    assert environ == mine


def test_variables_for_engines_and_packages_are_kept_for_tests_that_need_them() -> None:
    ways = {"DOCKER_HOST": "unix:///x", "https_proxy": "http://p", "SSL_CERT_FILE": "/ca"}
    environ = {**ways, "JUPYTER_PATH": "/from/the/machine"}
    shut_out(environ, offline=False)
    assert environ == ways


def test_the_tests_themselves_run_without_these_variables() -> None:
    before = dict(os.environ)
    shut_out()
    assert dict(os.environ) == before


IN_THE_BACKGROUND = """
import signal, subprocess, sys
from surroundings import in_the_foreground

signal.signal(signal.SIGINT, signal.SIG_IGN)
tell = "import signal; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
with in_the_foreground():
    subprocess.run([sys.executable, "-c", tell])
subprocess.run([sys.executable, "-c", tell])
"""


@pytest.mark.field("G2")
def test_programs_can_be_interrupted_though_the_tests_run_in_the_background() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_THE_BACKGROUND],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["False", "True"]


def test_signals_are_restored_at_the_end() -> None:
    before = signal.getsignal(signal.SIGINT)
    with in_the_foreground():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGINT) is before
