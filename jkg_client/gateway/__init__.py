"""The way to a kernel through a Jupyter server: connection info, REST, WebSocket."""
