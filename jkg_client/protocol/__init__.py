"""The Jupyter messaging protocol, without input and output: no sockets, clocks or files."""
