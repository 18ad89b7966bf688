"""One kernel, on a server or on this machine: requests, answers and recovery."""
