"""Checks by pyright that every public symbol has a type on which all type checkers agree.

``python tests_integration/type_completeness.py`` runs ``pyright --verifytypes`` on the installed
package, in an environment with pyright and all frameworks.
"""

from __future__ import annotations

import json
import subprocess
import sys

COMMAND = ("pyright", "--verifytypes", "jkg_client", "--ignoreexternal", "--outputjson")

# smolagents, papermill and the traits of jupyter_client have no types for pyright.
UNTYPED_BASES = (
    "jkg_client.integrations.nbclient.GatewayKernel",
    "jkg_client.integrations.nbclient.client.GatewayKernel",
    "jkg_client.integrations.nbclient.manager.GatewayKernel",
    "jkg_client.integrations.smolagents.JupyterExecutor",
    "jkg_client.notebooks.papermill",
)


def incomplete(report: str) -> dict[str, list[str]]:
    """Symbols without a known type, and what pyright says about each.

    Raises:
        ValueError: The report contains no symbols.
    """
    symbols = json.loads(report)["typeCompleteness"]["symbols"]
    if not symbols:
        raise ValueError("the package is not installed, or py.typed is missing")
    return {
        symbol["name"]: [diagnostic["message"] for diagnostic in symbol["diagnostics"]]
        for symbol in symbols
        if symbol["isExported"] and not symbol["isTypeKnown"]
        if not symbol["name"].startswith(UNTYPED_BASES)
    }


def main() -> int:
    """Print what is incomplete; 1 if there is any."""
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False)
    try:
        found = incomplete(done.stdout)
    except (ValueError, KeyError):
        print(done.stdout, done.stderr, file=sys.stderr)
        return 1
    for name, messages in found.items():
        print(f"{name}: {'; '.join(messages)}", file=sys.stderr)
    print(f"symbols without a known type: {len(found)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
