"""The presence of a worker."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from buildfeed.errors import InvalidActivity
from buildfeed.presence import (
    MAX_BYTES,
    OfferedJob,
    Presence,
    RunningBuild,
    decode,
    encode,
    removed,
)

ONLINE = Presence("w1", "online", (RunningBuild("acme", "b1", 1),), slots=2, lag_ms=3, published=45)


def test_a_presence_survives_its_payload() -> None:
    assert decode("workers/w1/status", encode(ONLINE)) == ONLINE


def test_the_payload_is_what_the_contract_says() -> None:
    assert json.loads(encode(ONLINE)) == {
        "worker": "w1",
        "status": "online",
        "builds": [{"project": "acme", "build": "b1", "attempt": 1}],
        "keeps": [],
        "slots": 2,
        "lag_ms": 3,
        "published": 45,
        "said": 0,
        "instance": "",
    }


def test_a_worker_of_commands_tells_what_it_can_run() -> None:
    jobs = (OfferedJob("acme", "deploy", ("stage",)),)
    payload = encode(structs.replace(ONLINE, jobs=jobs))
    offered = {"project": "acme", "job": "deploy", "parameters": ["stage"]}
    assert json.loads(payload)["jobs"] == [offered]
    assert decode("workers/w1/status", payload).jobs == jobs


def test_unknown_keys_are_ignored_and_absent_ones_have_defaults() -> None:
    payload = b'{"worker": "w1", "status": "offline", "since": "yesterday"}'

    assert decode("workers/w1/status", payload) == Presence("w1", "offline")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"worker": "w1", "status": "asleep"}',
        b'{"worker": "../w1", "status": "online"}',
        b'{"worker": "w2", "status": "online"}',
    ],
)
def test_anything_else_is_refused(payload: bytes) -> None:
    with pytest.raises(InvalidActivity):
        decode("workers/w1/status", payload)


@pytest.mark.parametrize(
    "payload",
    [
        b'\xef\xbb\xbf{"worker":"w1","status":"online"}',
        b'{"worker":"w1","status":"online"}\0',
        b'{"worker":"w1","status":"online","builds":null,"keeps":null,"slots":null}',
        b'{"worker":"w1","status":"online","lag_ms":null,"published":null}',
        b'{"worker":"w1","status":"online","slots":"two","lag_ms":2.5,"published":-1}',
        rb'{"worker":"w1","status":"online","host":"\ud83d"}',
        b'{"worker":"w1","status":"online","host":"caf\xe9","load":NaN}',
    ],
)
def test_an_oddity_makes_no_worker_disappear(payload: bytes) -> None:
    assert decode("workers/w1/status", payload) == Presence("w1", "online")


def test_whole_floats_are_counts() -> None:
    payload = (
        b'{"worker":"w1","status":"online","slots":2.0,"lag_ms":3.0,"published":45.0,'
        b'"builds":[{"project":"acme","build":"b1","attempt":1.0,"new":null}]}'
    )
    assert decode("workers/w1/status", payload) == ONLINE


@pytest.mark.parametrize("key", ["builds", "keeps"])
@pytest.mark.parametrize(
    "value", ["b1", {}, [None], [{"project": "acme", "build": "b1", "attempt": None}]]
)
def test_builds_that_cannot_be_read_are_not_taken_for_none(key: str, value: object) -> None:
    payload = json.dumps({"worker": "w1", "status": "online", key: value}).encode()
    with pytest.raises(InvalidActivity, match=key):
        decode("workers/w1/status", payload)


def test_a_presence_has_a_limit() -> None:
    payload = encode(ONLINE)
    padded = payload + b" " * (MAX_BYTES - len(payload))
    assert decode("workers/w1/status", padded) == ONLINE
    with pytest.raises(InvalidActivity, match="262145 bytes"):
        decode("workers/w1/status", padded + b" ")


@given(st.binary())
def test_no_payload_raises_anything_but_a_refusal(payload: bytes) -> None:
    with pytest.raises(InvalidActivity):
        decode("workers/w1/status", payload)


def test_a_presence_is_removed_on_its_own_topic_only() -> None:
    assert removed("workers/w1/status") == "w1"
    for topic in ("workers/w1", "workers/W1/status", "w1/status", "w1", "workers//status"):
        with pytest.raises(InvalidActivity):
            removed(topic)
