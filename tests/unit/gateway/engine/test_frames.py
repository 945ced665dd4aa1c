"""WebSocket frames as a client sends them."""

import secrets
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.engine.frames import (
    BINARY,
    CLOSE,
    PING,
    PROTOCOL_ERROR,
    TEXT,
    TOO_BIG,
    BrokenFrames,
    Frames,
    close_frame,
    frame,
)
from support.client_frames import sent

LIMIT = 70_000


def read(*pieces: bytes) -> list[tuple[int, bytes]]:
    frames = Frames(LIMIT)
    return [message for piece in pieces for message in frames.feed(piece)]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, LIMIT])
def test_a_message_of_any_size_comes_out(size: int) -> None:
    payload = secrets.token_bytes(size)
    assert read(sent(BINARY, payload)) == [(BINARY, payload)]


@given(st.lists(st.binary(max_size=300), max_size=5), st.data())
def test_however_the_network_cuts_it_the_same_comes_out(
    payloads: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(sent(TEXT, payload) for payload in payloads)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))
    pieces = [stream[a:b] for a, b in pairwise(sorted([0, *cuts, len(stream)]))]
    assert read(*pieces) == [(TEXT, payload) for payload in payloads]


def test_fragments_are_put_together_and_a_ping_may_come_between() -> None:
    said = sent(TEXT, b"a", fin=False), sent(PING, b"!"), sent(0, b"b", fin=False), sent(0, b"c")
    assert read(*said) == [(PING, b"!"), (TEXT, b"abc")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(sent(TEXT, b"x", masked=False), PROTOCOL_ERROR, id="not masked"),
        pytest.param(sent(0x41, b"x"), PROTOCOL_ERROR, id="a reserved bit"),
        pytest.param(sent(0x3, b"x"), PROTOCOL_ERROR, id="an unknown kind"),
        pytest.param(sent(0xB, b"x"), PROTOCOL_ERROR, id="an unknown control frame"),
        pytest.param(sent(PING, b"x" * 126), PROTOCOL_ERROR, id="a long ping"),
        pytest.param(sent(CLOSE, b"", fin=False), PROTOCOL_ERROR, id="a close in pieces"),
        pytest.param(sent(0, b"x"), PROTOCOL_ERROR, id="the end of nothing"),
        pytest.param(
            sent(TEXT, b"x", fin=False) + sent(TEXT, b"y"), PROTOCOL_ERROR, id="two at a time"
        ),
        pytest.param(sent(TEXT, b"x" * (LIMIT + 1)), TOO_BIG, id="too big"),
        pytest.param(b"\x81\xff" + (1 << 62).to_bytes(8), TOO_BIG, id="says it is too big"),
        pytest.param(
            sent(TEXT, b"x" * LIMIT, fin=False) + sent(0, b"y"), TOO_BIG, id="too big in pieces"
        ),
        pytest.param(
            sent(TEXT, b"", fin=False) + sent(0, b"", fin=False) * 64, TOO_BIG, id="many pieces"
        ),
    ],
)
def test_a_client_that_breaks_the_rules_is_told_why(data: bytes, code: int) -> None:
    with pytest.raises(BrokenFrames) as refusal:
        read(data)
    assert refusal.value.code == code


@given(st.lists(st.binary(max_size=200), max_size=4))
def test_garbage_is_read_or_refused_and_nothing_else(pieces: list[bytes]) -> None:
    with suppress(BrokenFrames):
        assert all(len(payload) <= 800 for _, payload in read(*pieces))


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_a_server_frame_says_its_size_in_as_few_bytes_as_there_can_be(size: int) -> None:
    written = frame(TEXT, b"x" * size)
    assert written[0] == 0x81
    assert len(written) - size == (2 if size < 126 else 4 if size < 65_536 else 10)


def test_a_close_has_its_code_and_as_much_of_the_reason_as_fits() -> None:
    assert close_frame(1008, "no") == b"\x88\x04\x03\xf0no"
    assert close_frame(1008, "é" * 200) == b"\x88\x7c\x03\xf0" + "é".encode() * 61
