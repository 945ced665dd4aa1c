"""The users of a broker that we start ourselves: our own processes, readers, and holders of tokens.

Pure.
"""

import re
from typing import Final, Protocol, Self

import msgspec

from buildfeed.broker import permissions
from buildfeed.grants import Grants

READER: Final = "reader"
"""The user for subscribers: may read builds, projects and workers, and publish nothing."""

READER_SESSIONS: Final = 100
"""Durable sessions of the reader, connected or away: each may hold many messages."""

TOKEN_CONNECTIONS: Final = 5
TOKEN_SESSIONS: Final = 3
"""Connections and durable sessions of one token."""

FILTERS: Final = 100
"""Filters of a session of somebody else than our own processes: each is compared with every
message."""

PRESENCES: Final = 30
"""Presences that the broker keeps for the runners of one token."""

_READABLE: Final = re.compile(r"(builds|projects|workers)/[a-z0-9_#+/-]{1,200}")
"""Filters that the reader may subscribe to, as those of `mobile` in definitions.json."""


class Most(msgspec.Struct, frozen=True):
    """How much of a broker a user may take; None for no limit of its own."""

    connections: int | None = None
    sessions: int | None = None
    filters: int | None = None
    retained: int | None = None


class Account(Protocol):
    """Somebody who has logged in."""

    @property
    def name(self) -> str:
        """The name of the login."""

    @property
    def most(self) -> Most:
        """How much it may take."""

    def may_use(self, client_id: str) -> bool:
        """Tell whether it may have the session of a client id."""

    def may_publish(self, topic: str) -> bool:
        """Tell whether it may publish on a topic, also by its last will."""

    def may_subscribe(self, filter_: str) -> bool:
        """Tell whether it may subscribe to an MQTT filter."""


class User(msgspec.Struct, frozen=True):
    """A login by a password; `reads_only` tells whether it is for subscribers.

    `grants` limit what of the builds a reader may read.
    """

    name: str
    password: str
    reads_only: bool = False
    grants: Grants | None = None

    @classmethod
    def reader(cls, password: str, grants: Grants | None = None) -> Self:
        """Return the user for subscribers, who read all or what `grants` cover."""
        return cls(READER, password, reads_only=True, grants=grants)

    @property
    def most(self) -> Most:
        """How much it may take."""
        return Most(sessions=READER_SESSIONS, filters=FILTERS) if self.reads_only else Most()

    def may_use(self, client_id: str) -> bool:
        """Tell whether it may have the session of a client id that nobody else has.

        A reader may not take those that begin with the name of a token.
        """
        return not self.reads_only or permissions.SEPARATOR not in client_id

    def may_publish(self, _topic: str) -> bool:
        """Tell whether it may publish, also by its last will."""
        return not self.reads_only

    def may_subscribe(self, filter_: str) -> bool:
        """Tell whether it may subscribe to an MQTT filter."""
        if self.grants is not None:
            return permissions.may_read(self.grants, filter_)
        return not self.reads_only or _READABLE.fullmatch(filter_) is not None


class Holder(msgspec.Struct, frozen=True):
    """Somebody who has logged in with a token of an id."""

    name: str
    token: str
    grants: Grants

    @property
    def most(self) -> Most:
        """How much it may take."""
        return Most(TOKEN_CONNECTIONS, TOKEN_SESSIONS, FILTERS, PRESENCES)

    def may_use(self, client_id: str) -> bool:
        """Tell whether it may have the session of a client id."""
        return permissions.is_own_session(self.name, client_id)

    def may_publish(self, topic: str) -> bool:
        """Tell whether it may publish on a topic, also by its last will."""
        return permissions.may_publish(self.name, self.grants, topic)

    def may_subscribe(self, filter_: str) -> bool:
        """Tell whether it may subscribe to an MQTT filter."""
        return permissions.may_read(self.grants, filter_)
