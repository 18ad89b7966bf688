"""The files of kernelspecs that programs with a window show: logos, and the kernelspec itself."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from .server import HttpAnswer

LOGOS = {
    "logo-svg": "logo-svg.svg",
    "logo-64x64": "logo-64x64.png",
    "logo-32x32": "logo-32x32.png",
}

# Pictures without content: an empty SVG, and a transparent pixel.
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVR4nGNgAAIAAAUAAXpeqz8AAAAASUVORK5CYII="
)


def resources(base_path: str, name: str) -> dict[str, str]:
    """The paths of the logos of a kernelspec."""
    return {logo: f"{base_path}/kernelspecs/{name}/{file}" for logo, file in LOGOS.items()}


def resource(spec: Mapping[str, Any], file: str) -> HttpAnswer | None:
    """A file of a kernelspec. None if there is no such file."""
    if file == "kernel.json":
        body, kind = json.dumps(dict(spec)).encode(), "application/json"
    elif file not in LOGOS.values():
        return None
    else:
        body, kind = (SVG, "image/svg+xml") if file.endswith("svg") else (PNG, "image/png")
    return HttpAnswer(status=200, body=body, headers={"Content-Type": kind})
