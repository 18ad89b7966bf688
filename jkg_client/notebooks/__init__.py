"""Notebooks on any kernel; needs the extra ``notebook``."""
