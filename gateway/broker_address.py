"""Where phones and programs reach the broker, as an operator writes it. Pure."""

from typing import Final, Self
from urllib.parse import urlsplit

import msgspec

from gateway.access import hosts
from gateway.access.anonymous import is_loopback
from gateway.access.hosts import Host

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
"""The schemes, with the port of each when none is written."""
_BY_TLS: Final = "mqtts", "wss"
_WEB_SOCKETS: Final = "ws", "wss"


class BrokerAddress(msgspec.Struct, frozen=True):
    """An address of MQTT: by TCP (`mqtt`, `mqtts`) or in a WebSocket (`ws`, `wss`), with a `path`.

    Without a `host` it is at the host that the page was opened at.
    """

    scheme: str
    host: str
    port: int
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address of a URL; raise ValueError, also for one with a login."""
        parts = urlsplit(text.strip())
        is_web_socket, path = parts.scheme in _WEB_SOCKETS, parts.path.rstrip("/")
        extra = parts.username is not None or parts.query or parts.fragment
        host = _host(parts.hostname)
        fits = parts.scheme in _PORTS and parts.netloc and host and parts.port != 0
        if not fits or host is None or extra or (path and not is_web_socket):
            raise ValueError("it is no address of MQTT")
        return cls(parts.scheme, host.name, parts.port or _PORTS[parts.scheme], path)

    @property
    def tls(self) -> bool:
        """Whether what travels there is encrypted."""
        return self.scheme in _BY_TLS

    @property
    def web_socket(self) -> bool:
        """Whether MQTT is in a WebSocket there, as in browsers."""
        return self.scheme in _WEB_SOCKETS

    @property
    def is_here(self) -> bool:
        """Whether it is one that only this machine reaches."""
        return is_loopback(self.host)

    def seen_at(self, host: str) -> Self:
        """Return it for somebody who opened the page at a host."""
        return self if self.host else msgspec.structs.replace(self, host=host)

    def __str__(self) -> str:
        return f"{self.scheme}://{Host(self.host, self.port)}{self.path}"


def _host(name: str | None) -> Host | None:
    """Return a host of a URL, an empty one if there is none; None if it is wrong."""
    if not name:
        return Host("")
    return hosts.host(f"[{name}]" if ":" in name else name)
