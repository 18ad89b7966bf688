"""Rich display without IPython: objects to mime bundles, and what IPython.display offers of it."""

from __future__ import annotations

import json
import math
import traceback
import uuid
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

REPRS = {
    "_repr_html_": "text/html",
    "_repr_markdown_": "text/markdown",
    "_repr_svg_": "image/svg+xml",
    "_repr_png_": "image/png",
    "_repr_jpeg_": "image/jpeg",
    "_repr_pdf_": "application/pdf",
    "_repr_latex_": "text/latex",
    "_repr_json_": "application/json",
    "_repr_javascript_": "application/javascript",
}

Bundle = dict[str, Any]


def mime_bundle(value: Any) -> tuple[Bundle, Bundle]:
    """Data and metadata of everything that ``value`` knows to show itself as."""
    data: Bundle = {"text/plain": repr(value)}
    metadata: Bundle = {}
    if isinstance(value, type):
        return data, metadata
    told = _call(value, "_repr_mimebundle_", include=None, exclude=None)
    if told is not None:
        more, about = told if isinstance(told, tuple) else (told, {})
        data.update(more)
        metadata.update(about)
    for method, mime in REPRS.items():
        shown = _call(value, method)
        if shown is not None and mime not in data:
            data[mime], about = shown if isinstance(shown, tuple) else (shown, None)
            if about:
                metadata[mime] = about
    return clean(data), clean(metadata)


def clean(value: Any) -> Any:
    """``value`` as JSON can say it: bytes in base64, what is no number as text."""
    if isinstance(value, Mapping):
        return {str(key): clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return b64encode(value).decode("ascii")
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    return repr(value)


def _call(value: Any, method: str, **arguments: Any) -> Any:
    function = getattr(value, method, None)
    if not callable(function):
        return None
    try:
        return function(**arguments)
    except NotImplementedError:
        return None
    except Exception:  # noqa: BLE001 - IPython shows what failed and goes on without it
        traceback.print_exc()
        return None


Say = Callable[[str, Bundle], object]
"""Takes the type and the content of a message about an output."""


class Displays:
    """``display`` and its kin, for the cells of one kernel."""

    def __init__(self, say: Say) -> None:
        self._say = say

    def display(
        self,
        *values: Any,
        raw: bool = False,
        metadata: Bundle | None = None,
        transient: Bundle | None = None,
        display_id: Any = None,
        update: bool = False,
        clear: bool = False,
        include: Any = None,  # noqa: ARG002 - IPython's signature
        exclude: Any = None,  # noqa: ARG002
    ) -> DisplayHandle | None:
        """Show ``values``; with a ``display_id`` so that they can be changed later."""
        if clear:
            self.clear_output(wait=True)
        handle = None
        if display_id is not None:
            handle = DisplayHandle(self, uuid.uuid4().hex if display_id is True else display_id)
        kind = "update_display_data" if update else "display_data"
        for value in values:
            data, about = (clean(value), {}) if raw else mime_bundle(value)
            shown = dict(transient or {}, **({"display_id": handle.display_id} if handle else {}))
            content = {"data": data, "metadata": {**about, **(metadata or {})}, "transient": shown}
            self._say(kind, content)
        return None if update else handle

    def update_display(self, value: Any, *, display_id: Any, **options: Any) -> None:
        """Replace what was shown under ``display_id``."""
        self.display(value, display_id=display_id, update=True, **options)

    def clear_output(self, wait: bool = False) -> None:
        """Forget what the cell has shown; with ``wait`` when it shows something again."""
        self._say("clear_output", {"wait": wait})


class DisplayHandle:
    """What ``display(…, display_id=…)`` returns."""

    def __init__(self, displays: Displays, display_id: str) -> None:
        self._displays = displays
        self.display_id = display_id

    def __repr__(self) -> str:
        return f"<DisplayHandle display_id={self.display_id}>"

    def display(self, value: Any, **options: Any) -> None:
        """Show ``value`` once more under this id."""
        self._displays.display(value, display_id=self.display_id, **options)

    def update(self, value: Any, **options: Any) -> None:
        """Show ``value`` instead of what was shown."""
        self._displays.update_display(value, display_id=self.display_id, **options)


class DisplayObject:
    """Data that says by its class what it is, as ``HTML("<b>x</b>")``."""

    mime = "text/plain"

    def __init__(
        self, data: Any = None, url: str | None = None, filename: str | None = None, **options: Any
    ) -> None:
        self.data = Path(filename).read_bytes() if data is None and filename else data
        self.url = url
        self.options = options

    def __repr__(self) -> str:
        return f"<IPython.core.display.{type(self).__name__} object>"

    def _repr_mimebundle_(self, **_: Any) -> Bundle:
        data = self.data
        if isinstance(data, bytes) and not self.mime.startswith(("image/p", "image/j", "image/g")):
            data = data.decode()
        if isinstance(data, str) and self.mime == "application/json":
            data = json.loads(data)
        return {self.mime: data}


class Image(DisplayObject):
    """A picture; its format is ``format`` or what its first bytes say."""

    def _repr_mimebundle_(self, **_: Any) -> Bundle:
        if self.data is None:
            return {"text/html": f'<img src="{self.url}"/>'}
        return {f"image/{self.options.get('format') or _image_format(self.data)}": self.data}


def _image_format(data: bytes) -> str:
    if data.startswith(b"\xff\xd8"):
        return "jpeg"
    return "gif" if data.startswith(b"GIF8") else "png"


DISPLAY_CLASSES: dict[str, type[DisplayObject]] = {
    "Image": Image,
    **{
        name: type(name, (DisplayObject,), {"mime": mime})
        for name, mime in {
            "HTML": "text/html",
            "Javascript": "application/javascript",
            "JSON": "application/json",
            "Latex": "text/latex",
            "Markdown": "text/markdown",
            "SVG": "image/svg+xml",
        }.items()
    },
}
