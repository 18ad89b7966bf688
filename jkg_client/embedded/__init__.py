"""The way to a kernel of our own: no server, a process on this machine and ZeroMQ."""

try:
    import jupyter_core as _jupyter_core  # noqa: F401 - only whether it is there
    import zmq as _zmq  # noqa: F401 - likewise
except ImportError as _missing:
    raise ImportError(
        'an embedded kernel needs pyzmq and jupyter_core: pip install "jkg-client[embedded]"'
    ) from _missing
