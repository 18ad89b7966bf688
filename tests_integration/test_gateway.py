"""Tests that need a real kernel gateway: large output, quick errors, and what remains."""

from __future__ import annotations

import base64
import contextlib
import gc
import hashlib
import http.server
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures import Executors
from servers import jupyter_server_2, started

from jkg_client import (
    CodeBlock,
    Display,
    GatewayTimeout,
    GatewayUnreachable,
    JupyterClient,
    JupyterCodeExecutor,
    JupyterConnectable,
    JupyterConnectionInfo,
    JupyterKernelClient,
    LocalJupyterServer,
    NotAGateway,
)
from jkg_client.client.deadline import Deadline
from jkg_client.protocol.messages import Message, execute_request
from jkg_client.protocol.wire import Framing, decode, encode


def test_ten_megabytes_of_lines_are_returned_exactly(kernel: JupyterKernelClient) -> None:
    result = kernel.execute("for i in range(100_000): print(f'{i:099d}')", 120)
    assert result.output == "".join(f"{i:099d}\n" for i in range(100_000))
    assert result.truncated is None


@pytest.mark.pitfall(23)
def test_an_image_of_twenty_megabytes_is_returned_exactly(executors: Executors) -> None:
    code = """
        import random
        from IPython.display import display
        data = random.Random(7).randbytes(20 * 2**20)
        display({"image/png": data, "text/plain": "big"}, raw=True)
        import hashlib; print(hashlib.sha256(data).hexdigest())
    """
    result = executors(timeout=120).execute_code_blocks(
        [CodeBlock(textwrap.dedent(code), "python")]
    )
    (path,) = result.output_files
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert digest in result.output


@pytest.mark.pitfall(20)
def test_many_buffers_and_comms_do_no_harm(kernel: JupyterKernelClient) -> None:
    code = (
        "import comm\nc = comm.create_comm('t', data={'a': 1}, buffers=[b'x' * 1000, b''])\n"
        "for i in range(50): c.send({'i': i}, buffers=[bytes(100)])\nprint('done')"
    )
    assert kernel.execute(code, 30).output == "done\n"


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_plot_becomes_a_file(executors: Executors, kind: str) -> None:
    code = (
        f"%matplotlib inline\n%config InlineBackend.figure_formats = ['{kind}']\n"
        "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.show()"
    )
    result = executors(timeout=120).execute_code_blocks([CodeBlock(code, "python")])
    assert result.exit_code == 0, result.output
    (path,) = result.output_files
    start = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml", "pdf": b"%PDF-"}[kind]
    assert Path(path).read_bytes().startswith(start)
    assert "Figure" not in result.output


def test_quiet_pip_prints_nothing_unless_it_fails(executors: Executors) -> None:
    executor = executors(timeout=120)
    fine = executor.execute_code_blocks([CodeBlock("!pip install requests", "python")])
    assert (fine.exit_code, fine.output.strip()) == (0, "")
    code = "!pip install --no-index jkg-client-no-such-package"
    failed = executor.execute_code_blocks([CodeBlock(code, "python")])
    assert "ERROR: " in failed.output


def test_a_display_that_is_updated_by_a_later_cell_is_shown_there(
    kernel: JupyterKernelClient,
) -> None:
    kernel.execute("from IPython.display import display\nh = display('a', display_id=True)", 20)
    assert kernel.execute("h.update('b')", 20).output == "'b'"


def test_a_kernel_killed_from_outside_is_a_death(kernel: JupyterKernelClient) -> None:
    pid = int(kernel.execute("import os\nprint(os.getpid())", 20).output)
    started = threading.Event()

    def kill() -> None:
        started.wait(20)
        os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    code = "import time\nprint('on', flush=True)\ntime.sleep(60)"
    result = kernel.execute(code, 60, on_output=lambda _: started.set())
    killer.join()
    assert (result.status, result.output, result.kernel_restarted) == ("died", "on\n", True)


def test_a_kernel_killed_between_blocks_is_reported_by_a_later_block(
    executor: JupyterCodeExecutor,
) -> None:
    block = CodeBlock("import os\nprint(os.getpid())", "python")
    pid = int(executor.execute_code_blocks([block]).output)
    os.kill(pid, signal.SIGKILL)
    results = [executor.execute_code_blocks([block]) for _ in range(2)]
    assert any(result.kernel_restarted for result in results)
    assert results[-1].exit_code == 0


def test_a_real_ctrl_c_interrupts_and_leaves_the_client_usable(server: JupyterConnectable) -> None:
    program = """
        import sys
        from jkg_client import JupyterConnectionInfo, JupyterCodeExecutor, CodeBlock
        token = sys.stdin.readline().strip()
        info = JupyterConnectionInfo("127.0.0.1", False, int(sys.argv[1]), token)
        started = lambda output: print("started", flush=True)
        with JupyterCodeExecutor(info, timeout=60, on_output=started) as executor:
            try:
                loop = "print('on', flush=True)\\nwhile True: pass"
                codes = ["x = 7", loop]
                executor.execute_code_blocks([CodeBlock(code, "python") for code in codes])
            except KeyboardInterrupt:
                print("interrupted", flush=True)
            print(executor.execute_code_blocks([CodeBlock("x", "python")]).output)
    """
    info = server.connection_info
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), str(info.port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(f"{info.token}\n")
        child.stdin.flush()
        assert child.stdout.readline() == "started\n"
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=60)
    assert out.splitlines()[0] == "interrupted"
    assert "7" in out.splitlines()
    assert child.returncode == 0


def test_several_executors_on_one_server_run_at_the_same_time(
    executors: Executors, tmp_path: Path
) -> None:
    # No cell ends before all cells have begun.
    code = """
        import pathlib, time
        here = pathlib.Path({folder!r})
        (here / "{number}.begun").touch()
        while len(list(here.glob("*.begun"))) < 4: time.sleep(0.01)
        print({number})
    """
    crowd = [executors() for _ in range(4)]
    outputs: dict[int, str] = {}

    def work(number: int) -> None:
        cell = textwrap.dedent(code).format(folder=str(tmp_path), number=number)
        outputs[number] = crowd[number].execute_code_blocks([CodeBlock(cell, "python")]).output

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outputs == {number: f"{number}\n" for number in range(4)}


@contextlib.contextmanager
def _listener(answer: bytes | None) -> Iterator[int]:
    """A port that sends ``answer`` to each connection. None: it never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stopping = threading.Event()
        listening.settimeout(0.1)
        open_connections: list[socket.socket] = []

        def serve() -> None:
            while not stopping.is_set():
                with contextlib.suppress(socket.timeout):
                    connection, _ = listening.accept()
                    open_connections.append(connection)
                    if answer is not None:
                        connection.sendall(answer)
                        connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            stopping.set()
            thread.join()
            for connection in open_connections:
                connection.close()


def test_a_port_without_a_server_is_reported_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    started = time.monotonic()
    with pytest.raises(GatewayUnreachable, match=rf"127.0.0.1:{port}.*host and port right"):
        JupyterCodeExecutor(JupyterConnectionInfo("127.0.0.1", False, port))
    assert time.monotonic() - started < 5


def test_a_server_that_never_answers_is_reported_in_time() -> None:
    with _listener(None) as port:
        info = JupyterConnectionInfo("127.0.0.1", False, port)
        with (
            JupyterClient(info, request_timeout=0.5) as client,
            pytest.raises(GatewayTimeout, match=r"no answer within 0\.5 s"),
        ):
            client.list_kernel_specs()


@pytest.mark.pitfall(27)
def test_a_server_that_does_not_speak_http_is_not_a_gateway() -> None:
    with _listener(b"SSH-2.0-OpenSSH_9.2\r\n") as port:
        info = JupyterConnectionInfo("127.0.0.1", False, port)
        with pytest.raises(NotAGateway, match="the answer is not HTTP"):
            JupyterCodeExecutor(info)


@pytest.mark.pitfall(27)
def test_a_web_server_that_is_not_a_jupyter_server_is_reported() -> None:
    class Quiet(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        do_POST = do_GET

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as web:
        threading.Thread(target=web.serve_forever).start()
        try:
            info = JupyterConnectionInfo("127.0.0.1", False, web.server_address[1])
            with pytest.raises(NotAGateway, match=r"is not a Jupyter server.*base_path right"):
                JupyterCodeExecutor(info)
        finally:
            web.shutdown()


def _descriptors() -> set[str]:
    folder = Path("/proc/self/fd")
    if not folder.exists():
        return set()
    targets = set()
    for link in folder.iterdir():
        with contextlib.suppress(OSError):
            targets.add(f"{link.name} {link.readlink()}")
    return targets


@pytest.mark.pitfall(30)
def test_nothing_is_left_behind_after_stop(tmp_path: Path) -> None:
    gc.collect()
    threads, descriptors = set(threading.enumerate()), _descriptors()
    with LocalJupyterServer() as server:
        for _ in range(3):
            with JupyterCodeExecutor(server, output_dir=tmp_path) as executor:
                executor.execute_code_blocks([CodeBlock("print(1)", "python")])
        with JupyterClient(server.connection_info) as client:
            assert client.list_kernels() == []
    gc.collect()
    assert set(threading.enumerate()) == threads
    assert {d.split()[0] for d in _descriptors() - descriptors if "socket" in d} == set()
    assert len(_descriptors()) <= len(descriptors)


def test_our_frames_match_the_code_of_the_server() -> None:
    from jupyter_client.session import Session
    from jupyter_server.services.kernels.connection.base import (
        deserialize_binary_message,
        deserialize_msg_from_ws_v1,
        serialize_binary_message,
        serialize_msg_to_ws_v1,
    )

    request = execute_request("session", "print('é')")
    with_buffers = Message(
        channel="shell", header=request.header, content={"é": 1}, buffers=(b"\x00\xff", b"", b"abc")
    )
    unpack = Session().unpack
    for message in (request, with_buffers):
        channel, parts = deserialize_msg_from_ws_v1(encode(message, Framing.V1))
        assert (channel, parts[4:]) == (message.channel, list(message.buffers))
        read = [unpack(part) for part in parts[:4]]
        written_out = [message.header, message.parent_header, message.metadata, message.content]
        assert read == written_out
        assert decode(bytes(serialize_msg_to_ws_v1(parts, channel)), Framing.V1) == message

    document = {
        "channel": "shell",
        "header": with_buffers.header,
        "parent_header": {},
        "metadata": {},
        "content": {"é": 1},
        "buffers": [memoryview(b) for b in with_buffers.buffers],
    }
    assert decode(serialize_binary_message(dict(document))) == with_buffers
    frame = encode(with_buffers)
    assert isinstance(frame, bytes)
    read_back = deserialize_binary_message(frame)
    assert [bytes(b) for b in read_back["buffers"]] == list(with_buffers.buffers)
    assert read_back["content"] == {"é": 1}


def test_displayed_bytes_are_unchanged(kernel: JupyterKernelClient) -> None:
    code = "from IPython.display import display\ndisplay({'image/gif': b'GIF89a'}, raw=True)"
    (display,) = kernel.execute(code, 20).outputs
    assert isinstance(display, Display)
    assert base64.b64decode(display.data["image/gif"]) == b"GIF89a"


@pytest.mark.pitfall(1)
def test_after_a_disconnect_for_missing_pongs_every_cell_runs_once() -> None:
    def settings(info: JupyterConnectionInfo) -> dict[str, Any]:
        config = jupyter_server_2(info)
        # Disconnects after 2 s instead of 90 s.
        config["ServerApp"]["tornado_settings"] = {"ws_ping_interval": 300, "ws_ping_timeout": 1500}
        return config

    here = JupyterConnectionInfo("127.0.0.1", use_https=False)
    with started("jupyter_server", settings, here) as info, JupyterClient(info) as client:
        kernel_id = client.start_kernel("python3")
        with client.get_kernel_client(kernel_id) as kernel:
            assert kernel.execute("runs = 0", 60).is_ok
            for run in ("1\n", "2\n"):
                deadline = Deadline(20)
                while client.get_kernel(kernel_id)["connections"]:
                    assert not deadline.passed, "the server has not hung up"
                    time.sleep(0.1)
                result = kernel.execute("runs += 1\nprint(runs)", 30)
                assert (result.status, result.output, result.truncated) == ("ok", run, None)


@pytest.mark.pitfall(30)
def test_restarts_leave_no_open_files(executor: JupyterCodeExecutor) -> None:
    def restarted() -> int:
        executor.restart()
        assert executor.execute_code_blocks([CodeBlock("print(1)", "python")]).output == "1\n"
        gc.collect()
        return len(_descriptors())

    before = restarted()
    assert max(restarted() for _ in range(3)) <= before


FLUSHES = "for i in range(30_000): print(i, flush=True)"


@pytest.mark.pitfall(12)
def test_lines_that_are_flushed_one_by_one_are_complete(executors: Executors) -> None:
    result = executors(timeout=120).execute_code_blocks([CodeBlock(FLUSHES, "python")])
    assert (result.status, result.truncated) == ("ok", None)
    assert result.output == "".join(f"{i}\n" for i in range(30_000))


LOSES_THREE = """
session = get_ipython().kernel.session
for _ in range(3):
    session.msg("stream", {})
"a value"
"""


@pytest.mark.every_server
def test_messages_that_never_arrive_are_counted(executor: JupyterCodeExecutor) -> None:
    result = executor.execute_code_blocks([CodeBlock(LOSES_THREE, "python")])
    assert result.truncated is not None
    assert result.truncated.messages == 3
    assert executor.execute_code_blocks([CodeBlock("1", "python")]).truncated is None


SHOWS_ITSELF = """
class Figure:
    def _ipython_display_(self):
        print("shown")
Figure()
"""


@pytest.mark.every_server
def test_a_value_that_displays_itself_does_not_count_as_a_lost_message(
    executor: JupyterCodeExecutor,
) -> None:
    result = executor.execute_code_blocks([CodeBlock(SHOWS_ITSELF, "python")])
    assert (result.status, result.output) == ("ok", "shown\n")


LOSES_IDLE = """
import threading
session = get_ipython().kernel.session
send = session.send
session.send = lambda stream, what, *more, **others: (
    None if what == "status" else send(stream, what, *more, **others)
)
threading.Timer(1.0, lambda: delattr(session, "send")).start()
print("all")
"""


@pytest.mark.every_server
@pytest.mark.pitfall(12)
def test_a_cell_with_a_lost_end_still_ends(executor: JupyterCodeExecutor) -> None:
    for _ in range(3):
        result = executor.execute_code_blocks([CodeBlock(LOSES_IDLE, "python")])
        assert (result.status, result.results[0].output) == ("ok", "all\n")
        # The kernel's answer to a late request of the server may hide the lost message.
        if result.truncated is not None:
            break
    assert str(result.truncated) == "1 message was lost"
    assert executor.execute_code_blocks([CodeBlock("1 + 1", "python")]).output == "2"


INTERRUPTED_IN_REPLY = """
session = get_ipython().kernel.session
send = session.send
def interrupted(stream, what, *more, **others):
    if what != "execute_reply":
        return send(stream, what, *more, **others)
    del session.send
    raise KeyboardInterrupt
session.send = interrupted
print("all")
"""


@pytest.mark.every_server
def test_a_kernel_interrupted_outside_of_the_code_reports_this_and_stays_alive(
    executor: JupyterCodeExecutor,
) -> None:
    result = executor.execute_code_blocks([CodeBlock(INTERRUPTED_IN_REPLY, "python")])
    assert (result.status, result.truncated, result.kernel_restarted) == ("error", None, False)
    assert result.output.startswith("all\nNoReply: ")
    assert executor.execute_code_blocks([CodeBlock("len(send.__name__)", "python")]).output == "4"
