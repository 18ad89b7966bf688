"""A user's server on a JupyterHub, started and stopped by the hub's REST API."""
