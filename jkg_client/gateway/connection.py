"""The address of a Jupyter server, and the credentials for it."""

from __future__ import annotations

import ipaddress
import json
import os
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable
from urllib.parse import parse_qsl, urlencode, urlsplit

from attrs import Attribute, evolve, field, frozen

from ..client import arguments
from .credentials import (
    Certificate,
    check_headers,
    check_token,
    given_cert,
    given_headers,
    given_verify,
)
from .page_addresses import base_of, escaped


def _check_host(_: Any, __: Attribute[str], host: str) -> None:
    if not host or any(mark in host for mark in "/?#@ \t\r\n"):
        # The value is not shown, because a URL that was passed as host may contain a token.
        raise ValueError(
            "host must be a bare name or address; for a URL use JupyterConnectionInfo.from_url"
        )
    if ":" in host:
        try:
            ipaddress.IPv6Address(host.partition("%")[0])
        except ValueError:
            raise ValueError(f"host {host!r} is not an address; pass the port as port=") from None


def _check_port(_: Any, __: Attribute[Any], port: int | None) -> None:
    if port is not None and not (type(port) is int and 0 < port < 65536):
        raise ValueError(f"port must be 1 to 65535, not {port!r}")


def _check_https(_: Any, __: Attribute[bool], use_https: object) -> None:
    arguments.flag("use_https", use_https)


def _bare_host(host: object) -> str:
    host = arguments.text("host", host)
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _clean_path(path: object) -> str:
    stripped = arguments.text("base_path", path).strip("/")
    return f"/{stripped}" if stripped else ""


@frozen
class JupyterConnectionInfo:
    """The address of a Jupyter server, and the credentials for it.

    Example::

        info = JupyterConnectionInfo.from_url("https://hub.example.com/user/me/lab?token=secret")
        assert (info.host, info.base_path) == ("hub.example.com", "/user/me")

    Attributes:
        host: Name or address, without scheme and port.
        use_https: Whether to use TLS, for REST and WebSocket.
        port: None for the usual port of the scheme: 443 or 80.
        token: Sent as ``Authorization: token …``, never in a URL. None for no token.
        base_path: The path before ``/api``, such as ``/user/me`` on a JupyterHub. Characters that
            URLs cannot contain are escaped. Existing escapes are kept.
        headers: Sent with every request. An ``Authorization`` header replaces the token.
        verify: True checks the server's certificate against the usual authorities. A path checks it
            against the authorities in this PEM file. False checks nothing.
        cert: Client certificate: a PEM file with key and certificate, or (certificate, key).

    Raises:
        ValueError: An attribute is wrong. The message never shows a token or a header.
    """

    host: str = field(converter=_bare_host, validator=_check_host)
    use_https: bool = field(validator=_check_https)
    port: int | None = field(default=None, validator=_check_port)
    token: str | None = field(default=None, repr=False, validator=check_token)
    base_path: str = field(default="", converter=_clean_path, kw_only=True)
    headers: Mapping[str, str] = field(
        default=None,
        converter=given_headers,
        validator=check_headers,
        repr=False,
        hash=False,
        kw_only=True,
    )
    verify: bool | str = field(default=True, converter=given_verify, kw_only=True)
    cert: Certificate | None = field(default=None, converter=given_cert, kw_only=True)

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """This object itself, so that it can be used like a server."""
        return self

    @property
    def url(self) -> str:
        """Root of the server's REST API, without token and without a slash at the end."""
        return f"http{self._rest_of_url}"

    @property
    def websocket_url(self) -> str:
        """Root of the server's WebSockets, in the same form as ``url``."""
        return f"ws{self._rest_of_url}"

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine. No proxy is used then."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def all_headers(self) -> dict[str, str]:
        """``headers`` with the token, in the form that all servers accept."""
        headers = dict(self.headers)
        if self.token and not any(name.lower() == "authorization" for name in headers):
            headers["Authorization"] = f"token {self.token}"
        return headers

    @property
    def _rest_of_url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        return f"{'s' if self.use_https else ''}://{host}{port}{escaped(self.base_path)}"

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        verify: bool | str = True,
        cert: Certificate | None = None,
    ) -> JupyterConnectionInfo:
        """Read an address as a browser shows it: ``https://hub.example.com/user/me/?token=…``.

        Args:
            url: ``http`` or ``https``. The path of a page, such as ``/lab`` or
                ``/notebooks/a.ipynb``, is removed. A ``token`` in the query is used.
            token: Replaces the token in the URL.
            headers: As in the constructor.
            verify: As in the constructor.
            cert: As in the constructor.

        Raises:
            ValueError: ``url`` is not an ``http`` or ``https`` URL. The message does not show
                ``url``, which may contain a token.
        """
        given = _literally(arguments.text("url", url))
        query = urlsplit(url.strip()).query
        return evolve(
            given,
            token=token if token is not None else given.token,
            base_path=base_of(given.base_path, query),
            headers=headers,
            verify=verify,
            cert=cert,
        )

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> JupyterConnectionInfo:
        """Read the environment variables with which Jupyter itself finds a gateway.

        ``JUPYTER_GATEWAY_URL`` is the address of the server itself, not of a page. The other
        variables are ``JUPYTER_GATEWAY_AUTH_TOKEN``, ``_AUTH_SCHEME``, ``_AUTH_HEADER_KEY``,
        ``_HEADERS`` (a JSON object), ``_HTTP_USER`` with ``_HTTP_PWD``, ``_VALIDATE_CERT``,
        ``_CA_CERTS``, ``_CLIENT_CERT`` and ``_CLIENT_KEY``, as described in
        https://jupyter-server.readthedocs.io/en/latest/operators/configuring-extensions.html

        Args:
            environ: The variables. None for ``os.environ``.

        Raises:
            ValueError: ``JUPYTER_GATEWAY_URL`` is not set, or the value of a variable is wrong.
        """
        arguments.words("environ", environ)
        env = _GatewayEnv(os.environ if environ is None else environ)
        if not env.get("URL"):
            raise ValueError(
                "JUPYTER_GATEWAY_URL is not set, so the address of the gateway is unknown"
            )
        scheme = env.get("AUTH_SCHEME", "token")
        key = env.get("AUTH_HEADER_KEY", "Authorization")
        headers, token = env.headers(), env.get("AUTH_TOKEN") or None
        if token and (scheme != "token" or key != "Authorization"):
            headers, token = {key: f"{scheme} {token}".strip(), **headers}, None
        given = _literally(env.get("URL"))
        return evolve(
            given,
            token=token or given.token,
            headers=headers,
            verify=env.verify(),
            cert=env.cert(),
        )


def _literally(url: str) -> JupyterConnectionInfo:
    """Host, port, path and token of a URL.

    Raises:
        ValueError: The URL is invalid. The message does not show it.
    """
    try:
        parts = urlsplit(url.strip() if "://" in url else f"http://{url.strip()}")
        port = parts.port
    except ValueError:
        raise ValueError("the host or the port in the URL is wrong") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"an http or https URL with a host is needed, not {parts.scheme}://…")
    if parts.username or parts.password:
        raise ValueError("the URL contains a user and a password; pass a token instead")
    return JupyterConnectionInfo(
        parts.hostname,
        parts.scheme == "https",
        port,
        dict(parse_qsl(parts.query)).get("token"),
        base_path=parts.path,
    )


@runtime_checkable
class JupyterConnectable(Protocol):
    """An object that knows the address of a Jupyter server.

    The servers of this package are such objects. Your own class only needs this property:

    ::

        class MyServer:
            @property
            def connection_info(self):
                return JupyterConnectionInfo.from_url("http://localhost:8888", token="secret")
    """

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """The address of the server."""
        ...


def info_of(server: object, name: str = "jupyter_server") -> JupyterConnectionInfo:
    """The connection info of ``server``, which the caller got as argument ``name``.

    Raises:
        ValueError: ``server`` has no connection info. The message shows the type of ``server``,
            because AutoGen has a class of the same name. It does not show the value, which may
            contain a token.
    """
    info = getattr(server, "connection_info", server)
    if isinstance(info, JupyterConnectionInfo):
        return info
    raise ValueError(
        f"{name}: a server or jkg_client.JupyterConnectionInfo is needed, such as"
        f" JupyterConnectionInfo.from_url(url, token=…), not {_mistaken(server)}"
    )


def _mistaken(server: object) -> str:
    if isinstance(server, type):
        return f"the class {server.__name__}: write {server.__name__}(…)"
    kind = type(getattr(server, "connection_info", server))
    is_builtin = kind.__module__ == "builtins"
    shown = kind.__name__ if is_builtin else f"{kind.__module__}.{kind.__name__}"
    return f"a value of type {shown}"


def given_or_known(
    server: JupyterConnectable | JupyterConnectionInfo | None,
) -> JupyterConnectable | JupyterConnectionInfo:
    """``server``. If it is None, the gateway that Jupyter's environment variables name.

    Raises:
        ValueError: ``server`` is None, and the environment names no gateway.
    """
    return JupyterConnectionInfo.from_env() if server is None else server


@frozen
class _GatewayEnv:
    environ: Mapping[str, str]

    def get(self, name: str, default: str = "") -> str:
        return self.environ.get(f"JUPYTER_GATEWAY_{name}", default).strip()

    def headers(self) -> dict[str, str]:
        try:
            headers = json.loads(self.get("HEADERS") or "{}")
        except ValueError:
            headers = None
        if not isinstance(headers, dict):
            # The value is not shown, because headers contain secrets.
            raise ValueError("JUPYTER_GATEWAY_HEADERS is not a JSON object")  # noqa: TRY004
        user, password = self.get("HTTP_USER"), self.get("HTTP_PWD")
        if user and password:
            basic = b64encode(f"{user}:{password}".encode()).decode()
            headers.setdefault("Authorization", f"Basic {basic}")
        return {str(name): str(value) for name, value in headers.items()}

    def verify(self) -> bool | str:
        if self.get("VALIDATE_CERT", "true").lower() in {"no", "false", "0"}:
            return False
        return self.get("CA_CERTS") or True

    def cert(self) -> Certificate | None:
        certificate, key = self.get("CLIENT_CERT"), self.get("CLIENT_KEY")
        if key and not certificate:
            raise ValueError("JUPYTER_GATEWAY_CLIENT_KEY needs JUPYTER_GATEWAY_CLIENT_CERT, too")
        return (certificate, key) if key else certificate or None


def channels_query(session: str) -> str:
    """The query of a channels URL. The server keeps messages for this session id."""
    return urlencode({"session_id": session})
