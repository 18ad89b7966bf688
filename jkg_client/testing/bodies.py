"""The bodies of HTTP requests: with the header ``Content-Length``, or in chunks.

See https://www.rfc-editor.org/rfc/rfc9112#section-6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BufferedIOBase


def read_body(headers: Mapping[str, str], reader: BufferedIOBase) -> bytes:
    """The body of the request whose headers have just been read.

    Raises:
        ValueError: The body has no valid length.
    """
    if headers.get("Transfer-Encoding", "").lower() == "chunked":
        return b"".join(_chunks(reader))
    length = headers.get("Content-Length", "0")
    if not length.isdigit():
        raise ValueError(f"not a length: {length!r}")
    return reader.read(int(length))


def _chunks(reader: BufferedIOBase) -> Iterator[bytes]:
    while size := int(reader.readline().partition(b";")[0], 16):
        yield reader.read(size)
        reader.readline()
    while reader.readline().strip():
        pass  # headers after the body
