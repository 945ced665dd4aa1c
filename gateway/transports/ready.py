"""The descriptors of connections that are all ready."""

from typing import Final

from gateway.engine.connection import Connection

_UNKNOWN: Final = -1


class Ready:
    """The descriptors of some connections, known as long as no connection's `ready` changes.

    A loop over them writes without a look at each connection: objects all over the memory, which
    the writes before have pushed out of the cache.
    """

    __slots__ = ("_changes", "_connections", "_descriptors")

    def __init__(self, connections: list[Connection]) -> None:
        self._connections = connections
        self._descriptors: list[int] = []
        self._changes = _UNKNOWN

    @property
    def descriptors(self) -> list[int]:
        """The descriptor of each connection, in their order; none if one has to be looked at."""
        if self._changes != Connection.changes:
            plain = all(each.ready and each.fd >= 0 for each in self._connections)
            self._descriptors = [each.fd for each in self._connections] if plain else []
            self._changes = Connection.changes
        return self._descriptors
