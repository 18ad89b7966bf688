"""Settings of the documentation site: ``python -m tox -e site`` builds it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from jkg_client import __version__

project = "jkg_client"
author = "the jkg_client developers"
project_copyright = "2026, the jkg_client developers"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "pictures"]
source_suffix = {".md": "markdown"}

# Headings are link targets, as on the pages of the repository.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
# Examples, and pages that want a browser or a login.
linkcheck_ignore = [r"https?://(localhost|127\.0\.0\.1)", r"https://[^/]*example\.(com|org)"]
linkcheck_timeout = 20
linkcheck_anchors = False

html_theme = "furo"
html_title = f"jkg_client {release}"
copybutton_exclude = ".linenos, .gp, .go"
