"""Deleting the kernel of an executor, with a provider that records its calls."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping
from typing import Any

import pytest

from jkg_client.client.channels import KernelConnection
from jkg_client.client.deadline import Deadline
from jkg_client.client.kernel_ownership import KernelOwnership
from jkg_client.client.timeouts import Timeouts
from jkg_client.errors import ClientClosed, GatewayUnreachable, KernelNotFound, ServerNotRunning


class Provider:
    """Has one kernel."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.failure: Exception | None = None

    def start_kernel(
        self,
        kernel_spec_name: str,
        *,
        env: Mapping[str, str] | None = None,
        timeout_seconds: float = 120.0,
    ) -> str:
        self.did.append(f"start {kernel_spec_name} {env} {timeout_seconds:g}")
        return "k1"

    def connect(self, kernel_id: str, deadline: Deadline, timeouts: Timeouts) -> KernelConnection:
        raise NotImplementedError

    def delete_kernel(self, kernel_id: str) -> None:
        self.did.append(f"delete {kernel_id}")
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        self.did.append("close")


class Client:
    """A client that can only be stopped."""

    def __init__(self, provider: Provider) -> None:
        self.stop = lambda: provider.did.append("stop")


def owned(kernel_id: str | None = "k1", *, attached: bool = False) -> tuple[KernelOwnership, Any]:
    provider = Provider()
    return KernelOwnership(provider, kernel_id, attached), provider


def test_a_kernel_is_started_as_asked_and_owned() -> None:
    ownership, provider = owned(None)
    assert ownership.start("python3", {"A": "b"}, 7.0) == "k1"
    assert ownership.kernel_id == "k1"
    assert provider.did == ["start python3 {'A': 'b'} 7"]


def test_all_parts_end_in_order_and_only_once() -> None:
    ownership, provider = owned()
    ownership.kernel = Client(provider)  # type: ignore[assignment]  # as far as it is used here
    ownership.end()
    assert provider.did == ["stop", "delete k1", "close"]
    assert ownership.kernel_id is None
    ownership.end()
    assert provider.did[3:] == ["stop", "close"]


def test_an_attached_kernel_is_not_deleted() -> None:
    ownership, provider = owned(attached=True)
    ownership.end()
    assert provider.did == ["close"]


def test_without_a_kernel_only_the_provider_is_closed() -> None:
    ownership, provider = owned(None)
    ownership.end_forgotten()
    assert provider.did == ["close"]


def test_a_kernel_that_is_gone_is_forgotten() -> None:
    ownership, provider = owned()
    ownership.kernel = Client(provider)  # type: ignore[assignment]  # as far as it is used here
    ownership.forget()
    ownership.forget()
    assert (ownership.kernel, ownership.kernel_id, provider.did) == (None, None, ["stop"])


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (KernelNotFound(404, "DELETE k1", ""), []),
        (ServerNotRunning(503, "DELETE k1", ""), []),
        (GatewayUnreachable("away"), ["kernel k1 could not be deleted: away"]),
    ],
)
def test_a_kernel_that_cannot_be_deleted_is_logged_unless_it_is_gone_anyway(
    failure: Exception, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    ownership, provider = owned()
    provider.failure = failure
    with caplog.at_level(logging.WARNING, "jkg_client"):
        ownership.end()
    assert caplog.messages == said
    assert provider.did == ["delete k1", "close"]


def test_a_forgotten_executor_causes_a_warning_and_is_ended() -> None:
    ownership, provider = owned()
    with pytest.warns(ResourceWarning, match=r"^an executor with kernel k1 was not stopped$"):
        ownership.end_forgotten()
    assert provider.did == ["delete k1", "close"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ownership.end_forgotten()


def test_a_forked_child_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ownership, provider = owned()
    ownership.check_process()
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with pytest.raises(ClientClosed) as caught:
        ownership.check_process()
    assert str(caught.value) == (
        "the executor belongs to the process that has created it;"
        " create another one in the forked child"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ownership.end_forgotten()
    ownership.end()
    assert provider.did == []


def test_the_start_and_the_deletion_of_a_kernel_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ownership, _ = owned(None)
    with caplog.at_level(logging.INFO, "jkg_client"):
        ownership.start("python3", None, 9)
        ownership.end()
    assert caplog.messages == ["kernel k1: 'python3' was started", "kernel k1: was deleted"]
