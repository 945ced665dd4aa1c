"""Frames as a WebSocket client sends them."""

import secrets


def sent(opcode: int, payload: bytes, *, fin: bool = True, masked: bool = True) -> bytes:
    """Return a masked frame (RFC 6455 §5.2)."""
    size, bit = len(payload), 0x80 if masked else 0
    head = bytes([opcode | (0x80 if fin else 0)])
    if size < 126:
        head += bytes([bit | size])
    elif size < 1 << 16:
        head += bytes([bit | 126]) + size.to_bytes(2)
    else:
        head += bytes([bit | 127]) + size.to_bytes(8)
    if not masked:
        return head + payload
    mask = secrets.token_bytes(4)
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
