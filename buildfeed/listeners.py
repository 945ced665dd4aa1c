"""The sockets that a server listens on: one for each address of its host.

Each socket has one family, so a client's address is that of IPv4 or of IPv6, and never one inside
the other (RFC 4291 §2.5.5.2). A host that has several addresses is served on each of them:

* `localhost`, and names below it, on 127.0.0.1 and ::1, whatever a resolver says (RFC 6761 §6.3);
* `::`, which means this machine, on every address of both families.
"""

import errno
import os
import socket
from typing import Final

from buildfeed.errors import CannotListen

LOOPBACK: Final = "127.0.0.1"

_EVERY_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - a word for it
_SEVERAL: Final = {"::": ("::", _EVERY_ADDRESS), "localhost": (LOOPBACK, "::1")}
_NOT_HERE: Final = errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL


def bind(host: str, port: int, *, shared: bool = False) -> list[socket.socket]:
    """Return the sockets of a server; they do not listen yet.

    With `shared`, other processes may bind the port too (SO_REUSEPORT). Raises CannotListen.
    """
    bound: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, address in _addresses(host, port):
            try:
                bound.append(_bound(family, address, shared=shared))
            except OSError as exc:
                if exc.errno not in _NOT_HERE:
                    raise
                missing = exc  # a machine without IPv6, maybe: the others will do
        if missing and not bound:
            raise missing
    except (OSError, UnicodeError) as exc:
        for sock in bound:
            sock.close()
        raise _refusal(host, port, exc) from exc
    return bound


def check(host: str, port: int) -> None:
    """Raise CannotListen if a server could not listen there now."""
    for sock in bind(host, port):
        sock.close()


def reachable(host: str) -> str:
    """Return an address by which this machine reaches a server that listens on `host`."""
    return LOOPBACK if host in ("::", _EVERY_ADDRESS) else _plain(host)


def _plain(host: str) -> str:
    """Return `localhost` for the names below it, which not every resolver knows."""
    return "localhost" if host.endswith(".localhost") else host


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, object]]:
    name = _plain(host)
    found: list[tuple[socket.AddressFamily, object]] = []
    for each in _SEVERAL.get(name, (name,)):
        for family, _, _, _, address in socket.getaddrinfo(each, port, type=socket.SOCK_STREAM):
            if (family, address) not in found:
                found.append((family, address))
    return found


def _bound(family: socket.AddressFamily, address: object, *, shared: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)  # type: ignore[arg-type] # as `getaddrinfo` gives it
    except OSError:
        sock.close()
        raise
    return sock


def _refusal(host: str, port: int, exc: OSError | UnicodeError) -> CannotListen:
    if isinstance(exc, (socket.gaierror, UnicodeError)):
        return CannotListen(host, port, "no address of that name is known")
    taken = exc.errno == errno.EADDRINUSE
    return CannotListen(host, port, os.strerror(exc.errno or 0).lower(), taken=taken)
