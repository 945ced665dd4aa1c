"""Follows builds: the events of a gateway, folded, shown, and waited for."""

import time
from typing import Final, TypeVar

import msgspec

from buildfeed.activity import Key
from buildfeed.terminal import stream
from buildfeed.terminal.display import Display
from buildfeed.terminal.gateway import Away, Gateway, Refused
from buildfeed.terminal.output import Output, Write
from buildfeed.terminal.output_order import Piece
from buildfeed.terminal.picture import Picture, State
from buildfeed.terminal.stream import Stream
from buildfeed.terminal.wanted import Wanted, log_filter

_STALE: Final = {
    (False, False): "The picture is live again.",
    (True, False): "The gateway has lost its broker: this may not be the newest state.",
    (
        False,
        True,
    ): "The gateway cannot use its history: old builds and recorded output are missing.",
    (True, True): "The gateway has lost its broker and its history: this is an old state.",
}
"""What is said of the broker and the history, by whether they are down."""
_NO_WORKER: Final = "No worker is online: the build waits until one is."
_UNKNOWN: Final = "unknown-build"
_UNKNOWN_SECONDS: Final = 30.0
"""How long after a snapshot a build may be unknown that was there: a gateway learns of it soon."""

T = TypeVar("T", bound=msgspec.Struct)


class _Feed(msgspec.Struct, frozen=True):
    broker: str = "up"
    history: str = "up"
    workers: int | None = None

    @property
    def down(self) -> tuple[bool, bool]:
        return self.broker == "down", self.history == "down"


class Follower:
    """Follows what is `wanted` on a `display`, with its output if there is a `write`.

    With `latest` that is the newest of these builds, and the next one as soon as it begins. With
    `wait` it is one build, and following ends with it. With `patience` the gateway, and the build,
    may be there later only.
    """

    def __init__(
        self,
        gateway: Gateway,
        wanted: Wanted,
        display: Display,
        *,
        write: Write | None = None,
        latest: bool = False,
        wait: bool = False,
        patience: bool = False,
    ) -> None:
        self._gateway = gateway
        self._wanted = wanted
        self._display = display
        self._write = write
        self._latest = latest
        self._wait = wait
        self._patience = patience
        self._picture = Picture()
        self._newest = b""  # the event of the newest build
        self._before = ""  # the newest build that was known before the snapshot
        self._opened = self._complete = self._seen = False
        self._ask_from = self._unknown_until = 0.0
        self._down = False, False
        self._said_to_wait = False
        self._key: Key | None = None
        self._output: Output | None = None
        if wanted.build:
            self._follow(wanted.build)
        self._stream = Stream(gateway, self._filters(), display.say, patience=patience)

    def run(self) -> State | None:
        """Follow for ever, or return the build that was waited for; raises Refused and Away."""
        for name, data in self._stream.events():
            match name:
                case stream.OPENED:
                    self._begin()
                case "build":
                    self._hear(data)
                case "log":
                    self._hear_log(data)
                case "feed":
                    self._be_live(data)
            state = self._picture.get(self._key) if self._key else None
            if self._wait and state and state.ended:
                return state
        return None

    def _filters(self) -> tuple[str, ...]:
        """Return what to watch: the ending too of a build that is followed to its end."""
        if not self._key or not (self._wait or self._write):
            return (self._wanted.filter,)
        is_last = self._wait or not self._latest
        filters = () if is_last else (self._wanted.filter,)
        logs = (log_filter(self._key),) if self._write else ()
        return (*filters, Wanted.one(*self._key).filter, *logs)

    def _follow(self, key: Key) -> None:
        self._key = key
        if self._write:
            self._output = Output(self._gateway, key, self._display.say, self._write)

    def _begin(self) -> None:
        """Begin with the snapshot of a new connection."""
        newest = self._picture.newest
        if newest and not self._opened:  # else that snapshot was cut short: what it had is no limit
            self._before = newest.build
        self._opened = True
        self._picture.begin()
        if self._output:
            self._output.doubt()

    def _hear(self, data: bytes) -> None:
        state = _decoded(data, State)
        is_known = bool(state and self._picture.get(state.key))
        newest = self._picture.fold(state) if state else None
        if newest is None:
            return
        if newest.key == self._key:
            self._seen = True
            self._show(newest, data)
        elif self._latest and newest == self._picture.newest:
            self._newest = data
            if self._complete and not (self._key and self._wait):
                self._turn_to(newest)
        elif self._is_wanted(newest) and (is_known or self._is_news(newest)):
            self._display.show(newest, data)

    def _is_wanted(self, state: State) -> bool:
        """Tell whether a build is one of several to be shown; ended ones of before are not."""
        return not self._latest and not self._key and (self._complete or not state.ended)

    def _is_news(self, state: State) -> bool:
        """Tell whether an unknown build is new: a snapshot also has some that ended long ago."""
        return not (self._opened and state.ended) or state.build > self._before

    def _show(self, state: State, data: bytes) -> None:
        """Show the build that is followed, its output first."""
        if state.ended and self._output:
            self._output.read_up_to(state.place if state.attempt else None, is_last=True)
        self._display.show(state, data)

    def _turn_to(self, state: State) -> None:
        """Follow another build from now on."""
        self._follow(state.key)
        self._seen = True
        self._stream.watch(self._filters())
        self._show(state, self._newest)

    def _hear_log(self, data: bytes) -> None:
        piece = _decoded(data, Piece)
        if piece and self._output and piece.key == self._key:
            self._output.hear(piece)

    def _be_live(self, data: bytes) -> None:
        """Take note of how live the picture is; after a snapshot, that it is complete."""
        feed = _decoded(data, _Feed)
        if feed and feed.down != self._down:
            self._down = feed.down
            self._display.say(_STALE[feed.down])
        if self._opened:
            self._opened = False
            self._end_snapshot()
        elif self._key and not self._picture.get(self._key):
            self._ask_for(self._key)
        state = self._picture.get(self._key) if self._key else None
        waits = bool(feed and feed.workers == 0 and state and state.status == "queued")
        if waits and not self._said_to_wait:
            self._display.say(_NO_WORKER)
        self._said_to_wait = waits

    def _end_snapshot(self) -> None:
        for state in self._picture.complete():
            if self._is_wanted(state):
                self._display.forget(state)
        self._complete = True
        self._unknown_until = time.monotonic() + _UNKNOWN_SECONDS
        newest = self._picture.newest
        if self._latest and not self._key and newest:
            self._turn_to(newest)
        elif self._key and not self._picture.get(self._key) and (self._seen or not self._patience):
            self._ask_for(self._key)
        if self._output:
            self._output.read_up_to(None)

    def _ask_for(self, key: Key) -> None:
        """Ask for a build that the snapshot lacks; raises Refused for one that nobody knows.

        Without an answer it is asked again at the next `feed`.
        """
        if time.monotonic() < self._ask_from:
            return
        project, build = key
        try:
            answer = self._gateway.ask(f"/api/projects/{project}/builds/{build}")
        except Away as exc:
            self._ask_from = time.monotonic() + exc.seconds
        except Refused as exc:
            if exc.seconds is None and not self._may_be_known_soon(exc):
                raise
            self._ask_from = time.monotonic() + (exc.seconds or 0.0)
        else:
            self._hear(answer.body)

    def _may_be_known_soon(self, exc: Refused) -> bool:
        was_there = self._seen or self._patience
        return exc.problem == _UNKNOWN and was_there and time.monotonic() < self._unknown_until


def _decoded(data: bytes, type_: type[T]) -> T | None:
    """Return the body of an event, None for one that cannot be read: it is left out."""
    try:
        return msgspec.json.decode(data, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
