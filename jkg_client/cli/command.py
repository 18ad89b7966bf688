"""Runs one command: parses its arguments, and returns its exit status."""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType

from ..errors import JkgError
from ..waiting_files import let_streams_wait
from .arguments import parser
from .exit_statuses import COMMAND_FAILED, SIGINT, SIGPIPE, USAGE, Ending
from .screen import Screen

_ENDING = ("SIGTERM", "SIGHUP")  # Windows has only the first
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit status.

    The status is one of ``exit_statuses``, or the exit status of the code.

    Args:
        argv: Arguments of the command. None for the arguments of the process.

    Raises:
        SystemExit: Only raised by argparse, for help and usage errors.
    """
    let_streams_wait()
    jkg = parser()
    args = jkg.parse_args(argv)
    if not hasattr(args, "run"):
        jkg.print_help(sys.stderr)
        return USAGE
    screen = Screen.of_process(args.color)
    with _ended_by_signals(), _logged(screen, args.verbose):
        ending = _ending(args, screen)
        if getattr(args, "json", False):
            ending = _told_as_json(ending, screen)
    return ending.exit_status


def _ending(args: argparse.Namespace, screen: Screen) -> Ending:
    try:
        ended: int | Ending = args.run(args, screen)
        return ended if isinstance(ended, Ending) else Ending(ended)
    except (JkgError, ImportError) as exc:
        return _failed(screen, Ending(COMMAND_FAILED, "failed", "jkg", str(exc)))
    except KeyboardInterrupt as exc:
        return Ending.of_signal(exc.args[0] if exc.args else SIGINT)
    except BrokenPipeError:
        return Ending.of_signal(SIGPIPE)
    except (ValueError, OSError) as exc:
        return _failed(screen, Ending(USAGE, "usage", "jkg", str(exc)))
    finally:
        screen.clear()


def _failed(screen: Screen, ending: Ending) -> Ending:
    screen.note(ending.message)
    return ending


def _told_as_json(ending: Ending, screen: Screen) -> Ending:
    """Print the last line of ``--json``. If stdout is closed, the status says so."""
    from .shown import as_json, ending_object

    try:
        screen.line(as_json(ending_object(ending)))
    except OSError:
        return Ending.of_signal(SIGPIPE)
    return ending


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into exceptions, so that servers and containers are cleaned up."""

    def end(number: int, _: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    numbers = []
    if threading.current_thread() is threading.main_thread():
        known = [number for number in signal.Signals if number.name in _ENDING]
        # An ignored signal, as with nohup, stays ignored.
        numbers = [number for number in known if signal.getsignal(number) == signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def _logged(screen: Screen, verbose: int) -> Iterator[None]:
    """Show the log of the package: warnings, with ``-v`` also INFO, with ``-vv`` also DEBUG."""
    logger, level = logging.getLogger("jkg_client"), _LEVELS[min(verbose, len(_LEVELS) - 1)]
    handler, before = _Notes(screen, level), logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


class _Notes(logging.Handler):
    def __init__(self, screen: Screen, level: int) -> None:
        super().__init__(level)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        self._screen.note(record.getMessage())
