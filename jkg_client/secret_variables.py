"""Environment variables that hold secrets of this program, and that a kernel must not see."""

from __future__ import annotations

from collections.abc import Mapping

SECRET_VARIABLES = frozenset(
    {
        "CONFIGPROXY_AUTH_TOKEN",
        "JKG_MCP_TOKEN",
        "JKG_TOKEN",
        "JPY_API_TOKEN",
        "JUPYTERHUB_API_TOKEN",
        "JUPYTERHUB_CLIENT_ID",
        "JUPYTERHUB_COOKIE_SECRET",
        "JUPYTERHUB_CRYPT_KEY",
        "JUPYTER_TOKEN",
        "KG_AUTH_TOKEN",
    }
)

# All of them: the URL may have a token in it, headers a password, and code in the kernel has no
# business with the gateway of the program that runs it.
_GATEWAY = "JUPYTER_GATEWAY_"


def is_secret(name: str) -> bool:
    """Whether the variable ``name`` holds a secret, or leads to one."""
    # Windows does not tell upper from lower case.
    upper = name.upper()
    return upper in SECRET_VARIABLES or upper.startswith(_GATEWAY)


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` as a kernel may see it."""
    return {name: value for name, value in environ.items() if not is_secret(name)}
