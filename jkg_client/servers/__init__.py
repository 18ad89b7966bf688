"""Starts Jupyter servers and ends them."""
