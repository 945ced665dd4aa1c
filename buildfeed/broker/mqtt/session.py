"""The values of an MQTT connection: address, session, will, message."""

from typing import Final, Self
from urllib.parse import unquote, urlsplit

import msgspec

from buildfeed.broker.permissions import SEPARATOR
from buildfeed.secret_kinds import BEARER

_DEFAULT_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class Address(msgspec.Struct, frozen=True):
    """Host and port of the broker, and the user to log in as; None without a login."""

    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None

    @property
    def owner(self) -> str:
        """What client ids have to begin with: a token has only sessions of its own name."""
        by_token = self.user and self.password and self.password.startswith(BEARER)
        return f"{self.user}{SEPARATOR}" if by_token else ""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return the address in `mqtt://user:password@host:port` or `mqtts://…`.

        User and password are percent-decoded. Raises ValueError, without the password.
        """
        parts = urlsplit(url)
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise ValueError("An MQTT URL is mqtt://user:password@host:port or mqtts://….")
        return cls(
            host=parts.hostname,
            port=parts.port or _DEFAULT_PORTS[parts.scheme],
            tls=parts.scheme == "mqtts",
            user=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
        )


class Will(msgspec.Struct, frozen=True):
    """The last will: published at QoS 1 when the connection ends without a DISCONNECT."""

    topic: str
    payload: bytes
    retain: bool = False


class Session(msgspec.Struct, frozen=True):
    """The session that one CONNECT asks for.

    `connection` numbers the connections of a link. A `durable` session stays at the broker while
    its client is away.
    """

    connection: int
    client_id: str
    durable: bool
    will: Will | None


class Message(msgspec.Struct, frozen=True, gc=False):
    """A message that the broker sent; `connection` is the number of the connection it came on.

    `packet_id` is 0 at QoS 0.
    """

    topic: str
    payload: bytes
    qos: int
    retain: bool
    packet_id: int
    connection: int
