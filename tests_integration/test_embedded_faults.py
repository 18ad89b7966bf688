"""Faults of an embedded kernel: the same tests as on a real gateway."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from embedded import executors, kernels, server
from fixtures import executor
from test_gateway import (
    test_a_cell_with_a_lost_end_still_ends,
    test_a_display_that_is_updated_by_a_later_cell_is_shown_there,
    test_a_kernel_interrupted_outside_of_the_code_reports_this_and_stays_alive,
    test_a_kernel_killed_between_blocks_is_reported_by_a_later_block,
    test_a_kernel_killed_from_outside_is_a_death,
    test_a_value_that_displays_itself_does_not_count_as_a_lost_message,
    test_displayed_bytes_are_unchanged,
    test_many_buffers_and_comms_do_no_harm,
    test_messages_that_never_arrive_are_counted,
    test_ten_megabytes_of_lines_are_returned_exactly,
)
from test_gateway_faults import (
    FOR_EVER,
    TIMEOUTS,
    clock,
    once,
    test_a_deletion_is_reported_and_the_next_block_gets_a_new_kernel,
    test_a_kernel_at_its_memory_limit_raises_an_error_and_keeps_its_state,
    test_a_kernel_killed_by_the_system_is_reported,
)

from jkg_client import JupyterKernelClient, KernelNotFound
from jkg_client.embedded.kernels import LocalKernels

__all__ = [
    "clock",
    "executor",
    "executors",
    "kernels",
    "server",
    "test_a_cell_with_a_lost_end_still_ends",
    "test_a_deletion_is_reported_and_the_next_block_gets_a_new_kernel",
    "test_a_display_that_is_updated_by_a_later_cell_is_shown_there",
    "test_a_kernel_at_its_memory_limit_raises_an_error_and_keeps_its_state",
    "test_a_kernel_interrupted_outside_of_the_code_reports_this_and_stays_alive",
    "test_a_kernel_killed_between_blocks_is_reported_by_a_later_block",
    "test_a_kernel_killed_by_the_system_is_reported",
    "test_a_kernel_killed_from_outside_is_a_death",
    "test_a_value_that_displays_itself_does_not_count_as_a_lost_message",
    "test_displayed_bytes_are_unchanged",
    "test_many_buffers_and_comms_do_no_harm",
    "test_messages_that_never_arrive_are_counted",
    "test_ten_megabytes_of_lines_are_returned_exactly",
]


@pytest.fixture
def client(server: LocalKernels) -> LocalKernels:
    """The owner of the kernels: here not a client of a server."""
    return server


@pytest.fixture
def kernel(client: LocalKernels) -> Iterator[JupyterKernelClient]:
    kernel_id = client.start_kernel("python3")
    with JupyterKernelClient(client, kernel_id, timeouts=TIMEOUTS) as kernel:
        assert kernel.execute("runs = []", 30).is_ok
        yield kernel
    with contextlib.suppress(KernelNotFound):
        client.delete_kernel(kernel_id)


@pytest.mark.pitfall(5)
def test_a_kernel_deleted_during_a_cell_is_a_death(
    kernel: JupyterKernelClient, client: LocalKernels
) -> None:
    delete = once(lambda: client.delete_kernel(kernel.kernel_id))
    result = kernel.execute(FOR_EVER, 60, on_output=delete)
    assert (result.status, result.output.splitlines()[0]) == ("died", "on")
    with pytest.raises(KernelNotFound, match="start another"):
        kernel.execute("1", 60)


@pytest.mark.pitfall(5)
def test_a_cell_for_a_deleted_kernel_is_refused_at_once(
    kernel: JupyterKernelClient, client: LocalKernels
) -> None:
    client.delete_kernel(kernel.kernel_id)
    with pytest.raises(KernelNotFound, match="start another"):
        kernel.execute("1", 60)
