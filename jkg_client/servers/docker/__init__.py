"""Starts servers in containers."""
