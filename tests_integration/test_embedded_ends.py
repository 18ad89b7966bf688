"""The last messages of an embedded kernel that is ended because its code ignores interrupts."""

from __future__ import annotations

import contextlib

from embedded import Starter, kernels, start

from jkg_client.embedded.kernels import LocalKernels
from jkg_client.embedded.sockets import KernelSockets
from jkg_client.protocol.messages import new_session, shutdown_request
from jkg_client.protocol.values import Output

__all__ = ["kernels", "start"]

CATCHES_INTERRUPTS = """
import time
n = 0
while True:
    try:
        time.sleep(100)
    except KeyboardInterrupt:
        n += 1
        print(n, flush=True)
"""

IGNORES_INTERRUPTS = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
print('on', flush=True)
while True:
    pass
"""


def test_messages_about_the_end_of_the_process_are_not_missing(start: Starter) -> None:
    # The third interrupt is one of the stages that end the process. So "3" arrives after the answer
    # to the shutdown request.
    result = start().execute(CATCHES_INTERRUPTS, 1)
    assert (result.status, result.kernel_restarted) == ("timeout", True)
    assert (result.output, result.truncated) == ("1\n2\n3\n", None)


def test_warnings_of_the_kernel_about_its_end_are_not_output(
    start: Starter, kernels: LocalKernels
) -> None:
    kernel, session = start(), new_session()
    info = kernels.kernel(kernel.kernel_id).launch().info
    with contextlib.closing(KernelSockets.connected(info, session, ["control"])) as sockets:

        def ask_thrice(_: Output) -> None:
            for _number in range(3):
                sockets.send(shutdown_request(session, restart=True))

        result = kernel.execute(IGNORES_INTERRUPTS, 2, on_output=ask_thrice)
    assert (result.status, result.kernel_restarted) == ("timeout", True)
    assert (result.output, result.truncated) == ("on\n", None)
