"""Runs kernels as processes of this machine, and talks to them by ZeroMQ, without a server."""

try:
    import jupyter_core as _jupyter_core  # noqa: F401 - checks that it is installed
    import zmq as _zmq  # noqa: F401 - checks that it is installed
except ImportError as _missing:
    raise ImportError(
        'an embedded kernel needs pyzmq and jupyter_core: pip install "jkg-client[embedded]"'
    ) from _missing
