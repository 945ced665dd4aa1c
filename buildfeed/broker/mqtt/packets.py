"""Plain PUBLISH packets as a broker sends them (MQTT 3.1.1 §3.3, MQTT 5 §3.3). Pure.

paho takes ten times as long to read one, which was most of what an activity costs a gateway.
"""

from typing import Final

from buildfeed.broker.mqtt.session import Message

_PUBLISH, _KIND = 0x30, 0xF0  # the upper half of the first byte
_QOS, _AT_LEAST_ONCE, _RETAIN = 0x06, 0x02, 0x01
_MORE: Final = 0x80  # in a byte of a length: another one follows
_SPARE: Final = 4
"""Bytes that must follow a packet, so that each byte looked at is there; paho reads the last."""


def publishes(
    data: bytes, start: int, *, properties: bool, connection: int
) -> tuple[list[Message], int]:
    """Return the messages that lie in `data` from `start` on, and where something else begins.

    Something else is another packet, one that is not whole, and what is left to paho: QoS 2, 16 KiB
    and more, properties (only MQTT 5 has them) of 128 bytes and more, a topic that is empty or not
    ASCII.
    """
    found: list[Message] = []
    size = len(data)
    while start + _SPARE < size:
        first, length, at = data[start], data[start + 1], start + 2
        if first & _KIND != _PUBLISH or first & _QOS > _AT_LEAST_ONCE:
            break
        if length >= _MORE:
            if data[at] >= _MORE:
                break
            length, at = length - _MORE + data[at] * _MORE, at + 1
        end = at + length
        name, at = at + 2, at + 2 + data[at] * 256 + data[at + 1]
        if end > size or at + _SPARE > end:
            break
        packet_id = 0
        topic = data[name:at]
        if first & _QOS:
            packet_id, at = data[at] * 256 + data[at + 1], at + 2
        skipped = 1 + data[at] if properties else 0
        at += skipped
        if skipped > _MORE or at > end or not (topic and topic.isascii()):
            break
        qos, retain = (first & _QOS) >> 1, first & _RETAIN == _RETAIN
        found.append(Message(topic.decode(), data[at:end], qos, retain, packet_id, connection))
        start = end
    return found, start
