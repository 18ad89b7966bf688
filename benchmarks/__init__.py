"""Compares the speed of this package with other clients. See docs/benchmarks.md."""
