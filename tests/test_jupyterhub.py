"""``JupyterHubServer`` on a hub that follows a script; a real one is in tests_integration/."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import pickle
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from scripted_hub import (
    TOKEN,
    USER_SCOPES,
    Asked,
    Said,
    ScriptedHub,
    Server,
    event_of,
    eventually,
    scripted_hub,
)

import jkg_client
from jkg_client import (
    AsyncJupyterHubServer,
    ClientClosed,
    GatewayError,
    GatewayUnauthorized,
    GatewayUnreachable,
    JupyterClient,
    JupyterConnectable,
    JupyterConnectionInfo,
    JupyterHubServer,
    NamedServersDisabled,
    NotAGateway,
    ServerNotRunning,
    ServerProgress,
    ServerStartError,
    ServerStartTimeout,
    TooManyServers,
)
from jkg_client.cli import main
from jkg_client.servers.jupyterhub import api, lifecycle

START = "/server"
AWAY = Said(503, "Service unavailable")
GONE = Said(0)


@pytest.fixture
def hub() -> Iterator[ScriptedHub]:
    with scripted_hub() as hub:
        yield hub


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client ask more often, because the scripted hub answers at once."""
    for module, names in (
        (api, "_FIRST_PAUSE _ECHO_PAUSE"),
        (lifecycle, "_PAUSE _LONGEST_PAUSE _FIRST_STREAM _SILENT _AFTER_AN_OPEN_REQUEST"),
    ):
        for name in names.split():
            monkeypatch.setattr(module, name, getattr(module, name) / 5)


def start(hub: ScriptedHub, **options: Any) -> JupyterHubServer:
    return JupyterHubServer(hub.url, **{"token": TOKEN, "timeout": 30, **options})


def test_a_server_is_started_used_and_stopped(hub: ScriptedHub) -> None:
    with start(hub, server_name="agent-1", options={"image": "x"}) as server:
        assert hub.running() == ["agent-1"]
        assert isinstance(server, JupyterConnectable)
        assert server.connection_info.url == f"{hub.url}/user/me/agent-1"
        assert server.connection_info.token == TOKEN
        with server.get_client() as client:
            assert list(client.list_kernel_specs()["kernelspecs"]) == ["python3"]
    assert hub.running() == []
    server.stop()
    assert len(hub.requests("DELETE")) == 1


def test_a_running_server_is_used_and_not_stopped(hub: ScriptedHub) -> None:
    hub.servers[""] = Server(ready=True)
    with start(hub) as server:
        assert server.connection_info.url == f"{hub.url}/user/me"
    assert hub.running() == [""]
    assert hub.requests("POST") == hub.requests("DELETE") == []


@pytest.mark.parametrize(("runs", "stop", "left"), [(True, True, []), (False, False, [""])])
def test_stop_server_decides_whether_the_server_is_stopped(
    hub: ScriptedHub, runs: bool, stop: bool, left: list[str]
) -> None:
    hub.servers[""] = Server(ready=runs)
    with start(hub, stop_server=stop):
        assert hub.running() == [""]
    assert hub.running() == left


@pytest.mark.field("H1")
@pytest.mark.parametrize("status", [200, 201, 202])
def test_the_model_of_the_server_decides_when_a_start_is_over(
    hub: ScriptedHub, status: int
) -> None:
    def answer(asked: Asked) -> Said | None:
        if asked.method != "POST":
            return None
        hub.rules.clear()
        hub.answer(asked)
        return Said(status)

    hub.rules.append(answer)
    hub.start_seconds = 0.1
    with start(hub):
        assert hub.servers[""].ready


@pytest.mark.field("H2")
def test_a_start_that_is_still_running_is_awaited(hub: ScriptedHub) -> None:
    hub.servers[""] = server = Server(pending="spawn")
    hub.later(0.1, lambda: hub._started(server))
    with start(hub):
        assert server.ready
    assert hub.requests("POST") == []
    assert hub.running() == [""]


@pytest.mark.field("H2")
def test_a_server_that_another_program_starts_meanwhile_is_used(hub: ScriptedHub) -> None:
    def somebody_is_faster(asked: Asked) -> Said | None:
        if asked.method == "POST":
            hub.servers[""] = Server(ready=True)
        return None

    hub.rules.append(somebody_is_faster)
    with start(hub):
        pass
    assert hub.running() == [""]
    assert hub.requests("DELETE") == []


@pytest.mark.field("H2")
@pytest.mark.parametrize("is_seen", [True, False])
def test_a_server_that_is_being_stopped_is_started_after_that(
    hub: ScriptedHub, is_seen: bool
) -> None:
    hub.servers[""] = server = Server(pending="stop" if is_seen else None)
    if not is_seen:
        hub.rule("POST", START, Said(400, {"message": "me is pending stop"}))
    hub.later(0.1, lambda: setattr(server, "pending", None) if server.started == 0 else None)
    with start(hub):
        assert server.started == 1
    assert hub.running() == []


@pytest.mark.field("H3")
def test_the_cause_of_a_failed_start_is_in_the_error(hub: ScriptedHub) -> None:
    hub.failure = "Spawn failed: no such image"

    def fails_at_once(asked: Asked) -> Said | None:
        if asked.method != "POST":
            return None
        hub.rules.clear()
        hub.answer(asked)
        return Said(500, {"message": "Internal Server Error"})

    hub.rules.append(fails_at_once)
    hub.start_seconds = 0.1
    with pytest.raises(ServerStartError, match="no such image") as caught:
        start(hub)
    assert type(caught.value) is ServerStartError
    assert hub.running() == []


@pytest.mark.field("H3")
def test_without_a_cause_the_error_has_the_first_answer_of_the_hub(hub: ScriptedHub) -> None:
    hub.rule("POST", START, Said(500, {"message": "Spawner failed to start [status=1]"}))
    with pytest.raises(ServerStartError, match=r"failed to start \[status=1\]"):
        start(hub)


@pytest.mark.field("H4")
def test_a_start_that_takes_too_long_is_given_up_and_undone(hub: ScriptedHub) -> None:
    hub.start_seconds = 600
    hub.events.append({"progress": 30, "message": "pulling the image"})
    with pytest.raises(
        ServerStartTimeout, match=r"within 0.5 s.*30 %: pulling the image"
    ) as caught:
        start(hub, timeout=0.5)
    assert isinstance(caught.value, TimeoutError)
    assert hub.running() == []


@pytest.mark.field("H4")
def test_the_start_of_another_program_is_given_up_but_not_undone(hub: ScriptedHub) -> None:
    hub.servers[""] = Server(pending="spawn")
    with pytest.raises(ServerStartTimeout):
        start(hub, timeout=0.2)
    assert hub.running() == [""]
    assert hub.requests("DELETE") == []


@pytest.mark.field("H5")
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_events_may_be_cut_anywhere(hub: ScriptedHub, size: int) -> None:
    told: list[ServerProgress] = []
    stream = b"\n\n" + event_of({"progress": 5, "message": "günstig"}) + b"\n\n: comment\n\n"
    stream += b"data: no json\n\ndata: [1]\n\n" + event_of({"progress": "x", "message": None})
    stream += event_of({"progress": 100, "ready": True, "message": "ready"})
    cut = [(0.0, stream[i : i + size]) for i in range(0, len(stream), size)]
    hub.rule("GET", "/progress", Said(200, pieces=cut))
    hub.ready_with(request=2)
    with start(hub, on_progress=told.append):
        pass
    # The second stream has the usual events of the hub.
    assert told[:3] == [
        ServerProgress("günstig", 5),
        ServerProgress(""),
        ServerProgress("ready", 100, ready=True),
    ]


@pytest.mark.field("H5")
def test_each_event_is_reported_once_although_the_hub_repeats_them(hub: ScriptedHub) -> None:
    told: list[str] = []
    hub.events = [{"progress": n, "message": f"step {n}"} for n in (10, 20, 30)]
    hub.rule("GET", "/progress", Said(200, pieces=[(0.0, event_of(one)) for one in hub.events]))
    hub.ready_with(request=2)
    with start(hub, on_progress=lambda event: told.append(str(event))):
        pass
    assert told == ["10 %: step 10", "20 %: step 20", "30 %: step 30", "100 %: ready"]
    assert len(hub.requests("GET", "/progress")) == 2


@pytest.mark.field("H5")
def test_an_endless_line_is_not_kept(hub: ScriptedHub) -> None:
    endless = ((0.0, b"data: " + b"x" * 65536) for _ in range(2))
    hub.rule("GET", "/progress", Said(200, pieces=endless))
    with start(hub):
        assert hub.servers[""].ready


@pytest.mark.field("H6", "H9")
def test_a_silent_event_stream_does_not_hide_a_ready_server(hub: ScriptedHub) -> None:
    hub.rule("GET", "/progress", *[Said(200, pieces=[(60.0, b"")])] * 9)
    hub.start_seconds = 0.1
    begun = time.monotonic()
    with start(hub):
        assert time.monotonic() - begun < 20


@pytest.mark.field("H9")
def test_a_stream_that_is_cut_is_requested_again(hub: ScriptedHub) -> None:
    hub.rule("GET", "/progress", GONE, Said(502, "bad"), Said(200, pieces=[]), GONE)
    hub.ready_with(request=5)
    told: list[str] = []
    with start(hub, on_progress=lambda event: told.append(event.message)):
        assert told[0] == "asked for"


@pytest.mark.field("H7")
def test_a_ready_event_alone_does_not_end_the_wait(hub: ScriptedHub) -> None:
    ready = event_of({"progress": 100, "ready": True, "message": "ready"})
    hub.rule("GET", "/progress", *[Said(200, pieces=[(0.0, ready)])] * 3)
    hub.start_seconds = 0.1
    with start(hub):
        assert hub.servers[""].ready


@pytest.mark.field("H7")
def test_a_start_that_another_program_ends_is_an_error(hub: ScriptedHub) -> None:
    hub.start_seconds = 600

    def end_it_soon(asked: Asked) -> None:
        if asked.method == "POST":
            hub.later(0.1, lambda: hub._stop(""))

    hub.rules.append(end_it_soon)
    with pytest.raises(ServerStartError, match="another program stopped the server"):
        start(hub)


@pytest.mark.field("H8")
@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_without_a_progress_stream_the_state_is_asked_for(hub: ScriptedHub, status: int) -> None:
    hub.rule("GET", "/progress", *[Said(status, {"message": "no"})] * 99)
    hub.start_seconds = 0.1
    with start(hub):
        assert hub.servers[""].ready


@pytest.mark.field("H8")
def test_the_error_of_a_start_without_events_names_no_last_message(
    hub: ScriptedHub,
) -> None:
    hub.rule("GET", "/progress", *[Said(404, {"message": "no"})] * 99)
    hub.start_seconds = 600
    with pytest.raises(ServerStartTimeout, match=r"within 0.2 s; the hub has sent no message$"):
        start(hub, timeout=0.2)


@pytest.mark.field("H8")
def test_a_start_whose_time_limit_passes_during_a_request_is_no_error_of_this_request(
    hub: ScriptedHub,
) -> None:
    def answer(asked: Asked) -> Said | None:
        is_state = asked.method == "GET" and hub.requests("POST")
        return Said(200, pieces=[(0.5, b"")]) if is_state else None

    hub.rule("GET", "/progress", *[Said(404, {"message": "no"})] * 99)
    hub.start_seconds = 600
    hub.rules.append(answer)
    with pytest.raises(ServerStartTimeout, match=r"within 0.2 s; the hub has sent no message$"):
        start(hub, timeout=0.2)


@pytest.mark.field("H10")
def test_stop_waits_for_the_end(hub: ScriptedHub) -> None:
    hub.stop_seconds = 0.1
    server = start(hub)
    server.stop()
    assert hub.servers[""].stopped
    assert len(hub.requests("DELETE")) == 1


@pytest.mark.field("H10")
@pytest.mark.parametrize("status", [204, 404])
def test_stopping_a_stopped_or_unknown_server_succeeds(
    hub: ScriptedHub, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    server = start(hub)
    hub.servers.clear() if status == 404 else hub.servers.update({"": Server()})
    server.stop()
    assert caplog.records == []


@pytest.mark.field("H11")
def test_a_stop_that_the_hub_cannot_do_yet_is_tried_again(hub: ScriptedHub) -> None:
    hub.start_seconds = 600
    hub.rule("DELETE", START, *[Said(400, {"message": "me is pending spawn"})] * 2)
    with pytest.raises(ServerStartTimeout):
        start(hub, timeout=0.2)
    assert hub.running() == []
    assert len(hub.requests("DELETE")) == 3


@pytest.mark.field("H12")
@pytest.mark.parametrize(
    ("version", "options", "sent"),
    [
        ("6.1.1", None, {"user_options": {}}),
        ("6.0.0b1", {"image": "x"}, {"user_options": {"image": "x"}}),
        ("5.4.0", None, {}),
        ("4.0", {"image": "x"}, {"image": "x"}),
        ("1.5.0.dev", {"a": [1]}, {"a": [1]}),
    ],
)
def test_options_are_always_sent_as_the_hub_takes_them(
    hub: ScriptedHub, version: str, options: Any, sent: Any
) -> None:
    hub.version = version
    with start(hub, options=options):
        assert hub.requests("POST", START)[0].body == sent


@pytest.mark.field("H13")
def test_refused_options_are_an_error_and_not_tried_again(hub: ScriptedHub) -> None:
    hub.rule("POST", START, *[Said(400, {"status": 400, "message": "no image 'y'"})] * 9)
    with pytest.raises(ServerStartError, match="no image 'y'"):
        start(hub, options={"image": "y"})
    assert len(hub.requests("POST", START)) == 1


@pytest.mark.field("H13")
@pytest.mark.parametrize("options", [["a"], "a", {"a": object()}, {"a": float("nan")}, 5])
def test_options_that_json_cannot_express_are_refused_before_any_request(
    hub: ScriptedHub, options: Any
) -> None:
    with pytest.raises(ValueError, match="options"):
        start(hub, options=options)
    assert hub.asked == []


@pytest.mark.field("H14")
def test_a_busy_hub_is_asked_again_after_its_retry_time(hub: ScriptedHub) -> None:
    busy = Said(429, {"message": "Too many users"}, {"Retry-After": "0.2"})
    hub.rule("POST", START, busy)
    begun = time.monotonic()
    with start(hub):
        assert time.monotonic() - begun >= 0.2
        assert len(hub.requests("POST", START)) == 2


@pytest.mark.field("H14")
@pytest.mark.parametrize("headers", [{"Retry-After": "3600"}, {}])
def test_a_retry_time_beyond_the_time_limit_is_an_error_at_once(
    hub: ScriptedHub, headers: dict[str, str]
) -> None:
    hub.rule("POST", START, Said(429, {"message": "Active user limit exceeded"}, headers))
    begun = time.monotonic()
    with pytest.raises(ServerStartTimeout, match="Active user limit exceeded"):
        start(hub, timeout=4)
    assert time.monotonic() - begun < 4
    assert hub.requests("DELETE") == []


@pytest.mark.field("H15")
def test_too_many_servers_are_named_and_none_is_removed(hub: ScriptedHub) -> None:
    hub.servers.update({"": Server(), "b": Server(ready=True), "a": Server()})
    said = "User me already has the maximum of 2 named servers."
    hub.rule("POST", "/servers/c", Said(400, {"message": said}))
    with pytest.raises(TooManyServers, match=r"maximum of 2.*a, b") as caught:
        start(hub, server_name="c")
    assert caught.value.servers == ("a", "b")
    assert hub.requests("DELETE") == []


def test_a_hub_without_named_servers_is_an_error(hub: ScriptedHub) -> None:
    hub.rule("POST", "/servers/", Said(400, {"message": "Named servers are not enabled."}))
    with pytest.raises(NamedServersDisabled, match="Omit server_name="):
        start(hub, server_name="c")


@pytest.mark.field("H16")
def test_a_hub_that_is_away_for_a_while_is_waited_for(hub: ScriptedHub) -> None:
    lost = Said(404, {"message": "not found"})
    hub.start_seconds = 0.2
    hub.rule("GET", "/users/me", None, None, AWAY, GONE, lost)
    with start(hub):
        assert hub.servers[""].started == 1


@pytest.mark.field("H16")
def test_a_hub_that_is_away_at_first_is_asked_a_few_times_only(hub: ScriptedHub) -> None:
    hub.rule("GET", "/hub/api/", *[GONE] * 99)
    begun = time.monotonic()
    with pytest.raises(GatewayUnreachable):
        start(hub, timeout=300)
    assert time.monotonic() - begun < 20
    assert len(hub.asked) == 3


@pytest.mark.field("H16")
def test_a_start_whose_answer_is_lost_continues(hub: ScriptedHub) -> None:
    def lose_the_answer(asked: Asked) -> Said | None:
        if asked.method != "POST":
            return None
        hub.rules.clear()
        hub.answer(asked)
        return GONE

    hub.rules.append(lose_the_answer)
    with start(hub):
        assert hub.servers[""].started == 1
    assert hub.running() == []


@pytest.mark.field("H17")
def test_a_start_that_a_restarted_hub_has_forgotten_is_requested_again(hub: ScriptedHub) -> None:
    hub.start_seconds = 600

    def restart(asked: Asked) -> Said | None:
        if not asked.path.endswith("/progress"):
            return None
        hub.rules.clear()
        hub.rule("GET", "/users/me", GONE, AWAY)
        hub.servers[""].pending = None
        hub.start_seconds = 0.05
        return GONE

    hub.rules.append(restart)
    with start(hub):
        assert hub.servers[""].started == 2
    assert hub.running() == []


@pytest.mark.field("H18")
def test_a_dead_server_that_the_hub_reports_as_ready_is_started_again(hub: ScriptedHub) -> None:
    hub.servers[""] = server = Server(ready=True, alive=False)
    with start(hub):
        assert (server.alive, server.started) == (True, 1)
    assert hub.running() == []


@pytest.mark.field("H18")
def test_a_slow_server_is_not_started_again(hub: ScriptedHub) -> None:
    hub.servers[""] = server = Server(ready=True)
    hub.rule("GET", "/user/me/api", *[AWAY] * 4)
    with start(hub):
        assert server.started == 0
    assert hub.running() == [""]


@pytest.mark.field("H20")
@pytest.mark.parametrize(
    "lacking", ["read:servers", "start:servers", "delete:servers", "access:servers"]
)
def test_a_missing_scope_is_named_before_anything_is_started(
    hub: ScriptedHub, lacking: str
) -> None:
    hub.caller["scopes"] = [scope for scope in USER_SCOPES if not scope.startswith(lacking)]
    with pytest.raises(GatewayUnauthorized, match=f"lacks {lacking}!user=me"):
        start(hub)
    assert hub.requests("POST") == []


@pytest.mark.field("H20")
@pytest.mark.parametrize("limit", ["", "!user=me", "!server=me/agent-1", "!group=agents"])
def test_a_scope_may_be_limited_to_the_server_or_to_more(hub: ScriptedHub, limit: str) -> None:
    hub.caller["scopes"] = [scope.partition("!")[0] + limit for scope in USER_SCOPES]
    with start(hub, server_name="agent-1"):
        assert hub.running() == ["agent-1"]


@pytest.mark.field("H20")
@pytest.mark.parametrize("limit", ["!user=you", "!server=me/agent-2", "!server=me/"])
def test_a_scope_for_another_server_is_not_sufficient(hub: ScriptedHub, limit: str) -> None:
    hub.caller["scopes"] = [scope.partition("!")[0] + limit for scope in USER_SCOPES]
    with pytest.raises(GatewayUnauthorized, match="!server=me/agent-1"):
        start(hub, server_name="agent-1")


@pytest.mark.field("H20")
def test_a_running_server_can_be_used_without_the_right_to_start_it(hub: ScriptedHub) -> None:
    hub.servers[""] = Server(ready=True)
    hub.caller["scopes"] = ["read:servers", "access:servers"]
    with start(hub) as server:
        assert server.connection_info.token == TOKEN


def test_a_hub_without_scopes_can_be_used(hub: ScriptedHub) -> None:
    del hub.caller["scopes"]
    with start(hub):
        assert hub.running() == [""]


@pytest.mark.field("H21")
def test_a_wrong_token_is_an_error(hub: ScriptedHub) -> None:
    with pytest.raises(GatewayUnauthorized, match="it is wrong or has expired") as caught:
        start(hub, token="another-token")
    assert caught.value.status == 403


@pytest.mark.field("H21")
def test_the_error_mentions_a_missing_user_and_missing_access(hub: ScriptedHub) -> None:
    hub.caller["scopes"] = [scope.partition("!")[0] for scope in USER_SCOPES]
    with pytest.raises(GatewayUnauthorized, match=r"no user 'you', or the token may not see"):
        start(hub, user="you")


@pytest.mark.field("H21")
def test_the_token_of_a_service_needs_a_user(hub: ScriptedHub) -> None:
    hub.caller = {"name": "agents", "kind": "service", "scopes": ["servers", *USER_SCOPES]}
    with pytest.raises(ValueError, match=r"service 'agents'.*user="):
        start(hub)
    with start(hub, user="me"):
        assert hub.running() == [""]


@pytest.mark.field("H22")
def test_the_token_function_is_called_for_each_request(hub: ScriptedHub) -> None:
    given = iter(f"token-{n}" for n in range(1000))
    hub.tokens = {f"token-{n}" for n in range(1000)}
    with start(hub, token=lambda: next(given)) as server:
        assert server.connection_info.token != server.connection_info.token
    sent = [one.headers["Authorization"] for one in hub.asked]
    assert len(set(sent)) == len(sent)


@pytest.mark.field("H22")
def test_an_expired_token_is_an_error_even_if_the_server_still_accepts_it(hub: ScriptedHub) -> None:
    hub.servers[""] = Server(ready=True)
    hub.tokens = set()
    with pytest.raises(GatewayUnauthorized, match="expired"):
        start(hub)
    assert hub.requests("GET", "/user/me/") == []


@pytest.mark.field("H22")
@pytest.mark.parametrize("token", ["", None, 5, "a\nb", "é", lambda: "", lambda: None])
def test_an_invalid_token_is_refused_and_not_shown(hub: ScriptedHub, token: Any) -> None:
    with pytest.raises(ValueError, match="token"):
        start(hub, token=token)
    assert hub.asked == []


@pytest.mark.field("H22")
def test_the_token_is_in_no_url_no_log_no_error_and_no_repr(
    hub: ScriptedHub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hub.failure = f"the token {TOKEN} is bad"
    told: list[ServerProgress] = []
    hub.events.append({"message": f"with {TOKEN}"})
    with pytest.raises(ServerStartError) as caught:
        start(hub, on_progress=told.append)
    hub.failure = None
    with start(hub, on_progress=told.append) as server:
        shown = f"{server!r} {server} {told} {caught.value} {caught.value!r} {caplog.text}"
    assert TOKEN not in shown
    assert "[token]" in str(caught.value)
    assert not [one for one in hub.asked if TOKEN in one.path]


@pytest.mark.field("H23")
@pytest.mark.parametrize("name", [".", "..", "x/y", "a\\b", "a\nb", "x" * 300, 5, None, b"a"])
def test_a_name_that_changes_the_url_is_refused_before_any_request(
    hub: ScriptedHub, name: Any
) -> None:
    with pytest.raises(ValueError, match="server_name"):
        start(hub, server_name=name)
    if name is not None:
        with pytest.raises(ValueError, match="user"):
            start(hub, user=name)
    assert hub.asked == []


@pytest.mark.field("H23")
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a b", "a%20b"),
        ("é", "%C3%A9"),
        ("a@b", "a@b"),
        ("a?b#c", "a%3Fb%23c"),
        ("a%2F", "a%252F"),
    ],
)
def test_a_name_is_escaped(hub: ScriptedHub, name: str, path: str) -> None:
    hub.url_of = lambda _: "/user/me/it"
    hub.rule("GET", "/user/me/it", *[Said(200, {"kernelspecs": {}})] * 9)
    with start(hub, server_name=name) as server:
        assert server.connection_info.url == f"{hub.url}/user/me/it"
    assert {one.path for one in hub.requests("POST")} == {f"/hub/api/users/me/servers/{path}"}
    assert hub.running() == []


@pytest.mark.field("H24")
def test_a_hub_with_a_prefix_is_found_by_any_of_its_addresses() -> None:
    with scripted_hub("/some/prefix") as hub:
        for page in ("", "/", "/hub", "/hub/", "/hub/api", "/hub/home", "/user/me/lab"):
            with JupyterHubServer(hub.url + page, token=TOKEN, timeout=30) as server:
                assert server.connection_info.url == f"{hub.url}/user/me"


@pytest.mark.field("H24")
def test_an_absolute_url_of_a_server_is_accepted(hub: ScriptedHub) -> None:
    hub.url_of = lambda _: f"{hub.url}/user/me/"
    with start(hub) as server:
        assert server.connection_info.url == f"{hub.url}/user/me"


@pytest.mark.field("H24")
@pytest.mark.parametrize(
    "url",
    [
        "http://elsewhere.example/user/me/",
        "//elsewhere.example/user/me/",
        "ftp://127.0.0.1/user/me/",
        "http://127.0.0.1.evil.example/user/me/",
        "http://127.0.0.1:port/",
        "/user/../admin/",
        "user/me",
        "",
    ],
)
def test_a_url_that_leads_away_from_the_hub_gets_no_token(hub: ScriptedHub, url: str) -> None:
    hub.url_of = lambda _: url
    with pytest.raises(NotAGateway, match=r"The token is not sent there|invalid address"):
        start(hub, timeout=60)
    assert hub.running() == []


@pytest.mark.field("H24")
def test_no_redirect_is_followed_and_no_cookie_kept(hub: ScriptedHub) -> None:
    with scripted_hub() as other:
        target = {"Location": f"{other.url}/hub/api/", "Set-Cookie": "a=b; Path=/"}
        hub.rule("GET", "/hub/api/", Said(302, headers=target))
        with pytest.raises(NotAGateway, match=f"leads to {other.url}"):
            start(hub)
        assert other.asked == []
    hub.rule("GET", "/hub/api/", Said(200, {"version": "6.1"}, {"Set-Cookie": "a=b; Path=/"}))
    with start(hub):
        pass
    assert not [one for one in hub.asked if "Cookie" in one.headers and "/hub/" in one.path]


@pytest.mark.field("H25")
def test_activity_is_reported_only_when_asked_for(hub: ScriptedHub) -> None:
    with start(hub, server_name="a"):
        assert hub.requests("POST", "/activity") == []
    with start(hub, server_name="a", keep_active=0.1):
        assert eventually(lambda: len(hub.requests("POST", "/activity")) >= 2)
    report = hub.requests("POST", "/activity")[0].body
    assert list(report["servers"]) == ["a"]
    assert report["servers"]["a"]["last_activity"].endswith("Z")
    assert not [one for one in threading.enumerate() if one.name == "jkg-hub-activity"]


@pytest.mark.field("H25")
def test_the_right_to_report_is_checked_at_the_start(hub: ScriptedHub) -> None:
    hub.caller["scopes"] = [scope for scope in USER_SCOPES if "activity" not in scope]
    with pytest.raises(GatewayUnauthorized, match="users:activity"):
        start(hub, keep_active=60)
    assert hub.running() == []


@pytest.mark.parametrize("body", [b"<html>", {"version": 5}, [1], {"a": "b"}])
def test_an_answer_that_does_not_come_from_a_hub_is_an_error(hub: ScriptedHub, body: Any) -> None:
    hub.rule("GET", "/hub/api/", Said(200, body))
    with pytest.raises(NotAGateway, match="there is no JupyterHub at this address"):
        start(hub)


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": "5"},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
        {"timeout": True},
        {"stop_server": "yes"},
        {"on_progress": 5},
        {"keep_active": 0},
        {"public_url": ""},
        {"public_url": 5},
        {"headers": {"a": 1}},
    ],
)
def test_bad_arguments_are_refused_before_any_request(
    hub: ScriptedHub, options: dict[str, Any]
) -> None:
    with pytest.raises(ValueError):
        start(hub, **options)
    assert hub.asked == []


@pytest.mark.parametrize("url", ["", "ftp://hub", None, 5, "http://", "http://me:pw@hub/"])
def test_an_invalid_address_of_a_hub_is_refused(url: Any) -> None:
    with pytest.raises(ValueError):
        JupyterHubServer(url, token=TOKEN)


def test_two_servers_of_one_user_can_run_at_the_same_time(hub: ScriptedHub) -> None:
    with start(hub, server_name="a") as one, start(hub, server_name="b") as two:
        assert sorted(hub.running()) == ["a", "b"]
        assert one.connection_info.url != two.connection_info.url
    assert hub.running() == []


def test_a_callback_that_fails_stops_the_server(hub: ScriptedHub) -> None:
    def fail(_: ServerProgress) -> None:
        raise RuntimeError("of the callback")

    hub.start_seconds = 600
    with pytest.raises(RuntimeError, match="of the callback"):
        start(hub, on_progress=fail)
    assert hub.running() == []


def test_a_forgotten_server_is_stopped_by_the_garbage_collector(hub: ScriptedHub) -> None:
    server = start(hub)
    del server
    gc.collect()
    assert eventually(lambda: hub.running() == [])


PROGRAM = """
import os, sys
from jkg_client import JupyterHubServer
server = JupyterHubServer(sys.argv[1], token=sys.argv[2], timeout=60)
if hasattr(os, "fork"):
    pid = os.fork()
    if pid == 0:
        server.stop()
        sys.exit(0)
    os.waitpid(pid, 0)
server.get_client().list_kernel_specs()
"""


def run(program: str, hub: ScriptedHub) -> None:
    subprocess.run(
        [sys.executable, "-c", program, hub.url, TOKEN],
        env={**os.environ, "PYTHONPATH": str(Path(jkg_client.__file__).parent.parent)},
        timeout=120,
        check=True,
    )


def test_a_server_ends_with_the_program_and_not_with_a_forked_child(hub: ScriptedHub) -> None:
    run(PROGRAM, hub)
    assert hub.servers[""].started == 1
    used = max(n for n, one in enumerate(hub.asked) if one.path.endswith("/api/kernelspecs"))
    stopped = [n for n, one in enumerate(hub.asked) if one.method == "DELETE"]
    assert len(stopped) == 1
    assert stopped[0] > used
    assert eventually(lambda: hub.running() == [])


INTERRUPTED = """
import gc, os, random, signal, sys, threading, time
from jkg_client import JupyterHubServer
signal.signal(signal.SIGINT, signal.default_int_handler)

def once(seconds):
    moment = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    try:
        moment.start()
        with JupyterHubServer(sys.argv[1], token=sys.argv[2], timeout=60):
            pass
        moment.join()
        time.sleep(5)
    except KeyboardInterrupt:
        pass
    gc.collect()

for _ in range(12):
    once(random.uniform(0.001, 0.08))
"""


def test_ctrl_c_at_any_moment_leaves_no_server(hub: ScriptedHub) -> None:
    hub.start_seconds, hub.stop_seconds = 0.02, 0.01
    run(INTERRUPTED, hub)
    assert eventually(lambda: hub.running() == []), hub.servers
    assert hub.requests("DELETE")


def test_a_hub_that_is_away_at_the_end_is_logged(
    hub: ScriptedHub, caplog: pytest.LogCaptureFixture
) -> None:
    server = start(hub)
    hub.rule("GET", "/users/me", *[GONE] * 999)
    server.stop(timeout_seconds=0.1)
    assert "may keep running" in caplog.text
    assert "stopped" not in repr(server)
    hub.rules.clear()
    server.stop()
    assert hub.running() == []
    assert "stopped" in repr(server)


ENV = {"JUPYTERHUB_API_TOKEN": TOKEN}


def test_a_hub_is_found_by_the_variables_of_its_services() -> None:
    with scripted_hub("/pre") as hub:
        env = {**ENV, "JUPYTERHUB_API_URL": f"{hub.url}/hub/api"}
        with JupyterHubServer.from_env(env, server_name="a", timeout=30) as server:
            assert server.connection_info.url == f"{hub.url}/user/me/a"


def test_in_a_users_server_the_variables_name_that_server() -> None:
    with scripted_hub() as hub:
        hub.servers["mine"] = Server(ready=True)
        env = {**ENV, "JUPYTERHUB_API_URL": f"{hub.url}/hub/api", "JUPYTERHUB_USER": "me"}
        with JupyterHubServer.from_env({**env, "JUPYTERHUB_SERVER_NAME": "mine"}) as server:
            assert server.connection_info.url == f"{hub.url}/user/me/mine"
        assert hub.running() == ["mine"]


def test_servers_are_reached_at_the_public_address() -> None:
    with scripted_hub() as hub, scripted_hub() as public:
        public.servers = hub.servers
        env = {**ENV, "JUPYTERHUB_API_URL": f"{hub.url}/hub/api"}
        env["JUPYTERHUB_PUBLIC_HUB_URL"] = f"{public.url}/hub/"
        with JupyterHubServer.from_env(env, timeout=30) as server:
            assert server.connection_info.url == f"{public.url}/user/me"


@pytest.mark.parametrize("env", [{}, {"JUPYTERHUB_API_URL": "http://h/hub/api"}, ENV])
def test_without_a_hub_in_the_environment_from_env_raises_an_error(env: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="JUPYTERHUB_API_URL and JUPYTERHUB_API_TOKEN"):
        JupyterHubServer.from_env(env)


def test_progress_is_a_value() -> None:
    event = ServerProgress("pulling", 30)
    assert (str(event), str(evolve(event, progress=None))) == ("30 %: pulling", "pulling")
    assert pickle.loads(pickle.dumps(event)) == event


def test_every_failure_of_a_hub_is_an_error_of_the_gateway() -> None:
    assert issubclass(ServerStartError, GatewayError)


async def _cancelled_start(hub: ScriptedHub) -> None:
    server = AsyncJupyterHubServer(hub.url, token=TOKEN, timeout=60)
    task = asyncio.ensure_future(server.start())
    while not hub.running():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert hub.running() == []
    with pytest.raises(ClientClosed, match="not started"):
        server.connection_info  # noqa: B018


def test_a_cancelled_start_is_undone_before_the_task_ends(hub: ScriptedHub) -> None:
    hub.start_seconds = 600
    asyncio.run(_cancelled_start(hub))


async def _used(hub: ScriptedHub) -> None:
    beats = 0
    told: list[ServerProgress] = []

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0.002)

    heart = asyncio.ensure_future(beat())
    hub.start_seconds = 0.15
    env = {**ENV, "JUPYTERHUB_API_URL": f"{hub.url}/hub/api"}
    async with AsyncJupyterHubServer.from_env(
        env, server_name="a", timeout=60, on_progress=told.append
    ) as server:
        assert isinstance(server, JupyterConnectable)
        assert server.connection_info.url == f"{hub.url}/user/me/a"
        assert hub.running() == ["a"]
        await server.start()
    await server.stop()
    heart.cancel()
    assert hub.running() == []
    assert beats > 20
    assert "asked for" in {event.message for event in told}


def test_an_async_server_is_started_and_stopped(hub: ScriptedHub) -> None:
    asyncio.run(_used(hub))
    assert not [one for one in threading.enumerate() if one.name == "jkg-hub-activity"]


def test_an_async_server_checks_its_arguments_at_once() -> None:
    with pytest.raises(ValueError, match="token"):
        AsyncJupyterHubServer("https://hub.example.com")


def test_an_async_server_that_fails_raises_the_reason(hub: ScriptedHub) -> None:
    async def fails() -> None:
        async with AsyncJupyterHubServer(hub.url, token="another"):
            pass

    with pytest.raises(GatewayUnauthorized, match="has expired"):
        asyncio.run(fails())


@pytest.mark.parametrize("variable", ["JKG_TOKEN", "JUPYTERHUB_API_TOKEN"])
def test_the_command_starts_a_server_of_the_hub_and_stops_it(
    hub: ScriptedHub,
    variable: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("JKG_TOKEN", raising=False)
    monkeypatch.setenv(variable, TOKEN)
    hub.ready_with(request=1)
    assert main(["kernelspecs", "--hub", hub.url, "--hub-server", "agent-1"]) == 0
    out, err = capsys.readouterr()
    assert out == "python3\n"
    assert "10 %: asked for" in err
    assert hub.servers["agent-1"].started == 1
    assert hub.running() == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--hub", "https://hub.example.com"], "JKG_TOKEN or JUPYTERHUB_API_TOKEN"),
        (["--hub-server", "a"], "--hub-server needs --hub"),
    ],
)
def test_the_command_reports_missing_settings_for_a_hub(
    words: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("JKG_TOKEN", raising=False)
    monkeypatch.delenv("JUPYTERHUB_API_TOKEN", raising=False)
    assert main(["kernelspecs", *words]) == 2
    assert says in capsys.readouterr().err


def client_of(hub: ScriptedHub, path: str, token: str = TOKEN) -> JupyterClient:
    return JupyterClient(JupyterConnectionInfo.from_url(hub.url + path, token=token))


@pytest.mark.field("C4", "H19")
@pytest.mark.parametrize("prefix", ["", "/some/prefix"])
@pytest.mark.parametrize("path", ["/user/me", "/user/me/agent-1"])
def test_the_error_for_a_stopped_server_says_where_to_start_it(prefix: str, path: str) -> None:
    with scripted_hub(prefix) as hub, client_of(hub, path) as client:
        start_at = re.escape(f"start it at {hub.url}/hub/spawn{path[len('/user') :]}")
        with pytest.raises(ServerNotRunning, match=start_at):
            client.list_kernels()
        with pytest.raises(ServerNotRunning, match=start_at):
            client.start_kernel("python3")
        with pytest.raises(ServerNotRunning, match=start_at):
            client.get_kernel_client("00000000-0000-0000-0000-000000000000")


@pytest.mark.field("C4")
@pytest.mark.parametrize(
    ("path", "token", "says"),
    [
        ("/user/you", TOKEN, "no access with this token"),
        ("/user/me", "another", "the token is wrong, or has expired"),
    ],
)
def test_a_token_without_access_is_an_error(
    hub: ScriptedHub, path: str, token: str, says: str
) -> None:
    with client_of(hub, path, token) as client:
        with pytest.raises(GatewayUnauthorized, match=says):
            client.list_kernels()
        with pytest.raises(GatewayUnauthorized, match=says):
            client.start_kernel("python3")


@pytest.mark.field("C4")
def test_the_address_of_the_hub_itself_is_an_error(hub: ScriptedHub) -> None:
    target = {"Location": "/hub/api/kernels", "X-JupyterHub-Version": "6.1"}
    hub.rule("GET", "/api/kernels", Said(302, headers=target))
    with client_of(hub, "") as client, pytest.raises(NotAGateway, match="is a JupyterHub"):
        client.list_kernels()


@pytest.mark.field("C4")
@pytest.mark.parametrize("status", [424, 503])
def test_a_hub_of_any_release_is_understood(hub: ScriptedHub, status: int) -> None:
    page = Said(status, "<html>", {"X-JupyterHub-Version": "1.5"})
    hub.rule("GET", "/hub/user/me", *[page] * 9)
    with client_of(hub, "/user/me") as client, pytest.raises(ServerNotRunning):
        client.list_kernels()
