"""Finds the server's base path in the path of a page that a browser shows.

The base path may contain words that are also names of pages, as in ``/lab/jupyter``. Only real
paths of Jupyter count as a page, such as ``/lab`` and ``/lab/tree/a.ipynb``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from urllib.parse import parse_qs, quote, urlsplit

_Rest = Sequence[str]

_API = {
    *("config", "contents", "kernels", "kernelspecs", "me", "metrics", "nbconvert", "security"),
    *("sessions", "shutdown", "spec.yaml", "status", "terminals", "workspaces"),
}
_LAB = {"api", "extensions", "index.html", "settings", "tree", "workspaces"}
_CLASSIC = {"nbclassic", "retro"}
_HUB = {
    *("admin", "home", "login", "logout", "oauth_login", "signup", "spawn", "spawn-pending"),
    *("token", "user-redirect"),
}

_PAGES: dict[str, Callable[[_Rest], bool]] = {
    "api": lambda rest: not rest or rest[0] in _API,
    "consoles": bool,
    "doc": lambda rest: not rest or rest[0] in {"tree", "workspaces"},
    "edit": bool,
    "files": bool,
    "hub": lambda rest: bool(rest) and rest[0] in _HUB,
    "lab": lambda rest: not rest or rest[0] in _LAB,
    "login": lambda rest: not rest,
    "logout": lambda rest: not rest,
    "notebooks": lambda rest: bool(rest) and rest[-1].lower().endswith(".ipynb"),
    "terminals": lambda rest: len(rest) == 1,
    "tree": lambda _: True,
    "user-redirect": lambda _: True,
    "view": bool,
}


def base_of(path: str, query: str = "") -> str:
    """The base path of the server with this page, without a slash at the end.

    Args:
        path: Path of the page's address, unchanged.
        query: Query of the same address. The query of a login page contains the next page.
    """
    parts = path.rstrip("/").split("/")
    for i in range(1, len(parts)):
        # The name of a JupyterHub user may also be the name of a page.
        if parts[i - 1] != "user" and _is_page(parts[i:]):
            return _server_of_hub_page(parts[:i], parts[i:], query) or "/".join(parts[:i])
    return "/".join(parts)


def escaped(path: str) -> str:
    """``path`` with the escapes of a URL. Existing escapes are kept.

    JupyterHub does not escape ``@``, and its users' servers accept no other spelling.
    """
    return quote(_STRAY_PERCENT.sub("%25", path), safe="/%@:!$&'()*+,;=~")


_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def _is_page(parts: _Rest) -> bool:
    if parts[0] in _CLASSIC and len(parts) > 1:
        parts = parts[1:]
    known = _PAGES.get(parts[0])
    return known is not None and known(parts[1:])


def _server_of_hub_page(before: _Rest, page: _Rest, query: str) -> str:
    """The path of the user's server that a page of the hub is about. Empty if there is none."""
    if page[0] != "hub":
        return ""
    if page[1] in {"spawn", "spawn-pending"} and len(page) > 2:
        return "/".join([*before, "user", *page[2:4]])
    following = parse_qs(query).get("next", [""])[-1] if page[1] == "login" else ""
    prefix = "/".join([*before, "hub", "user", ""])
    target = urlsplit(following).path
    if not target.startswith(prefix):
        return ""
    return base_of("/".join([*before, "user", target[len(prefix) :]]))
