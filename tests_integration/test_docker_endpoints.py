"""The choice of the Docker engine, from the configuration of the ``docker`` command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jkg_client import EngineError
from jkg_client.servers.docker.endpoints import find_endpoint


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


@pytest.mark.field("C11")
@pytest.mark.parametrize("said", ["", None, "default"])
def test_a_context_without_a_name_is_the_default(configuration: Path, said: str | None) -> None:
    without = find_endpoint(None, {})
    configuration.write_text(json.dumps({"currentContext": said}))
    assert find_endpoint(None, {}) == without
    assert find_endpoint(None, {"DOCKER_CONTEXT": ""}) == without


@pytest.mark.field("C11")
def test_a_context_that_does_not_exist_is_reported(configuration: Path) -> None:
    configuration.write_text(json.dumps({"currentContext": "nosuch"}))
    with pytest.raises(EngineError, match="context"):
        find_endpoint(None, {})
    with pytest.raises(EngineError, match="'other'"):
        find_endpoint(None, {"DOCKER_CONTEXT": "other"})
