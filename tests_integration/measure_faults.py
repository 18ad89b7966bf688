"""Prints the figures of docs/faults.md: ``python tests_integration/measure_faults.py ROUNDS``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
TESTS = ("test_faults.py", "test_gateway_faults.py")
ROUND_SECONDS = 900
WORDS = ("whole", "told", "short")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tests of faults in rounds, and print a table of their notes."""
    rounds = int((sys.argv[1:] if argv is None else argv)[0])
    noted: dict[str, list[dict[str, str]]] = defaultdict(list)
    failed = 0
    for _ in range(rounds):
        failed += _run_once(noted)
    print("| injected | times | whole | loss told | loss silent | time (s) |")
    print("|---|---|---|---|---|---|")
    for name, notes in sorted(noted.items()):
        outcomes = [note.get("outcome") for note in notes]
        seconds = sorted(float(note["seconds"]) for note in notes)
        counts = " | ".join(str(outcomes.count(word) or "") for word in WORDS)
        print(f"| {name} | {len(notes)} | {counts} | {seconds[0]:g} to {seconds[-1]:g} |")
    print(f"\ntests failed: {failed}")
    return int(failed > 0)


def _run_once(noted: dict[str, list[dict[str, str]]]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        paths = [str(HERE / name) for name in TESTS]
        options = ["-q", "-n", "2", "--servers=kg-3", f"--junitxml={report}"]
        subprocess.run(
            [sys.executable, "-m", "pytest", *options, *paths],
            stdout=sys.stderr,
            timeout=ROUND_SECONDS,
            check=False,
        )
        failed = 0
        for case in ET.parse(report).iter("testcase"):
            failed += case.find("failure") is not None or case.find("error") is not None
            found = {p.get("name", ""): p.get("value", "") for p in case.iter("property")}
            if "seconds" in found:
                name = case.get("name", "").removeprefix("test_").replace("_", " ")
                for server in ("[kg-3]", "kg-3-", "-kg-3"):
                    name = name.replace(server, "")
                noted[name].append(found)
        return failed


if __name__ == "__main__":
    sys.exit(main())
