"""Messages of an engine that builds and pulls images, and the bundled Dockerfile.

The streams are those of Docker 20.10.24, cut down by hand.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tables import rows

from jkg_client import DockerJupyterServer
from jkg_client.servers.docker.images import (
    DEFAULT_DOCKERFILE,
    ImageLog,
    ImageProgress,
    tag_of,
)

BUILD = r"""
{"stream":"Step 1/2 : FROM debian"}
{"stream":"\n"}
{"stream":" ---\u003e b41f129c7ccf\n"}
{"stream":"Step 2/2 : RUN echo one; printf two; printf 'three\\n\\n'"}
{"stream":"\n"}
{"stream":" ---\u003e Running in 70a7a3e63cf6\n"}
{"stream":"one\ntwothree\n\n"}
{"stream":"Removing intermediate container 70a7a3e63cf6\n"}
{"stream":" ---\u003e 2b6e11cdcdc2\n"}
{"aux":{"ID":"sha256:2b6e11cdcdc2defc548635fd01eac461865e4e13d0e60b810ff8491823f2fc5f"}}
{"stream":"Successfully built 2b6e11cdcdc2\n"}
"""
BUILD_LINES = [
    ("Step 1/2 : FROM debian", 1, 2),
    ("---> b41f129c7ccf", None, None),
    ("Step 2/2 : RUN echo one; printf two; printf 'three\\n\\n'", 2, 2),
    ("---> Running in 70a7a3e63cf6", None, None),
    ("one", None, None),
    ("twothree", None, None),
    ("Removing intermediate container 70a7a3e63cf6", None, None),
    ("---> 2b6e11cdcdc2", None, None),
    ("Successfully built 2b6e11cdcdc2", None, None),
]
# Bytes that are not UTF-8, a line that a program overwrites, and a line without an end.
NOISY_BUILD = r"""
{"stream":"Step 2/2 : RUN noise"}
{"stream":"\n"}
{"stream":" ---\u003e Running in c104c48ac990\n"}
{"stream":"10%\r20%\r30%\n\ufffd\ufffdbinary\nno line end"}
{"stream":"Removing intermediate container c104c48ac990\n"}
"""
FAILED_BUILD = r"""
{"stream":"Step 2/2 : RUN echo before; exit 3"}
{"stream":"\n"}
{"stream":" ---\u003e Running in 936df2823c4c\n"}
{"stream":"before\n"}
{"stream":"Removing intermediate container 936df2823c4c\n"}
{"errorDetail":{"code":3,"message":"The command '/bin/sh -c echo before; exit 3' returned a non-zero code: 3"},"error":"The command '/bin/sh -c echo before; exit 3' returned a non-zero code: 3"}
"""  # noqa: E501
PULL = r"""
{"status":"Pulling from lists","id":"1"}
{"status":"Pulling fs layer","progressDetail":{},"id":"df1b13063497"}
{"status":"Downloading","progressDetail":{"current":69213,"total":6002027},"progress":"[\u003e  ]  69.21kB/6.002MB","id":"df1b13063497"}
{"status":"Verifying Checksum","progressDetail":{},"id":"df1b13063497"}
{"status":"Download complete","progressDetail":{},"id":"df1b13063497"}
{"status":"Extracting","progressDetail":{"current":65536,"total":6002027},"progress":"[\u003e  ]  65.54kB/6.002MB","id":"df1b13063497"}
{"status":"Pull complete","progressDetail":{},"id":"df1b13063497"}
{"status":"Digest: sha256:4614b059c6290ddf8b5dc8f41e7345e4590be8a1eede8b23c605b8c3287b5b85"}
{"status":"Status: Downloaded newer image for registry.example/lists:1"}
"""  # noqa: E501
LAYER = "df1b13063497"
PULL_STEPS = [
    ImageProgress("Pulling from lists", layer="1"),
    ImageProgress("Pulling fs layer", layer=LAYER),
    ImageProgress("Downloading", 69213, 6002027, LAYER),
    ImageProgress("Verifying Checksum", layer=LAYER),
    ImageProgress("Download complete", layer=LAYER),
    ImageProgress("Extracting", 65536, 6002027, LAYER),
    ImageProgress("Pull complete", layer=LAYER),
    ImageProgress(
        "Digest: sha256:4614b059c6290ddf8b5dc8f41e7345e4590be8a1eede8b23c605b8c3287b5b85"
    ),
    ImageProgress("Status: Downloaded newer image for registry.example/lists:1"),
]


def feed(log: ImageLog, stream: str) -> list[ImageProgress]:
    """The progress messages of a recorded stream with one item per line."""
    return [told for line in stream.splitlines() if line for told in log.feed(json.loads(line))]


def test_a_build_is_reported_line_by_line() -> None:
    told = feed(ImageLog(), BUILD)
    assert [(step.text, step.current, step.total) for step in told] == BUILD_LINES
    assert {step.layer for step in told} == {None}


def test_steps_of_a_build_are_distinguished_from_their_output() -> None:
    told = feed(ImageLog(), BUILD)
    assert [step.current for step in told if step.is_step] == [1, 2]


def test_a_line_is_reported_when_it_is_complete() -> None:
    log = ImageLog()
    assert log.feed({"stream": "Step 1"}) == []
    assert log.feed({"stream": "/3 : FROM"}) == []
    assert log.feed({"stream": " x\nnext"}) == [ImageProgress("Step 1/3 : FROM x", 1, 3)]
    assert log.tail == "Step 1/3 : FROM x\nnext"


def test_unusual_output_of_a_build_is_reported_as_lines() -> None:
    log = ImageLog()
    told = [str(line) for line in feed(log, NOISY_BUILD)]
    assert told[2:] == [
        "10%\r20%\r30%",
        "\ufffd\ufffdbinary",
        "no line endRemoving intermediate container c104c48ac990",
    ]
    assert log.error is None


def test_a_failed_build_has_its_error_and_its_earlier_output() -> None:
    log = ImageLog()
    told = feed(log, FAILED_BUILD)
    assert log.error == "The command '/bin/sh -c echo before; exit 3' returned a non-zero code: 3"
    assert log.tail.splitlines() == [str(line) for line in told]
    assert "before" in log.tail.splitlines()


def test_a_later_message_does_not_remove_an_error() -> None:
    log = ImageLog()
    feed(log, FAILED_BUILD + BUILD)
    assert "non-zero code: 3" in (log.error or "")


def test_a_pull_is_reported_layer_by_layer() -> None:
    assert feed(ImageLog(), PULL) == PULL_STEPS


@rows(
    ("progress", "is_step", "text"),
    [
        (ImageProgress("Step 1/2 : FROM x", 1, 2), True, "Step 1/2 : FROM x"),
        (ImageProgress("one"), False, "one"),
        (ImageProgress("Pull complete", layer=LAYER), True, f"{LAYER}: Pull complete"),
        (ImageProgress("Downloading", 1, 2, LAYER), False, f"{LAYER}: Downloading"),
        (ImageProgress("Downloading", 0, None, LAYER), False, f"{LAYER}: Downloading"),
    ],
)
def test_messages_that_begin_or_end_a_step_or_a_layer_are_steps(
    progress: ImageProgress, is_step: bool, text: str
) -> None:
    assert progress.is_step is is_step
    assert str(progress) == text


def test_progress_in_bytes_is_not_part_of_the_log() -> None:
    log = ImageLog()
    feed(log, PULL)
    assert "Downloading" not in log.tail
    assert f"{LAYER}: Download complete" in log.tail.splitlines()


def test_the_log_of_a_long_build_keeps_its_end() -> None:
    log = ImageLog()
    told = [line for i in range(1000) for line in log.feed({"stream": f"line {i}\n"})]
    kept = log.tail.splitlines()
    assert len(told) == 1000
    assert kept == [f"line {i}" for i in range(1000 - len(kept), 1000)]
    assert 10 <= len(kept) <= 100


# Podman and newer Docker engines omit unknown fields.
@rows(
    ("item", "told"),
    [
        ({}, []),
        ({"aux": {"ID": "sha256:1"}}, []),
        ({"unknown": [1, 2]}, []),
        ({"stream": ""}, []),
        ({"stream": "\n\n \n"}, []),
        ({"status": "Waiting", "id": "a"}, [ImageProgress("Waiting", layer="a")]),
        ({"status": "x", "progressDetail": None}, [ImageProgress("x")]),
        ({"status": "x", "id": 5}, [ImageProgress("x", layer="5")]),
        ({"status": " x\n"}, [ImageProgress("x")]),
        ({"stream": "Step one/two\n"}, [ImageProgress("Step one/two")]),
        ({"stream": "a Step 1/2 : b\n"}, [ImageProgress("a Step 1/2 : b")]),
        ({"stream": "STEP 1/2: FROM x\n"}, [ImageProgress("STEP 1/2: FROM x")]),
        ({"status": "x", "progressDetail": "odd"}, [ImageProgress("x")]),
        ({"status": "x", "progressDetail": [1]}, [ImageProgress("x")]),
        ({"stream": None}, []),
        ({"stream": 5}, []),
        ({"stream": "\x00\ud800\n"}, [ImageProgress("\x00\ud800")]),
    ],
)
def test_unusual_items_are_accepted(item: dict[str, Any], told: list[ImageProgress]) -> None:
    log = ImageLog()
    assert log.feed(item) == told
    assert log.error is None


# The field "error" is deprecated: later engines will only send the detail.
@pytest.mark.parametrize(
    "item",
    [
        {"error": "no space"},
        {"error": "no space\n", "errorDetail": {"message": "no space"}},
        {"errorDetail": {"code": 3, "message": "no space"}},
    ],
    ids=str,
)
def test_the_reason_of_a_failed_build_is_known(item: dict[str, Any]) -> None:
    log = ImageLog()
    assert log.feed(item) == []
    assert log.error == "no space"


# Docker 20.10.24 colours the stderr of a step.
def test_colours_of_a_build_are_left_out() -> None:
    log = ImageLog()
    told = [
        *log.feed({"stream": "\x1b[91mwarn\n\x1b[0m"}),
        *log.feed({"stream": "Removing intermediate container 70a7a3e63cf6\n"}),
    ]
    texts = ["warn", "Removing intermediate container 70a7a3e63cf6"]
    assert [line.text for line in told] == texts
    assert log.tail.splitlines() == texts


@rows("error", ["no space\n", 5, None, {"code": 1}, ""])
def test_an_error_of_any_type_counts_as_an_error(error: Any) -> None:
    log = ImageLog()
    assert log.feed({"error": error}) == []
    assert log.error is not None


def test_a_changed_dockerfile_has_another_tag() -> None:
    tags = {tag_of(text) for text in ("FROM a\n", "FROM a", "FROM b\n", "FROM ä\n", "")}
    assert len(tags) == 5
    for tag in tags:
        # The names and tags that engines accept.
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]*:[A-Za-z0-9_.-]{1,128}", tag)


def test_the_same_dockerfile_has_the_same_tag() -> None:
    # The digest was computed by sha256sum.
    assert tag_of("FROM a\n") == "jkg-client:20a51c180619"


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile: continued lines are joined, comments are dropped."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    pairs = [line.split(maxsplit=1) for line in joined if line.strip()]
    return [(name.upper(), words) for name, words in pairs]


@rows(
    ("name", "pattern"),
    [
        ("FROM", r"quay\.io/jupyter/docker-stacks-foundation(:\S+)?"),
        ("ENV", r'TOKEN="?UNSET"?'),
        ("EXPOSE", "8888"),
        ("USER", r"\$\{?NB_UID\}?"),
        ("RUN", r".*\bjupyter_kernel_gateway\b.*\bipykernel\b.*"),
    ],
)
def test_the_bundled_dockerfile_is_as_autogen_had_it(name: str, pattern: str) -> None:
    found = [
        words for instruction, words in instructions(DEFAULT_DOCKERFILE) if instruction == name
    ]
    assert any(re.fullmatch(pattern, words) for words in found), found


def test_the_bundled_dockerfile_can_be_read_from_the_class() -> None:
    assert DockerJupyterServer.DEFAULT_DOCKERFILE == DEFAULT_DOCKERFILE


def started(folder: Path, env: dict[str, str]) -> Any:
    """The program that the bundled Dockerfile starts, and its environment."""
    (command,) = [words for name, words in instructions(DEFAULT_DOCKERFILE) if name == "CMD"]
    code = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"
    python = folder / "python"
    python.write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(code)} "$@"\n'
    )
    python.chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", command],
        env={"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", **env},
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.skipif(os.name != "posix", reason="the command is one of a POSIX shell")
@pytest.mark.parametrize("token", ["secret", "", "with blank $(id) \"'"])
def test_the_bundled_image_serves_with_the_token_from_its_environment(
    token: str, tmp_path: Path
) -> None:
    words, environment = started(tmp_path, {"TOKEN": token})
    assert environment["KG_AUTH_TOKEN"] == token
    assert not token or token not in " ".join(words)


@pytest.mark.skipif(os.name != "posix", reason="the command is one of a POSIX shell")
def test_the_bundled_image_serves_as_clients_want_it(tmp_path: Path) -> None:
    words, _ = started(tmp_path, {"TOKEN": "secret"})
    assert words[:3] == ["-m", "jupyter", "kernelgateway"]
    assert {
        "--KernelGatewayApp.ip=0.0.0.0",
        "--KernelGatewayApp.port=8888",
        "--JupyterApp.answer_yes=true",
        "--JupyterWebsocketPersonality.list_kernels=true",
        "--ZMQChannelsWebsocketConnection.limit_rate=false",
    } <= set(words)
