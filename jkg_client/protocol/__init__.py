"""The Jupyter messaging protocol, computed: no socket, no clock, no file, no environment."""
