"""Variables, on the fake gateway."""

from __future__ import annotations

import pytest
from variable_behaviours import *  # noqa: F403 - that is the point

from jkg_client import JupyterCodeExecutor


def test_on_output_must_be_a_function(executor: JupyterCodeExecutor) -> None:
    with pytest.raises(ValueError, match="on_output must be a function"):
        executor.execute_code_blocks([], on_output=3)  # type: ignore[arg-type]  # that is the test
