"""Checks the links of the site that lead elsewhere; without a network it says so and ends well.

``python docs/check_links.py OUTPUT`` is the last step of ``tox -e site``. Sphinx itself checks the
links between the pages.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from pathlib import Path

from sphinx.cmd.build import build_main

PROBE = "https://docs.python.org"
TIMEOUT = 5.0


def is_online() -> bool:
    """Whether a public web server answers."""
    try:
        with urllib.request.urlopen(PROBE, timeout=TIMEOUT):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def main(output: str) -> int:
    """0 if no link is broken."""
    if not is_online():
        print("no network: links that lead elsewhere are not checked")
        return 0
    return build_main(["-q", "-b", "linkcheck", str(Path(__file__).parent), output])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
