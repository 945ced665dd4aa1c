"""The address of a broker, and the name under which it keeps what an app has to get. Pure."""

from typing import Final, Literal, Self
from urllib.parse import unquote, urlsplit

import msgspec

from buildfeed import names
from buildfeed.broker.permissions import SEPARATOR
from buildfeed.errors import BuildfeedError
from buildfeed.secret_kinds import BEARER

Protocol = Literal["mqtt", "amqp"]

_PROTOCOLS: Final[dict[str, Protocol]] = {
    "mqtt": "mqtt",
    "mqtts": "mqtt",
    "amqp": "amqp",
    "amqps": "amqp",
}


class InvalidAddress(BuildfeedError):
    """A broker's URL cannot be used, for `reason`. The URL, which has a password, is not quoted."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The address of the broker cannot be used: {reason}.")
        self.reason = reason


class Address(msgspec.Struct, frozen=True):
    """The `url` of a broker that speaks `protocol`, where one logs in as `user`, "" for nobody.

    `by_token` tells whether the password is a token.
    """

    url: str
    protocol: Protocol
    user: str
    by_token: bool

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return the address in a URL; raise InvalidAddress."""
        try:
            parts = urlsplit(url)
            valid = bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if not valid or parts.scheme not in _PROTOCOLS:
            raise InvalidAddress(
                "it is mqtt://USER:PASSWORD@HOST:PORT, or begins with mqtts://, amqp:// or amqps://"
            )
        if parts.username is not None and parts.password is None:
            raise InvalidAddress("it has a user, but no password")
        by_token = unquote(parts.password or "").startswith(BEARER)
        return cls(url, _PROTOCOLS[parts.scheme], unquote(parts.username or ""), by_token)

    def session_of(self, app: str) -> str:
        """Return the name of the session or queue of `app`: `ada:notify` or `app-notify`.

        A token has only those that begin with its own name. The sessions of other users may not
        look like that; their queues do. A user whose name cannot stand there, as RabbitMQ would
        read a part of it as something else, has `app-notify`. So none is one of Buildfeed's own.
        """
        owned = self.by_token or self.protocol == "amqp"
        whose = f"{self.user}{SEPARATOR}" if owned and names.is_name(self.user) else "app-"
        return whose + app
