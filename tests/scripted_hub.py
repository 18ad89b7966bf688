"""A hub for tests. It works by default, and can fail in ways that a real hub cannot."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Union
from urllib.parse import unquote, urlsplit

from attrs import define, field, frozen

TOKEN = "the-token-of-me"
USER_SCOPES = [
    *(f"{name}!user=me" for name in ("read:servers", "start:servers", "delete:servers")),
    "access:servers!user=me",
    "users:activity!user=me",
]

Body = Union[bytes, dict[str, Any], list[Any], str]


@frozen
class Asked:
    """A request that the hub has received."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@frozen
class Said:
    """An answer. Each of its ``pieces`` is sent after a pause, in seconds."""

    status: int
    body: Body = b""
    headers: dict[str, str] = field(factory=dict)
    pieces: Iterable[tuple[float, bytes]] | None = None


@define
class Server:
    """The state of a user's server."""

    ready: bool = False
    pending: str | None = None
    alive: bool = True
    options: Any = None
    started: int = 0

    @property
    def stopped(self) -> bool:
        return not (self.ready or self.pending)


Rule = Callable[[Asked], "Said | None"]


class ScriptedHub:
    """A hub. Tests set these attributes:

    rules: Functions that are asked in order before the usual answer. None means no answer.
    start_seconds, stop_seconds: Duration of a start and of a stop.
    events: Events of the progress stream, without the last one.
    version, caller: Version of the hub, and its description of the owner of the token.
    url_of: Function that returns the URL of a server by its name.
    """

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.rules: list[Rule] = []
        self.asked: list[Asked] = []
        self.servers: dict[str, Server] = {}
        self.start_seconds = self.stop_seconds = 0.005
        self.events: list[dict[str, Any]] = [{"progress": 10, "message": "asked for"}]
        self.failure: str | None = None
        self.version = "6.1.1"
        self.caller: dict[str, Any] = {"name": "me", "kind": "user", "scopes": USER_SCOPES}
        self.tokens = {TOKEN}
        self.url_of: Callable[[str], str] = lambda name: f"{prefix}/user/me/{_below(name)}"
        self.lock = threading.RLock()
        self.url = ""

    def requests(self, method: str, part: str = "") -> list[Asked]:
        """The received requests with this method and with ``part`` in the path."""
        return [one for one in self.asked if one.method == method and part in one.path]

    def rule(self, method: str, part: str, *answers: Said | None) -> None:
        """Give these answers to the next requests of this kind. None is the usual answer."""
        left = list(answers)

        def answer(asked: Asked) -> Said | None:
            if asked.method == method and part in asked.path and left:
                return left.pop(0)
            return None

        self.rules.append(answer)

    def ready_with(self, request: int) -> None:
        """Let a server become ready when its events are requested for the ``request``-th time."""
        self.start_seconds = 600
        asked_for = itertools.count(1)

        def answer(asked: Asked) -> None:
            if asked.path.endswith("/progress") and next(asked_for) == request:
                for server in self.servers.values():
                    self._started(server)

        self.rules.insert(0, answer)

    def running(self) -> list[str]:
        """Names of servers that run or start."""
        return [name for name, server in self.servers.items() if not server.stopped]

    def answer(self, asked: Asked) -> Said:
        for rule in self.rules:
            said = rule(asked)
            if said is not None:
                return said
        path = urlsplit(asked.path).path
        if path.startswith(f"{self.prefix}/hub/api"):
            return self._api(asked, path[len(self.prefix) + len("/hub/api") :])
        if path.startswith(f"{self.prefix}/hub/user/"):
            return self._page(asked, path[len(self.prefix) + len("/hub/user/") :])
        if path.startswith(f"{self.prefix}/user/"):
            return self._user_server(asked, path[len(self.prefix) :])
        return Said(404, {"message": "nothing"})

    def _api(self, asked: Asked, path: str) -> Said:
        if path == "/":
            return Said(200, {"version": self.version})
        if asked.headers.get("Authorization", "").partition(" ")[2] not in self.tokens:
            return Said(403, {"status": 403, "message": "Forbidden"})
        if path == "/user":
            return Said(200, self.caller)
        _, _, user, *rest = path.split("/")
        if unquote(user) != "me":
            return Said(404, {"message": "No access to resources or resources not found"})
        if not rest:
            stopped_too = "include_stopped_servers" in asked.path
            return Said(200, {"name": "me", "servers": self._models(stopped_too)})
        if rest == ["activity"]:
            return Said(200, b"")
        name = unquote(rest[1]) if rest[0] == "servers" else ""
        if rest[-1] == "progress":
            return self._progress(name)
        return self._start(name, asked) if asked.method == "POST" else self._stop(name)

    def _models(self, stopped_too: bool) -> dict[str, Any]:
        return {
            name: {
                "name": name,
                "ready": server.ready,
                "pending": server.pending,
                "stopped": server.stopped,
                "url": self.url_of(name),
            }
            for name, server in self.servers.items()
            if stopped_too or not server.stopped
        }

    def _start(self, name: str, asked: Asked) -> Said:
        with self.lock:
            server = self.servers.setdefault(name, Server())
            if server.pending == "spawn":
                return Said(202)
            if server.pending:
                return Said(400, {"message": f"me:{name} is pending {server.pending}"})
            if server.ready and server.alive:
                return Said(400, {"message": f"me:{name} is already running"})
            server.ready, server.pending, server.alive = False, "spawn", True
            server.options = asked.body
            server.started += 1
        self.later(self.start_seconds, lambda: self._started(server))
        return Said(202)

    def _started(self, server: Server) -> None:
        if server.pending == "spawn":
            server.ready, server.pending = self.failure is None, None

    def _stop(self, name: str) -> Said:
        with self.lock:
            server = self.servers.get(name)
            if server is None:
                return Said(404, {"message": "no such server"})
            if server.stopped:
                return Said(204)
            if server.pending == "stop":
                return Said(202)
            server.ready, server.pending = False, "stop"
        self.later(self.stop_seconds, lambda: self._stopped(server))
        return Said(202)

    def _stopped(self, server: Server) -> None:
        if server.pending == "stop":
            server.pending = None

    def _progress(self, name: str) -> Said:
        server = self.servers.get(name, Server())
        if server.stopped and self.failure is None:
            return Said(400, {"message": "not starting"})
        return Said(200, pieces=self._events(server))

    def _events(self, server: Server) -> Iterator[tuple[float, bytes]]:
        for event in self.events:
            yield 0.0, event_of(event)
        while server.pending == "spawn":
            yield 0.002, b"\n\n"
        if server.ready:
            yield 0.0, event_of({"progress": 100, "ready": True, "message": "ready"})
        else:
            yield 0.0, event_of({"progress": 100, "failed": True, "message": self.failure or "?"})

    def _page(self, asked: Asked, path: str) -> Said:
        of_hub = {"X-JupyterHub-Version": self.version}
        if asked.headers.get("Authorization", "").partition(" ")[2] not in self.tokens:
            return Said(302, headers={"Location": f"{self.prefix}/hub/login?next=x", **of_hub})
        if not path.startswith("me/"):
            return Said(404, "<html>no access</html>", of_hub)
        return Said(424, {"message": f"no longer running at {path}"}, of_hub)

    def _user_server(self, asked: Asked, path: str) -> Said:
        _, _, _, *rest = path.split("/")
        name = rest[0] if rest and rest[0] in self.servers and rest[0] else ""
        server = self.servers.get(name, Server())
        of_hub = {"X-JupyterHub-Version": self.version}
        if not server.ready and asked.method == "GET":
            return Said(302, headers={"Location": f"{self.prefix}/hub{path}", **of_hub})
        if not server.ready:
            return Said(403, "<html>of the hub</html>", of_hub)
        if not server.alive:
            return Said(503, "<html>Service unavailable</html>")
        return Said(200, {"default": "python3", "kernelspecs": {"python3": {}}})

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        """Call a function after a number of seconds."""
        timer = threading.Timer(seconds, do)
        timer.daemon = True
        timer.start()


def _below(name: str) -> str:
    return f"{name}/" if name else ""


def event_of(event: dict[str, Any]) -> bytes:
    """An event in the format of the progress stream."""
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


@contextlib.contextmanager
def scripted_hub(prefix: str = "") -> Iterator[ScriptedHub]:
    """A running ``ScriptedHub``."""
    hub, over = ScriptedHub(prefix), threading.Event()

    class Talk(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Otherwise each body waits 40 ms until the client acknowledges the headers.
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            text = self.rfile.read(length)
            body = json.loads(text) if text else None
            asked = Asked(self.command, self.path, dict(self.headers.items()), body)
            hub.asked.append(asked)
            with contextlib.suppress(OSError):
                self.say(hub.answer(asked))

        do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = handle_any  # noqa: N815

        def say(self, said: Said) -> None:
            if said.status == 0:  # close the connection without an answer
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            text = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
            text = said.body.encode() if isinstance(said.body, str) else text
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            if said.pieces is None:
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
                return
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.stream(said.pieces)

        def stream(self, pieces: Iterable[tuple[float, bytes]]) -> None:
            for pause, piece in pieces:
                if over.wait(pause):
                    return
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Talk)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}{prefix}"
    try:
        yield hub
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether the condition becomes true within a number of seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
