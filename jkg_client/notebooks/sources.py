"""The sources from which a notebook can be read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import IO, Any, Union

NotebookSource = Union[str, "os.PathLike[str]", IO[str], IO[bytes], Mapping[str, Any]]
"""A path, an open file, or the notebook itself."""
