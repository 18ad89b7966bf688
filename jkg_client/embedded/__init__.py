"""The way to a kernel of our own: no server, a process on this machine and ZeroMQ."""
