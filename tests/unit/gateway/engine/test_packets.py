"""Socket.IO packets of clients."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.engine.packets import (
    BadPacket,
    Packet,
    answer,
    base64,
    connected,
    decode,
    event,
    payload,
    refused,
    split,
)

NESTED = json.loads("[" * 63 + "]" * 63)


@pytest.mark.parametrize(
    ("text", "kind", "namespace", "id_", "data"),
    [
        ("0", 0, "/", None, None),
        ('0{"watch":"builds/#"}', 0, "/", None, {"watch": "builds/#"}),
        ('0/admin,{"a":1}', 0, "/admin", None, {"a": 1}),
        ("0/admin", 0, "/admin", None, None),
        ("0/admin?x=1,", 0, "/admin", None, None),
        ("1", 1, "/", None, None),
        ("1/admin,", 1, "/admin", None, None),
        ('2["watch"]', 2, "/", None, ["watch"]),
        ('212["watch","builds/#",1]', 2, "/", 12, ["watch", "builds/#", 1]),
        ('2/admin,7["a"]', 2, "/admin", 7, ["a"]),
        ('51-["a"]', 5, "/", None, ["a"]),
        ("0null", 0, "/", None, None),
        ('0{"watch":null}', 0, "/", None, {"watch": None}),
        (r'2["watch","\ud83d"]', 2, "/", None, ["watch", "�"]),
        (r'0{"name\ud83d":"\ude00"}', 0, "/", None, {"name�": "�"}),
        ('2["a",' + "[" * 63 + "]" * 63 + "]", 2, "/", None, ["a", NESTED]),
    ],
)
def test_a_packet_is_read(
    text: str, kind: int, namespace: str, id_: int | None, data: object
) -> None:
    packet = decode(text)
    found = (packet.packet_type, packet.namespace, packet.id, packet.data)
    assert found == (kind, namespace, id_, data)


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "2", "2[]", "2{}", '2"a"', "2[1]", '2["a"', "2[null]", "20", "2-1[]"),
        *("00", "0[]", '0"a"', "0{", "1{}", '1["a"]', "3[]", '5["a"]', '21-["a"]', '6["a"]', "4{}"),
        "2" + "9" * 101 + '["a"]',
        "599999999999-[1]",
        '2["a",' + "[" * 64 + "]" * 64 + "]",
        '2["a",' + "[" * 5000 + "]" * 5000 + "]",
        '2["\ud800"]',
    ],
)
def test_what_is_no_packet_is_refused(text: str) -> None:
    with pytest.raises(BadPacket):
        decode(text)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(BadPacket):
        assert isinstance(decode(text), Packet)


def test_a_payload_is_split_and_joined() -> None:
    assert split(b"4hi\x1e3\x1ebAQID", 16) == ["4hi", "3", b"\1\2\3"]
    assert payload([b"42[1]", b"2", base64(b"\1\2\3")]) == b"42[1]\x1e2\x1ebAQID"


@pytest.mark.parametrize("body", [b"\xff", b"b???", "bé".encode(), "\x1e".join("3333").encode()])
def test_what_is_no_payload_is_refused(body: bytes) -> None:
    with pytest.raises(BadPacket):
        split(body, 3)


def test_what_a_server_says() -> None:
    assert connected("abc") == b'40{"sid":"abc"}'
    assert event("feed", {"pid": 1}) == b'42["feed",{"pid":1}]'
    assert answer(12, {"a": 1}) == b'4312[{"a":1}]'
    assert refused("/admin", "Invalid namespace") == b'44/admin,{"message":"Invalid namespace"}'
    assert refused("/", "no", {"code": "x"}) == b'44{"message":"no","data":{"code":"x"}}'
