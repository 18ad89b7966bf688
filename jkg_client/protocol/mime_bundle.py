"""The outputs of a cell as one display, for notebooks that show a result object."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from .outputs import Display, Failure, Output, plain_text
from .terminal import strip_ansi

_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")


def mime_bundle(outputs: Iterable[Output], nothing: str) -> dict[str, Any]:
    """The forms for a notebook: text, and also HTML if there is more than text.

    Args:
        outputs: The outputs in order.
        nothing: Text that is shown if there are no outputs.
    """
    shown = tuple(outputs)
    bundle: dict[str, Any] = {"text/plain": strip_ansi(plain_text(shown)) or nothing}
    rich = [o for o in shown if isinstance(o, Display) and {*o.data} - {"text/plain"}]
    if rich and len(shown) == 1:
        return {**bundle, **rich[0].data}
    if rich:
        bundle["text/html"] = "\n".join(map(_html, shown))
    return bundle


def _html(output: Output) -> str:
    if isinstance(output, Display):
        for mime_type in _IMAGES:
            if isinstance(output.data.get(mime_type), str):
                return f'<img src="data:{mime_type};base64,{_escaped(output.data[mime_type])}">'
        for mime_type in ("image/svg+xml", "text/html"):
            if isinstance(output.data.get(mime_type), str):
                return f"<div>{output.data[mime_type]}</div>"
        for mime_type, data in output.data.items():
            if mime_type in ("text/markdown", "text/latex", "application/json"):
                return _preformatted(data if isinstance(data, str) else json.dumps(data))
    return _preformatted(output.text, is_error=isinstance(output, Failure))


def _preformatted(text: str, *, is_error: bool = False) -> str:
    style = ' style="color: #b00"' if is_error else ""
    return f"<pre{style}>{_escaped(strip_ansi(text))}</pre>"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
