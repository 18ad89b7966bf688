"""The command on a terminal, in a separate process, with the fake gateway as its server."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from forked_commands import Command, Commands

import jkg_client
from jkg_client.cli.graphics import Graphics, protocol_of
from jkg_client.protocol.outputs import Display
from jkg_client.testing import FakeGateway

SECONDS = 60.0
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5E"
    "rkJggg=="
)


@define
class Terminal:
    """A program on its own terminal, which is its controlling terminal."""

    command: Command
    master: int
    sent: str = field(default="", init=False)

    def until(self, pattern: str) -> re.Match[str]:
        """Read until the program has sent this text."""
        end = time.monotonic() + SECONDS
        while True:
            found = re.search(pattern, self.sent)
            if found:
                return found
            assert time.monotonic() < end, self.sent
            assert self.read(), f"{pattern!r} never came: {self.sent!r}"

    def read(self) -> bool:
        """Read the next text. False at the end."""
        if not select.select([self.master], [], [], SECONDS)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.sent += data.decode()
        return bool(data)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def ended(self) -> int:
        """Read to the end, and return the exit status."""
        while self.read():
            pass
        return self.command.wait()


@pytest.fixture
def terminals(commands: Commands, server: FakeGateway, tmp_path: Path) -> Iterator[Any]:
    """Starts the command on a terminal."""
    begun: list[Terminal] = []
    info = server.connection_info

    def start(*words: str, **environ: str) -> Terminal:
        env = {name: value for name, value in os.environ.items() if "JUPYTER" not in name}
        for name in ("NO_COLOR", "FORCE_COLOR"):
            env.pop(name, None)
        env |= {"TERM": "xterm-256color", "JKG_TOKEN": info.token or ""}
        env |= {"JUPYTER_GATEWAY_URL": info.url, "PYTHONIOENCODING": "utf-8", **environ}
        master, slave = pty.openpty()
        command = commands.start(
            [*words], env=env, cwd=tmp_path, stdin=slave, stdout=slave, stderr=slave, terminal=True
        )
        os.close(slave)
        begun.append(Terminal(command, master))
        return begun[-1]

    yield start
    for one in begun:
        one.command.close()
        os.close(one.master)


@pytest.mark.field("CMD25")
def test_a_terminal_gets_the_colours_of_the_kernel(server: FakeGateway, terminals: Any) -> None:
    server.script("show()").stream("\x1b[31mred\x1b[0m\n")
    one = terminals("run", "-c", "show()")
    assert (one.ended(), one.sent) == (0, "\x1b[31mred\x1b[0m\r\n")


@pytest.mark.field("CMD24")
def test_a_dumb_terminal_gets_no_escape_code(server: FakeGateway, terminals: Any) -> None:
    script = server.script("show()").stream("\x1b[31mred\x1b[0m\n")
    script.display({"image/png": PNG, "text/plain": "<Figure>"})
    one = terminals("run", "-c", "show()", TERM="dumb")
    assert one.ended() == 0
    assert "\x1b" not in one.sent
    assert one.sent.startswith("red\r\njkg: saved /")


@pytest.mark.field("CMD8", "CMD19")
def test_ctrl_c_says_that_it_interrupts_and_shows_how_the_code_ends(
    server: FakeGateway, terminals: Any
) -> None:
    code = "import time\ntry:\n print('on')\n time.sleep(60)\nfinally:\n print('cleaned up')"
    one = terminals("run", "-c", code)
    one.until("on\r\n")
    one.type("\x03")
    assert one.ended() == 130
    assert "jkg: interrupting the code; Ctrl-C again gives up" in one.sent
    assert "cleaned up" in one.sent
    assert one.sent.count("KeyboardInterrupt") >= 1


@pytest.mark.field("CMD9")
def test_a_second_ctrl_c_gives_up(server: FakeGateway, terminals: Any) -> None:
    server.script("work()").stream("on\n").ignores_interrupts().hangs()
    one = terminals("run", "-c", "work()")
    one.until("on\r\n")
    one.type("\x03")
    one.until("interrupting the code")
    begun = time.monotonic()
    one.type("\x03")
    assert one.ended() == 130
    assert "jkg: giving up" in one.sent
    assert time.monotonic() - begun < 30.0
    with jkg_client.JupyterClient(server.connection_info) as client:
        assert client.list_kernels() == []


@pytest.mark.field("CMD4", "E3")
def test_input_is_answered_from_the_terminal(terminals: Any) -> None:
    one = terminals("run", "-c", "print('hello', input('name: '))")
    one.until("name: ")
    one.type("bob\n")
    assert one.ended() == 0
    assert one.sent == "name: bob\r\nhello bob\r\n"


@pytest.mark.field("CMD11")
def test_ctrl_c_ends_the_wait_for_a_line(terminals: Any) -> None:
    one = terminals("run", "-c", "input('name: ')")
    one.until("name: ")
    one.type("\x03")
    assert one.ended() == 130


@pytest.mark.field("CMD12")
@pytest.mark.parametrize("ending", ["answer", "ctrl-c", "sigterm"])
def test_a_password_is_not_shown_and_the_terminal_is_as_before(terminals: Any, ending: str) -> None:
    one = terminals("run", "-c", "import getpass; print(len(getpass.getpass('word: ')))")
    one.until("word: ")
    assert not termios.tcgetattr(one.master)[3] & termios.ECHO
    if ending == "sigterm":
        one.command.send_signal(signal.SIGTERM)
    else:
        one.type("secret\n" if ending == "answer" else "\x03")
    # Check this before the end, because then the terminal is gone.
    while one.read():
        if termios.tcgetattr(one.master)[3] & termios.ECHO:
            break
    assert termios.tcgetattr(one.master)[3] & termios.ECHO
    assert one.ended() == {"answer": 0, "ctrl-c": 130, "sigterm": 143}[ending]
    assert "secret" not in one.sent
    assert ("6\r\n" in one.sent) == (ending == "answer")


# The answers of a terminal, and the text with which an image is sent.
TERMINALS = [
    ("\x1b_Gi=31;OK\x1b\\\x1bP>|kitty(0.35)\x1b\\\x1b[?62;c", "\x1b_Ga=T,f=100,q=2,m=0;iVBOR"),
    ("\x1bP>|iTerm2 3.5.0\x1b\\\x1b[?64;1;2;4;6c", "\x1b]1337;File=inline=1;size=73;"),
]


@pytest.mark.field("CMD26", "CMD27")
@pytest.mark.parametrize(("answer", "drawing"), TERMINALS)
def test_an_image_is_drawn_if_the_terminal_reports_that_it_can_show_images(
    server: FakeGateway, terminals: Any, tmp_path: Path, answer: str, drawing: str
) -> None:
    server.script("draw()").display({"image/png": PNG, "text/plain": "<Figure>"}).stream("after\n")
    one = terminals("run", "-c", "draw()")
    one.until(re.escape("\x1b[c"))
    one.type(answer)
    assert one.ended() == 0
    assert drawing in one.sent
    assert "saved" not in one.sent
    assert one.sent.endswith("after\r\n")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.field("CMD26")
@pytest.mark.parametrize("answer", ["\x1b[?62;22c", ""])
def test_an_image_is_saved_if_the_terminal_cannot_or_says_nothing(
    server: FakeGateway, terminals: Any, tmp_path: Path, answer: str
) -> None:
    server.script("draw()").display({"image/png": PNG, "text/plain": "<Figure>"})
    one = terminals("run", "-c", "draw()")
    one.until(re.escape("\x1b[c"))
    one.type(answer)
    assert one.ended() == 0
    assert "jkg: saved /" in one.sent
    assert [path.suffix for path in tmp_path.iterdir()] == [".png"]


@pytest.mark.field("CMD27")
@pytest.mark.parametrize(
    ("answers", "protocol"),
    [
        ("", "none"),
        ("\x1b[?1;2c", "none"),
        ("\x1b[?4c", "none"),  # a VT132: the first number is the kind of terminal
        ("\x1bP>|tmux 3.4\x1b\\\x1b[?1;2c", "none"),
        ("\x1bP>|tmux 3.4\x1b\\\x1b[?1;2;4c", "sixel"),
        ("\x1b_Gi=31;ENODATA\x1b\\\x1b[?62c", "none"),
        ("\x1bP>|WezTerm 2024\x1b\\\x1b[?65;4;6c", "iterm2"),
    ],
)
def test_the_answers_of_a_terminal_choose_the_image_protocol(answers: str, protocol: str) -> None:
    assert protocol_of(answers) == protocol


def test_only_valid_images_are_drawn() -> None:
    one = Graphics("kitty", None)
    assert one.drawn(Display({"text/plain": "x"})) == ""
    assert one.drawn(Display({"image/png": "not base64!"})) == ""
    assert one.drawn(Display({"image/jpeg": PNG})) == ""


@pytest.mark.field("CMD36")
def test_a_terminal_shows_a_slow_start_until_the_output_begins(
    server: FakeGateway, terminals: Any
) -> None:
    server.faults.hold()
    one = terminals("run", "-c", "print('out')")
    one.until("starting the kernel")
    server.faults.release()
    assert one.ended() == 0
    before, drawn, after = one.sent.partition("\rjkg: starting the kernel ...")
    assert (before, bool(drawn)) == ("", True)
    assert re.fullmatch(r"\r +\rout\r\n", after)
