"""Displays without IPython: MIME bundles of objects, ``display`` and related functions."""

from __future__ import annotations

import traceback
import uuid
from collections.abc import Collection, Mapping
from typing import Any, Callable

from .bundles import clean

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
Kinds = Collection[str]


def mime_bundle(
    value: Any, include: Kinds | None = None, exclude: Kinds | None = None
) -> tuple[Bundle, Bundle]:
    """Data and metadata of all forms of ``value``."""
    data: Bundle = {}
    metadata: Bundle = {}
    if not isinstance(value, type):
        told = _call(value, "_repr_mimebundle_", include=include, exclude=exclude)
        if told is not None:
            more, about = told if isinstance(told, tuple) else (told, {})
            data.update(more)
            metadata.update(about)
        for method, mime in REPRS.items():
            shown = _call(value, method) if mime not in data else None
            if shown is not None:
                data[mime], about = shown if isinstance(shown, tuple) else (shown, None)
                metadata.update({mime: about} if about else {})
    data.setdefault("text/plain", repr(value))
    wanted = {
        kind: part
        for kind, part in data.items()
        if (not include or kind in include) and kind not in (exclude or ())
    }
    return clean(wanted), clean(metadata)


def _call(value: Any, method: str, **arguments: Any) -> Any:
    function = getattr(value, method, None)
    if not callable(function):
        return None
    try:
        return function(**arguments)
    except NotImplementedError:
        return None
    except Exception:  # noqa: BLE001 - IPython shows the error and goes on
        traceback.print_exc()
        return None


Say = Callable[[str, Bundle], None]
"""Takes the type and the content of a message about an output."""


class Displays:
    """``display``, ``update_display`` and ``clear_output``."""

    def __init__(self, say: Say) -> None:
        self._say = say

    def display(
        self,
        *values: Any,
        include: Kinds | None = None,
        exclude: Kinds | None = None,
        metadata: Mapping[str, Any] | None = None,
        display_id: Any = None,
        raw: bool = False,
        update: bool = False,
    ) -> DisplayHandle | None:
        """Show ``values``. With a ``display_id``, they can be replaced later."""
        handle = None
        if display_id is not None:
            handle = DisplayHandle(self, uuid.uuid4().hex if display_id is True else display_id)
        kind = "update_display_data" if update else "display_data"
        for value in values:
            data, about = (value, {}) if raw else mime_bundle(value, include, exclude)
            transient = {"display_id": handle.display_id} if handle else {}
            about = {**about, **(metadata or {})}
            content = {"data": data, "metadata": about, "transient": transient}
            self._say(kind, content)
        return None if update else handle

    def update_display(self, value: Any, *, display_id: Any, **options: Any) -> None:
        """Replace the object that is shown under ``display_id``."""
        self.display(value, display_id=display_id, update=True, **options)

    def clear_output(self, wait: bool = False) -> None:
        """Clear the output of the cell. With ``wait``, clear it when the next output comes."""
        self._say("clear_output", {"wait": wait})


class DisplayHandle:
    """The result of ``display(…, display_id=…)``."""

    def __init__(self, displays: Displays, display_id: str) -> None:
        self._displays = displays
        self.display_id = display_id

    def __repr__(self) -> str:
        return f"<DisplayHandle display_id={self.display_id}>"

    def display(self, value: Any, **options: Any) -> None:
        """Show ``value`` once more under this id."""
        self._displays.display(value, display_id=self.display_id, **options)

    def update(self, value: Any, **options: Any) -> None:
        """Replace the object that is shown under this id by ``value``."""
        self._displays.update_display(value, display_id=self.display_id, **options)
