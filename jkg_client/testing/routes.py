"""The REST API of kernel gateway 3.0.1, as it answered when it was asked."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any, Callable

from attrs import frozen

from .faults import Answer, json_answer
from .kernels import FakeKernel, Kernels, Session
from .server import Call

KERNEL = r"/api/kernels/(?P<kernel_id>\w+-\w+-\w+-\w+-\w+)"
SESSION = r"/api/sessions/(?P<session_id>\w+-\w+-\w+-\w+-\w+)"
CHANNELS = re.compile(f"{KERNEL}/channels")

UNAUTHORIZED = json_answer(401, {"reason": "Unauthorized", "message": ""})
NO_METHOD = json_answer(405, {"reason": "Method Not Allowed", "message": ""})
NOT_FOUND = json_answer(404, {"reason": "Not Found", "message": ""})
FORBIDDEN = json_answer(403, {"reason": "Forbidden", "message": "Forbidden"})


@frozen(kw_only=True)
class Api:
    """What the answers depend on; see ``FakeGateway``."""

    kernels: Kernels
    token: str | None
    kernel_specs: Mapping[str, Mapping[str, Any]]
    list_kernels: bool
    max_kernels: int | None

    def admits(self, call: Call) -> bool:
        """Whether the token is right; one in the query hides one in the header."""
        if not self.token:
            return True
        if "token" in call.query:
            return call.query["token"] == self.token
        given = {name.lower(): value for name, value in call.headers.items()}
        return given.get("authorization") == f"token {self.token}"

    def answer(self, call: Call) -> Answer:
        """What a request below the base path is answered."""
        matches = ((re.fullmatch(path, call.path), methods) for path, methods in ROUTES.items())
        found, methods = next((match for match in matches if match[0]), (None, {}))
        if found is None:
            return NOT_FOUND
        if call.method == "OPTIONS":
            refused = json_answer(403, {"reason": "Forbidden", "message": ""})
            return json_answer(200, {}) if self.token and self.admits(call) else refused
        if not self.admits(call):
            return UNAUTHORIZED
        method = methods.get(call.method)
        if method is None:
            return NO_METHOD
        return method(self, call, **found.groupdict())


def _version(_: Api, __: Call) -> Answer:
    return json_answer(200, {"version": "2.21.1"})


def _kernel_specs(api: Api, _: Call) -> Answer:
    specs = {name: _spec(api, name) for name in api.kernel_specs}
    return json_answer(200, {"default": next(iter(specs)), "kernelspecs": specs})


def _kernel_spec(api: Api, _: Call, name: str) -> Answer:
    if name not in api.kernel_specs:
        message = f"Kernel spec {name} not found"
        return json_answer(404, {"reason": "Not Found", "message": message})
    return json_answer(200, _spec(api, name))


def _spec(api: Api, name: str) -> dict[str, Any]:
    return {"name": name, "spec": dict(api.kernel_specs[name]), "resources": {}}


def _list_kernels(api: Api, _: Call) -> Answer:
    if not api.list_kernels:
        return FORBIDDEN
    return json_answer(200, [kernel.model for kernel in tuple(api.kernels.running.values())])


def _start_kernel(api: Api, call: Call) -> Answer:
    if api.max_kernels is not None and len(api.kernels.running) >= api.max_kernels:
        return json_answer(403, {"reason": "Forbidden", "message": "Resource Limit"})
    if isinstance(call.body, bytes):
        message = "Invalid JSON in body of request"
        return json_answer(400, {"reason": "Bad Request", "message": message})
    body = {} if call.body is None else call.body
    if not isinstance(body, dict):
        return _broken("AttributeError: 'list' object has no attribute 'get'")
    if "env" in body and not isinstance(body["env"], dict):
        return json_answer(400, {"reason": "Bad Request", "message": ""})
    env = body.get("env")
    if env is not None and not all(isinstance(value, str) for value in env.values()):
        return _broken("TypeError: expected str, bytes or os.PathLike object, not int")
    name = _name(api, body)
    if name not in api.kernel_specs:
        return _broken(f"jupyter_client.kernelspec.NoSuchKernel: No such kernel named {name}")
    kernel = api.kernels.start(name, env, body.get("kernel_id"))
    return json_answer(201, kernel.model, Location=f"/api/kernels/{kernel.id}")


def _name(api: Api, model: Mapping[str, Any]) -> Any:
    name = model.get("name")
    return next(iter(api.kernel_specs)) if name is None else name


def _broken(exception: str) -> Answer:
    return json_answer(
        500,
        {
            "reason": "Internal Server Error",
            "message": "Unknown server error",
            "traceback": f"Traceback (most recent call last):\n{exception}\n",
        },
    )


def _get_kernel(api: Api, _: Call, kernel_id: str) -> Answer:
    kernel = api.kernels.running.get(kernel_id)
    return json_answer(200, kernel.model) if kernel else _no_kernel(kernel_id)


def _no_kernel(kernel_id: str) -> Answer:
    message = f"Kernel does not exist: {kernel_id}"
    return json_answer(404, {"reason": "Not Found", "message": message})


def _delete_kernel(api: Api, _: Call, kernel_id: str) -> Answer:
    kernel = api.kernels.running.get(kernel_id)
    if kernel is None:
        return _no_kernel(kernel_id)
    if kernel.stumbles():
        return _broken("asyncio.exceptions.InvalidStateError: Exception is not set.")
    api.kernels.delete(kernel)
    return Answer(status=204)


def _interrupt(api: Api, _: Call, kernel_id: str) -> Answer:
    kernel = api.kernels.running.get(kernel_id)
    if kernel is None:
        message = f"Kernel does not exist: {kernel_id}"
        return json_answer(404, {"message": message, "reason": None})
    kernel.interrupt()
    return Answer(status=204)


def _restart(api: Api, _: Call, kernel_id: str) -> Answer:
    kernel = api.kernels.running.get(kernel_id)
    if kernel is None:
        return json_answer(500, {"message": "Exception restarting kernel", "reason": None})
    kernel.restart()
    return json_answer(200, {**kernel.model, "execution_state": "idle"})


def _channels(_: Api, __: Call, kernel_id: str) -> Answer:  # noqa: ARG001 - as all routes
    headers = {"Content-Type": "text/html; charset=UTF-8"}
    return Answer(status=400, body=b'Can "Upgrade" only to "WebSocket".', headers=headers)


def _list_sessions(api: Api, _: Call) -> Answer:
    if not api.list_kernels:
        return FORBIDDEN
    return json_answer(200, [session.model for session in tuple(api.kernels.sessions.values())])


def _start_session(api: Api, call: Call) -> Answer:
    body = call.body if isinstance(call.body, dict) else {}
    for name in ("path", "type"):
        if name not in body:
            message = f"Missing field in JSON data: {name}"
            return json_answer(400, {"reason": "Bad Request", "message": message})
    if any(session.path == body["path"] for session in api.kernels.sessions.values()):
        # Kernel gateway 3.0.1 stumbles over a session that is there already.
        return _broken("TypeError: object dict can't be used in 'await' expression")
    name = _name(api, body.get("kernel") or {})
    if name not in api.kernel_specs:
        message = (
            f"The '{name}' kernel is not available. Please pick another suitable kernel instead,"
            " or install that kernel."
        )
        return json_answer(501, {"message": message, "short_message": f"{name} not found"})
    session = Session(str(uuid.uuid4()), str(body["path"]), api.kernels.start(name))
    api.kernels.sessions[session.id] = session
    return json_answer(201, session.model, Location=f"/api/sessions/{session.id}")


def _get_session(api: Api, _: Call, session_id: str) -> Answer:
    if session_id not in api.kernels.sessions:
        message = f"Session not found: {session_id}"
        return json_answer(404, {"message": message, "reason": None})
    # So it is, in kernel gateway 3.0.1.
    return json_answer(500, {"message": "Unhandled error", "reason": None, "traceback": ""})


def _delete_session(api: Api, _: Call, session_id: str) -> Answer:
    session = api.kernels.sessions.pop(session_id, None)
    if session is None:
        return json_answer(410, {"message": "Kernel deleted before session", "reason": None})
    kernel: FakeKernel = session.kernel
    api.kernels.delete(kernel)
    return Answer(status=204)


Method = Callable[..., Answer]

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
    SESSION: {"GET": _get_session, "PATCH": _get_session, "DELETE": _delete_session},
}
