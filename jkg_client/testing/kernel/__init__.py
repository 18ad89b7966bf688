"""The process behind a fake kernel. What runs cells is imported there only."""
