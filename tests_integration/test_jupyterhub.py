"""A real JupyterHub: ``JupyterHubServer``, and servers that stop while they are used."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hubs import Hub, culler, running_hub

from jkg_client import (
    CodeBlock,
    CodeResult,
    GatewayUnauthorized,
    JkgError,
    JupyterClient,
    JupyterCodeExecutor,
    JupyterConnectable,
    JupyterConnectionInfo,
    JupyterHubServer,
    KernelNotFound,
    NamedServersDisabled,
    NotAGateway,
    ServerNotRunning,
    ServerProgress,
    ServerStartError,
    ServerStartTimeout,
    TooManyServers,
)

SOON = 10.0
"""Seconds in which a change must be reported. Many, because the machine may be busy."""


@pytest.fixture(scope="session")
def hub(pytestconfig: pytest.Config) -> Iterator[Hub]:
    with running_hub(pytestconfig, prefix="/some/prefix") as hub:
        yield hub


def start(hub: Hub, user: str, **options: Any) -> JupyterHubServer:
    options.setdefault("token", hub.token(user))
    return JupyterHubServer(hub.url, **{"timeout": 120, **options})


def run(server: JupyterConnectable, code: str, folder: Path, **options: Any) -> CodeResult:
    with JupyterCodeExecutor(server, timeout=60, output_dir=folder, **options) as executor:
        return executor.execute_code_blocks([CodeBlock(code, "python")])


# Names of users that sites have. JupyterHub escapes all but the first two.
@pytest.mark.field("C3", "H23")
@pytest.mark.parametrize("user", ["a.b@example.org", "Al@ex.org", "x y+z", "\u00e9'~"])
def test_users_with_odd_names_run_code(hub: Hub, user: str, tmp_path: Path) -> None:
    with start(hub, user, server_name="agent-1") as server:
        assert run(server, "print(6 * 7)", tmp_path).output == "42\n"
        shown = JupyterConnectionInfo.from_url(
            f"{server.connection_info.url}/lab?reset", token=server.connection_info.token
        )
        assert shown == server.connection_info
        assert run(shown, "print(6 * 7)", tmp_path).output == "42\n"
    assert hub.servers(user) == {}


@pytest.mark.field("H1", "H5", "H12")
def test_each_event_of_a_start_is_reported(hub: Hub) -> None:
    told: list[ServerProgress] = []
    with start(hub, "follower", options={"wait": 4}, on_progress=told.append):
        assert hub.servers("follower")[""]["user_options"] == {"wait": 4}
    messages = [event.message for event in told]
    assert messages[:2] == ["Server requested", "the server was asked for"]
    assert "waited 2 s" in messages
    assert len(set(messages)) == len(messages)
    # Without options the hub must not use the options of the last start.
    with start(hub, "follower"):
        assert hub.servers("follower")[""]["user_options"] == {}


@pytest.mark.field("H2", "H10")
def test_a_running_server_is_used_and_kept(hub: Hub, tmp_path: Path) -> None:
    with start(hub, "adopter", stop_server=False) as first:
        assert run(first, "print(1)", tmp_path).output == "1\n"
    with start(hub, "adopter"):
        pass
    assert hub.servers("adopter")[""]["ready"]
    with start(hub, "adopter", stop_server=True):
        pass
    assert hub.servers("adopter") == {}


@pytest.mark.field("H2")
def test_two_programs_share_one_start_and_two_names_are_two_servers(
    hub: Hub, tmp_path: Path
) -> None:
    results: dict[str, str] = {}
    token = hub.token("pair")

    def work(name: str) -> None:
        with start(hub, "pair", token=token, server_name=name) as server:
            results[name] = run(server, f"print({name!r})", tmp_path / name).output

    threads = [threading.Thread(target=work, args=(name,)) for name in ("agent-1", "agent-2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {"agent-1": "agent-1\n", "agent-2": "agent-2\n"}
    assert hub.servers("pair") == {}


@pytest.mark.field("H3", "H13")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"fail": "the budget is spent"}, "the budget is spent"),
        ({"exit": 3}, r"status=3|didn't respond"),
        ({"refuse": "there is no image 'x'"}, "there is no image 'x'"),
    ],
)
def test_the_error_has_the_reason_of_the_hub(hub: Hub, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ServerStartError, match=said):
        start(hub, "unlucky", options=options)
    assert hub.servers("unlucky") == {}


@pytest.mark.field("H4", "H11")
def test_a_start_that_takes_too_long_is_undone(hub: Hub) -> None:
    with pytest.raises(ServerStartTimeout, match=r"within 4 s; the last message was: .*waited"):
        start(hub, "slow", options={"wait": 600}, timeout=4)
    assert hub.servers("slow") == {}


@pytest.mark.field("H7")
def test_a_start_that_the_administrator_ends_is_an_error(hub: Hub) -> None:
    def end() -> None:
        while not hub.servers("ended"):
            time.sleep(0.1)
        time.sleep(2.5)
        hub.ask("DELETE", "/users/ended/server")

    token = hub.token("ended")
    thread = threading.Thread(target=end)
    thread.start()
    with pytest.raises(ServerStartError):
        JupyterHubServer(hub.url, token=token, options={"wait": 600}, timeout=60)
    thread.join()
    assert hub.servers("ended") == {}


@pytest.mark.field("H15")
def test_the_error_for_too_many_servers_has_their_names(hub: Hub) -> None:
    hub.token("limited")
    for name in ("one", "two"):
        hub.ask("PUT", f"/users/limited/servers/{name}", {})  # this does not start it
    with pytest.raises(TooManyServers, match="maximum of 2 named servers") as caught:
        start(hub, "limited", server_name="three")
    assert caught.value.servers == ("one", "two")


@pytest.mark.field("H23")
@pytest.mark.parametrize("name", ["UPPER", "a b", "\u00e9"])
def test_a_name_that_the_hub_refuses_is_an_error(hub: Hub, name: str) -> None:
    with pytest.raises(ServerStartError, match="Invalid server_name"):
        start(hub, "namer", server_name=name)


@pytest.mark.field("H20", "H21", "H22")
def test_the_error_names_the_missing_scope_of_a_token(hub: Hub) -> None:
    for scopes, lacks in (
        (("read:servers!user", "access:servers!user"), "start:servers!user=scoped"),
        (("servers!user",), "access:servers!user=scoped"),
        (("access:servers!user", "start:servers!user"), "read:servers!user=scoped"),
    ):
        token = hub.token("scoped", *scopes)
        with pytest.raises(GatewayUnauthorized, match=lacks):
            JupyterHubServer(hub.url, token=token)
    with pytest.raises(GatewayUnauthorized, match="it is wrong or has expired"):
        JupyterHubServer(hub.url, token="wrong")
    brief = hub.token("scoped", expires_in=1)
    time.sleep(1.5)
    with pytest.raises(GatewayUnauthorized, match="or has expired"):
        JupyterHubServer(hub.url, token=brief)
    with pytest.raises(GatewayUnauthorized, match="other"):
        JupyterHubServer(hub.url, token=hub.token("scoped"), user="other")
    with pytest.raises(GatewayUnauthorized, match="no user 'nobody', or the token may not see"):
        JupyterHubServer(hub.url, token=hub.admin, user="nobody")
    with pytest.raises(ValueError, match="pass the owner of the server as user="):
        JupyterHubServer(hub.url, token=hub.admin)


@pytest.mark.field("H20")
def test_a_token_for_one_server_is_enough(hub: Hub, tmp_path: Path) -> None:
    names = ("servers", "access:servers", "users:activity")
    limits = [f"{name}!server=minimal/agent-1" for name in names[:2]] + ["users:activity!user"]
    token = hub.token("minimal", *limits)
    with JupyterHubServer(
        hub.url, token=token, server_name="agent-1", timeout=120, keep_active=0.5
    ) as server:
        assert run(server, "print(42)", tmp_path).output == "42\n"
        before = hub.servers("minimal")["agent-1"]["last_activity"]
        time.sleep(1.5)
        assert hub.servers("minimal")["agent-1"]["last_activity"] > before


def test_a_service_runs_code_for_a_user(hub: Hub, tmp_path: Path) -> None:
    hub.token("served")
    env = {"JUPYTERHUB_API_URL": hub.api_url, "JUPYTERHUB_API_TOKEN": hub.admin}
    env["JUPYTERHUB_PUBLIC_HUB_URL"] = f"{hub.url}/hub/"
    with JupyterHubServer.from_env(env, user="served", timeout=120) as server:
        assert server.connection_info.url == f"{hub.url}/user/served"
        assert run(server, "print(42)", tmp_path).output == "42\n"
    assert hub.servers("served") == {}


@pytest.mark.field("H24")
def test_servers_cannot_be_reached_at_the_private_address_of_the_hub(hub: Hub) -> None:
    env = {"JUPYTERHUB_API_URL": hub.api_url, "JUPYTERHUB_API_TOKEN": hub.token("private")}
    with pytest.raises(JkgError, match="pass it as public_url="):
        JupyterHubServer.from_env(env, timeout=120)
    assert hub.servers("private") == {}


@pytest.mark.field("C4", "H19")
@pytest.mark.parametrize("path", ["/user/idle", "/user/idle/agent-1", "/hub/user/idle"])
def test_the_error_for_a_stopped_server_says_where_to_start_it(hub: Hub, path: str) -> None:
    info = JupyterConnectionInfo.from_url(hub.url + path, token=hub.token("idle"))
    begun = time.monotonic()
    with JupyterClient(info) as client:
        for ask in (client.list_kernel_specs, client.list_kernels):
            with pytest.raises(ServerNotRunning, match=f"start it at {hub.url}/hub/spawn/idle"):
                ask()
        with pytest.raises(ServerNotRunning, match=f"start it at {hub.url}/hub/spawn/idle"):
            client.start_kernel("python3")
    with pytest.raises(ServerNotRunning):
        JupyterCodeExecutor(info)
    assert time.monotonic() - begun < SOON


@pytest.mark.field("C4")
@pytest.mark.parametrize("runs", [True, False])
def test_the_token_of_another_user_has_no_access(hub: Hub, runs: bool) -> None:
    own, other = hub.token("owner"), hub.token("stranger")
    with JupyterHubServer(hub.url, token=own, timeout=120) as server:
        info = server.connection_info
        if not runs:
            server.stop()
        for token, says in ((other, "no access with this token"), ("x", "does not know the token")):
            wrong = JupyterConnectionInfo.from_url(info.url, token=token)
            with JupyterClient(wrong) as client:
                with pytest.raises(GatewayUnauthorized, match=says):
                    client.list_kernel_specs()
                with pytest.raises(GatewayUnauthorized, match=says):
                    client.start_kernel("python3")


@pytest.mark.field("C4")
@pytest.mark.parametrize("page", ["", "/", "/hub", "/hub/", "/hub/home", "/hub/login?next=%2Fx"])
def test_the_address_of_the_hub_itself_is_an_error(hub: Hub, page: str) -> None:
    info = JupyterConnectionInfo.from_url(hub.url + page, token=hub.token("idle"))
    with JupyterClient(info) as client:
        with pytest.raises(NotAGateway, match="is a JupyterHub"):
            client.list_kernel_specs()
        with pytest.raises(NotAGateway, match="is a JupyterHub"):
            client.start_kernel("python3")


def _stopped(hub: Hub, user: str) -> None:
    hub.ask("DELETE", f"/users/{user}/server")
    while hub.servers(user):
        time.sleep(0.1)


@pytest.mark.field("C4", "H19")
def test_a_server_stopped_between_cells_is_reported_at_once(hub: Hub, tmp_path: Path) -> None:
    with (
        start(hub, "between") as server,
        JupyterCodeExecutor(server, timeout=60, output_dir=tmp_path) as executor,
    ):
        executor.execute_code_blocks([CodeBlock("x = 1", "python")])
        _stopped(hub, "between")
        begun = time.monotonic()
        with pytest.raises(ServerNotRunning, match="hub/spawn/between"):
            executor.execute_code_blocks([CodeBlock("print(x)", "python")])
        assert time.monotonic() - begun < SOON
    assert hub.servers("between") == {}


@pytest.mark.field("C4", "H25")
def test_the_error_for_a_server_culled_during_a_cell_has_the_output(
    pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    code = "import time\nprint('begun', flush=True)\ntime.sleep(300)"
    with (
        running_hub(pytestconfig) as hub,
        start(hub, "culled") as server,
        JupyterCodeExecutor(server, timeout=200, output_dir=tmp_path) as executor,
        culler(hub, pytestconfig),
    ):
        with pytest.raises(ServerNotRunning, match="perhaps culled") as caught:
            executor.execute_code_blocks([CodeBlock(code, "python")])
        assert caught.value.result.output.startswith("begun\n")


@pytest.mark.field("H18")
def test_a_server_with_a_killed_process_is_started_again(hub: Hub, tmp_path: Path) -> None:
    with start(hub, "killed", stop_server=False) as first:
        pid = run(first, "import os; print(os.getppid())", tmp_path).output
    os.kill(int(pid), signal.SIGKILL)
    with start(hub, "killed", stop_server=True) as second:
        assert run(second, "print(42)", tmp_path).output == "42\n"
    assert hub.servers("killed") == {}


def test_an_unknown_kernel_on_a_server_of_a_hub_is_kernel_not_found(hub: Hub) -> None:
    with (
        start(hub, "plain") as server,
        server.get_client() as client,
        pytest.raises(KernelNotFound),
    ):
        client.get_kernel("00000000-0000-0000-0000-000000000000")


@pytest.mark.field("H16", "H17")
def test_a_hub_that_restarts_during_a_start_is_awaited(pytestconfig: pytest.Config) -> None:
    with running_hub(pytestconfig, cleanup_servers=False) as hub:
        token = hub.token("patient")
        events: list[ServerProgress] = []
        restarts: list[threading.Thread] = []

        def restart(event: ServerProgress) -> None:
            events.append(event)
            if not restarts:
                restarts.append(threading.Thread(target=hub.restart))
                restarts[0].start()

        with JupyterHubServer(
            hub.url, token=token, options={"wait": 3}, timeout=180, on_progress=restart
        ) as server:
            restarts[0].join()
            assert server.connection_info.url == f"{hub.url}/user/patient"
        assert hub.servers("patient") == {}


def test_a_hub_without_named_servers_is_an_error(pytestconfig: pytest.Config) -> None:
    with running_hub(pytestconfig, allow_named_servers=False) as hub:
        with pytest.raises(NamedServersDisabled, match="Omit server_name="):
            start(hub, "single", server_name="agent-1")
        with pytest.raises(ServerNotRunning):
            JupyterClient(
                JupyterConnectionInfo.from_url(f"{hub.url}/user/single", token=hub.token("single"))
            ).list_kernels()


@pytest.mark.field("H14")
def test_the_error_of_a_busy_hub_has_its_message(pytestconfig: pytest.Config) -> None:
    with running_hub(pytestconfig, concurrent_spawn_limit=1) as hub:
        token = hub.token("first")
        hub.ask("POST", "/users/first/server", {"user_options": {"wait": 60}})
        with pytest.raises(ServerStartTimeout, match="Too many users"):
            start(hub, "second", timeout=5)
        hub.ask("DELETE", "/users/first/server")
        assert token
