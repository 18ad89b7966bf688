"""The REST API of kernel gateway 3.0.1, with the answers that were recorded from it."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Callable

from attrs import frozen

from ..protocol.messages import Json
from .kernels import FakeSession, Kernels
from .launches import KernelNotStarted
from .resources import resource, resources
from .server import Call, HttpAnswer, json_answer

KERNEL = r"/api/kernels/(?P<kernel_id>\w+-\w+-\w+-\w+-\w+)"
SESSION = r"/api/sessions/(?P<session_id>\w+-\w+-\w+-\w+-\w+)"
CHANNELS = re.compile(f"{KERNEL}/channels")
RESOURCE = re.compile(r"/kernelspecs/(?P<name>[^/]+)/(?P<file>.*)")

FOREIGN = f"{KERNEL}/(?:interrupt|restart)|{SESSION}"
"""Paths that jupyter_server handles. Its errors have another format."""

JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html; charset=UTF-8"}


def _error(status: int, message: str = "") -> HttpAnswer:
    """An error of kernel gateway. Its reason is the name of the status."""
    return json_answer(status, {"reason": HTTPStatus(status).phrase, "message": message})


def _server_error(status: int, message: str, **more: str) -> HttpAnswer:
    """An error of jupyter_server, which gives no reason."""
    return json_answer(status, {"message": message, "reason": None, **more})


def _refusal(call: Call, status: int) -> HttpAnswer:
    """An error in the format of the program that handles the path."""
    if not re.fullmatch(FOREIGN, call.path):
        return _error(status)
    message = HTTPStatus(status).phrase
    if status == 401:
        return json_answer(401, {"message": message})
    return _server_error(status, message)


SWAGGER: Json = {
    "swagger": "2.0",
    "info": {"title": "Jupyter Kernel Gateway API", "version": "6"},
    "paths": {"/api": {"get": {"responses": {"200": {"description": "The version"}}}}},
}

Method = Callable[..., HttpAnswer]


@frozen(kw_only=True)
class RestApi:
    """The REST API of one gateway; see ``FakeGateway``."""

    kernels: Kernels
    token: str | None
    base_path: str
    kernel_specs: Mapping[str, Mapping[str, Any]]
    list_kernels: bool
    max_kernels: int | None

    def admits(self, call: Call) -> bool:
        """Whether the token is right. A token in the query has priority over one in the header."""
        if not self.token:
            return True
        if "token" in call.query:
            return call.query["token"].strip() == self.token
        return call.header("Authorization") == f"token {self.token}"

    def answer(self, call: Call) -> HttpAnswer:
        """The answer to a request below the base path."""
        if call.path in PAGES:
            return PAGES[call.path].get(call.method, PAGE_METHOD)
        if file := RESOURCE.fullmatch(call.path):
            return _resource(self, call, **file.groupdict())
        matches = ((re.fullmatch(path, call.path), methods) for path, methods in ROUTES.items())
        found, methods = next((match for match in matches if match[0]), (None, {}))
        if found is None:
            return _error(404)
        answer = self._answer(call, found, methods)
        if CHANNELS.fullmatch(call.path) and answer.status != 400:
            # The handler of WebSockets sends errors with empty bodies.
            return HttpAnswer(status=answer.status, headers=HTML)
        return answer

    def _answer(
        self, call: Call, found: re.Match[str], methods: Mapping[str, Method]
    ) -> HttpAnswer:
        if call.method == "OPTIONS":
            if self.admits(call):
                return HttpAnswer(status=200, headers=JSON)
            return _refusal(call, 403)
        if not self.admits(call):
            return _refusal(call, 401)
        if not is_from_here(call):
            return _refusal(call, 404)
        method = methods.get(call.method)
        if method is None:
            return _refusal(call, 405)
        return method(self, call, **found.groupdict())


def is_from_here(call: Call) -> bool:
    """Whether the ``Origin`` of the request names no other site."""
    origin = call.header("Origin").lower()
    return not origin or origin.partition("//")[2] == call.header("Host").lower()


def _version(_: RestApi, __: Call) -> HttpAnswer:
    return json_answer(200, {"version": "2.21.1"})


def _kernel_specs(api: RestApi, _: Call) -> HttpAnswer:
    specs = {name: _spec(api, name) for name in api.kernel_specs}
    return json_answer(200, {"default": next(iter(specs)), "kernelspecs": specs})


def _kernel_spec(api: RestApi, _: Call, name: str) -> HttpAnswer:
    if name.lower() not in api.kernel_specs:
        return _error(404, f"Kernel spec {name} not found")
    return json_answer(200, {**_spec(api, name.lower()), "name": name})


def _spec(api: RestApi, name: str) -> dict[str, Any]:
    spec = dict(api.kernel_specs[name])
    return {"name": name, "spec": spec, "resources": resources(api.base_path, name)}


def _resource(api: RestApi, call: Call, name: str, file: str) -> HttpAnswer:
    if call.method not in {"GET", "HEAD"}:
        return _error(405)
    if not api.admits(call):
        return _error(401)
    if name.lower() not in api.kernel_specs:
        return _error(404, f"Kernel spec {name} not found")
    return resource(api.kernel_specs[name.lower()], file) or _error(404)


def _list_kernels(api: RestApi, _: Call) -> HttpAnswer:
    if not api.list_kernels:
        return _error(403, "Forbidden")
    return json_answer(200, [kernel.model for kernel in tuple(api.kernels.running.values())])


def _start_kernel(api: RestApi, call: Call) -> HttpAnswer:
    if api.max_kernels is not None and len(api.kernels.running) >= api.max_kernels:
        return _error(403, "Resource Limit")
    if isinstance(call.body, bytes):
        return _unread(call.body)
    body = {} if call.body is None else call.body
    if not isinstance(body, dict):
        return _broken("AttributeError: 'list' object has no attribute 'get'")
    if "env" in body and not isinstance(body["env"], dict):
        return _error(400)
    env = body.get("env")
    passed = {} if env is None else {k: v for k, v in env.items() if k.startswith("KERNEL_")}
    if not all(isinstance(value, str) for value in passed.values()):
        return _broken("TypeError: expected str, bytes or os.PathLike object, not int")
    if any("=" in name or "\0" in name + value for name, value in passed.items()):
        return _broken("ValueError: illegal environment variable name")
    if not isinstance(body.get("kernel_id") or "", str):
        return _broken("TypeError: expected string or bytes-like object, got 'int'")
    name = _name(api, body)
    if not _is_known(api, name):
        return _broken(f"jupyter_client.kernelspec.NoSuchKernel: No such kernel named {name}")
    try:
        kernel = api.kernels.start(name, env, body.get("kernel_id"))
    except KernelNotStarted as exc:
        return _broken(str(exc))
    return json_answer(201, kernel.model, {"Location": f"{api.base_path}/api/kernels/{kernel.id}"})


def _unread(body: bytes) -> HttpAnswer:
    try:
        body.decode()
    except UnicodeDecodeError as exc:
        return json_answer(500, {"reason": exc.reason, "message": "Unknown server error"})
    return _error(400, "Invalid JSON in body of request")


def _name(api: RestApi, model: Mapping[str, Any]) -> Any:
    name = model.get("name")
    if name is None:
        return next(iter(api.kernel_specs))
    return "python3" if name == "python" and name not in api.kernel_specs else name


def _is_known(api: RestApi, name: Any) -> bool:
    # Jupyter ignores the case of letters in names of kernels.
    return isinstance(name, str) and name.lower() in api.kernel_specs


def _broken(exception: str) -> HttpAnswer:
    trace = f"Traceback (most recent call last):\n{exception}\n"
    message = "Unknown server error"
    reason = "Internal Server Error"
    return json_answer(500, {"reason": reason, "message": message, "traceback": trace})


def _get_kernel(api: RestApi, _: Call, kernel_id: str) -> HttpAnswer:
    kernel = api.kernels.running.get(kernel_id)
    return json_answer(200, kernel.model) if kernel else _no_kernel(kernel_id)


def _no_kernel(kernel_id: str) -> HttpAnswer:
    return _error(404, f"Kernel does not exist: {kernel_id}")


def _delete_kernel(api: RestApi, _: Call, kernel_id: str) -> HttpAnswer:
    kernel = api.kernels.running.get(kernel_id)
    if kernel is None:
        return _no_kernel(kernel_id)
    if kernel.stumbles():
        return _broken("asyncio.exceptions.InvalidStateError: Exception is not set.")
    api.kernels.delete(kernel)
    return HttpAnswer(status=204)


def _interrupt(api: RestApi, _: Call, kernel_id: str) -> HttpAnswer:
    kernel = api.kernels.running.get(kernel_id)
    if kernel is None:
        return _server_error(404, f"Kernel does not exist: {kernel_id}")
    kernel.interrupt()
    return HttpAnswer(status=204)


def _restart(api: RestApi, _: Call, kernel_id: str) -> HttpAnswer:
    kernel = api.kernels.running.get(kernel_id)
    if kernel is None:
        return _server_error(500, "Exception restarting kernel")
    kernel.restart()
    return json_answer(200, {**kernel.model, "execution_state": "idle"})


def _channels(api: RestApi, _: Call, kernel_id: str) -> HttpAnswer:
    if kernel_id not in api.kernels.running:
        return _error(404)
    return HttpAnswer(status=400, body=b'Can "Upgrade" only to "WebSocket".', headers=HTML)


def _list_sessions(api: RestApi, _: Call) -> HttpAnswer:
    if not api.list_kernels:
        return _error(403, "Forbidden")
    return json_answer(200, [session.model for session in tuple(api.kernels.sessions.values())])


def _start_session(api: RestApi, call: Call) -> HttpAnswer:
    if call.body is None:
        return _error(400, "No JSON data provided")
    if isinstance(call.body, bytes):
        return _unread(call.body)
    if not isinstance(call.body, dict) or not isinstance(call.body.get("kernel", {}), dict):
        return _broken("TypeError: 'NoneType' object is not subscriptable")
    body = _in_new_words(call.body)
    for name in ("path", "type"):
        if name not in body:
            return _error(400, f"Missing field in JSON data: {name}")
    if any(session.path == body["path"] for session in api.kernels.sessions.values()):
        # Kernel gateway 3.0.1 fails if the session exists already.
        return _broken("TypeError: object dict can't be used in 'await' expression")
    # Here, an empty name stands for the default kernel.
    name = _name(api, {"name": body.get("kernel", {}).get("name") or None})
    if not _is_known(api, name):
        message = (
            f"The '{name}' kernel is not available. Please pick another suitable kernel instead,"
            " or install that kernel."
        )
        return json_answer(501, {"message": message, "short_message": f"{name} not found"})
    session = FakeSession(str(uuid.uuid4()), body["path"], api.kernels.start(name))
    api.kernels.sessions[session.id] = session
    return json_answer(
        201, session.model, {"Location": f"{api.base_path}/api/sessions/{session.id}"}
    )


def _in_new_words(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """The model of an older client, which has no ``type``, in the format of newer clients."""
    notebook = model.get("notebook")
    if not isinstance(notebook, dict) or "path" not in notebook:
        return model
    return {**model, "path": notebook["path"], "type": "notebook"}


def _change_session(api: RestApi, call: Call, session_id: str) -> HttpAnswer:
    if call.body is None:
        return _server_error(400, "No JSON data provided")
    return _get_session(api, call, session_id)


def _get_session(api: RestApi, _: Call, session_id: str) -> HttpAnswer:
    if session_id not in api.kernels.sessions:
        return _server_error(404, f"Session not found: {session_id}")
    # Kernel gateway 3.0.1 always fails here.
    return _server_error(500, "Unhandled error", traceback="")


def _delete_session(api: RestApi, _: Call, session_id: str) -> HttpAnswer:
    session = api.kernels.sessions.pop(session_id, None)
    if session is None:
        return _server_error(410, "Kernel deleted before session")
    api.kernels.delete(session.kernel)
    return HttpAnswer(status=204)


ROUTES: dict[str, dict[str, Method]] = {
    "/api": {"GET": _version},
    "/api/kernelspecs": {"GET": _kernel_specs},
    r"/api/kernelspecs/(?P<name>[^/]+)": {"GET": _kernel_spec},
    "/api/kernels": {"GET": _list_kernels, "POST": _start_kernel},
    KERNEL: {"GET": _get_kernel, "DELETE": _delete_kernel},
    f"{KERNEL}/interrupt": {"POST": _interrupt},
    f"{KERNEL}/restart": {"POST": _restart},
    f"{KERNEL}/channels": {"GET": _channels},
    "/api/sessions": {"GET": _list_sessions, "POST": _start_session},
    SESSION: {"GET": _get_session, "PATCH": _change_session, "DELETE": _delete_session},
}

PAGE_METHOD = HttpAnswer(
    status=405,
    body=b"<html><title>405: Method Not Allowed</title><body>405: Method Not Allowed</body></html>",
    headers=HTML,
)


def _page(body: bytes, kind: str) -> dict[str, HttpAnswer]:
    return {
        "GET": HttpAnswer(status=200, body=body, headers={"Content-Type": kind}),
        "HEAD": HttpAnswer(status=500, headers=HTML),
        "OPTIONS": HttpAnswer(status=200, headers=HTML),
    }


# These pages need no token, and accept every origin.
PAGES: dict[str, dict[str, HttpAnswer]] = {
    "/api/swagger.json": _page(json.dumps(SWAGGER).encode(), "application/json"),
    "/api/swagger.yaml": _page(json.dumps(SWAGGER, indent=2).encode(), "application/octet-stream"),
}
