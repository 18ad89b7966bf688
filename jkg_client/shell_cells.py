"""Shell cells that end when their shell does, whatever it leaves running in the background.

``%%bash`` of IPython waits until nobody holds the pipes any more that the shell was given. A
process in the background inherits them: ``server &`` would take the whole time limit. So a shell
that may leave one is given pipes by a program between, which ends when the shell has ended.
"""

from __future__ import annotations

import re

_SHELL_CELL = re.compile(r"%%(?P<shell>bash|sh)[ \t]*\n(?P<script>.*)", re.DOTALL)
# A single "&", or a command that starts something. In a string it does no harm: the cell only
# takes the time that Python takes to start.
_LEAVES_PROCESS = re.compile(r"(?<![&|<>])&(?![&>])|\b(?:coproc|setsid|daemon|start)")

_PIECE = 2**16
_LONGEST_WORD = 10

# IPython expands names in braces and behind a dollar sign: there are none in here.
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


def copy(timeout=None):
    ready = select.select([*targets, ended], [], [], timeout)[0]
    for pipe in set(ready) - set((ended,)):
        chunk = os.read(pipe, 1048576)
        targets[pipe].write(chunk)
        targets[pipe].flush()
        if not chunk:
            del targets[pipe]


while shell.poll() is None:
    copy()
    if not targets:
        shell.wait()
# More than the shell has written does not fit into a pipe: what is left of it, one read takes.
copy(0)
if targets and os.fork() == 0:
    # Somebody must read on, or what runs in the background dies when it prints.
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
    """``cell`` of a Python kernel; a shell cell that may leave a process does not wait for it.

    What such a process prints after the end of the shell is lost, unless it prints to a file.
    """
    found = _SHELL_CELL.fullmatch(cell.lstrip())
    if found is None or not _leaves_process(found["script"]):
        return cell
    python = '__import__("shlex").quote(__import__("sys").executable)'
    program = "'" + _BETWEEN.replace("'", "'\"'\"'") + "'"
    arguments = repr(f" -c {program} {found['shell']}")
    return f"get_ipython().run_cell_magic('script', {python} + {arguments}, {found['script']!r})"


def _leaves_process(script: str) -> bool:
    """Whether the script may start something in the background."""
    # In pieces: one search through megabytes would stop all other threads.
    end = 0
    while end < len(script):
        start = max(0, end - _LONGEST_WORD)  # a word may stand across the end of a piece
        end = min(len(script), end + _PIECE)
        while end < len(script) and script[end - 1] == "&":
            end += 1  # what follows tells what it means
        if _LEAVES_PROCESS.search(script, start, end):
            return True
    return False
