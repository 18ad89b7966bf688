"""Replaces pip: it runs pip, but installs and removes no packages. It needs only Python."""

import os
import sys

ALLOWED = "JKG_FAKE_GATEWAY_INSTALLS"
"""Environment variable that is set while a script allows installs."""

MESSAGE = (
    "ERROR: the fake kernel of jkg_client installs and removes no packages. Script"
    " what the cell prints: gateway.script(...).stream(...), or allow it to install:"
    " gateway.script(...).installs()"
)

CHANGING = ("install", "uninstall")
COMMANDS = tuple("pip._internal.commands." + name for name in CHANGING)


class Finder:
    """Refuses to import the commands of pip that install or remove packages."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:  # noqa: ARG002
        if name in COMMANDS and not os.environ.get(ALLOWED):
            raise SystemExit(MESSAGE)


def _become_pip() -> None:
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - for any Python
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]  # noqa: PTH100
    sys.modules.pop("pip", None)
    sys.meta_path.insert(0, Finder())


def _refuse() -> None:
    # Refuse clear cases at once, because importing pip takes a fifth of a second.
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    if words[:1] and words[0] in CHANGING and not os.environ.get(ALLOWED):
        raise SystemExit(MESSAGE)


if __name__ == "__main__":
    import runpy

    _refuse()
    _become_pip()
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
elif __name__ == "pip":
    import importlib

    if os.path.basename(sys.argv[0]).startswith("pip"):  # noqa: PTH119 - the program pip
        _refuse()
    _become_pip()
    sys.modules["pip"] = importlib.import_module("pip")
