"""Conversations, step by step, and raw requests for the fake gateway and a real one."""

from __future__ import annotations

from typing import Union

from attrs import field, frozen
from probes import KERNEL, NOBODY, Asked, Rest, cell

Step = Union[Asked, Rest, str]
"""A message to send, a request, or the type of a message to wait for."""


@frozen
class Scene:
    """Steps of a client with a kernel, with the messages that it waits for in between."""

    name: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return self.name


def answer(value: object) -> Asked:
    return Asked("input_reply", {"value": value}, channel="stdin")


def question(code: str, **options: object) -> tuple[Step, ...]:
    """A cell that waits for input, so that the next messages wait in the kernel's queue."""
    return (cell(code, allow_stdin=True, **options), "input_request")


INTERRUPT = Rest("POST", f"/api/kernels/{KERNEL}/interrupt")
# The text is not flushed, so it arrives when the loop runs. An interrupt within a flush would have
# another traceback.
LOOP = cell("import time\nprint('on')\nwhile True: time.sleep(0.01)")
FAILS = "input()\n1/0"
AGAIN = Asked("execute_request", {"code": "'once'"}, fields={"header": {
    "msg_id": "again", "msg_type": "execute_request", "session": "s", "username": "u",
    "date": "2026-01-01T00:00:00Z", "version": "5.3"}})  # fmt: skip

SCENES = [
    Scene("a message twice", (AGAIN, "execute_reply", AGAIN)),
    Scene("answer twice", (*question("print(input('a'), input('b'))"), answer("A"),
                           "input_request", answer("B"))),
    Scene("answer before the question", (answer("early"), *question("input('a')"), answer("A"))),
    Scene("answer without a value", (*question("input('a')"),
                                     Asked("input_reply", {}, channel="stdin"))),
    Scene("answer of a number", (*question("input('a')"), answer(5))),
    Scene("answer of two lines", (*question("print('x', end='')\ninput(5)"), answer("\u00e9\n2"))),
    Scene("end of input", (*question("try: input('a')\nexcept EOFError as e: print(repr(e))"),
                           answer("\x04"))),
    Scene("unseen answer", (*question("import getpass\ngetpass.getpass()"), answer("s"))),
    Scene("unseen answer to a question", (
        *question("import getpass\ngetpass.getpass('Key: ')"), answer("s"))),
    Scene("answer to a silent cell", (*question("print(input('a'))", silent=True), answer("A"))),
    Scene("interrupt of a question", (*question("try: input('a')\n"
                                                "except KeyboardInterrupt as e: print(repr(e))"),
                                      INTERRUPT)),
    Scene("interrupt of a loop", (LOOP, "stream", INTERRUPT)),
    Scene("interrupt of nothing", (INTERRUPT, INTERRUPT, cell("1"))),
    Scene("interrupt of a cell that goes on", (
        cell("import time\ntry:\n    print('on', flush=True)\n    while True: time.sleep(0.01)\n"
             "except KeyboardInterrupt: print('off')\n5"), "stream", INTERRUPT)),
    Scene("queue behind a failure", (*question(FAILS), cell("'b'"), cell("'c'"), answer(""))),
    Scene("queue behind a failure that may be", (*question(FAILS, stop_on_error=False),
                                                 cell("'b'"), answer(""))),
    Scene("queue behind a silent failure", (*question(FAILS, silent=True), cell("'b'"),
                                            answer(""))),
    Scene("queue behind an interrupt", (
        # The answer proves that the second cell is in the queue before the interrupt comes.
        LOOP, "stream", cell("'b'"), Asked("kernel_info_request", {}, channel="control"),
        "kernel_info_reply", INTERRUPT)),
    Scene("questions behind a failure", (
        *question(FAILS), Asked("is_complete_request", {"code": "for"}),
        Asked("inspect_request", {"code": "nosuch", "cursor_pos": 1}), cell("'b'"), answer(""))),
    Scene("queue with options behind a failure", (
        *question(FAILS), cell("'b'", silent=True), cell("'c'", stop_on_error=False),
        answer(""))),
    Scene("failure by exit", (*question("input()\nraise SystemExit(1)"), cell("'b'"), answer(""))),
    Scene("a word of the prompt", (*question("input(prompt='a')"), answer("A"))),
    Scene("debugger", (*question("import pdb; pdb.set_trace(); y = 5"), answer("c"))),
    Scene("reset", (*question("%reset"), answer("n"))),
    Scene("question in a thread", (
        *question("import asyncio\nawait asyncio.to_thread(input, 'a')"), answer("A"))),
    Scene("interrupt of a subprocess", (
        # Another thread prints when the subprocess runs: the traceback depends on the moment.
        cell("import subprocess, threading\nthreading.Timer(0.5, print, ['on']).start()\n"
             "subprocess.run(['sleep', '9'])"), "stream", INTERRUPT)),
    Scene("handler of a cell", (
        cell("import signal, time\nsignal.signal(signal.SIGINT, lambda *_: print('handled'))\n"
             "print('on', flush=True)\ntime.sleep(0.5)\nprint('end')"), "stream", INTERRUPT)),
    Scene("comm", (
        cell("from comm import get_comm_manager\n"
             "def target(comm, opened):\n    print('opened', opened['content']['data'])\n"
             "    comm.on_msg(lambda m: comm.send({'echo': m['content']['data']}))\n"
             "    comm.on_close(lambda m: print('closed'))\n"
             "get_comm_manager().register_target('t', target)"),
        Asked("comm_open", {"comm_id": "known", "target_name": "t", "data": {"o": 1}}), "stream",
        Asked("comm_msg", {"comm_id": "known", "data": {"x": 1}}), "comm_msg",
        Asked("comm_info_request", {"target_name": "t"}),
        Asked("comm_close", {"comm_id": "known", "data": {}}),
        Asked("comm_info_request", {"target_name": "t"}))),
    Scene("signal of one's own", (
        cell("import os, signal, time\n"
             "try:\n    os.kill(os.getpid(), signal.SIGINT)\n    time.sleep(9)\n"
             "except KeyboardInterrupt: print('interrupted')"), "stream", cell("1"))),
    Scene("task that goes on", (
        cell("import asyncio\nasync def late():\n    print('late')\n    return 4\n"
             "task = asyncio.ensure_future(late())"), cell("await task"))),
]  # fmt: skip


@frozen
class Raw:
    """A request, byte for byte.

    Attributes:
        name: What is unusual in the request.
        head: Lines of the head. TOKEN and HOST stand for the server's token and host.
        ends: Whether the server closes the connection after this request.
    """

    name: str
    head: tuple[str, ...]
    body: bytes = b""
    ends: bool = field(default=False, kw_only=True)

    def __str__(self) -> str:
        return self.name


ALLOWED = ("Host: HOST", "Authorization: token TOKEN")
GET = "GET /api HTTP/1.1"
POST = "POST /api/kernels HTTP/1.1"
RAW = [
    Raw("no request", ("hello",), ends=True),
    Raw("a version of the future", ("GET /api HTTP/3.0", *ALLOWED), ends=True),
    Raw("no host", (GET, ALLOWED[1]), ends=True),
    Raw("a length that is no number", (POST, *ALLOWED, "Content-Length: abc"), ends=True),
    Raw("a negative length", (POST, *ALLOWED, "Content-Length: -5"), ends=True),
    Raw("a connection for once", (GET, *ALLOWED, "Connection: close"), ends=True),
    Raw("HTTP 1.0", ("GET /api HTTP/1.0", *ALLOWED), ends=True),
    Raw("chunks", (POST, *ALLOWED, "Transfer-Encoding: chunked"),
        b'4\r\n{"na\r\n0b\r\nme":"nosuch\r\n2\r\n"}\r\n0\r\n\r\n'),
    Raw("chunks that are no JSON", (POST, *ALLOWED, "Transfer-Encoding: chunked"),
        b"3\r\nabc\r\n0\r\n\r\n"),
    Raw("a body that nobody reads", (GET, *ALLOWED, "Content-Length: 5"), b"hello"),
    Raw("a body of a DELETE", (f"DELETE /api/kernels/{NOBODY} HTTP/1.1", *ALLOWED,
                               "Content-Length: 2"), b"{}"),
    Raw("two tokens", (GET, ALLOWED[0], "Authorization: token x", ALLOWED[1])),
    Raw("a token of another name", (GET, ALLOWED[0], "Authorization: Bearer TOKEN")),
    Raw("a token with more", (GET, ALLOWED[0], "Authorization: token TOKENx")),
    Raw("a token in the query", ("GET /api?token=TOKEN HTTP/1.1", ALLOWED[0])),
    Raw("two tokens in the query", ("GET /api?token=x&token=TOKEN HTTP/1.1", ALLOWED[0])),
    Raw("an empty token in the query", ("GET /api?token= HTTP/1.1", *ALLOWED)),
    Raw("a wrong token in the query", ("GET /api?token=x HTTP/1.1", *ALLOWED)),
    Raw("a token with space around it", (GET, ALLOWED[0], "Authorization:  token TOKEN  ")),
    Raw("a token and a space in the query", ("GET /api?token=%20TOKEN+ HTTP/1.1", ALLOWED[0])),
    Raw("a method of tea", ("BREW /api HTTP/1.1", *ALLOWED)),
    Raw("a method in small letters", ("get /api HTTP/1.1", *ALLOWED)),
    Raw("a long path", (f"GET /api/{'x' * 5000} HTTP/1.1", *ALLOWED)),
    Raw("a slash in disguise", ("GET /api/kernels%2F HTTP/1.1", *ALLOWED)),
    Raw("another protocol", (GET, *ALLOWED, "Connection: Upgrade", "Upgrade: h2c")),
    Raw("spaces for a body", (POST, *ALLOWED, "Content-Length: 3"), b"   "),
    Raw("a mark before the body", (POST, *ALLOWED, "Content-Length: 5"), b"\xef\xbb\xbf{}"),
]  # fmt: skip
