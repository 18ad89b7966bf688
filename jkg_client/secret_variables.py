"""Environment variables with secrets of this program, which kernels must not inherit."""

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

# All variables with this prefix count: a URL may contain a token, and headers a password. Code in a
# kernel does not need the gateway of the program.
_GATEWAY = "JUPYTER_GATEWAY_"


def is_secret(name: str) -> bool:
    """Whether the variable ``name`` may contain a secret."""
    # Windows ignores case in the names of variables.
    upper = name.upper()
    return upper in SECRET_VARIABLES or upper.startswith(_GATEWAY)


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without the variables that may contain secrets."""
    return {name: value for name, value in environ.items() if not is_secret(name)}
