"""Host names and web origins, as headers and operators write them. Pure."""

import ipaddress
import re
from typing import Final

import msgspec

_HOST: Final = re.compile(r"(\[[^\[\]]+\]|[a-z0-9._-]+)(?::(\d{0,5}))?", re.ASCII)
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*", re.ASCII)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


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
    name, port = found[1], found[2]
    name = (_address(name[1:-1]) or "") if name.startswith("[") else name.removesuffix(".")
    if not name or int(port or 0) > 65_535:  # noqa: PLR2004 - the largest port there is
        return None
    return Host(name, int(port) if port else None)


def origin(text: str) -> Origin | None:
    """Return the origin in an Origin header or in an option, None when the text is no origin."""
    scheme, _, rest = text.strip(" \t").lower().partition("://")
    found = host(rest)
    if not found or not _SCHEME.fullmatch(scheme):
        return None
    return Origin(scheme, _without_default(scheme, found))


def _without_default(scheme: str, host: Host) -> Host:
    return Host(host.name) if host.port == _DEFAULT_PORTS.get(scheme) else host


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
