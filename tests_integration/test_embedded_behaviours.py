"""What users can rely on, on a kernel of our own."""

from __future__ import annotations
