"""Makes shell cells end with their shell, even if it leaves processes in the background.

``%%bash`` of IPython reads the output of the shell until all processes have closed its pipes. A
background process inherits the pipes, so a cell with ``server &`` would run until its time limit.
Such a shell is run by a small program in between, which ends when the shell ends.
"""

from __future__ import annotations

import re

from .protocol.stepwise import search

_SHELL_CELL = re.compile(r"%%(?P<shell>bash|sh)[ \t]*\n(?P<script>.*)", re.DOTALL)
# A single "&", or a command that starts a background process. A wrong match, as in a string, only
# costs the time to start Python.
_LEAVES_PROCESS = re.compile(r"(?<![&|<>])&(?![&>])|\b(?:coproc|setsid|daemon|start)")

_SURROGATE = re.compile(r"[\ud800-\udfff]")

_PIECE = 2**16
_LONGEST_WORD = 10

# No braces and no dollar signs in this text: IPython would expand them.
_BETWEEN = """\
import os, select, signal, subprocess, sys

(out, out_end), (err, err_end) = os.pipe(), os.pipe()
ended, wakeup = os.pipe()
os.set_blocking(wakeup, False)
signal.set_wakeup_fd(wakeup)
signal.signal(signal.SIGCHLD, lambda *_: None)
shell = subprocess.Popen(sys.argv[1:], stdout=out_end, stderr=err_end)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _: shell.send_signal(number))
os.close(out_end)
os.close(err_end)
targets = dict(((out, sys.stdout.buffer), (err, sys.stderr.buffer)))


def copy(timeout=None, size=65536):
    ready = select.select([*targets, ended], [], [], timeout)[0]
    if ended in ready:
        # A byte for each signal. Bytes that stay would end all later waits at once.
        os.read(ended, 4096)
        ready.remove(ended)
    for pipe in ready:
        chunk = os.read(pipe, size)
        targets[pipe].write(chunk)
        targets[pipe].flush()
        if not chunk:
            del targets[pipe]


while shell.poll() is None:
    copy()
    if not targets:
        shell.wait()
# A pipe cannot hold more than this read takes, so it gets the rest of the shell's output.
copy(0, 1048576)
if targets and os.fork() == 0:
    # Continue to read, or background processes die of SIGPIPE when they print.
    os.setpgid(0, 0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nowhere, number)
    while targets:
        copy()
    os._exit(0)
sys.exit(shell.returncode if shell.returncode >= 0 else 128 - shell.returncode)
"""


def ends_with_shell(cell: str) -> str:
    """``cell``, changed so that a shell cell does not wait for background processes.

    Output that such a process prints after the end of the shell is lost, unless it goes to a file.
    """
    start = cell.lstrip()
    found = _SHELL_CELL.fullmatch(start) if start.startswith("%%") else None
    if found is None or not _leaves_process(found["script"]):
        return cell
    if not cell.isascii() and search(_SURROGATE, cell):
        return cell  # ``repr`` would turn halves of characters into escape sequences
    python = '__import__("shlex").quote(__import__("sys").executable)'
    program = "'" + _BETWEEN.replace("'", "'\"'\"'") + "'"
    arguments = repr(f" -c {program} {found['shell']}")
    return f"get_ipython().run_cell_magic('script', {python} + {arguments}, {found['script']!r})"


def _leaves_process(script: str) -> bool:
    """Whether the script may start a background process."""
    # Search in pieces, because one search through megabytes would block all other threads.
    end = 0
    while end < len(script):
        start = max(0, end - _LONGEST_WORD)  # a word may cross the border of two pieces
        end = min(len(script), end + _PIECE)
        while end < len(script) and script[end - 1] == "&":
            end += 1  # the character after "&" decides its meaning
        if _LEAVES_PROCESS.search(script, start, end):
            return True
    return False
