"""Enterprise Gateway starts kernels on another machine, through ssh.

The other machine is this one under an address that Enterprise Gateway does not know as its own.
For its own addresses it would not use ssh.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped,import-not-found,unused-ignore]  # from ipykernel
import pytest
from attrs import frozen
from behaviours import (
    LOOP,
    STUBBORN,
    run,
    test_a_timeout_keeps_output_and_state,
    test_an_interrupt_from_another_thread_ends_the_cell,
    test_code_that_ignores_the_interrupt_is_ended_by_a_restart,
    test_ctrl_c_interrupts_the_kernel_and_is_raised,
    test_hello_world_has_exactly_the_output_of_the_seed,
    test_input_requests_are_answered,
    test_restart_removes_variables_and_the_result_does_not_report_it,
    test_rich_output_becomes_a_file_byte_for_byte,
    test_stop_deletes_the_kernel_and_may_be_called_twice,
    test_the_death_of_a_kernel_is_reported_with_its_output,
    test_the_error_for_an_unknown_kernel_lists_the_installed_ones,
    test_variables_are_kept_between_blocks,
)
from environments import environment
from filelock import FileLock
from fixtures import Executors
from servers import ENTERPRISE, answering, configured, surroundings

from jkg_client import (
    GatewayStatus,
    GatewayTimeout,
    GatewayUnauthorized,
    JupyterClient,
    JupyterCodeExecutor,
    JupyterConnectionInfo,
    JupyterKernelClient,
    KernelNotFound,
)
from jkg_client.client.deadline import Deadline
from jkg_client.servers.ports import free_port

__all__ = [
    "test_a_timeout_keeps_output_and_state",
    "test_an_interrupt_from_another_thread_ends_the_cell",
    "test_code_that_ignores_the_interrupt_is_ended_by_a_restart",
    "test_ctrl_c_interrupts_the_kernel_and_is_raised",
    "test_hello_world_has_exactly_the_output_of_the_seed",
    "test_input_requests_are_answered",
    "test_restart_removes_variables_and_the_result_does_not_report_it",
    "test_rich_output_becomes_a_file_byte_for_byte",
    "test_stop_deletes_the_kernel_and_may_be_called_twice",
    "test_the_death_of_a_kernel_is_reported_with_its_output",
    "test_the_error_for_an_unknown_kernel_lists_the_installed_ones",
    "test_variables_are_kept_between_blocks",
]

HERE = "127.0.0.1"
ELSEWHERE = "127.0.0.2"
NOWHERE = "127.0.0.3"

LAUNCHER = "etc/kernel-launchers/python/scripts/launch_ipykernel.py"
"""Path in Enterprise Gateway's source. Its wheel does not contain this file."""

DOWNLOADING = 300
ENDING = 45.0
"""Seconds in which a kernel must end after a request.

ipykernel 6 ends its children before itself, but does not reap them. One child listens for the
gateway. It becomes a zombie, which ipykernel believes to be alive: it gives up after 29 s. Most of
the time the gateway's SIGTERM, which this child passes on, is faster.
"""

SSHD = """
ListenAddress {address}:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/home/.ssh/id_ed25519.pub
PidFile none
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
# The folder for temporary files is everybody's.
StrictModes no
"""


@frozen
class Site:
    """The two machines.

    Attributes:
        folder: Folder of all files of both. The command line of each kernel contains its path.
        ssh_port: Port of the other machine's ssh server.
        info: Address of the gateway.
    """

    folder: Path
    ssh_port: int
    info: JupyterConnectionInfo

    @property
    def log(self) -> str:
        """The gateway's log so far."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def pids(self, kernel_id: str) -> list[int]:
        """Ids of the kernel's processes on the other machine, one for each launch."""
        return [int(pid) for pid in re.findall(rf"pid: (\d+), ID: {kernel_id}", self.log)]

    def launched(self) -> list[psutil.Process]:
        """Running processes on the other machine: kernels, and their listeners for the gateway."""
        return _processes(f"{self.folder}/launchers")

    @property
    def gateway(self) -> psutil.Process:
        """The gateway's process."""
        (process,) = _processes(f"--config={self.folder}")
        return process


def _processes(word: str) -> list[psutil.Process]:
    """Processes whose command line contains ``word``."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if word in " ".join(process.cmdline()):
                found.append(process)
    return found


@pytest.fixture(scope="module")
def site(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    sshd = _sshd()
    folder = tmp_path_factory.mktemp("site")
    programs = environment(pytestconfig, ENTERPRISE.name, *ENTERPRISE.requirements)
    python = str(programs / "python")
    _install_kernels(folder, python, _launcher(programs))
    info = JupyterConnectionInfo(HERE, False, free_port(HERE), uuid.uuid4().hex)
    settings = ENTERPRISE.settings(info)
    settings["EnterpriseGatewayApp"]["remote_hosts"] = [ELSEWHERE]
    command = configured(folder, python, ENTERPRISE.module, settings)
    with _listening(sshd, folder) as ssh_port:
        env = {**surroundings(folder, python), **_connections(folder, ssh_port)}
        site = Site(folder, ssh_port, info)
        try:
            with answering(command, info, folder, env=env):
                yield site
        finally:
            # These processes are no children of the gateway, so they do not end with it.
            for process in site.launched():
                with suppress(psutil.NoSuchProcess):
                    process.kill()


@pytest.fixture(scope="module")
def server(site: Site) -> JupyterConnectionInfo:
    return site.info


@pytest.fixture
def client(server: JupyterConnectionInfo) -> Iterator[JupyterClient]:
    with JupyterClient(server) as client:
        yield client


def _sshd() -> str:
    # Debian has sshd in a folder that only root's PATH contains.
    path = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin"
    sshd = shutil.which("sshd", path=path)
    if sshd is None:
        missing = "sshd is missing: apt-get install --no-install-recommends openssh-server"
        # On CI a missing program is an error. Contributors may run the tests without it.
        if "CI" in os.environ:
            pytest.fail(missing)
        pytest.skip(missing)
    return sshd


def _launcher(programs: Path) -> Path:
    """The program that starts a kernel on the other machine. It is downloaded once."""
    kept = programs.parent / "launch_ipykernel.py"
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            folder = programs.parent / "source"
            source = ENTERPRISE.requirements[0]
            options = ["--quiet", "--no-deps", "--no-binary", source.partition("=")[0]]
            pip = [sys.executable, "-m", "pip", "download", *options]
            subprocess.run([*pip, "-d", str(folder), source], check=True, timeout=DOWNLOADING)
            (archive,) = folder.glob("*.tar.gz")
            with tarfile.open(archive) as tar:
                (name,) = [name for name in tar.getnames() if name.endswith(LAUNCHER)]
                script = tar.extractfile(name)
                assert script is not None
                kept.write_bytes(script.read())
    return kept


def _install_kernels(folder: Path, python: str, launcher: Path) -> None:
    """Write kernelspecs for the gateway, and the programs on the other machine that they name."""
    (folder / "launchers").mkdir()
    shutil.copy(launcher, folder / "launchers/launch.py")
    slow = "import runpy, time\ntime.sleep(6)\nrunpy.run_path({!r}, run_name='__main__')\n"
    (folder / "launchers/slow.py").write_text(slow.format(str(folder / "launchers/launch.py")))
    for name, script in (("python3", "launch.py"), ("slow", "slow.py")):
        spec = {
            "argv": [
                python,
                str(folder / "launchers" / script),
                *("--kernel-id", "{kernel_id}"),
                *("--response-address", "{response_address}"),
                *("--public-key", "{public_key}"),
                *("--port-range", "{port_range}"),
                *("--spark-context-initialization-mode", "none"),
            ],
            "display_name": f"{name} elsewhere",
            "language": "python",
            "metadata": {
                "process_proxy": {
                    "class_name": "enterprise_gateway.services.processproxies.distributed"
                    ".DistributedProcessProxy"
                }
            },
        }
        kernel = folder / "jupyter/kernels" / name
        kernel.mkdir(parents=True)
        (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")


def _connections(folder: Path, ssh_port: int) -> dict[str, str]:
    """The gateway's environment variables for connections to the other machine and back."""
    return {
        "EG_KERNEL_LOG_DIR": str(folder),
        "EG_REMOTE_USER": getpass.getuser(),
        "EG_RESPONSE_IP": HERE,
        "EG_RESPONSE_PORT": str(free_port(HERE)),
        "EG_SSH_PORT": str(ssh_port),
        "HOME": str(folder / "home"),
        "JUPYTER_PATH": str(folder / "jupyter"),
    }


@contextmanager
def _listening(sshd: str, folder: Path) -> Iterator[int]:
    """Run the other machine's ssh server, and return its port."""
    if os.getuid() == 0:
        # sshd requires this folder. Normally the system's service creates it.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    port = free_port(ELSEWHERE)
    keys = folder / "home/.ssh"
    keys.mkdir(parents=True, mode=0o700)
    for key in (folder / "host_key", keys / "id_ed25519"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
        subprocess.run(command, check=True, timeout=30, stdin=subprocess.DEVNULL)
    host = (folder / "host_key.pub").read_text(encoding="utf-8")
    (keys / "known_hosts").write_text(f"[{ELSEWHERE}]:{port} {host}", encoding="utf-8")
    settings = SSHD.format(address=ELSEWHERE, port=port, folder=folder)
    (folder / "sshd_config").write_text(settings, encoding="utf-8")
    log_file = folder / "sshd.log"
    with (
        log_file.open("wb") as log,
        subprocess.Popen(
            [sshd, "-D", "-e", "-f", str(folder / "sshd_config")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        try:
            _wait_for(process, port, log_file)
            yield port
        finally:
            process.terminate()


def _wait_for(process: subprocess.Popen[bytes], port: int, log_file: Path) -> None:
    deadline = Deadline(ENDING)
    while process.poll() is None and not deadline.passed:
        with suppress(OSError), socket.create_connection((ELSEWHERE, port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"sshd does not come up:\n{log_file.read_text(encoding='utf-8')}")


def _wait_until_gone(site: Site, kernel_id: str) -> None:
    left = _left(site, kernel_id)
    assert not left, f"still there: {left}"


def _left(site: Site, kernel_id: str) -> list[int]:
    """The processes of a kernel that do not end in time."""
    # Only the kernels. On a busy machine the kernel's listener may miss the request to end,
    # because the gateway allows only 5 ms for sending it.
    pids = site.pids(kernel_id)
    assert pids
    deadline = Deadline(ENDING)
    while (left := [pid for pid in pids if _runs(pid)]) and not deadline.passed:
        time.sleep(0.1)
    return left


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _wait_until_started(client: JupyterClient, kernel_id: str) -> None:
    deadline = Deadline(ENDING)
    while not _is_complete(client, kernel_id):
        assert not deadline.passed, "the gateway has not started it after all"
        time.sleep(0.1)


def _is_complete(client: JupyterClient, kernel_id: str) -> bool:
    try:
        return _is_there(client, kernel_id)
    except GatewayStatus as error:
        # The gateway lists a new kernel shortly before it can describe the kernel.
        if error.status != 500:
            raise
        return False


def _wait_until_forgotten(client: JupyterClient, kernel_id: str) -> None:
    deadline = Deadline(ENDING)
    while _is_there(client, kernel_id):
        assert not deadline.passed, "the gateway has not noticed it"
        time.sleep(0.1)


def _is_there(client: JupyterClient, kernel_id: str) -> bool:
    try:
        client.get_kernel(kernel_id)
    except KernelNotFound:
        return False
    return True


def _environ(executor: JupyterCodeExecutor, name: str) -> str:
    return run(executor, f"import os\nprint(os.environ.get({name!r}))").output.rstrip("\n")


def test_the_kernel_runs_on_the_machine_that_is_reached_through_ssh(
    site: Site, executors: Executors
) -> None:
    executor = executors(env={"KERNEL_USERNAME": "ada"})
    pid = int(run(executor, "import os\nprint(os.getpid())").output)
    assert executor.kernel_id is not None
    assert site.pids(executor.kernel_id) == [pid]
    assert site.gateway.pid not in {parent.pid for parent in psutil.Process(pid).parents()}
    assert _environ(executor, "SSH_CONNECTION").endswith(f" {ELSEWHERE} {site.ssh_port}")
    assert f"Kernel launched on '{ELSEWHERE}', pid: {pid}, ID: {executor.kernel_id}" in site.log


def test_only_variables_that_begin_with_kernel_are_passed_on(executors: Executors) -> None:
    given = {"KERNEL_USERNAME": "ada", "KERNEL_OF_TRUTH": "two words", "TRUTH": "none"}
    executor = executors(env=given)
    assert _environ(executor, "KERNEL_USERNAME") == "ada"
    assert _environ(executor, "KERNEL_OF_TRUTH") == "two words"
    assert _environ(executor, "TRUTH") == "None"


@pytest.mark.parametrize("last", ["pass", STUBBORN], ids=["after a cell", "after a restart"])
def test_stop_leaves_no_process_on_the_other_machine(
    site: Site, executors: Executors, last: str
) -> None:
    executor = executors(timeout=1)
    kernel_id = executor.kernel_id
    assert kernel_id is not None
    run(executor, last)
    assert _runs(site.pids(kernel_id)[-1])
    executor.stop()
    _wait_until_gone(site, kernel_id)


def test_a_deletion_during_a_cell_is_a_death_and_leaves_no_process(
    site: Site, client: JupyterClient
) -> None:
    def delete_during_a_cell() -> str:
        kernel_id = client.start_kernel("python3")
        with client.get_kernel_client(kernel_id) as kernel:
            assert kernel.wait_for_ready(60)
            result = kernel.execute(
                STUBBORN, 60, on_output=lambda _: client.delete_kernel(kernel_id)
            )
        assert (result.status, result.output) == ("died", "on\n")
        return kernel_id

    # The kernel may miss the gateway's request to end, see above, but not each time.
    for _ in range(3):
        left = _left(site, delete_during_a_cell())
        for pid in left:
            psutil.Process(pid).kill()
        if not left:
            return
    pytest.fail(f"still there: {left}")


def test_a_kernel_that_dies_while_nobody_is_connected_is_gone(
    site: Site, client: JupyterClient, executors: Executors
) -> None:
    kernel_id = client.start_kernel("python3")
    for pid in site.pids(kernel_id):
        psutil.Process(pid).kill()
    _wait_until_forgotten(client, kernel_id)
    with pytest.raises(KernelNotFound):
        executors(kernel_id=kernel_id)


def test_a_kernel_killed_on_the_other_machine_is_reported_in_seconds(
    kernel: JupyterKernelClient,
) -> None:
    pid = int(kernel.execute("x = 1\nimport os\nprint(os.getpid())", 20).output)
    started = time.monotonic()
    result = kernel.execute(LOOP, 60, on_output=lambda _: psutil.Process(pid).kill())
    assert (result.status, result.output, result.kernel_restarted) == ("died", "on\n", True)
    assert time.monotonic() - started < 30
    assert kernel.execute("print('x' in globals())", 20).output == "False\n"


def test_the_error_has_the_reason_if_the_gateway_gives_up_a_launch(
    site: Site, client: JupyterClient
) -> None:
    kernel_id = str(uuid.uuid4())
    env = {"KERNEL_ID": kernel_id, "KERNEL_LAUNCH_TIMEOUT": "2"}
    started = time.monotonic()
    with pytest.raises(GatewayStatus, match=r"launch timeout.*Waited too long \(2\.0s\)"):
        client.start_kernel("slow", env=env)
    assert time.monotonic() - started < 30
    _wait_until_gone(site, kernel_id)


def test_a_slow_launch_within_the_time_limit_succeeds(client: JupyterClient) -> None:
    kernel_id = client.start_kernel("slow", env={"KERNEL_LAUNCH_TIMEOUT": "60"})
    client.delete_kernel(kernel_id)


def test_a_launch_beyond_our_time_limit_can_be_undone_by_its_chosen_id(
    site: Site, client: JupyterClient
) -> None:
    kernel_id = str(uuid.uuid4())
    with pytest.raises(GatewayTimeout, match=r"no answer within 1 s"):
        client.start_kernel("slow", env={"KERNEL_ID": kernel_id}, timeout_seconds=1)
    _wait_until_started(client, kernel_id)
    client.delete_kernel(kernel_id)
    _wait_until_gone(site, kernel_id)


def test_the_error_for_an_unreachable_machine_has_the_reason_of_the_gateway(
    client: JupyterClient,
) -> None:
    with pytest.raises(GatewayStatus, match=rf"starting kernel on '{NOWHERE}'") as caught:
        client.start_kernel("python3", env={"KERNEL_REMOTE_HOST": NOWHERE})
    assert caught.value.status == 500


def test_an_unauthorized_user_is_an_error(client: JupyterClient) -> None:
    with pytest.raises(GatewayUnauthorized, match="'nobody-here' is not authorized") as caught:
        client.start_kernel("python3", env={"KERNEL_USERNAME": "nobody-here"})
    assert "token" not in str(caught.value)
