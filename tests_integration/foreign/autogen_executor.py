"""AutoGen 0.2's JupyterCodeExecutor: reads tasks from stdin, and writes the results to stdout."""

import json
import sys

# Installed only in the environment of this program.
from autogen.coding import CodeBlock  # type: ignore[import-not-found]
from autogen.coding.jupyter import (  # type: ignore[import-not-found]
    JupyterCodeExecutor,
    JupyterConnectionInfo,
)


def main() -> None:
    task = json.load(sys.stdin)
    info = JupyterConnectionInfo(task["host"], False, task["port"], task["token"])
    with JupyterCodeExecutor(info, timeout=task["timeout"], output_dir=".") as executor:
        for step, *codes in task["steps"]:
            if step == "restart":
                executor.restart()
                continue
            blocks = [CodeBlock(code=code, language="python") for code in codes]
            result = executor.execute_code_blocks(blocks)
            print(json.dumps([result.exit_code, result.output, result.output_files]))


main()
