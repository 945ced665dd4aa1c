"""Packets of Socket.IO 5 in messages of Engine.IO 4, as text. Pure. Binary ones are refused."""

from typing import Any, Final

import msgspec

from buildfeed import documents

ENGINE_CLOSE: Final = "1"
ENGINE_PONG: Final = "3"
ENGINE_MESSAGE: Final = "4"

CONNECT: Final = "0"
DISCONNECT: Final = "1"
EVENT: Final = "2"

ROOT: Final = "/"
PING: Final = b"2"

_MAX_ID_DIGITS: Final = 18


class BadPacket(ValueError):
    """A client sent a text that is no packet for a server."""


class Packet(msgspec.Struct, frozen=True):
    """A Socket.IO packet of a client. `data`: the auth of a connect, the arguments of an event."""

    kind: str
    namespace: str = ROOT
    id: int | None = None
    event: str = ""
    data: Any = None


def opened(sid: str, *, interval_ms: int, timeout_ms: int, max_bytes: int) -> bytes:
    """Return the Engine.IO open packet."""
    body = {
        "sid": sid,
        "upgrades": [],
        "pingInterval": interval_ms,
        "pingTimeout": timeout_ms,
        "maxPayload": max_bytes,
    }
    return b"0" + msgspec.json.encode(body)


def connected(sid: str) -> bytes:
    """Return the answer to a connect."""
    return b"40" + msgspec.json.encode({"sid": sid})


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
    kind, rest = text[:1], text[1:]
    if kind not in (CONNECT, DISCONNECT, EVENT) or not kind:
        raise BadPacket("no packet of a client")
    namespace = ROOT
    if rest.startswith("/"):
        namespace, _, rest = rest.partition(",")
        namespace = namespace.partition("?")[0]
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    if len(digits) > _MAX_ID_DIGITS:
        raise BadPacket("an id too long")
    data = _json(rest[len(digits) :])
    id_ = int(digits) if digits else None
    if kind == EVENT:
        if not (isinstance(data, list) and data and isinstance(data[0], str)):
            raise BadPacket("an event without a name")
        return Packet(kind, namespace, id_, data[0], data[1:])
    if id_ is not None or not (data is None or (kind == CONNECT and isinstance(data, dict))):
        raise BadPacket("not what belongs there")
    return Packet(kind, namespace, data=data)


def _json(text: str) -> Any:  # noqa: ANN401 - JSON is any
    if not text:
        return None
    try:
        return documents.parse(text)
    except ValueError as exc:
        raise BadPacket(str(exc)) from exc


def _prefix(namespace: str) -> bytes:
    return b"" if namespace == ROOT else namespace.encode() + b","
