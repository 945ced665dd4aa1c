"""Socket.IO packets of clients."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.engine.packets import BadPacket, Packet, answer, connected, decode, event, refused

NESTED = json.loads("[" * 63 + "]" * 63)


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0", Packet("0")),
        ('0{"watch":"builds/#"}', Packet("0", data={"watch": "builds/#"})),
        ('0/admin,{"a":1}', Packet("0", "/admin", data={"a": 1})),
        ("0/admin", Packet("0", "/admin")),
        ("0/admin?x=1,", Packet("0", "/admin")),
        ("1", Packet("1")),
        ("1/admin,", Packet("1", "/admin")),
        ('2["watch"]', Packet("2", event="watch", data=[])),
        ('212["watch","builds/#",1]', Packet("2", "/", 12, "watch", ["builds/#", 1])),
        ('2/admin,7["a"]', Packet("2", "/admin", 7, "a", [])),
        ("0null", Packet("0")),
        ('0{"watch":null}', Packet("0", data={"watch": None})),
        (r'2["watch","\ud83d"]', Packet("2", event="watch", data=["�"])),
        (r'0{"name\ud83d":"\ude00"}', Packet("0", data={"name�": "�"})),
        ('2["a",' + "[" * 63 + "]" * 63 + "]", Packet("2", event="a", data=[NESTED])),
    ],
)
def test_a_packet_is_read(text: str, packet: Packet) -> None:
    assert decode(text) == packet


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "2", "2[]", "2{}", '2"a"', "2[1]", '2["a"', "2[null]", "20", "2-1[]"),
        *("00", "0[]", '0"a"', "0{", "1{}", '1["a"]', "3[]", '51-["a"]', '6["a"]', "4{}"),
        '2999999999999999999999["a"]',
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


def test_what_a_server_says() -> None:
    assert connected("abc") == b'40{"sid":"abc"}'
    assert event("feed", {"pid": 1}) == b'42["feed",{"pid":1}]'
    assert answer(12, {"a": 1}) == b'4312[{"a":1}]'
    assert refused("/admin", "Invalid namespace") == b'44/admin,{"message":"Invalid namespace"}'
    assert refused("/", "no", {"code": "x"}) == b'44{"message":"no","data":{"code":"x"}}'
