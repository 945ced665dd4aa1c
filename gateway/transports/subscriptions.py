"""Subscriptions: the filters of each watcher over socket.io, by WebSocket or polling."""

from collections.abc import Awaitable, Collection, Sequence
from typing import TypeVar

from buildfeed.activity import Key
from buildfeed.board import BuildState
from buildfeed.errors import InvalidFilter
from buildfeed.grants import Area, Grant
from buildfeed.topics import MAX_FILTERS, Filter, watchable
from gateway.access.principal import Principal, not_signed_in
from gateway.problems import Problem
from gateway.queries.snapshot import Snapshot
from gateway.queries.snapshot_page import START, Cursor, InvalidCursor
from gateway.state.event_bodies import Body
from gateway.state.live import Live

T = TypeVar("T")
C = TypeVar("C", bound=Collection[Filter])


class Subscriptions:
    """The watchers over socket.io, by their ids, and the answers to `watch` and `unwatch`.

    A watcher is in the hub only between `enter` and `leave`, and an id belongs to one connect. Its
    caller cancels what is read for a watcher that leaves.
    """

    def __init__(self, live: Live, snapshot: Snapshot) -> None:
        self._live = live
        self._snapshot = snapshot
        self._here: dict[str, Principal] = {}

    def enter(self, sid: str, auth: object, who: Principal) -> list[Filter]:
        """Take a watcher that connects; return the filters in its `auth`, to be joined.

        Raises InvalidFilter, and Problem if `who` may watch none of them; the watcher is not taken
        then.
        """
        if who.anonymous and not who.grants.areas("read"):
            raise not_signed_in(who.why)
        asked = auth.get("watch") if isinstance(auth, dict) else None
        filters = [] if asked is None else self._checked(sid, _listed([asked]))
        filters = narrowed(filters, who)
        self._here[sid] = who
        return filters

    def renew(self, sid: str, who: Principal) -> None:
        """Take note that a watcher has shown another token of the same principal.

        What it watches is narrowed to what that one may read. Raises InvalidFilter, and nothing has
        changed then, when this has too many parts.
        """
        if sid in self._here:
            watched = self._live.hub.filters(sid)
            left = _few(who.grants.narrow(watched))
            self._here[sid] = who
            self._live.hub.unwatch(sid, watched.difference(left))
            self._live.hub.watch(sid, left)

    def leave(self, sid: str) -> None:
        """Forget a watcher; one that is not here changes nothing."""
        self._here.pop(sid, None)
        self._live.hub.leave(sid)

    async def watch(self, sid: str, arguments: Sequence[object]) -> Body:
        """Return the ack of `watch`: the first page of the snapshot, or the one after another."""
        try:
            asked, cursor = _asked(arguments)
            filters = self._checked(sid, asked)
            if who := self._here.get(sid):
                filters = narrowed(filters, who, self._live.hub.filters(sid))
        except (InvalidFilter, InvalidCursor, Problem) as exc:
            return refusal(exc)
        states: list[BuildState] = []
        following = None
        if filters and sid in self._here:
            page = self._snapshot.page(filters, cursor or START)
            read = self._subscribe(sid, filters, page) if cursor is None else page
            states, following = await read
        answer = {
            "watching": self._watched(sid),
            "builds": [self._live.body(state) for state in states],
            "more": following is not None,
        }
        return answer if following is None else answer | {"after": str(following)}

    def unwatch(self, sid: str, arguments: Sequence[object]) -> Body:
        """Return the ack of `unwatch`."""
        try:
            filters = self._checked(sid, _listed(arguments))
        except InvalidFilter as exc:
            return refusal(exc)
        who = self._here.get(sid)
        parts = who.grants.narrow(filters) if who else []  # what is watched for these
        self._live.hub.unwatch(sid, {*filters, *parts})
        return {"watching": self._watched(sid)}

    async def join(self, sid: str, filters: list[Filter]) -> list[tuple[Key, Body | None]]:
        """Subscribe a watcher to `filters` from now on; return the whole snapshot, by keys.

        A build on the board has no body here: its newest state is owed. The snapshot of a watcher
        that has left is empty. If it fails, so does the subscription.
        """
        if not filters or sid not in self._here:
            return []
        states = await self._subscribe(sid, filters, self._snapshot.whole(filters))
        on_board, body = self._live.board.get, self._live.body
        return [(each.key, None if on_board(*each.key) else body(each)) for each in states]

    async def _subscribe(self, sid: str, filters: list[Filter], snapshot: Awaitable[T]) -> T:
        # From here on every activity is sent to this watcher; the snapshot, taken after, holds
        # the ones before. A state that is in both folds away.
        new = set(filters) - self._live.hub.filters(sid)
        self._live.hub.watch(sid, filters)
        try:
            return await snapshot
        except BaseException:
            self._live.hub.unwatch(sid, new)
            raise

    def _checked(self, sid: str, asked: Sequence[object]) -> list[Filter]:
        return checked(asked, self._live.hub.filters(sid))

    def _watched(self, sid: str) -> list[str]:
        return sorted(str(filter_) for filter_ in self._live.hub.filters(sid))


def refusal(exc: InvalidFilter | InvalidCursor | Problem) -> Body:
    """Return the ack of a call that is refused."""
    if isinstance(exc, Problem):
        return {"error": {"code": exc.slug, "message": exc.detail, **exc.extra}}
    code = "invalid-filter" if isinstance(exc, InvalidFilter) else "invalid-after"
    return {"error": {"code": code, "message": str(exc)}}


def narrowed(
    filters: Sequence[Filter], who: Principal, watched: Collection[Filter] = ()
) -> list[Filter]:
    """Return what of `filters` somebody may watch.

    Raises Problem when that is none of them, and InvalidFilter when they are too many besides those
    `watched` already.
    """
    left = who.grants.narrow(filters)
    if filters and not left:
        raise who.refused(*(Grant("read", Area.of(each)) for each in filters[:1]))
    _few({*left, *watched})
    return left


def _few(filters: C) -> C:
    """Return filters that are not too many for one watcher; raise InvalidFilter."""
    if len(filters) > MAX_FILTERS:
        raise InvalidFilter(f"{len(filters)} filters", f"{MAX_FILTERS} at most are watched")
    return filters


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


def _asked(arguments: Sequence[object]) -> tuple[list[object], Cursor | None]:
    """Return the filters in the arguments of `watch`, and the cursor of the page asked for.

    Raises InvalidFilter and InvalidCursor.
    """
    given = _given(arguments)
    last = given[-1] if given else None
    if not isinstance(last, dict):
        return _listed(given), None
    if last.keys() - {"after"}:
        raise InvalidCursor(last)
    after = last.get("after")
    return _listed(given[:-1]), None if after is None else Cursor.parse(after)


def _listed(arguments: Sequence[object]) -> list[object]:
    """Return the filters in the arguments of a call; raise InvalidFilter."""
    given = _given(arguments)
    if len(given) != 1:
        raise InvalidFilter(f"{len(given)} arguments", "send one filter or one list of filters")
    return given[0] if isinstance(given[0], list) else given


def _given(arguments: Sequence[object]) -> list[object]:
    return [each for each in arguments if each is not None]  # null is absence
