"""The behaviours that users can rely on, on an embedded kernel."""

from __future__ import annotations

import pytest
from behaviours import *  # noqa: F403
from behaviours import run
from embedded import Executors, executors, kernel, server

from jkg_client import ClientClosed, KernelNotFound
from jkg_client.client.deadline import Deadline
from jkg_client.client.timeouts import Timeouts
from jkg_client.embedded.kernels import LocalKernels
from jkg_client.executor import KernelCodeExecutor

__all__ = ["executors", "kernel", "server"]

# Embedded kernels have no server that could refuse a token.
del test_a_wrong_token_is_reported_at_once  # noqa: F821
# These ask the server. Similar tests are below.
del test_a_kernel_deleted_by_another_program_is_replaced  # noqa: F821
del test_stop_deletes_the_kernel_and_may_be_called_twice  # noqa: F821


@pytest.mark.pitfall(5)
def test_a_kernel_ended_by_another_program_is_replaced(
    executor: KernelCodeExecutor, server: LocalKernels
) -> None:
    assert executor.kernel_id is not None
    server.delete_kernel(executor.kernel_id)
    first = run(executor, "print('here')")  # type: ignore[arg-type]  # its base will do
    assert first.kernel_restarted
    assert (first.exit_code, first.status) in {(0, "ok"), (137, "died")}
    assert run(executor, "print('here')").exit_code == 0  # type: ignore[arg-type]  # likewise


@pytest.mark.pitfall(31)
def test_stop_ends_the_kernel_and_may_be_called_twice(
    executors: Executors, server: LocalKernels, timeouts: Timeouts
) -> None:
    executor = executors()
    kernel_id = executor.kernel_id
    assert kernel_id is not None
    executor.stop()
    executor.stop()
    with pytest.raises(KernelNotFound):
        server.connect(kernel_id, Deadline(5), timeouts)
    with pytest.raises(ClientClosed):
        run(executor, "1")  # type: ignore[arg-type]  # its base will do
