"""Datalayer's jupyter-kernel-client: reads tasks from stdin, and writes the results to stdout."""

import json
import sys
from collections.abc import Callable
from typing import Any

# Installed only in the environment of this program.
import jupyter_kernel_client  # type: ignore[import-not-found]

# The name of the class since release 1.0, and before.
NAMES = ("JupyterKernelClient", "KernelClient")
Client = getattr(
    jupyter_kernel_client, next(name for name in NAMES if hasattr(jupyter_kernel_client, name))
)


def execute(kernel: Any, code: str) -> Any:
    return kernel.execute(code, timeout=30)


def answer(kernel: Any, code: str) -> Any:
    def say_bob(_: object) -> None:
        kernel._manager.client.input("Bob")

    return kernel.execute(code, timeout=30, allow_stdin=True, stdin_hook=say_bob)


def interrupt(kernel: Any, code: str) -> Any:
    def interrupt_once_it_prints(message: Any) -> None:
        if message["header"]["msg_type"] == "stream":
            kernel.interrupt()

    reply = kernel.execute_interactive(code, timeout=30, output_hook=interrupt_once_it_prints)
    return {name: reply["content"][name] for name in ("status", "ename", "evalue")}


def info(kernel: Any) -> Any:
    told = kernel.kernel_info
    return [told["status"], told["language_info"]["name"]]


STEPS: dict[str, Callable[..., Any]] = {
    "execute": execute,
    "answer": answer,
    "interrupt": interrupt,
    "info": info,
    "variables": lambda kernel: kernel.list_variables(),
    "alive": lambda kernel: [kernel.is_alive(), kernel.execution_state],
    "restart": lambda kernel: kernel.restart(),
}


def main() -> None:
    task = json.load(sys.stdin)
    url = f"http://{task['host']}:{task['port']}"
    with Client(server_url=url, token=task["token"]) as kernel:
        for step, *codes in task["steps"]:
            print(json.dumps(STEPS[step](kernel, *codes)), flush=True)


main()
