from __future__ import annotations

import hashlib
import hmac
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import rows

from jkg_client.errors import WireError
from jkg_client.protocol.messages import Message
from jkg_client.protocol.zmq_wire import SeenSignatures, SigningKey, decode, encode

BOUNDED = settings(max_examples=50, deadline=None)

KEY = SigningKey(b"secret")
BARE = Message(channel="shell", header={"msg_id": "m", "msg_type": "t"})
FULL = Message(
    channel="iopub",
    header={"msg_id": "m", "msg_type": "t"},
    parent_header={"msg_id": "p"},
    metadata={"a": 1},
    content={"text": "\u00e9"},
    buffers=(b"\x00\xff", b""),
)
# Written by hand from the specification,
# https://jupyter-client.readthedocs.io/en/stable/messaging.html#the-wire-protocol; the digests
# are the output of `printf '…' | openssl dgst -HMAC secret -sha256` for the four joined JSON parts.
BOOK: list[tuple[str, Message, list[bytes]]] = [
    (
        "hmac-sha256",
        BARE,
        [
            b"<IDS|MSG>",
            b"b277589fc8f9063dd95a18e92c4525b1f4f7d48cd4ce87e05b2bb993d4afa61e",
            b'{"msg_id":"m","msg_type":"t"}',
            b"{}",
            b"{}",
            b"{}",
        ],
    ),
    (
        "hmac-sha256",
        FULL,
        [
            b"<IDS|MSG>",
            b"0d4de76cda499205eb9423e2f90c1665a296b19055cc864a971e37ed33139ebd",
            b'{"msg_id":"m","msg_type":"t"}',
            b'{"msg_id":"p"}',
            b'{"a":1}',
            b'{"text":"\\u00e9"}',
            b"\x00\xff",
            b"",
        ],
    ),
    (
        "hmac-sha512",
        BARE,
        [
            b"<IDS|MSG>",
            (
                b"82fa11b33177d0acdc5113760bff75b2cd36307f5c8ce9e2b305a3655d5ede16"
                b"394a20fe4b6d46a06cb1374abdede88071f232ee139c13799bf7f4980c00122b"
            ),
            b'{"msg_id":"m","msg_type":"t"}',
            b"{}",
            b"{}",
            b"{}",
        ],
    ),
]


@pytest.mark.parametrize(("scheme", "message", "parts"), BOOK)
def test_parts_follow_the_specification(scheme: str, message: Message, parts: list[bytes]) -> None:
    key = SigningKey(b"secret", scheme)
    assert encode(message, key) == parts
    assert decode(parts, message.channel, key) == message


@pytest.mark.parametrize("identities", [[b"kernel.x.stream"], [b"a", b"\x00\x80"]])
def test_identities_before_the_delimiter_are_left_out(identities: list[bytes]) -> None:
    assert decode([*identities, *encode(BARE, KEY)], "shell", KEY) == BARE


def test_additional_fields_are_kept_and_invalid_utf8_is_replaced() -> None:
    parts = [b'{"msg_id":"m","msg_type":"t","x":[1]}', b"{}", b"{}", b'{"text":"\xff"}']
    signature = hmac.new(b"secret", b"".join(parts), hashlib.sha256).hexdigest().encode()
    message = decode([b"<IDS|MSG>", signature, *parts], "iopub", KEY)
    assert message.header["x"] == [1]
    assert message.content == {"text": "\ufffd"}


@pytest.mark.field("C10")
def test_null_as_parent_or_metadata_means_empty() -> None:
    # As xeus-python 0.19 sends its welcome.
    header = b'{"msg_id":"m","msg_type":"iopub_welcome"}'
    message = decode(signed(header, b"null", b"null", b'{"subscription":""}'), "iopub", KEY)
    assert (message.parent_header, message.metadata) == ({}, {})


def signed(*parts: bytes) -> list[bytes]:
    return [b"<IDS|MSG>", KEY.sign(parts), *parts]


HEADER = b'{"msg_id":"m","msg_type":"t"}'
GOOD = encode(BARE, KEY)


@pytest.mark.field("K9")
@rows(
    ("parts", "reason"),
    [
        ([], "^the delimiter is missing"),
        ([b""], "^the delimiter is missing"),
        (GOOD[1:], "^the delimiter is missing"),
        (GOOD[:5], "too few parts after the delimiter: 4"),
        ([GOOD[0], b"", *GOOD[2:]], "^no signature"),
        ([GOOD[0], GOOD[1][:-1], *GOOD[2:]], "^a wrong signature"),
        ([GOOD[0], GOOD[1].upper(), *GOOD[2:]], "a wrong signature"),
        ([GOOD[0], b"\xff" * 64, *GOOD[2:]], "a wrong signature"),
        ([*GOOD[:5], b'{"a":1}'], "a wrong signature"),
        ([GOOD[0], *GOOD[1:2], GOOD[3], GOOD[2], *GOOD[4:]], "a wrong signature"),
        (signed(b"{", b"{}", b"{}", b"{}"), "JSONDecodeError"),
        (signed(HEADER, b"", b"{}", b"{}"), "JSONDecodeError"),
        (signed(HEADER, b"{}", b"{}", b"[" * 100_000), "Error"),
        (signed(b'{"msg_id":"m"}', b"{}", b"{}", b"{}"), "KeyError"),
        (signed(b'{"msg_id":1,"msg_type":"t"}', b"{}", b"{}", b"{}"), "must be strings"),
        (signed(HEADER, b"{}", b"{}", b"[]"), "a JSON object is needed, not list"),
    ],
)
def test_parts_that_are_not_a_message_of_the_kernel_are_an_error(
    parts: list[bytes], reason: str
) -> None:
    with pytest.raises(WireError, match=reason) as caught:
        decode(parts, "shell", KEY)
    assert caught.value.frame == b"".join(parts)


@pytest.mark.field("K9")
@given(st.lists(st.binary(max_size=40), max_size=9), st.integers(0, 9))
@BOUNDED
def test_any_parts_give_a_message_or_a_wire_error(parts: list[bytes], at: int) -> None:
    parts.insert(min(at, len(parts)), b"<IDS|MSG>")
    with pytest.raises(WireError):
        decode(parts, "shell", KEY)


@pytest.mark.field("K7")
@pytest.mark.parametrize("key", [b"", "text", None])
def test_an_empty_key_is_refused(key: object) -> None:
    with pytest.raises(ValueError) as caught:
        SigningKey(key)  # type: ignore[arg-type]  # that is the point
    assert str(caught.value) == "a key is needed: without it, any program could send code"


@pytest.mark.field("K8")
@rows("scheme", ["hmac-nosuch", "sha256", "my-sha256", "", "hmac-", "hmac-shake_128", None])
def test_an_unknown_scheme_is_a_value_error_with_its_name(scheme: str) -> None:
    with pytest.raises(ValueError) as caught:
        SigningKey(b"secret", scheme)
    told, known = str(caught.value).split("; there are ")
    assert told == f"unknown signature scheme {scheme!r}"
    assert {"hmac-md5", "hmac-sha256"} <= set(known.split(", "))
    assert "hmac-shake_128" not in known


@pytest.mark.field("K8")
def test_buffers_are_not_signed() -> None:
    parts = encode(FULL, KEY)
    changed = decode([*parts[:-2], b"other"], "iopub", KEY)
    assert changed.buffers == (b"other",)


def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(KEY)


@pytest.mark.parametrize("content", [{"x": float("nan")}, {"x": object()}])
def test_values_that_json_cannot_express_are_a_value_error(content: dict[str, object]) -> None:
    message = Message(channel="shell", header={"msg_id": "m", "msg_type": "t"}, content=content)
    with pytest.raises(ValueError, match=r"JSON|Out of range"):
        encode(message, KEY)


@pytest.mark.field("K9")
def test_a_repeated_message_is_a_replay() -> None:
    seen = SeenSignatures()
    seen.check(encode(BARE, KEY))
    seen.check(encode(FULL, KEY))
    with pytest.raises(WireError, match="replayed"):
        seen.check([b"other identity", *encode(BARE, KEY)])


@pytest.mark.field("K9")
def test_the_error_for_a_replay_has_the_whole_message() -> None:
    seen = SeenSignatures()
    parts = encode(FULL, KEY)
    seen.check(parts)
    with pytest.raises(WireError) as caught:
        seen.check(parts)
    assert caught.value.reason == "a replayed message"
    assert caught.value.frame == b"".join(parts)
    assert (seen.limit, len(seen)) == (65536, 1)


@pytest.mark.field("K9")
def test_the_memory_of_signatures_is_bounded_and_forgets_the_oldest() -> None:
    seen = SeenSignatures(limit=3)
    messages = [signed(json.dumps({"n": n}).encode(), b"{}", b"{}", b"{}") for n in range(5)]
    for message in messages:
        seen.check(message)
    assert len(seen) == 3
    seen.check(messages[0])
    with pytest.raises(WireError, match="replayed"):
        seen.check(messages[4])


@pytest.mark.field("K9")
def test_by_default_signatures_take_some_megabytes_at_most() -> None:
    seen = SeenSignatures()
    tracemalloc.start()
    try:
        for number in range(seen.limit + 1000):
            seen.check([b"<IDS|MSG>", b"%064x" % number, b"", b"", b"", b""])
        assert tracemalloc.get_traced_memory()[0] < 20e6
    finally:
        tracemalloc.stop()
