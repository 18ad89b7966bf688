"""Requests to the fake gateway and to a real one, to compare the answers."""

from __future__ import annotations

import itertools
import json
from typing import Any

from attrs import field, frozen

NOBODY = "00000000-0000-0000-0000-000000000000"

KERNEL = "KERNEL"
"""In a path: stands for the id of a running kernel."""


@frozen
class Rest:
    """An HTTP request, valid or not."""

    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = field(factory=dict)
    token: str = "right"

    def __str__(self) -> str:
        body = "" if self.body is None else f" {self.body!r}"
        headers = f" {self.headers}" if self.headers else ""
        token = "" if self.token == "right" else f" token {self.token}"
        return f"{self.method} {self.path}{body}{headers}{token}"


def _json(*values: Any) -> list[str]:
    return [json.dumps(value) for value in values]


PATHS = (
    "/",
    "/api",
    "/api/",
    "//api/kernels",
    "/api/kernels",
    "/api/kernels/",
    "/api/kernelspecs",
    "/api/kernelspecs/",
    "/api/kernelspecs/python3",
    "/api/kernelspecs/nosuch",
    "/api/kernelspecs/PYTHON3",
    "/api/kernels/abc",
    f"/api/kernels/{NOBODY}",
    f"/api/kernels/{NOBODY}/interrupt",
    f"/api/kernels/{NOBODY}/restart",
    f"/api/kernels/{NOBODY}/channels",
    f"/api/kernels/{NOBODY}/nosuch",
    f"/api/kernels/{KERNEL}",
    f"/api/kernels/{KERNEL}/interrupt",
    f"/api/kernels/{KERNEL}/channels",
    "/api/sessions",
    f"/api/sessions/{NOBODY}",
    "/api/sessions/abc",
    "/api/status",
    "/api/me",
    "/api/contents",
    "/api/terminals",
    "/api/swagger.json",
    "/api/swagger.yaml",
    "/api/spec.yaml",
    "/lab",
    "/login",
    "/favicon.ico",
    "/_api/activity",
    "/kernelspecs",
    "/kernelspecs/python3/logo-64x64.png",
    "/kernelspecs/PYTHON3/logo-svg.svg",
    "/kernelspecs/python3/kernel.json",
    "/kernelspecs/python3/nosuch",
    "/kernelspecs/python3/a/b",
    "/kernelspecs/nosuch/logo-64x64.png",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CHANGING = {"POST /api/kernels", "POST /api/sessions", f"DELETE /api/kernels/{KERNEL}"}

BARE = [
    Rest(method, path)
    for method, path in itertools.product(METHODS, PATHS)
    if f"{method} {path}" not in CHANGING
    and (method in {"GET", "OPTIONS", "DELETE"} or not path.endswith("ico"))
]
UNAUTHORIZED = [
    Rest(method, path, token=token)
    for token in ("wrong", "none")
    for method, path in (
        ("GET", "/api"),
        ("GET", "/api/kernels"),
        ("POST", "/api/kernels"),
        ("DELETE", f"/api/kernels/{KERNEL}"),
        ("OPTIONS", "/api/kernels"),
        ("GET", "/api/status"),
        ("GET", f"/api/kernels/{KERNEL}/channels"),
        ("GET", "/api/swagger.json"),
        ("PUT", "/api/kernels"),
        ("GET", "/kernelspecs/python3/logo-64x64.png"),
        ("OPTIONS", "/kernelspecs/python3/logo-64x64.png"),
    )
]
ORIGINS = [
    Rest(method, path, headers={"Origin": origin})
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "http://localhost")
    for method, path in (
        ("GET", "/api/kernels"),
        ("OPTIONS", "/api/kernels"),
        ("GET", "/api/nosuch"),
    )
]
STARTS = [
    Rest("POST", "/api/kernels", body)
    for body in (
        None,
        "",
        "notjson",
        b"\xff\xfe",
        *_json(
            {},
            [],
            "python3",
            5,
            None,
            {"name": "python3"},
            {"name": "python"},
            {"name": "PYTHON3"},
            {"name": "Python3"},
            {"name": None},
            {"name": ""},
            {"name": 5},
            {"name": ["python3"]},
            {"name": "nosuch"},
            {"name": "../python3"},
            {"name": "python3", "path": "no/such"},
            {"name": "python3", "path": 5},
            {"name": "python3", "more": 1},
            {"name": "python3", "env": {}},
            {"name": "python3", "env": {"KERNEL_A": "1"}},
            {"name": "python3", "env": {"A": "1"}},
            {"name": "python3", "env": {"A": 1}},
            {"name": "python3", "env": {"KERNEL_A": 1}},
            {"name": "python3", "env": {"KERNEL_A": None}},
            {"name": "python3", "env": {"KERNEL_A": {"b": 1}}},
            {"name": "python3", "env": None},
            {"name": "python3", "env": ["x"]},
            {"name": "python3", "env": "x"},
        ),
    )
]
SESSIONS = [
    Rest("POST", "/api/sessions", body)
    for body in (
        None,
        "notjson",
        b"\xff",
        *_json(
            {},
            [],
            "x",
            {"path": "p1"},
            {"type": "notebook"},
            {"path": "p2", "type": "notebook"},
            {"path": "p3", "type": "notebook", "kernel": {"name": "python3"}},
            {"path": "p4", "type": "notebook", "kernel": {"name": "nosuch"}},
            {"path": "p5", "type": "notebook", "kernel": {}},
            {"path": "p6", "type": "notebook", "kernel": None},
            {"path": "p7", "type": "notebook", "kernel": {"id": None, "name": "python3"}},
            {"path": "p8", "type": "notebook", "name": "n", "kernel": {"name": "python"}},
            {"notebook": {"path": "p9"}, "kernel": {"name": "python3"}},
            {"notebook": {}, "kernel": {"name": "python3"}},
            {"notebook": {"path": "p10"}},
        ),
    )
]
ODD_STARTS = [
    Rest("POST", "/api/kernels", body)
    for body in (
        '{"name": "nosuch", "name": "python3x"}',
        '{"name": NaN}',
        '{"name": "python3"} x',
        "true",
        "1.5",
        "[1]",
        '{"name": "nosuch"}'.encode("utf-16"),
        "[" * 2000 + "]" * 2000,
        '{"name": "no\\u0000such"}',
        *_json(
            {"name": True},
            {"name": {}},
            {"name": "python3", "path": None},
            {"name": "python3", "env": {"": "x"}},
            {"name": "python3", "env": {"KERNEL_A=B": "x"}},
            {"name": "python3", "env": {"KERNEL_A": "a\0b"}},
            {"name": "python3", "env": {"KERNEL_A": 1.5}},
            {"kernel_id": 5},
            {"kernel_id": ["x"]},
            {"kernel_id": "00000000-1111-2222-3333-444444444444"},
            {"kernel_id": "00000000-1111-2222-3333-444444444444", "path": "no/such"},
        ),
    )
]
ODD_SESSIONS = [
    Rest("POST", "/api/sessions", body)
    for body in _json(
        5,
        {"path": None, "type": "notebook"},
        {"path": 5, "type": "notebook"},
        {"path": ["a"], "type": "notebook"},
        {"path": "q1", "type": None},
        {"path": "q2", "type": "notebook", "kernel": {"name": ""}},
        {"path": "q3", "type": "notebook", "kernel": {"name": "PYTHON3"}},
        {"path": "q4", "type": "notebook", "kernel": []},
        {"path": "q5", "type": "notebook", "kernel": "python3"},
        {"path": "\u00e9/\u6f22", "type": "console"},
        {"path": "q3", "type": "notebook"},
    )
]
HANDLED_BY_THE_SERVER = (f"/api/kernels/{KERNEL}/interrupt", f"/api/sessions/{NOBODY}")
FOREIGN = [
    Rest(method, path, **options)
    for options in ({"token": "none"}, {"token": "wrong"}, {"headers": {"Origin": "null"}})
    for method in ("GET", "POST", "DELETE", "OPTIONS")
    for path in HANDLED_BY_THE_SERVER
]
FORMS = [
    Rest("GET", "/api?x=1"),
    Rest("GET", "/api?a=b&c=%zz"),
    Rest("GET", "/API/kernels"),
    Rest("GET", "/api/kernels/a-b-c-d-e"),
    Rest("DELETE", "/api/kernels/a-b-c-d-e", "notjson"),
    Rest("GET", "/api/kernels/a-b-c-d-e-f"),
    Rest("POST", f"/api/kernels/{KERNEL}/interrupt", "notjson"),
    Rest("POST", f"/api/kernels/{KERNEL}/interrupt/"),
    Rest("PATCH", f"/api/sessions/{NOBODY}", "[]"),
    Rest("GET", "/api/kernelspecs/%70ython3"),
    Rest("GET", "/api/kernelspecs/py%20thon"),
    Rest("GET", "/kernelspecs/python3/kernel.json?v=1"),
    Rest("GET", "/kernelspecs/python3/KERNEL.JSON"),
    Rest("HEAD", "/kernelspecs/python3/logo-64x64.png", token="none"),
    Rest("GET", "/api/sessions"),
    Rest("GET", "/api", headers={"Host": "evil.example"}),
    Rest("GET", "/api", headers={"Accept": "text/html", "Accept-Encoding": "gzip"}),
    Rest("GET", "/api", headers={"If-None-Match": "*"}),
    Rest("POST", "/api/kernels", '{"name": "nosuch"}', {"Content-Type": "text/plain"}),
    Rest("POST", "/api/kernels", "a=1", {"Content-Type": "application/x-www-form-urlencoded"}),
    Rest("POST", "/api/kernels", "x", {"Content-Type": "multipart/form-data; boundary=y"}),
]
REST = [
    *BARE,
    *UNAUTHORIZED,
    *ORIGINS,
    *STARTS,
    *SESSIONS,
    *ODD_STARTS,
    *ODD_SESSIONS,
    *FOREIGN,
    *FORMS,
]


@frozen
class Handshake:
    """The opening of a WebSocket."""

    path: str
    headers: dict[str, str] = field(factory=dict)
    token: str = "right"
    subprotocols: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.path} {self.headers} token {self.token} {self.subprotocols}"


V1 = "v1.kernel.websocket.jupyter.org"
OPEN = f"/api/kernels/{KERNEL}/channels"
HANDSHAKES = [
    Handshake(OPEN),
    Handshake(f"{OPEN}?session_id=a"),
    Handshake(f"{OPEN}?session_id="),
    Handshake(OPEN, token="wrong"),
    Handshake(OPEN, token="none"),
    Handshake(OPEN, token="query"),
    Handshake(f"/api/kernels/{NOBODY}/channels"),
    Handshake(f"/api/kernels/{NOBODY}/channels", token="wrong"),
    Handshake("/api/kernels/abc/channels"),
    Handshake("/api/nosuch"),
    Handshake(OPEN, {"Origin": "http://evil.example"}),
    Handshake(OPEN, {"Origin": "null"}),
    Handshake(OPEN, subprotocols=(V1,)),
    Handshake(OPEN, subprotocols=("x", V1)),
    Handshake(OPEN, subprotocols=("x",)),
    Handshake(OPEN, subprotocols=(V1.upper(),)),
]


@frozen
class Asked:
    """A message to a kernel. ``fields`` replace fields of its frame; None removes a field."""

    msg_type: str
    content: Any = field(factory=dict)
    channel: str = "shell"
    fields: dict[str, Any] = field(factory=dict)

    def __str__(self) -> str:
        return f"{self.channel} {self.msg_type} {self.content!r} {self.fields or ''}"


def cell(code: str, **options: Any) -> Asked:
    """A cell to run."""
    return Asked("execute_request", {"code": code, **options})


def _cells(*codes: str) -> list[Asked]:
    return [cell(code) for code in codes]


BAD = "class Bad(Exception):\n    def __str__(self): raise ValueError\nraise Bad"


CELLS = _cells(
    "1",
    "'text'",
    "None",
    "",
    "   ",
    "# nothing",
    "x = 1",
    "x",
    "x;",
    "print('a')\nx",
    "1/0",
    "def f(:",
    "  indented",
    "x = (",
    "nosuch",
    "import nosuchmodule",
    "raise KeyboardInterrupt",
    "raise SystemExit",
    "raise SystemExit(3)",
    "import sys; sys.exit(0)",
    "class E(BaseException): pass\nraise E('e')",
    BAD,
    "try:\n    1/0\nexcept Exception as e:\n    raise ValueError('b') from e",
    "assert False, 'why'",
    "display(1)",
    "display({'text/plain': 'a', 'text/html': '<b>'}, raw=True)",
    "h = display('a', display_id='i'); h.update('b')",
    "from IPython.display import HTML, display, clear_output\nHTML('<b>x</b>')",
    "display(HTML('<b>x</b>'), include=['text/html'])",
    "display(HTML('<b>x</b>'), exclude=['text/html'])",
    "clear_output()",
    "clear_output(wait=True)",
    "class A:\n    def _repr_html_(self): return '<i>'\n    def __repr__(self): return 'A'\nA()",
    "class R:\n    def __repr__(self): raise ValueError('no')\nR()",
    "class H:\n    def _repr_html_(self): 1/0\n    def __repr__(self): return 'H'\nH()",
    "list(range(1001))[:3]",
    "{'b': 1, 'a': [1, 2]}",
    "float('nan')",
    "'é漢🎉'",
    "b'\\xff'",
    "print('no newline', end='')",
    "print('\\ud800')",
    "import sys\nprint('o', flush=True); print('e', file=sys.stderr, flush=True); print('o')",
    "!echo hi",
    "!exit 3",
    "y = !echo one",
    "y",
    "%%bash\necho hi",
    "%%bash\nexit 4",
    "%%sh\necho err >&2",
    "%nosuch",
    "%%nosuch\nx",
    "%%time",
    "%env JKG_NONE",
    "%env A B=1",
    "%%capture cap\nprint('kept')\n1",
    "cap.stdout, len(cap.outputs)",
    "%%capture --no-stdout\nprint('a')",
    "%%writefile /dev/null\nx",
    "%precision 2",
    "len?",
    "nosuch?",
    "%pinfo len",
    "input('name? ')",
    "import getpass; getpass.getpass()",
    "import asyncio\nawait asyncio.sleep(0)\n5",
    "await asyncio.sleep(0, 'v')",
    "c = asyncio.sleep(0)\ntry: asyncio.run(c)\nfinally: c.close()",
    "asyncio.get_running_loop().is_running()",
    "async def g():\n    1/0\nawait g()",
    # A thread of ipykernel reads the output of other processes, on a busy machine a little later.
    "import os, time\nstatus = os.system('echo os')\ntime.sleep(0.5)\nstatus",
    "import subprocess, time\ndone = subprocess.run(['echo', 'sub'])\ntime.sleep(0.5)\n"
    "done.returncode",
    "import threading\nt = threading.Thread(target=print, args=('thread',)); t.start(); t.join()",
    "import warnings; warnings.warn('w', stacklevel=1)",
    "__name__",
    "In[1], type(Out).__name__",
    "_",
    "get_ipython().__class__.__name__",
    "get_ipython().set_next_input('z = 1')",
    "import sys; sys.stdout.isatty(), sys.stdout.encoding",
    "import os; os.environ['TERM'], os.environ['PAGER'], os.environ.get('MPLBACKEND', '')[:10]",
    "import signal; signal.getsignal(signal.SIGINT) is signal.default_int_handler",
    "import threading; threading.current_thread() is threading.main_thread()",
    "import os; os.getpgid(0) == os.getpid()",
    "import pickle\nclass P: pass\ntype(pickle.loads(pickle.dumps(P()))).__name__",
    "import __main__; __main__.P is P",
    "from concurrent.futures import ProcessPoolExecutor as PPE\ndef sq(n): return n * n\n"
    "with PPE(1) as e: print(list(e.map(sq, [1, 2])))",
    "import os\nif os.fork() == 0:\n    os._exit(0)\nos.wait()[1]",
    "sys.stdin.read()",
    "import logging; logging.warning('logged')",
    "import traceback\ntry: 1/0\nexcept Exception: traceback.print_exc()",
    "from IPython.display import Image\nImage(b'\\x89PNG\\r\\n\\x1a\\n')",
    "from IPython.display import JSON, Markdown\nJSON({'a': 1})",
    "Markdown('*x*')",
    "import inspect\ndef ff(): return 1\ninspect.getsource(ff)",
    "open('/nosuch')",
    "def deep(): deep()\ndeep()",
    "exec('1/0')",
    "%matplotlib inline",
    "%who_ls int",
    "%%timeit -n1 -r1 -q\n1",
    "%alias_magic t time",
    "%lsmagic?",
    "print(*range(3), sep='\\n')",
    "for i in range(3): display(i)",
)  # fmt: skip
MORE_CELLS = _cells(
    "display('text', raw=True)",
    "display({'a/b': object()}, raw=True)",
    "display({'a/b': {1}}, raw=True)",
    "display({'a/b': range(2)}, raw=True)",
    "display({'a/b': float('nan')}, raw=True)",
    "import datetime; display({'a/b': datetime.date(2020, 1, 2)}, raw=True)",
    "from fractions import Fraction; display({'a/b': Fraction(1, 2)}, raw=True)",
    "class J:\n    def _repr_json_(self): return {'a': {1}}\nJ()",
    "raise Exception('\\ud800')",
    "e = ValueError('n'); e.add_note('note'); raise e",
    "raise ExceptionGroup('g', [ValueError(1), TypeError('t')])",
    "raise OSError(2, 'x', 'file')",
    "type(sys.stdout), type(get_ipython())",
    "sys.stdout.buffer",
    "sys.stdout.reconfigure(encoding='utf-8')",
    "import sys; sys.stdout.write(5)",
    "import io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()) as f: print('a')\n"
    "f.getvalue()",
    "import os; os.write(1, b'') and 5",
    "'JPY_PARENT_PID' in os.environ",
    "import sys; 'ipykernel' in sys.modules",
    "breakpoint()",
    "import pdb; pdb.Pdb.__name__, pdb.set_trace.__module__",
    "%reset -f",
    "%save -f /tmp/probe_of_save 1\n!rm /tmp/probe_of_save.py",
    "%reset",
    "import sys; sys.displayhook(5)",
    "!kill -9 $$",
    "%%bash --out o --err e\necho a; echo b >&2",
    "o, e",
    "%%script nosuchprogram\nx",
    "%pycat /dev/null",
    # In one cell: the next cell may run in the kernel of another worker.
    "%xmode Minimal\n%xmode Context",
    "len?\n1/0",
    "help('nosuch')",
    "from IPython.core.page import page; page({'text/plain': 'a'})",
    "import ctypes; ctypes.CDLL(None).puts(b'from c'); ctypes.CDLL(None).fflush(None)",
    "import asyncio\nawait asyncio.gather(*(asyncio.sleep(0, n) for n in range(3)))",
    "await asyncio.to_thread(print, 'in a thread')",
    "def late(): 1/0\nimport threading\nt = threading.Thread(target=late, name='T')\n"
    "t.start(); t.join()",
    "x = 0777",
    "if 1:\n  x\n y",
    "f'{'",
    "x = 1\0",
    "print('a')\rprint('b')",
    "from __future__ import braces",
    "%store",
)  # fmt: skip
OPTIONS = [
    Asked("execute_request", {"code": "7", **options})
    for options in (
        {"silent": True},
        {"silent": True, "store_history": True},
        {"store_history": False},
        {"user_expressions": {"a": "6 * 7", "b": "1/0", "c": "nosuch"}},
        {"user_expressions": None},
        {"stop_on_error": False},
        {"silent": None},
        {"allow_stdin": None},
        {"unknown": 1},
        {"allow_stdin": 1},
        {"allow_stdin": "x"},
        {"user_expressions": {"a": 5}},
        {"user_expressions": {"a": "print(1)", "b": ""}},
    )
]
QUESTIONS = [
    Asked("kernel_info_request"),
    Asked("kernel_info_request", channel="control"),
    Asked("connect_request"),
    Asked("comm_info_request"),
    Asked("comm_info_request", {"target_name": "x"}),
    Asked("complete_request", {"code": "pri", "cursor_pos": 3}),
    Asked("complete_request", {"code": "x.rea", "cursor_pos": 5}),
    Asked("complete_request", {"code": "nosuchname", "cursor_pos": 10}),
    Asked("complete_request", {"code": "impo", "cursor_pos": 4}),
    Asked("complete_request", {"code": "pri"}),
    Asked("complete_request", {}),
    Asked("inspect_request", {"code": "nosuch", "cursor_pos": 3, "detail_level": 0}),
    Asked("inspect_request", {"code": "x", "cursor_pos": 1, "detail_level": 0}),
    Asked("inspect_request", {"code": "", "cursor_pos": 0}),
    Asked("inspect_request", {"code": "x"}),
    *(
        Asked("is_complete_request", {"code": code})
        for code in ("1", "for i in x:", "x = (", "1+", ")", "def f():\n  pass", "!ls",
                     "%%time\n1", "", "if 1:\n    x", "'''a", "a b")
    ),
    Asked("is_complete_request", {}),
    Asked("history_request", {"hist_access_type": "tail", "n": 1}),
    Asked("history_request", {}),
    Asked("history_request",
          {"hist_access_type": "nosuch", "output": False, "raw": True}),
    *(
        Asked("history_request", {"output": True, "raw": True, **asked})
        for asked in (
            {"hist_access_type": "tail", "n": 0},
            {"hist_access_type": "range", "session": 0, "start": -2},
            {"hist_access_type": "range", "session": 0, "start": -3, "stop": -1},
            {"hist_access_type": "range", "session": 5, "start": 1, "stop": 3},
            {"hist_access_type": "search", "pattern": "sys.*", "n": 2},
        )
    ),
    Asked("comm_open", {"comm_id": "c", "target_name": "nosuch", "data": {}}, "control"),
    Asked("comm_info_request", channel="control"),
    Asked("create_subshell_request", channel="control"),
    Asked("interrupt_request", channel="control"),
    Asked("interrupt_request"),
    Asked("comm_open", {"comm_id": "c", "target_name": "nosuch", "data": {}}),
    Asked("comm_msg", {"comm_id": "nosuch", "data": {}}),
    Asked("comm_close", {"comm_id": "nosuch", "data": {}}),
    Asked("comm_open", {}),
    Asked("nosuch_request"),
    Asked("nosuch_request", channel="control"),
    Asked("execute_request", {}),
    Asked("execute_request", {"code": None}),
    Asked("execute_request", {"code": 5}),
    Asked("execute_request", {"code": "1 + 1"}, channel="control"),
    Asked("debug_request", {"type": "request", "command": "nosuch", "seq": 1}, channel="control"),
    Asked("usage_request", channel="shell"),
    Asked("input_reply", {"value": "unasked"}, channel="stdin"),
    Asked("execute_reply"),
    Asked("status", {"execution_state": "idle"}),
]  # fmt: skip
_FIELDS: tuple[dict[str, Any], ...] = (
    {"channel": None},
    {"channel": "nosuch"},
    {"channel": "iopub"},
    {"channel": 5},
    {"buffers": None},
    {"buffers": ["x"]},
    {"buffers": 5},
    {"buffers": {}},
    {"buffers": [1]},
    {"buffers": [None]},
    {"buffers": [[]]},
    {"buffers": {"a": 1}},
    {"content": None},
    {"content": []},
    {"metadata": None},
    {"parent_header": None},
    {"header": None},
    {"header": {}},
    {"header": "x"},
    {"header": {"msg_type": "kernel_info_request"}},
    {"header": {"msg_id": "m"}},
    {"more": 1},
)
FRAMES = [Asked("kernel_info_request", fields=fields) for fields in _FIELDS]
# The last one ends the kernel.
CONVERSATIONS = [*CELLS, *MORE_CELLS, *OPTIONS, *QUESTIONS, *FRAMES, cell("exit")]
