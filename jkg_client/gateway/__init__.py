"""Access to kernels through a Jupyter server: connection info, REST, WebSocket."""
