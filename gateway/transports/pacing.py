"""The pace of events: one write to a watcher in a frame. Pure; time is passed in, in seconds.

People see 25 pictures a second at most. So the first event after a pause leaves at once, and begins
a *frame* of that watcher; the events that follow within the frame leave together at its end. States
of progress of one build in one frame are merged to the newest. So the cost of a watcher is bounded,
whatever the builds do.

Watchers of the same events are treated as one wherever they can be: an event is put into a frame
once for all of its watchers whose frames end at the same moment. Frames end on a grid, so that
there are few such moments, however many watchers have come at their own.
"""

import math
from collections.abc import Iterable
from itertools import count
from typing import Final, Generic, Protocol, TypeVar

from gateway.state.event import Event

_GRAINS: Final = 8
"""Grid moments in a frame. A frame is longer than asked for by a grain at most."""


class Paced(Protocol):
    """A watcher."""

    free_at: float
    """When its frame ends: it may be written from then on."""


W = TypeVar("W", bound=Paced)


class Audience(Generic[W]):
    """The watchers of events. It keeps their list, so it is for one set of watchers."""

    __slots__ = ("_parts", "_until", "watchers")

    def __init__(self, watchers: list[W]) -> None:
        self.watchers = watchers
        self._parts: list[tuple[float, list[W]]] = []
        self._until = 0.0

    def parts(self, now: float) -> list[tuple[float, list[W]]]:
        """Return the watchers by the ends of their frames, 0 for those who are in none.

        Until the first of these frames ends, nobody in it is written, so the answer stays the same.
        """
        if now >= self._until:
            by_end: dict[float, list[W]] = {}
            for watcher in self.watchers:
                end = watcher.free_at if watcher.free_at > now else 0.0
                by_end.setdefault(end, []).append(watcher)
            if len(by_end) == 1:
                by_end = dict.fromkeys(by_end, self.watchers)  # the same list for all its events
            self._parts = list(by_end.items())
            self._until = min(by_end, default=0.0)
        return self._parts


class Frame(Generic[W]):
    """The events that are due at one moment, in their order.

    If it `merges`, a state of progress replaces the last one of the same build for the same list of
    watchers, so that a frame does not grow. (`batch.newest` does the rest.)
    """

    def __init__(self, *, merges: bool) -> None:
        self._merges = merges
        self._numbers = count()
        self._due: dict[object, tuple[Event, list[W]]] = {}
        self._merged: dict[int, tuple[list[W], int]] = {}

    def add(self, event: Event, watchers: list[W]) -> None:
        """Add an event for `watchers`."""
        key: object = next(self._numbers)
        if event.passing and self._merges:
            key = event.subject, id(watchers)  # of a list that is referred to as long as the key
            if self._due.pop(key, None):
                _, merged = self._merged.get(id(watchers), (watchers, 0))
                self._merged[id(watchers)] = watchers, merged + 1
        self._due[key] = event, watchers

    @property
    def due(self) -> list[tuple[Event, list[W]]]:
        """The events, each with its watchers."""
        return list(self._due.values())

    @property
    def merged(self) -> list[tuple[list[W], int]]:
        """How many states watchers were spared, because newer ones replaced them."""
        return list(self._merged.values())

    def join(self, later: "Frame[W]") -> None:
        """Add all that is due in a later frame."""
        for event, watchers in later.due:
            self.add(event, watchers)
        for watchers, merged in later.merged:
            _, before = self._merged.get(id(watchers), (watchers, 0))
            self._merged[id(watchers)] = watchers, before + merged

    def forget(self, watcher: W) -> None:
        """Leave a watcher out."""
        for watchers in {id(watchers): watchers for _, watchers in self._due.values()}.values():
            if watcher in watchers:
                watchers.remove(watcher)


class Pacing(Generic[W]):
    """The frames of all watchers, `seconds` long; 0: what comes due together leaves at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._grain = seconds / _GRAINS
        self.merges = seconds > 0
        """Whether a state of progress replaces the last one of the same build."""
        self._last_end = 0.0
        """When nobody is in a frame any more."""
        self._frames: dict[float, Frame[W]] = {}
        """Frames that have something due, by their ends."""

    def free_at(self, now: float) -> float:
        """Begin a frame for watchers that are written `now`; return when it ends."""
        if not self._seconds:
            return 0.0
        self._last_end = math.ceil((now + self._seconds) / self._grain) * self._grain
        return self._last_end

    def quiet(self, now: float) -> bool:
        """Tell whether nobody is in a frame, and nothing waits for the end of one."""
        return now >= self._last_end and not self._frames

    @property
    def next_end(self) -> float | None:
        """When the next frame ends in which something is due."""
        return min(self._frames, default=None)

    def take(self, events: Iterable[tuple[Event, Audience[W]]], now: float) -> Frame[W]:
        """Take events of this moment; return all that is due now, also of frames that have ended.

        The rest waits for the ends of its frames.
        """
        due: Frame[W] = Frame(merges=self.merges)
        for end in sorted(end for end in self._frames if end <= now):
            due.join(self._frames.pop(end))
        for event, audience in events:
            for end, watchers in audience.parts(now):
                if not end:
                    due.add(event, watchers)
                elif end in self._frames:
                    self._frames[end].add(event, watchers)
                else:
                    self._frames[end] = Frame(merges=self.merges)
                    self._frames[end].add(event, watchers)
        return due

    def forget(self, watcher: W) -> None:
        """Leave a watcher out of all that is due."""
        for frame in self._frames.values():
            frame.forget(watcher)
