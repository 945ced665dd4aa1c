"""Free listen ports on the loopback interface, and how a host is written beside a port."""

import socket
from itertools import chain
from typing import Final

LOOPBACK: Final = "127.0.0.1"

_FIRST: Final = 20_000
_LAST: Final = 32_000
"""Ports are taken from this range. From 32768 on, Linux gives ports to outgoing connections."""


def free_block(size: int, start: int) -> int | None:
    """Return the first of `size` free ports in a row, None if there is no such block.

    `start` is any number; an equal number gives the same block while that is free.
    """
    bases = range(_FIRST, _LAST, size)
    first = start % len(bases)
    for base in chain(bases[first:], bases[:first]):
        if all(is_free(port) for port in range(base, base + size)):
            return base
    return None


def is_free(port: int) -> bool:
    """Tell whether a server could listen on `port` now."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            sock.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def accepts(port: int) -> bool:
    """Tell whether a server listens on `port`."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def in_url(host: str) -> str:
    """Return `host` as it is written in a URL: IPv6 addresses in brackets (RFC 3986 §3.2.2)."""
    return f"[{host}]" if ":" in host else host
