"""Loads a page in a browser without window and network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

LOOKING = 120
"""Seconds for one page."""

_OPTIONS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=10000"),
]

# Bokeh draws in shadow trees. The browser's dump of the document does not contain these.
_COUNTS = """<script>
setTimeout(function () {
  function count(root, what) {
    let n = root.querySelectorAll(what).length;
    root.querySelectorAll("*").forEach(function (e) {
      if (e.shadowRoot) n += count(e.shadowRoot, what);
    });
    return n;
  }
  const counts = {};
  %s.forEach(function (what) { counts[what] = count(document, what); });
  document.title = "counted " + JSON.stringify(counts);
}, 5000);
</script>"""


def drawn(page: Path, folder: Path, *selectors: str) -> dict[str, int]:
    """Number of elements for each selector after the scripts of the page have run."""
    browser = _browser()
    copy = folder / f"counted-{page.name}"
    counts = _COUNTS % json.dumps(selectors)
    copy.write_text(page.read_text(encoding="utf-8") + counts, encoding="utf-8")
    profile = folder / f"profile-{page.stem}"
    done = subprocess.run(
        [browser, *_OPTIONS, f"--user-data-dir={profile}", "--dump-dom", copy.as_uri()],
        capture_output=True,
        encoding="utf-8",
        timeout=LOOKING,
        check=False,
    )
    found = re.search(r"<title>counted ([^<]*)</title>", done.stdout)
    assert found is not None, done.stderr
    counted: dict[str, int] = json.loads(unescape(found[1]))
    return counted


def _browser() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        assert not os.environ.get("CI"), "there is no chromium, .ci/run installs it"
        pytest.skip("there is no chromium: nobody looks whether the pages draw")
    return found
