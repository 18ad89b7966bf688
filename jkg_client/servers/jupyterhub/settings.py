"""Settings of ``JupyterHubServer``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from attrs import Attribute, field, frozen
from attrs.validators import optional

from ...client import arguments
from ...gateway.connection import JupyterConnectionInfo
from ...gateway.credentials import Certificate
from .addresses import API, check_name, hub_at
from .api import TokenSource
from .lifecycle import OnProgress


def _check_token(_: Any, __: Attribute[Any], token: object) -> None:
    if not (callable(token) or (isinstance(token, str) and token)):
        # The value is not shown: it may be a token of the wrong type.
        raise ValueError(
            "token must be a token of the hub (its page /hub/token makes one),"
            " or a function that returns one"
        )


def _check_user(_: Any, __: Attribute[Any], user: str | None) -> None:
    check_name("user", user, may_be_empty=False)


def _check_server(_: Any, __: Attribute[Any], server: str) -> None:
    if server is None:
        raise ValueError("server_name must be a name, or empty for the default server")
    check_name("server_name", server, may_be_empty=True)


def _check_options(_: Any, __: Attribute[Any], options: Mapping[str, Any]) -> None:
    if not isinstance(options, Mapping):
        raise ValueError(f"options must be a mapping, not {type(options).__name__}")  # noqa: TRY004
    try:
        json.dumps(dict(options), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        raise ValueError(f"options must be a mapping that JSON can express: {exc}") from None


def _check_seconds(_: Any, attribute: Attribute[Any], seconds: Any) -> None:
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not (is_number and 0 < seconds < float("inf")):
        raise ValueError(f"{attribute.name} must be a positive number of seconds, not {seconds!r}")


def _check_choice(_: Any, attribute: Attribute[Any], choice: bool | None) -> None:
    if choice is not None and not isinstance(choice, bool):
        raise ValueError(f"{attribute.name} must be True, False or None, not {choice!r}")


def _check_callable(_: Any, attribute: Attribute[Any], given: object) -> None:
    if given is not None and not callable(given):
        raise ValueError(f"{attribute.name} must be callable, not {given!r}")


@frozen(kw_only=True)
class HubSettings:
    """The arguments of ``JupyterHubServer``.

    Attributes:
        hub: Address of the hub's API.
        public: Address at which users reach the hub.
    """

    hub: JupyterConnectionInfo
    public: JupyterConnectionInfo
    token: TokenSource = field(validator=_check_token, repr=False)
    user: str | None = field(validator=_check_user)
    server_name: str = field(validator=_check_server)
    options: Mapping[str, Any] = field(validator=_check_options)
    timeout: float = field(validator=_check_seconds)
    stop_server: bool | None = field(validator=_check_choice)
    on_progress: OnProgress | None = field(validator=_check_callable)
    keep_active: float | None = field(validator=optional(_check_seconds))

    @classmethod
    def of(
        cls,
        url: str,
        *,
        public_url: str | None,
        token: TokenSource | None,
        headers: Mapping[str, str] | None,
        verify: bool | str,
        cert: Certificate | None,
        options: Mapping[str, Any] | None,
        **others: Any,
    ) -> HubSettings:
        """The settings, with addresses instead of URLs.

        Raises:
            ValueError: A setting is wrong.
        """
        arguments.words("headers", headers)
        hub = hub_at(_text("url", url), headers=headers, verify=verify, cert=cert)
        public = hub
        if public_url is not None:
            address = _text("public_url", public_url)
            public = hub_at(address, headers=headers, verify=verify, cert=cert)
        shown = hub.token or "" if token is None else token
        given = {} if options is None else options
        return cls(hub=hub, public=public, token=shown, options=given, **others)


def environment_of(environ: Mapping[str, str] | None) -> dict[str, Any]:
    """Arguments of ``JupyterHubServer``, from the variables that a hub sets.

    Raises:
        ValueError: A variable is missing.
    """
    arguments.words("environ", environ)
    env = os.environ if environ is None else environ
    api = env.get("JUPYTERHUB_API_URL", "").strip()
    token = env.get("JUPYTERHUB_API_TOKEN", "").strip()
    if not (api and token):
        raise ValueError(
            "the address of the hub is unknown: set JUPYTERHUB_API_URL and JUPYTERHUB_API_TOKEN"
        )
    found: dict[str, Any] = {"url": api.rstrip("/").removesuffix(API) + "/", "token": token}
    # The address of the API is often valid only in the hub's own network.
    public = (
        env.get("JUPYTERHUB_PUBLIC_HUB_URL", "").strip() or env.get("JUPYTERHUB_HOST", "").strip()
    )
    if public:
        found["public_url"] = public
    if env.get("JUPYTERHUB_USER"):
        found["user"] = env["JUPYTERHUB_USER"]
    if env.get("JUPYTERHUB_SERVER_NAME"):
        found["server_name"] = env["JUPYTERHUB_SERVER_NAME"]
    return found


def _text(name: str, url: str) -> str:
    if not isinstance(url, str) or not urlsplit(url if "://" in url else f"http://{url}").hostname:
        raise ValueError(f"{name} must be an address such as https://hub.example.com")
    return url
