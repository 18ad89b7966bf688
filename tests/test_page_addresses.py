from __future__ import annotations

import pytest
from tables import rows, table

from jkg_client import JupyterConnectionInfo

# One row for each page of Jupyter, below the base path of its server.
PAGES = [
    "lab",
    "lab/",
    "lab/tree/work/a.ipynb",
    "lab/tree/lab/jupyter",
    "lab/workspaces/auto-4/tree/a.ipynb",
    "lab/workspaces/mine",
    "lab/index.html",
    "doc",
    "doc/tree/a.ipynb",
    "doc/workspaces/x/tree/a.md",
    "tree",
    "tree/",
    "tree/lab/notes",
    "notebooks/a.ipynb",
    "notebooks/lab/tree/a.ipynb",
    "edit/a.py",
    "edit/lab/a.py",
    "view/a.html",
    "files/a.csv",
    "files/tree/a.csv",
    "terminals/1",
    "consoles/a",
    "nbclassic/tree",
    "nbclassic/notebooks/a.ipynb",
    "nbclassic/edit/a.py",
    "login?next=%2Flab",
    "login",
    "logout",
    "api",
    "api/kernels",
    "api/kernels/0a-1/channels?session_id=1",
    "api/contents/lab/a.ipynb",
    "lab?reset",
    "lab#x",
]
BASES = [
    "",
    "/user/me",
    "/user/a.b@example.org",
    "/user/me/agent-1",
    "/user/lab",
    "/user/api",
    "/api/jupyter-server",
    "/lab/jupyter",
    "/doc/jupyter",
    "/hub/user/me",
]


# Prefixes that only begin as a page does.
WORDS = ["/notebooks", "/notebooks/x", "/edit", "/terminals", "/view", "/login/x", "/api/v2"]


@pytest.mark.field("C5")
@rows("base", BASES)
def test_the_path_of_a_page_is_removed_and_the_prefix_is_kept(base: str) -> None:
    with table() as row:
        for page in PAGES:
            with row(page):
                info = JupyterConnectionInfo.from_url(f"https://h{base}/{page}")
                assert info.url == f"https://h{base}"


@pytest.mark.field("C5")
@rows("base", [*BASES, *WORDS])
def test_a_prefix_that_is_not_a_page_is_kept_whole(base: str) -> None:
    assert JupyterConnectionInfo.from_url(f"https://h{base}/").url == f"https://h{base}"


# One row for each page of a hub, and the server that the page is about.
HUB = [
    ("/hub/home", ""),
    ("/hub/token", ""),
    ("/hub/spawn", ""),
    ("/hub/spawn/me", "/user/me"),
    ("/hub/spawn/a.b@example.org/agent-1?next=%2Fx", "/user/a.b@example.org/agent-1"),
    ("/hub/spawn-pending/me", "/user/me"),
    ("/hub/spawn-pending/me/agent-1?_xsrf=1", "/user/me/agent-1"),
    ("/hub/login?next=%2Fhub%2Fuser%2Fme%2Flab", "/user/me"),
    ("/hub/login?next=%2Fhub%2Fuser%2Fme%2Fagent-1%2Flab%2Ftree%2Fx", "/user/me/agent-1"),
    ("/hub/login?next=%2Fhub%2F", ""),
    ("/hub/login?next=https%3A%2F%2Felsewhere%2Flab", ""),
    ("/hub/user-redirect/lab/tree/a.ipynb", ""),
    ("/user-redirect/git-pull?repo=x", ""),
]


@pytest.mark.field("C5")
@rows("prefix", ["", "/some/prefix"])
@rows(("page", "base"), HUB)
def test_a_page_of_a_hub_leads_to_the_server_it_is_about(prefix: str, page: str, base: str) -> None:
    page = page.replace("%2Fhub", f"{prefix}/hub".replace("/", "%2F"))
    assert (
        JupyterConnectionInfo.from_url(f"https://h{prefix}{page}").url == f"https://h{prefix}{base}"
    )
