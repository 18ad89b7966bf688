"""Test suites that we did not write pass on the fake gateway."""

from __future__ import annotations

from pathlib import Path

import pytest
from suites import Suite, run

KERNEL_CLIENT = Suite(
    name="kernel_client",
    package="jupyter-kernel-client[test]==1.0.2",
    folder="jupyter_kernel_client/tests",
    chosen=(".",),
    # Several workers, because the client sometimes waits 10 s for its own thread when it closes.
    workers=4,
    passing=42,
)
# Tests of kernel gateway's command line. They send nothing to a server.
OF_THE_PROGRAM = (
    "TestDefaults::test_config_bad_api_value",
    "TestPrespawnKernels::test_prespawn_max_conflict",
    "TestBadSeedURI::test_seed_kernel_not_available",
    "TestSessionApi::test_session_api",
)
NO_OPTION = "the fake gateway has no option "
SEED = f"{NO_OPTION}--KernelGatewayApp.seed_uri"
PRESPAWN = f"{NO_OPTION}--KernelGatewayApp.prespawn_count"
KERNEL_GATEWAY = Suite(
    name="kernel_gateway",
    package="jupyter_kernel_gateway==3.0.1",
    chosen=("test_jupyter_websocket.py",),
    needs=("pytest", "pytest-asyncio"),
    left_out=tuple(f"test_jupyter_websocket.py::{name}" for name in OF_THE_PROGRAM),
    different={
        "TestDefaults::test_check_origin": f"{NO_OPTION}allow_origin",
        "TestDefaults::test_cors_headers": f"{NO_OPTION}kg_allow_credentials",
        "TestDefaults::test_cors_options_headers": f"{NO_OPTION}kg_allow_headers",
        "TestDefaults::test_kernel_env[jp_argv0]": (
            f"{NO_OPTION}--JupyterWebsocketPersonality.env_whitelist"
        ),
        "TestCustomDefaultKernel::test_default_kernel_name[jp_argv0]": (
            f"{NO_OPTION}--KernelGatewayApp.default_kernel_name"
        ),
        "TestForceKernel::test_force_kernel_name[jp_argv0]": PRESPAWN,
        "TestPrespawnKernels::test_prespawn_count[jp_argv0]": PRESPAWN,
        "TestSeedURI::test_seed[jp_argv0]": SEED,
        "TestRemoteSeedURI::test_seed[jp_argv0]": SEED,
        "TestBadSeedURI::test_seed_error[jp_argv0]": SEED,
        "TestKernelLanguageSupport::test_seed_language_support[jp_argv0]": SEED,
    },
    passing=18,
)
JUPYTER_SERVER = Suite(
    name="jupyter_server",
    package="jupyter_server==2.21.1",
    chosen=("test_gateway.py",),
    needs=("pytest", "pytest-jupyter[server]", "pytest-timeout"),
    # The mock of the test returns this instead of an image.
    different={"test_gateway_get_named_kernelspec": "b'foo'"},
    passing=28,
)
AUTOGEN_EXT = Suite(
    name="autogen_ext",
    package="autogen-ext[docker-jupyter-executor]==0.7.5",
    chosen=("code_executors/test_docker_jupyter_code_executor.py",),
    needs=("ipython", "pillow", "pytest", "pytest-asyncio"),
    passing=7,
)
SMOLAGENTS = Suite(
    name="smolagents",
    package="smolagents[docker]==1.26.0",
    chosen=("test_remote_executors.py::TestDockerExecutorIntegration",),
    needs=("ipython", "numpy", "pillow", "pytest"),
    passing=12,
)
SUITES = (KERNEL_CLIENT, KERNEL_GATEWAY, JUPYTER_SERVER, AUTOGEN_EXT, SMOLAGENTS)


@pytest.mark.field("F11")
@pytest.mark.parametrize("suite", SUITES, ids=[suite.name for suite in SUITES])
def test_test_suites_of_other_packages_pass_on_the_fake_gateway(
    suite: Suite, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    outcome = run(pytestconfig, suite, tmp_path)
    assert set(outcome.failed) == set(suite.different), outcome.output
    for name, reason in suite.different.items():
        assert reason in outcome.failed[name]
    assert len(outcome.passed) == suite.passing
