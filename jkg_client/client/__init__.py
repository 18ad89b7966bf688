"""Moves bytes between this process and a Jupyter server; says nothing of what they mean."""
