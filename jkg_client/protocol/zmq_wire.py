"""Converts messages to the signed multipart messages of ZeroMQ and back.

The format: https://jupyter-client.readthedocs.io/en/stable/messaging.html#the-wire-protocol

A message is a list of byte strings: routing identities (none, one or several), the delimiter
``<IDS|MSG>``, the signature, then header, parent header, metadata and content as JSON, then the
buffers. The signature is the HMAC of the four JSON parts, as hexadecimal digits; it does not cover
the buffers.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Sequence

from attrs import Attribute, define, field, frozen

from ..errors import WireError
from .large_json import loads
from .messages import Message
from .stepwise import decoded
from .wire import dumps, message_of

DELIMITER = b"<IDS|MSG>"

_SIGNED = 4
"""Number of parts that the signature covers."""


def _check_key(_: object, __: Attribute[bytes], key: bytes) -> None:
    # With an empty key, kernels accept messages from any program.
    if not (isinstance(key, bytes) and key):
        raise ValueError("a key is needed: without it, any program could send code")


def _check_scheme(_: object, __: Attribute[str], scheme: str) -> None:
    prefix, _, digest = str(scheme).partition("-")
    try:
        # HMAC needs a digest of fixed size, which some digests do not have.
        hmac.new(b"key", b"", digest if prefix == "hmac" else "").hexdigest()
    except (ValueError, TypeError) as exc:
        fixed = (name for name in hashlib.algorithms_guaranteed if not name.startswith("shake"))
        known = ", ".join(sorted(f"hmac-{name}" for name in fixed))
        raise ValueError(f"unknown signature scheme {scheme!r}; there are {known}") from exc


@frozen
class SigningKey:
    """The key that signs messages.

    Attributes:
        key: Key that kernel and client share.
        scheme: ``hmac-`` and the name of a digest in ``hashlib``.

    Raises:
        ValueError: The key is empty, or the scheme is unknown.
    """

    key: bytes = field(validator=_check_key, repr=False)
    scheme: str = field(default="hmac-sha256", validator=_check_scheme)
    _start: hmac.HMAC = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        start = hmac.new(self.key, digestmod=self.scheme.partition("-")[2])
        object.__setattr__(self, "_start", start)

    def sign(self, parts: Sequence[bytes]) -> bytes:
        """The signature of the JSON parts, in hexadecimal digits."""
        # A copy is faster than a new object, which would hash the key again.
        mac = self._start.copy()
        for part in parts:
            mac.update(part)
        return mac.hexdigest().encode("ascii")


def encode(message: Message, key: SigningKey) -> list[bytes]:
    """The parts of ``message``. Raises ValueError for values that JSON cannot express."""
    json_parts = [
        dumps(part)
        for part in (message.header, message.parent_header, message.metadata, message.content)
    ]
    return [DELIMITER, key.sign(json_parts), *json_parts, *message.buffers]


def decode(parts: Sequence[bytes], channel: str, key: SigningKey) -> Message:
    """The message in ``parts``, which has arrived on ``channel``.

    Bytes that are not UTF-8 become U+FFFD, as in ``wire.decode``.

    Raises:
        WireError: Parts are missing, the signature is missing or wrong, a part is not valid JSON,
            or a required field is missing or has a wrong type.
    """
    verify(parts, key)
    return parse(parts, channel)


def verify(parts: Sequence[bytes], key: SigningKey) -> None:
    """Check the signature: the first half of ``decode``.

    Raises:
        WireError: Parts are missing, or the signature is missing or wrong.
    """
    signature, documents, _ = split(parts)
    if not hmac.compare_digest(signature, key.sign(documents)):
        reason = "a wrong signature" if signature else "no signature"
        raise WireError(reason, b"".join(parts))


def parse(parts: Sequence[bytes], channel: str) -> Message:
    """The message, without a check of its signature: the second half of ``decode``.

    Raises:
        WireError: Parts are missing, a part is not valid JSON, or a required field is missing or
            has a wrong type.
    """
    _, documents, buffers = split(parts)
    try:
        header, parent_header, metadata, content = (
            loads(decoded(document)) for document in documents
        )
        return message_of(channel, header, parent_header, metadata, content, tuple(buffers))
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise WireError(f"no message ({type(exc).__name__}: {exc})", b"".join(parts)) from exc


def split(parts: Sequence[bytes]) -> tuple[bytes, Sequence[bytes], Sequence[bytes]]:
    """Signature, JSON parts and buffers of a message, without identities.

    Raises:
        WireError: Parts are missing.
    """
    try:
        start = parts.index(DELIMITER) + 1
    except ValueError:
        raise WireError("the delimiter is missing", b"".join(parts)) from None
    end = start + 1 + _SIGNED
    if len(parts) < end:
        raise WireError(f"too few parts after the delimiter: {len(parts) - start}", b"".join(parts))
    return parts[start], parts[start + 1 : end], parts[end:]


@define
class SeenSignatures:
    """The signatures of received messages, to detect replayed messages.

    Attributes:
        limit: Number of signatures to remember. The oldest are forgotten first.
    """

    limit: int = 1 << 16
    # A plain dict needs long to find its first entry after many deletions before it.
    _seen: OrderedDict[bytes, None] = field(factory=OrderedDict, init=False)

    def __len__(self) -> int:
        return len(self._seen)

    def check(self, parts: Sequence[bytes]) -> None:
        """Remember the signature of ``parts``, which must have been checked.

        Raises:
            WireError: The same signature was received before.
        """
        signature = split(parts)[0]
        if signature in self._seen:
            raise WireError("a replayed message", b"".join(parts))
        if len(self._seen) >= self.limit:
            self._seen.popitem(last=False)
        self._seen[signature] = None
