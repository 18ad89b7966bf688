"""Adapter for smolagents, see https://huggingface.co/docs/smolagents.

Variables and final answers are sent as JSON by smolagents' ``SafeSerializer``, and tools as source
code. Nothing is pickled or unpickled, neither here nor in the kernel.
"""

from __future__ import annotations

import binascii
import inspect
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

try:
    import PIL.Image
    from smolagents import AgentLogger, LogLevel, Tool
    from smolagents.local_python_executor import CodeOutput
    from smolagents.remote_executors import RemotePythonExecutor
    from smolagents.serialization import SafeSerializer, SerializationError
    from smolagents.tools import get_tools_definition_code
    from smolagents.utils import AgentExecutionError
except ImportError as _missing:
    raise ImportError(
        "JupyterExecutor needs an extra:"
        ' pip install "jkg-client[smolagents]" (Python 3.10 or newer)'
    ) from _missing

from ..client import arguments
from ..client.callbacks import OnOutput
from ..code_blocks import CodeBlock, unfenced
from ..code_result import CodeResult, notes
from ..gateway.connection import JupyterConnectable, JupyterConnectionInfo, given_or_known
from ..jupyter_executors import JupyterCodeExecutor
from ..protocol.outputs import Display, Failure, Output, join_text
from ..protocol.shortening import shortened
from ..python_variables import carrying
from .model_limits import MAX_TEXT, checked

_IMAGES = {"image/png": "PNG", "image/jpeg": "JPEG"}
"""The only formats that Pillow may try: data from a kernel is not trusted."""

_SERIALIZER = f"""
import base64
import json
from io import BytesIO
from typing import Any

{inspect.getsource(SerializationError)}

{inspect.getsource(SafeSerializer)}
"""
_ANSWER = f"""
class {RemotePythonExecutor.FINAL_ANSWER_EXCEPTION}(BaseException):
    pass

def answering(tool):
    def final_answer(*args, **kwargs):
        text = SafeSerializer.dumps(tool(*args, **kwargs))
        raise {RemotePythonExecutor.FINAL_ANSWER_EXCEPTION}(text)

    return final_answer
"""
_INSTALL = """
import importlib.util
import subprocess
import sys

def is_missing(name):
    try:
        return importlib.util.find_spec(name) is None
    except (ImportError, ValueError):
        return True

def install(names):
    missing = [name for name in names if is_missing(name)]
    if missing:
        packages = ["pillow" if name == "PIL" else name for name in missing]
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-color", *packages]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"pip could not install {packages}: {done.stderr}")
"""


class JupyterExecutor(RemotePythonExecutor):  # type: ignore[misc]  # it has no annotations
    """Runs the code of a ``CodeAgent`` in one Jupyter kernel. Pass it as ``executor``.

    After a restart of the kernel, the tools and variables of the agent are sent again.

    Args:
        jupyter_server: A server that this program has started, or a ``JupyterConnectionInfo``. None
            for the server of ``JUPYTER_GATEWAY_URL``.
        kernel_name: Name of the Python kernel to start.
        timeout: Time limit for each step and for each installation of packages, in seconds.
        output_dir: Folder for images and pages. It is created if it is missing.
        additional_imports: Packages to install in the kernel's environment if they are missing.
        logger: Logger for installations of packages and for errors. None for no log.
        max_text: Longest text of the logs, of a value and of an error, in characters. Longer texts
            are shortened in the middle, with a line that says how much is missing. A final answer
            is never shortened.
        options: Further arguments of ``JupyterCodeExecutor``, such as ``notebook``.

    Raises:
        AgentError: A package could not be installed.
        GatewayError: The server cannot be reached, or it refuses the token.
        KernelNotReady: The kernel was started but does not answer.
        ValueError: An argument is wrong.
    """

    def __init__(
        self,
        jupyter_server: JupyterConnectable | JupyterConnectionInfo | None = None,
        kernel_name: str = "python3",
        timeout: float = 60,
        output_dir: Path | str = ".",
        *,
        additional_imports: Sequence[str] = (),
        logger: AgentLogger | None = None,
        max_text: int = MAX_TEXT,
        **options: Any,
    ) -> None:
        packages = arguments.items("additional_imports", additional_imports)
        for number, package in enumerate(packages):
            arguments.filled(f"additional_imports[{number}]", package)
        if logger is not None:
            arguments.instance("logger", logger, AgentLogger)
        # The agent logs errors itself, so a logger here would print them twice.
        quiet = AgentLogger(level=LogLevel.OFF) if logger is None else logger
        super().__init__(packages, quiet, allow_pickle=False)
        self._timeout = timeout
        self._max_text = checked(max_text)
        self._tools: dict[str, Tool] = {}
        self._variables: dict[str, Any] = {}
        server = given_or_known(jupyter_server)
        self._final = ""
        self._on_output: OnOutput | None = options.pop("on_output", None)
        self._executor = JupyterCodeExecutor(
            server, kernel_name, timeout, output_dir, on_output=self._hear, **options
        )
        try:
            self.install_packages(self.additional_imports)
        except BaseException:
            self.cleanup()
            raise

    def __enter__(self) -> JupyterExecutor:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.cleanup()

    def run_code_raise_errors(self, code: str) -> CodeOutput:
        """Run the code of one step.

        Returns:
            The value of the last expression, as an image or a text, or the final answer.

        Raises:
            AgentError: The code failed, took too long or killed its kernel; then the message is the
                whole output of the code. Or the final answer cannot be read.
            GatewayError: The server cannot be reached.
        """
        result = self._execute(unfenced(code, "python").code)
        if result.kernel_restarted:
            self._do(*self._sent())
        (cell,) = result.results
        ended = cell.failure if cell.status == "error" else None
        if ended is not None and ended.ename == self.FINAL_ANSWER_EXCEPTION:
            answer = self._answer(self._final)
            return CodeOutput(output=answer, logs=self._logs(result), is_final_answer=True)
        if not cell.is_ok:
            raise AgentExecutionError(shortened(result.output, self._max_text), self.logger)
        value = _value(cell.outputs)
        if isinstance(value, str):
            value = shortened(value, self._max_text)
        return CodeOutput(output=value, logs=self._logs(result), is_final_answer=False)

    def send_tools(self, tools: Mapping[str, Tool]) -> None:
        """Define tools in the kernel from their source code.

        Raises:
            ValueError: A tool has no source to send, such as a managed agent.
            OSError: The source of a tool cannot be found.
            AgentError: The tools cannot be defined in the kernel.
        """
        agents = [name for name, tool in tools.items() if not isinstance(tool, Tool)]
        if agents:
            raise ValueError(f"only tools can be sent to a kernel, not {', '.join(agents)}")
        needed = {name for tool in tools.values() for name in tool.to_dict()["requirements"]}
        self.install_packages(sorted(needed - {"smolagents", *self.installed_packages}))
        self._do(_defining_cell(tools))
        self._tools.update(tools)

    def send_variables(self, variables: Mapping[str, Any]) -> None:
        """Set variables in the kernel.

        Raises:
            SerializationError: A value cannot be expressed as JSON.
            AgentError: The variables cannot be set in the kernel.
        """
        self._do(*_setting_cells(variables))
        self._variables.update(variables)

    def install_packages(self, additional_imports: Sequence[str]) -> list[str]:
        """Install packages in the kernel's environment if they are missing there.

        Raises:
            AgentError: A package could not be installed.
        """
        names = list(additional_imports)
        if names:
            self.logger.log(f"Packages for the kernel: {', '.join(names)}")
            self._do(f"{_exec(_INSTALL)}\n_jkg['install']({names!r})\ndel _jkg")
            self.installed_packages += names
        return names

    def cleanup(self) -> None:
        """Delete the kernel and close the connections. A second call does nothing."""
        self._executor.stop()

    def _hear(self, output: Output) -> None:
        # Read the answer from the output as it arrives, because the result may be shortened.
        if isinstance(output, Failure) and output.ename == self.FINAL_ANSWER_EXCEPTION:
            self._final = output.evalue
        if self._on_output is not None:
            self._on_output(output)

    def _sent(self) -> list[str]:
        return [
            *_setting_cells(self._variables),
            *([_defining_cell(self._tools)] if self._tools else []),
        ]

    def _execute(self, *cells: str, store_history: bool = True) -> CodeResult:
        blocks = [CodeBlock(cell, "python") for cell in cells]
        return self._executor.execute_code_blocks(blocks, store_history=store_history)

    def _do(self, *cells: str) -> None:
        # Do not keep these cells in the history, because they are not the agent's code.
        result = self._execute(*cells, store_history=False)
        if result.kernel_restarted:
            # The new kernel has not run these cells, or has lost earlier tools and variables.
            result = self._execute(*self._sent(), *cells, store_history=False)
        if result.exit_code:
            failure = result.results[-1].failure
            text = failure.summary if failure else result.output
            raise AgentExecutionError(shortened(text, self._max_text), self.logger)

    def _answer(self, text: str) -> Any:
        try:
            return SafeSerializer.loads(text)
        except Exception as exc:
            # The agent's code may raise this exception itself, with any text.
            message = f"The final answer cannot be read: {exc!r:.200}"
            raise AgentExecutionError(message, self.logger) from exc

    def _logs(self, result: CodeResult) -> str:
        (cell,), (rendering,) = result.results, result.renderings
        pieces = [
            (piece.text, piece.is_alone)
            for piece in rendering.pieces
            if piece.file is not None or not _is_outcome(piece.output)
        ]
        logs = join_text([*pieces, ("\n".join(notes(cell, self._timeout)), True)])
        return shortened(logs, self._max_text)


def _setting_cells(variables: Mapping[str, Any]) -> list[str]:
    if not variables:
        return []
    load = f"{_SERIALIZER}\nnames.update(SafeSerializer.loads(text))\n"
    return carrying(SafeSerializer.dumps(dict(variables)), load)


def _defining_cell(tools: Mapping[str, Tool]) -> str:
    code: str = get_tools_definition_code(dict(tools))
    if "final_answer" in tools:
        answer = "final_answer = _jkg['answering'](final_answer)\ndel _jkg"
        code = f"{code}\n{_exec(_SERIALIZER + _ANSWER)}\n{answer}"
    return code


def _exec(source: str) -> str:
    # Run the source in its own dict, so that it does not change the agent's variables.
    return f"_jkg = {{}}\nexec({source!r}, _jkg)"


def _is_outcome(output: Output) -> bool:
    if isinstance(output, Display):
        return output.execution_count is not None
    return isinstance(output, Failure)


def _value(outputs: Sequence[Output]) -> Any:
    values = [output for output in outputs if isinstance(output, Display) and _is_outcome(output)]
    if not values:
        return None
    for mime_type, form in _IMAGES.items():
        if mime_type in values[-1].data:
            return _image(values[-1].data[mime_type], form) or values[-1].text
    return values[-1].text


def _image(data: Any, form: str) -> PIL.Image.Image | None:
    try:
        return PIL.Image.open(BytesIO(binascii.a2b_base64(data)), formats=[form])
    except (OSError, TypeError, ValueError, PIL.Image.DecompressionBombError):
        return None
