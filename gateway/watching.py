"""What a watcher asks over socket.io, whichever way it is connected."""

from collections.abc import Callable, Sequence

from buildfeed.errors import InvalidFilter
from buildfeed.topics import Filter
from gateway.filters import checked
from gateway.live import Live
from gateway.snapshot import Snapshot
from gateway.view import View


class Watching:
    """The answers to `watch`, `unwatch` and the `watch` of a connect, for watchers by their id."""

    def __init__(self, live: Live, snapshot: Snapshot) -> None:
        self._live = live
        self._snapshot = snapshot

    def wanted(self, sid: str, auth: object) -> list[Filter]:
        """Return what a connect asks for with `auth`; raise InvalidFilter."""
        asked = auth.get("watch") if isinstance(auth, dict) else None
        return [] if asked is None else self._parse(sid, [asked])

    async def watch(self, sid: str, arguments: Sequence[object], here: Callable[[], bool]) -> View:
        """Return the ack of `watch`; `here` tells whether the watcher is still connected."""
        try:
            filters = self._parse(sid, arguments)
        except InvalidFilter as exc:
            return refusal(exc)
        snapshot = await self.join(sid, filters, here)
        return {"watching": self._watched(sid), **snapshot}

    def unwatch(self, sid: str, arguments: Sequence[object]) -> View:
        """Return the ack of `unwatch`."""
        try:
            self._live.hub.unwatch(sid, self._parse(sid, arguments))
        except InvalidFilter as exc:
            return refusal(exc)
        return {"watching": self._watched(sid)}

    async def join(self, sid: str, filters: list[Filter], here: Callable[[], bool]) -> View:
        """Let the watcher hear of `filters` from now on; return the snapshot of before."""
        # From here on every activity is queued for this watcher; the snapshot, taken after,
        # holds the ones before. What is in both folds away.
        if filters and here():
            self._live.hub.watch(sid, filters)
        return await self._snapshot.of(filters)

    def leave(self, sid: str) -> None:
        """Forget the watcher."""
        self._live.hub.leave(sid)

    def _watched(self, sid: str) -> list[str]:
        return sorted(str(filter_) for filter_ in self._live.hub.filters(sid))

    def _parse(self, sid: str, arguments: Sequence[object]) -> list[Filter]:
        given = [each for each in arguments if each is not None]  # null is absence
        if len(given) != 1:
            raise InvalidFilter(arguments, "send one filter or one list of filters")
        asked = given[0] if isinstance(given[0], list) else given
        return checked(asked, self._live.hub.filters(sid))


def refusal(exc: InvalidFilter) -> View:
    """Return the ack of a call that is refused."""
    return {"error": {"code": "invalid-filter", "message": str(exc)}}
