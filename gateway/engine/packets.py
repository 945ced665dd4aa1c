"""Packets of Engine.IO 4, and of Socket.IO 5 in its messages. Pure.

What a client sends is read by python-socketio's class, and checked here. What goes out to many is
written here. A payload is split here too: python-engineio's class would parse messages as JSON.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import socketio.packet
from socketio.packet import BINARY_EVENT, CONNECT, DISCONNECT, EVENT

from buildfeed import documents

ENGINE_CLOSE: Final = "1"
ENGINE_PONG: Final = "3"
ENGINE_MESSAGE: Final = "4"
PROBE: Final = "2probe"
UPGRADE: Final = "5"

CLOSE: Final = b"1"
PING: Final = b"2"
PROBED: Final = b"3probe"
NOOP: Final = b"6"

ROOT: Final = "/"

_SEPARATOR: Final = "\x1e"


class BadPacket(ValueError):
    """A client sent a text that is no packet for a server."""


class Json:
    """msgspec behind the two functions that python-socketio asks of a JSON module."""

    @staticmethod
    def dumps(value: object, **_: object) -> str:
        """Return `value` as JSON without spaces."""
        return msgspec.json.encode(value).decode()

    @staticmethod
    def loads(text: str | bytes) -> Any:  # noqa: ANN401 - JSON is any
        """Return the value; raise ValueError as the standard module does."""
        return documents.parse(text)


class Packet(socketio.packet.Packet):  # type: ignore[misc]  # it is not typed
    """A Socket.IO packet of a client.

    `packet_type`, `namespace`, `id` (of an ack that is wanted, or None), `data` (the auth of a
    connect, or the name of an event and its arguments) and `attachment_count`.
    """

    json = Json


def opened(
    sid: str, upgrades: Sequence[str], *, interval_ms: int, timeout_ms: int, max_bytes: int
) -> bytes:
    """Return the Engine.IO open packet."""
    body = {
        "sid": sid,
        "upgrades": upgrades,
        "pingInterval": interval_ms,
        "pingTimeout": timeout_ms,
        "maxPayload": max_bytes,
    }
    return b"0" + msgspec.json.encode(body)


def payload(packets: Sequence[bytes]) -> bytes:
    """Return packets as the answer to a poll."""
    return _SEPARATOR.encode().join(packets)


def split(body: bytes, most: int) -> list[str | bytes]:
    """Return the packets in the body of a POST, bytes for binary ones; raises BadPacket."""
    try:
        texts = body.decode().split(_SEPARATOR)
        if len(texts) > most:
            raise BadPacket(f"{most} packets at most")
        return [b64decode(text[1:], validate=True) if text[:1] == "b" else text for text in texts]
    except (UnicodeDecodeError, binascii.Error) as exc:
        raise BadPacket(str(exc)) from exc


def base64(data: bytes) -> bytes:
    """Return a binary message as polling carries it."""
    return b"b" + b64encode(data)


def connected(sid: str, namespace: str = ROOT) -> bytes:
    """Return the answer to a connect."""
    return b"40" + _prefix(namespace) + msgspec.json.encode({"sid": sid})


def refused(namespace: str, message: str, data: object = None) -> bytes:
    """Return the answer to a connect that is refused."""
    body = {"message": message} if data is None else {"message": message, "data": data}
    return b"44" + _prefix(namespace) + msgspec.json.encode(body)


def event(name: str, body: object) -> bytes:
    """Return an event with one argument."""
    return b"42" + msgspec.json.encode([name, body])


def answer(id_: int, body: object) -> bytes:
    """Return the ack of the event with the id `id_`."""
    return b"43%d" % id_ + msgspec.json.encode([body])


def decode(text: str) -> Packet:
    """Return the Socket.IO packet in an Engine.IO message; raise BadPacket for anything else."""
    try:
        packet = Packet(encoded_packet=text)
    except ValueError as exc:
        raise BadPacket(str(exc)) from exc
    packet.namespace = packet.namespace or ROOT
    data, kind = packet.data, packet.packet_type
    if kind in (EVENT, BINARY_EVENT):
        fits = isinstance(data, list) and data and isinstance(data[0], str)
    elif kind == CONNECT:
        fits = packet.id is None and (data is None or isinstance(data, dict))
    else:
        fits = kind == DISCONNECT and packet.id is None and data is None
    if not fits or (kind == BINARY_EVENT) != bool(packet.attachment_count):
        raise BadPacket("no packet of a client")
    return packet


def _prefix(namespace: str) -> bytes:
    return b"" if namespace == ROOT else namespace.encode() + b","
