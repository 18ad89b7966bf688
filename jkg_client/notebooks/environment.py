"""The working directory and the environment of a kernel that a server has started."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping

from ..client.deadline import Deadline
from ..client.kernel import JupyterKernelClient
from ..protocol.messages import Json
from ..protocol.values import mapping_of

_CHANGE = {
    "r": "setwd({})",
    "julia": "cd({})",
    "bash": "cd {}",
    "typescript": "Deno.chdir({})",
    "javascript": "Deno.chdir({})",
    "ruby": "Dir.chdir({})",
}


def change_folder(
    kernel: JupyterKernelClient, language: str, folder: str, deadline: Deadline
) -> None:
    """Change the kernel's working directory to ``folder`` on the kernel's machine.

    The history does not contain the code that does this.

    Raises:
        ValueError: There is no such folder, or the kernel's language is not supported.
    """
    name = language.lower()
    if name in ("python", "ipython"):
        # An expression defines no variable and does not count as a cell.
        answer = _evaluated(kernel, f"__import__('os').chdir({folder!r})", deadline)
        problem = "" if answer.get("status") == "ok" else f"{answer.get('evalue', 'no answer')}"
    elif name in _CHANGE:
        said = shlex.quote(folder) if name == "bash" else json.dumps(folder)
        code = _CHANGE[name].format(said)
        result = kernel.execute(code, deadline.left(), silent=True, store_history=False)
        problem = "" if result.is_ok else (result.failure.summary if result.failure else "error")
    else:
        raise ValueError(f"cwd: cannot change the folder of a kernel in {language!r}")
    if problem:
        raise ValueError(f"cwd: the kernel cannot change to folder {folder!r}: {problem}")


def check_variables(
    kernel: JupyterKernelClient, language: str, env: Mapping[str, str], deadline: Deadline
) -> None:
    """Check that a Python kernel has the variables of ``env``. Other kernels are not checked.

    Raises:
        ValueError: The server has not passed on all variables.
    """
    if language.lower() not in ("python", "ipython"):
        return
    # Compare digests: a message with a secret value could be logged by a server.
    digest = (
        "__import__('hashlib').sha256(__import__('os').environ.get({!r}, '').encode()).hexdigest()"
    )
    wanted = {name: hashlib.sha256(value.encode()).hexdigest() for name, value in env.items()}
    inner = ", ".join(digest.format(name) for name in wanted)
    answer = _evaluated(kernel, f"[{inner}]", deadline)
    shown = str(mapping_of(answer.get("data")).get("text/plain", ""))
    missing = [name for name, value in wanted.items() if value not in shown]
    if missing:
        raise ValueError(f"env: the kernel did not receive these variables: {', '.join(missing)}")


def _evaluated(kernel: JupyterKernelClient, expression: str, deadline: Deadline) -> Json:
    result = kernel.execute(
        "",
        deadline.left(),
        silent=True,
        store_history=False,
        user_expressions={"answer": expression},
    )
    return mapping_of(result.user_expressions.get("answer"))
