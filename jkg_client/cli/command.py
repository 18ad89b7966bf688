"""One command from its words to its exit status."""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from types import FrameType

from ..errors import JkgError
from .arguments import parser
from .screen import Screen

EXIT_USAGE = 2
EXIT_GATEWAY = 3
# As a shell says it of programs that end by a signal.
_BY_SIGNAL = 128
_SIGINT, _SIGPIPE = 2, 13
_ENDING = ("SIGTERM", "SIGHUP")  # Windows has but one of them


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is returned, never raised.

    0: done; 1: the cell failed; 2: usage; 3: gateway or kernel; 124: timeout; 130: Ctrl-C.

    Args:
        argv: Its words; None for those of the process.

    Raises:
        SystemExit: By argparse, for help and usage only.
    """
    args = parser().parse_args(argv)
    screen = Screen.of_process()
    with _ended_by_signals(), _logged(screen):
        return _status(args, screen)


def _status(args: argparse.Namespace, screen: Screen) -> int:
    try:
        return int(args.run(args, screen))
    except (JkgError, ImportError) as exc:
        screen.note(str(exc))
        return EXIT_GATEWAY
    except KeyboardInterrupt as exc:
        return _BY_SIGNAL + (exc.args[0] if exc.args else _SIGINT)
    except BrokenPipeError:
        return _BY_SIGNAL + _SIGPIPE
    except (ValueError, OSError) as exc:
        screen.note(str(exc))
        return EXIT_USAGE
    finally:
        screen.clear()


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Whoever ends the program otherwise than by Ctrl-C shall leave no container behind either."""

    def end(number: int, _: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    numbers = []
    if threading.current_thread() is threading.main_thread():
        known = [number for number in signal.Signals if number.name in _ENDING]
        # What is ignored, as by nohup, stays so.
        numbers = [number for number in known if signal.getsignal(number) == signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def _logged(screen: Screen) -> Iterator[None]:
    """Warnings of the package are notes."""
    logger, handler = logging.getLogger("jkg_client"), _Notes(screen)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Notes(logging.Handler):
    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.WARNING)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        self._screen.note(record.getMessage())
