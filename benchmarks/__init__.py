"""Measures this package beside other clients; see docs/benchmarks.md."""
