"""Subscriptions: the filters of each watcher over socket.io, by WebSocket or polling."""

from collections.abc import Collection, Sequence
from typing import Final

from buildfeed.errors import InvalidFilter
from buildfeed.topics import Filter, watchable
from gateway.queries.snapshot import Snapshot
from gateway.state.event_bodies import Body
from gateway.state.live import Live

MAX_FILTERS: Final = 100
"""Filters that one watcher may have."""


class Subscriptions:
    """The watchers over socket.io, by their ids, and the answers to `watch` and `unwatch`.

    A watcher is in the hub only between `enter` and `leave`, and an id belongs to one connect. So
    a snapshot that is still being read when its watcher leaves adds nobody to the hub.
    """

    def __init__(self, live: Live, snapshot: Snapshot) -> None:
        self._live = live
        self._snapshot = snapshot
        self._here: set[str] = set()

    def enter(self, sid: str, auth: object) -> list[Filter]:
        """Take a watcher that connects; return the filters in its `auth`, to be joined.

        Raises InvalidFilter; the watcher is not taken then.
        """
        asked = auth.get("watch") if isinstance(auth, dict) else None
        filters = [] if asked is None else self._parse(sid, [asked])
        self._here.add(sid)
        return filters

    def leave(self, sid: str) -> None:
        """Forget a watcher; one that is not here changes nothing."""
        self._here.discard(sid)
        self._live.hub.leave(sid)

    async def watch(self, sid: str, arguments: Sequence[object]) -> Body:
        """Return the ack of `watch`."""
        try:
            filters = self._parse(sid, arguments)
        except InvalidFilter as exc:
            return refusal(exc)
        snapshot = await self.join(sid, filters)
        return {"watching": self._watched(sid), **snapshot}

    def unwatch(self, sid: str, arguments: Sequence[object]) -> Body:
        """Return the ack of `unwatch`."""
        try:
            self._live.hub.unwatch(sid, self._parse(sid, arguments))
        except InvalidFilter as exc:
            return refusal(exc)
        return {"watching": self._watched(sid)}

    async def join(self, sid: str, filters: list[Filter]) -> Body:
        """Subscribe a watcher to `filters` from now on; return the snapshot.

        The snapshot of a watcher that has left is empty. If it fails, so does the subscription.
        """
        if not filters or sid not in self._here:
            return {"builds": [], "more": False}
        # From here on every activity is sent to this watcher; the snapshot, taken after, holds
        # the ones before. A state that is in both folds away.
        new = set(filters) - self._live.hub.filters(sid)
        self._live.hub.watch(sid, filters)
        try:
            return await self._snapshot.of(filters)
        except BaseException:
            self._live.hub.unwatch(sid, new)
            raise

    def _watched(self, sid: str) -> list[str]:
        return sorted(str(filter_) for filter_ in self._live.hub.filters(sid))

    def _parse(self, sid: str, arguments: Sequence[object]) -> list[Filter]:
        given = [each for each in arguments if each is not None]  # null is absence
        if len(given) != 1:
            raise InvalidFilter(f"{len(given)} arguments", "send one filter or one list of filters")
        asked = given[0] if isinstance(given[0], list) else given
        return checked(asked, self._live.hub.filters(sid))


def refusal(exc: InvalidFilter) -> Body:
    """Return the ack of a call that is refused."""
    return {"error": {"code": "invalid-filter", "message": str(exc)}}


def checked(asked: Sequence[object], watched: Collection[Filter] = ()) -> list[Filter]:
    """Return the filters that are `asked` for besides those `watched` already, each once.

    Raises InvalidFilter for one that matches no build topic, or more than one log, and when
    they are over 100 in all.
    """
    filters = {watchable(filter_) for filter_ in asked[: MAX_FILTERS + 1]}
    if len(asked) > MAX_FILTERS or len(filters.union(watched)) > MAX_FILTERS:
        raise InvalidFilter(f"{len(asked)} filters", f"{MAX_FILTERS} at most are watched")
    for filter_ in filters:
        if filter_.levels[-1] == "log" and "+" in filter_.levels:
            raise InvalidFilter(str(filter_), "a log is sent for one build: name it, without +")
    return list(filters)
