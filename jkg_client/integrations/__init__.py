"""Adapters to frameworks: one module or package for each, which needs the extra of that name."""
