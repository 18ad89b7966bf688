"""What holds of a cell's result, whatever its kernel has sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jkg_client.protocol.outputs import Display, Failure, Output, Stream
from jkg_client.protocol.result import ExecutionResult

SUFFIXES = {".png", ".jpeg", ".gif", ".webp", ".svg", ".pdf", ".html"}
MAX_NAME = 80
MAX_REMARK = 800
FREE_NAMES = 1024


def check_outputs(outputs: Sequence[Output], max_output: int, dropped: int) -> None:
    """No more is kept than may be, but for remarks on what is missing."""
    gap = f"\n[{dropped} characters of output dropped here]\n" if dropped else ""
    sizes = [size(output) for output in outputs]
    values = sum(not isinstance(output, Stream) for output in outputs)
    remarks = len(gap) + (MAX_REMARK * values if dropped else 0)
    assert sum(sizes) <= max_output + remarks, "more is kept than may be"
    names = [len(output.name) for output in outputs if isinstance(output, Stream)]
    assert max(names, default=0) <= MAX_NAME, "a stream has a long name"


def size(output: Output) -> int:
    """Characters in it, wherever."""
    if isinstance(output, Stream):
        return len(output.text)
    if isinstance(output, Failure):
        return sum(map(len, (output.ename, output.evalue, *output.traceback)))
    names = [output.display_id, *output.data]
    shown = _texts([*output.data.values(), output.metadata])
    return sum(map(len, shown)) + max(0, sum(map(len, _texts(names))) - FREE_NAMES)


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one


def check_result(result: ExecutionResult) -> None:
    """It can be shown, and its fields are what they are said to be."""
    assert repr(result)
    assert isinstance(result.output, str)
    assert all(str(item) and isinstance(item.mime_type, str) for item in result.data_items)
    assert result.status in {"ok", "error", "aborted", "timeout", "died"}
    assert result.execution_count is None or type(result.execution_count) is int
    assert isinstance(result.user_expressions, dict)
    if result.truncated is not None:
        assert str(result.truncated)
    for output in result.outputs:
        assert isinstance(output, (Stream, Display, Failure))
        assert isinstance(output.text, str)


def check_file(suffix: str, data: bytes) -> Path:
    """In place of writing a file: what is written is bytes, under a suffix that is ours."""
    assert suffix in SUFFIXES, f"a file called {suffix!r}"
    assert isinstance(data, bytes)
    return Path(f"file{suffix}")
