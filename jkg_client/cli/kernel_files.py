"""Files on the machine of a kernel, for ``jkg put``, ``get`` and ``ls``. Cells copy them."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator

from attrs import frozen

from .. import python_files
from ..client.kernel import JupyterKernelClient
from ..protocol.outputs import Failure, Stream
from .kernel_sessions import kernel_of, told_if_slow
from .option_types import seconds
from .screen import Screen
from .server_options import add_kernel, add_server
from .servers import provider_of
from .ways import way_of

_KERNEL = "python3"
_SECONDS = 60.0


def add_place(command: argparse.ArgumentParser) -> None:
    """Add the options that choose the machine."""
    add_server(command)
    add_kernel(command)
    command.add_argument(
        "--timeout",
        type=seconds,
        default=_SECONDS,
        metavar="S",
        help="time limit in seconds for each piece of 600 kB (default: %(default)g)",
    )


@contextlib.contextmanager
def files_of(args: argparse.Namespace, screen: Screen) -> Iterator[KernelFiles]:
    """The files on the machine of a kernel.

    Raises:
        ValueError: The options contradict each other.
        JkgError: No kernel can be reached.
    """
    if way_of(args).kind == "docker":
        raise ValueError(
            "a container of --docker is removed with its files at the end of the command: start one"
            " with jkg serve --docker, and pass its URL as --url"
        )
    with contextlib.ExitStack() as stack:
        with told_if_slow(screen, "starting a kernel"):
            provider = stack.enter_context(provider_of(args, screen))
            kernel = stack.enter_context(
                kernel_of(provider, args.kernel or _KERNEL, kernel_id=args.kernel_id)
            )
        yield KernelFiles(kernel, args.timeout)


@frozen
class KernelFiles:
    """Files on the machine of a Python kernel. Paths are relative to its current folder.

    Attributes:
        kernel: The kernel that copies the files.
        seconds: Time limit for each cell.
    """

    kernel: JupyterKernelClient
    seconds: float

    def put(self, path: str, data: bytes) -> None:
        """Write a file. Missing folders are created.

        Raises:
            OSError: The file cannot be written.
        """
        for cell in python_files.put(path, data):
            self._printed(path, cell)

    def get(self, path: str) -> Iterator[bytes]:
        """The content of a file, in pieces.

        Raises:
            OSError: There is no such file, or it cannot be read.
        """
        position = 0
        while True:
            piece = python_files.got(self._printed(path, python_files.get_piece(path, position)))
            if not piece:
                return
            position += len(piece)
            yield piece

    def names(self, path: str) -> list[str]:
        """Names in a folder. Names of folders end with ``/``.

        Raises:
            OSError: There is no such folder, or it cannot be read.
        """
        return python_files.listed(self._printed(path, python_files.list_folder(path)))

    def _printed(self, path: str, cell: str) -> str:
        result = self.kernel.execute(
            cell,
            timeout_seconds=self.seconds,
            store_history=False,
            max_output=2 * python_files.LARGEST_FILE,
        )
        if result.status != "ok":
            why = _reason(result.failure) if result.failure else result.status
            raise OSError(f"{path or 'the folder'} on the kernel's machine: {why}")
        return "".join(
            output.text
            for output in result.outputs
            if isinstance(output, Stream) and output.name == "stdout"
        )


def _reason(failure: Failure) -> str:
    """The text of an error without number and path, such as "No such file or directory"."""
    if failure.evalue.startswith("[Errno "):
        return failure.evalue.partition("] ")[2].partition(": ")[0]
    return failure.summary
