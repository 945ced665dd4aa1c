"""What is read of PUBLISH packets before paho sees them, against paho's own reading."""

import random

import pytest
from paho.mqtt._packet import decode_publish
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.exception import MalformedPacket

from buildfeed.broker.mqtt.packets import publishes
from buildfeed.broker.mqtt.session import Message

PINGRESP = b"\xd0\x00"
TOPIC = b"builds/acme/b1/progress"


def number(value: int) -> bytes:
    """A variable byte integer, MQTT 5 §1.5.5."""
    low, high = value % 128, value // 128
    return bytes([low | 128]) + number(high) if high else bytes([low])


def packet(
    payload: bytes = b"payload",
    *,
    topic: bytes = TOPIC,
    qos: int = 0,
    retain: bool = False,
    properties: bytes | None = b"",
) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic + (b"\x01\x02" if qos else b"")
    if properties is not None:
        body += number(len(properties)) + properties
    body += payload
    return bytes([0x30 | qos << 1 | retain]) + number(len(body)) + body


def read(data: bytes, *, properties: bool = True) -> tuple[list[Message], int]:
    return publishes(data, 0, properties=properties, connection=7)


@pytest.mark.parametrize("properties", [None, b"", b"\x01\x01"])
@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("retain", [False, True])
def test_a_message_is_read(*, properties: bytes | None, qos: int, retain: bool) -> None:
    data = packet(b"{}" * 500, qos=qos, retain=retain, properties=properties)
    (message,), end = read(data, properties=properties is not None)
    assert end == len(data)
    assert message == Message(TOPIC.decode(), b"{}" * 500, qos, retain, 0x102 if qos else 0, 7)


def test_messages_are_read_up_to_the_next_packet_of_another_kind() -> None:
    both = packet(b"first") + packet(b"second", qos=1)
    messages, end = read(both + PINGRESP + packet(b"third"))
    assert ([each.payload for each in messages], end) == ([b"first", b"second"], len(both))


def test_a_message_of_which_the_end_is_missing_is_left() -> None:
    first, second = packet(b"a" * 200), packet(b"b" * 200)
    for cut in range(len(second)):
        messages, end = read(first + second[:cut])
        assert ([each.payload for each in messages], end) == ([b"a" * 200], len(first))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(packet(qos=2), id="QoS 2"),
        pytest.param(packet(b"x" * 16_384), id="16 KiB"),
        pytest.param(packet(properties=b"\x26" * 128), id="many properties"),
        pytest.param(packet(topic="builds/\u00e9".encode()), id="beyond ASCII"),
        pytest.param(packet(b"", properties=None), id="nothing but a topic"),
        pytest.param(PINGRESP, id="another kind"),
    ],
)
def test_what_is_not_plain_is_left(data: bytes) -> None:
    assert read(data + packet(), properties=b"\x26" in data) == ([], 0)


def test_whatever_the_bytes_paho_reads_the_same() -> None:
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    for _ in range(20_000):
        five, qos = rng.choice([True, False]), rng.choice([0, 1])
        data = bytearray(packet(rng.randbytes(9), qos=qos, properties=b"" if five else None))
        for _ in range(rng.randrange(3)):
            data[rng.randrange(len(data))] = rng.choice([0, 1, 2, 3, 127, 128, 255])
        messages, end = read(bytes(data + bytes(8)), properties=five)
        if messages:
            assert same(messages[0], bytes(data + bytes(8))[:end], five=five), f"seed {seed}"


def same(ours: Message, data: bytes, *, five: bool) -> bool:
    """Tell whether paho reads a first packet like this too."""
    version = MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311
    begin, length = (2, data[1]) if data[1] < 128 else (3, data[1] - 128 + 128 * data[2])
    try:
        theirs = decode_publish(data[0], data[begin : begin + length], version)
    except MalformedPacket:
        return five  # its properties, which are passed over
    return (ours.topic.encode(), ours.payload, ours.qos, ours.retain, ours.packet_id) == (
        theirs.topic,
        theirs.payload,
        theirs.qos,
        theirs.retain,
        theirs.mid,
    )
