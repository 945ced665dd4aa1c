"""Plain PUBLISH packets as a broker sends them (MQTT 3.1.1 §3.3, MQTT 5 §3.3). Pure.

paho needs ten times as long to read one. With it, reading was most of the work that an activity
makes in a gateway.
"""

from typing import Final

from buildfeed.broker.mqtt.session import Message

# Bits of the first byte of a packet.
_PUBLISH, _TYPE_MASK = 0x30, 0xF0
_QOS_MASK, _QOS_1, _RETAIN = 0x06, 0x02, 0x01
_CONTINUED: Final = 0x80
"""Bit in a byte of a length: another byte follows."""
_SPARE_BYTES: Final = 4
"""Bytes that must be there after the first byte of a packet, and after its topic. So no index below
needs a check of its own; shorter packets are left to paho."""


def publishes(
    data: bytes, start: int, *, properties: bool, connection: int
) -> tuple[list[Message], int]:
    """Return the messages in `data` from `start` on, and the index of the first other packet.

    Other packets are left to paho: of another type, incomplete, of 16 KiB and more, with QoS 2,
    with a payload of a few bytes, with properties (MQTT 5 only) of 128 bytes and more, or with a
    topic that is empty or not ASCII.
    """
    found: list[Message] = []
    size = len(data)
    while start + _SPARE_BYTES < size:
        first, length, at = data[start], data[start + 1], start + 2
        if first & _TYPE_MASK != _PUBLISH or first & _QOS_MASK > _QOS_1:
            break
        if length >= _CONTINUED:
            if data[at] >= _CONTINUED:
                break
            length, at = length - _CONTINUED + data[at] * _CONTINUED, at + 1
        end = at + length
        name, at = at + 2, at + 2 + data[at] * 256 + data[at + 1]
        if end > size or at + _SPARE_BYTES > end:
            break
        packet_id = 0
        topic = data[name:at]
        if first & _QOS_MASK:
            packet_id, at = data[at] * 256 + data[at + 1], at + 2
        skipped = 1 + data[at] if properties else 0
        at += skipped
        if skipped > _CONTINUED or at > end or not (topic and topic.isascii()):
            break
        qos, retain = (first & _QOS_MASK) >> 1, first & _RETAIN == _RETAIN
        found.append(Message(topic.decode(), data[at:end], qos, retain, packet_id, connection))
        start = end
    return found, start
