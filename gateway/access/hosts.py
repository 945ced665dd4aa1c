"""Host names and web origins, as headers and operators write them. Pure."""

import ipaddress
import re
from typing import Final

import msgspec

_LABEL: Final = r"[a-z0-9_-]+"
_HOST: Final = re.compile(rf"(\[[^\[\]]+\]|{_LABEL}(?:\.{_LABEL})*\.?)(?::(\d{{0,5}}))?", re.ASCII)
_NUMBER: Final = re.compile(r"\d+|0x[0-9a-f]*", re.ASCII)
_OCTETS: Final = 4
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*", re.ASCII)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_SOCKETS: Final = {"ws": "http", "wss": "https"}
"""What programs call an origin that opens a WebSocket, and what browsers call it."""


class Host(msgspec.Struct, frozen=True):
    """A name in lower case without the dot at its end, or an IP address; and a port, if any."""

    name: str
    port: int | None = None

    @property
    def is_fixed(self) -> bool:
        """True when nobody else can make it point here (DNS rebinding).

        True of IP addresses, and of localhost with all names below it (RFC 6761 §6.3).
        """
        if self.name == "localhost" or self.name.endswith(".localhost"):
            return True
        return _address(self.name) is not None

    @property
    def unmapped(self) -> str:
        """The name; an IPv4 address inside one of IPv6 (RFC 4291 §2.5.5.2) as itself."""
        address = ipaddress.ip_address(self.name) if ":" in self.name else None
        return str(getattr(address, "ipv4_mapped", None) or self.name)

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port is None else f"{name}:{self.port}"


class Origin(msgspec.Struct, frozen=True):
    """A web origin (RFC 6454 §4); the port is None when it is that of the scheme."""

    scheme: str
    host: Host

    def is_of(self, host: Host) -> bool:
        """Tell whether its pages were asked for with the header `Host: {host}`.

        A proxy may have ended TLS, so the default port of either scheme counts as no port.
        """
        return self.scheme in _DEFAULT_PORTS and self.host == _without_default(self.scheme, host)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}"


def host(text: str) -> Host | None:
    """Return the host in a Host header, None when the text is no host."""
    text = text.strip(" \t").lower()  # RFC 9110 §5.5: the parser leaves it in
    if address := _address(text):  # without brackets, as some clients write it
        return Host(address)
    found = _HOST.fullmatch(text)
    if not found:
        return None
    name, port = found[1], int(found[2]) if found[2] else None
    name = _address(name[1:-1]) if name.startswith("[") else _name(name.removesuffix("."))
    if not name or (port is not None and not 0 < port <= 65_535):  # noqa: PLR2004 - all there are
        return None
    return Host(name, port)


def origin(text: str) -> Origin | None:
    """Return the origin in an Origin header or in an option, None when the text is no origin."""
    scheme, _, rest = text.strip(" \t").lower().partition("://")
    found = host(rest)
    if not found or not _SCHEME.fullmatch(scheme):
        return None
    scheme = _SOCKETS.get(scheme, scheme)
    return Origin(scheme, _without_default(scheme, found))


def _without_default(scheme: str, host: Host) -> Host:
    return Host(host.name) if host.port == _DEFAULT_PORTS.get(scheme) else host


def _name(text: str) -> str | None:
    """Return a name; what ends in a number is an IPv4 address or nothing (WHATWG URL §3.5)."""
    last = text.rpartition(".")[2]
    return _ipv4(text) if _NUMBER.fullmatch(last) else text


def _ipv4(text: str) -> str | None:
    """Return an IPv4 address, also one that is written as `127.1` or `0x7f.1` (inet_aton(3))."""
    numbers = [_number(part) for part in text.split(".")]
    *first, last = numbers
    room = 256 ** (_OCTETS - len(first))
    if len(numbers) > _OCTETS or last is None or last >= room:
        return None
    value = last
    for place, number in enumerate(first, 1):
        if number is None or number > 255:  # noqa: PLR2004 - of an octet
            return None
        value += number * 256 ** (_OCTETS - place)
    return str(ipaddress.IPv4Address(value))


def _number(text: str) -> int | None:
    """Return a number in decimal, octal or hexadecimal digits."""
    try:
        if text.startswith("0x"):
            return int(text[2:] or "0", 16)
        return int(text, 8 if text.startswith("0") else 10)
    except ValueError:
        return None


def _address(text: str) -> str | None:
    """Return the IP address; its zone (RFC 6874) is of one machine only, and left out."""
    try:
        return str(ipaddress.ip_address(text.partition("%")[0] if ":" in text else text))
    except ValueError:
        return None
