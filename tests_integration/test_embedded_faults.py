"""Faults of an embedded kernel: the same tests as on a real gateway."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from embedded import executors, kernels, server
from fixtures import executor
from test_gateway import (
    test_a_cell_whose_end_was_lost_ends_all_the_same,
    test_a_display_that_is_updated_by_a_later_cell_is_shown_there,
    test_a_kernel_killed_between_blocks_is_told_by_the_next,
    test_a_kernel_killed_from_outside_is_told,
    test_a_kernel_that_is_interrupted_outside_of_the_code_says_so_and_lives_on,
    test_a_value_that_shows_itself_is_no_lost_message,
    test_displayed_bytes_are_those_of_the_kernel,
    test_many_buffers_and_comms_do_no_harm,
    test_messages_that_never_come_are_counted,
    test_ten_megabytes_of_lines_come_back_exactly,
)
from test_gateway_faults import (
    FOR_EVER,
    TIMEOUTS,
    clock,
    once,
    test_a_block_on_a_deleted_kernel_is_told_and_the_next_has_a_new_one,
    test_a_kernel_that_may_have_no_more_memory_says_so_and_keeps_its_state,
    test_a_kernel_that_the_system_killed_is_told,
)

from jkg_client import JupyterKernelClient, KernelNotFound
from jkg_client.embedded.kernels import LocalKernels

__all__ = [
    "clock",
    "executor",
    "executors",
    "kernels",
    "server",
    "test_a_block_on_a_deleted_kernel_is_told_and_the_next_has_a_new_one",
    "test_a_cell_whose_end_was_lost_ends_all_the_same",
    "test_a_display_that_is_updated_by_a_later_cell_is_shown_there",
    "test_a_kernel_killed_between_blocks_is_told_by_the_next",
    "test_a_kernel_killed_from_outside_is_told",
    "test_a_kernel_that_is_interrupted_outside_of_the_code_says_so_and_lives_on",
    "test_a_kernel_that_may_have_no_more_memory_says_so_and_keeps_its_state",
    "test_a_kernel_that_the_system_killed_is_told",
    "test_a_value_that_shows_itself_is_no_lost_message",
    "test_displayed_bytes_are_those_of_the_kernel",
    "test_many_buffers_and_comms_do_no_harm",
    "test_messages_that_never_come_are_counted",
    "test_ten_megabytes_of_lines_come_back_exactly",
]


@pytest.fixture
def client(server: LocalKernels) -> LocalKernels:
    """Whoever runs the kernels."""
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
def test_a_kernel_that_somebody_deleted_while_it_ran_a_cell_is_told(
    kernel: JupyterKernelClient, client: LocalKernels
) -> None:
    delete = once(lambda: client.delete_kernel(kernel.kernel_id))
    result = kernel.execute(FOR_EVER, 60, on_output=delete)
    assert (result.status, result.output.splitlines()[0]) == ("died", "on")
    with pytest.raises(KernelNotFound, match="start another"):
        kernel.execute("1", 60)


@pytest.mark.pitfall(5)
def test_a_cell_for_a_kernel_that_somebody_deleted_is_refused_at_once(
    kernel: JupyterKernelClient, client: LocalKernels
) -> None:
    client.delete_kernel(kernel.kernel_id)
    with pytest.raises(KernelNotFound, match="start another"):
        kernel.execute("1", 60)
