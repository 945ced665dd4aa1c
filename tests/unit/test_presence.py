"""The presence of a worker."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildfeed.errors import InvalidActivity
from buildfeed.presence import Presence, RunningBuild, decode, encode

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
    }


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


@given(st.binary())
def test_no_payload_raises_anything_but_a_refusal(payload: bytes) -> None:
    with pytest.raises(InvalidActivity):
        decode("workers/w1/status", payload)
