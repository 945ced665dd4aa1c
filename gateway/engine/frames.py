"""WebSocket frames (RFC 6455 §5) as a server reads and writes them. Pure."""

from collections.abc import Iterator
from typing import Final

TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

NORMAL: Final = 1000
PROTOCOL_ERROR: Final = 1002
REFUSED_KIND: Final = 1003
POLICY: Final = 1008
TOO_BIG: Final = 1009
RESTART: Final = 1012
TRY_LATER: Final = 1013

_CONTINUATION: Final = 0x0
_CONTROL: Final = 0x8
_FIN: Final = 0x80
_RESERVED: Final = 0x70
_MASKED: Final = 0x80
_LENGTH_16: Final = 126
_LENGTH_64: Final = 127
_MAX_CONTROL: Final = 125
_MAX_FRAGMENTS: Final = 64
_MASK_BYTES: Final = 4


class BrokenFrames(Exception):
    """A client does not keep to the protocol: close with `code` (RFC 6455 §7.4.1)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def frame(opcode: int, payload: bytes) -> bytes:
    """Return one whole frame of a server, which does not mask."""
    size = len(payload)
    first = _FIN | opcode
    if size < _LENGTH_16:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return bytes((first, _LENGTH_16)) + size.to_bytes(2) + payload
    return bytes((first, _LENGTH_64)) + size.to_bytes(8) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a close frame; `reason` is cut to the 123 bytes that fit."""
    text = reason.encode()[: _MAX_CONTROL - 2].decode(errors="ignore").encode()
    return frame(CLOSE, code.to_bytes(2) + text)


def payloads(data: bytes) -> list[bytes]:
    """Return the payloads of whole frames that `frame` has made."""
    found = []
    at = 0
    while at < len(data):
        size, begin = data[at + 1], at + 2
        if size >= _LENGTH_16:
            width = 2 if size == _LENGTH_16 else 8
            size = int.from_bytes(data[begin : begin + width])
            begin += width
        at = begin + size
        found.append(data[begin:at])
    return found


class Frames:
    """Reads the frames of one client: bytes go in, whole messages come out.

    A message has `limit` bytes at most. Nothing is kept between whole messages.
    """

    __slots__ = ("_fragments", "_kept", "_limit", "_opcode", "_unread")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._unread = b""
        self._opcode = 0
        self._fragments = 0
        self._kept = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield (opcode, payload) of every message and control frame that is whole now.

        Raises BrokenFrames. Nothing can be read after that, or after an iteration that broke off.
        """
        data = self._unread + data if self._unread else data
        self._unread = b""
        at = 0
        while (found := self._frame(data, at)) is not None:
            at, opcode, fin, payload = found
            if message := self._assemble(opcode, payload, fin=fin):
                yield message
        self._unread = data[at:]

    def forget(self) -> None:
        """Keep nothing of what was read."""
        self._unread = self._kept = b""

    def _frame(self, data: bytes, at: int) -> tuple[int, int, bool, bytes] | None:
        """Return (end, opcode, fin, payload) of the frame that begins `at`, None when not whole."""
        if len(data) - at < 2:  # noqa: PLR2004 - the two bytes that every frame has
            return None
        first, second = data[at], data[at + 1]
        size, head = second & 0x7F, 2
        if first & _RESERVED:
            raise BrokenFrames(PROTOCOL_ERROR, "reserved bits are set")
        if not second & _MASKED:
            raise BrokenFrames(PROTOCOL_ERROR, "a client masks")
        if first & _CONTROL and (size > _MAX_CONTROL or not first & _FIN):
            raise BrokenFrames(PROTOCOL_ERROR, "a control frame is short and whole")
        if size >= _LENGTH_16:
            width = 2 if size == _LENGTH_16 else 8
            if len(data) - at < head + width:
                return None
            size = int.from_bytes(data[at + 2 : at + 2 + width])
            head += width
        if size > self._limit:
            raise BrokenFrames(TOO_BIG, f"{self._limit} bytes at most")
        begin = at + head + _MASK_BYTES
        if len(data) < begin + size:
            return None
        mask = data[begin - _MASK_BYTES : begin]
        payload = _unmask(data[begin : begin + size], mask)
        return begin + size, first & 0x0F, bool(first & _FIN), payload

    def _assemble(self, opcode: int, payload: bytes, *, fin: bool) -> tuple[int, bytes] | None:
        """Return the message that this frame ends, None when it does not end one."""
        if opcode & _CONTROL:
            if opcode not in (CLOSE, PING, PONG):
                raise BrokenFrames(PROTOCOL_ERROR, "an unknown kind of frame")
            return opcode, payload
        if opcode in (TEXT, BINARY) and not self._fragments:
            if fin:
                return opcode, payload
            self._opcode, self._kept = opcode, b""
        elif opcode != _CONTINUATION or not self._fragments:
            raise BrokenFrames(PROTOCOL_ERROR, "fragments out of order")
        self._fragments += 1
        self._kept += payload
        if len(self._kept) > self._limit or self._fragments > _MAX_FRAGMENTS:
            raise BrokenFrames(TOO_BIG, f"{self._limit} bytes and {_MAX_FRAGMENTS} fragments")
        if not fin:
            return None
        message = self._opcode, self._kept
        self._fragments, self._kept = 0, b""
        return message


def _unmask(payload: bytes, mask: bytes) -> bytes:
    """Return `payload` without its mask (RFC 6455 §5.3); all bytes in one operation, for speed."""
    size = len(payload)
    key = (mask * (size // _MASK_BYTES + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(size)
