"""A live picture under test, with a clock that a test moves and the events that it sent."""

from collections.abc import Iterable
from datetime import datetime

from buildfeed.activity import Activity
from buildfeed.board import BuildState, fold
from buildfeed.presence import Presence
from buildfeed.topics import Filter
from gateway.state.event import Event
from gateway.state.event_bodies import Body
from gateway.state.live import Live
from support.samples import NOW


class Clock:
    """A clock that stands still until a test moves it."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scene:
    """A live picture, its clock, and the events that it sent."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sent: list[Event] = []
        self.live = Live(self.sent.append, self.clock)

    def watch(self, watcher: str, *filters: str) -> None:
        self.live.hub.watch(watcher, map(Filter.parse, filters))

    def receive(self, *activities: Activity) -> list[Event]:
        """Receive `activities`; return the events that this sent."""
        self.sent.clear()
        for activity in activities:
            self.live.receive(activity)
        return list(self.sent)

    def heal(self, *states: BuildState) -> list[Event]:
        self.sent.clear()
        self.live.heal(states)
        return list(self.sent)

    def hear(self, status: str, worker: str = "w1") -> list[Event]:
        self.sent.clear()
        self.live.hear(Presence(worker, status))
        return list(self.sent)

    def refresh(self, moment: datetime = NOW) -> list[Event]:
        self.sent.clear()
        self.live.refresh(moment)
        return list(self.sent)

    def after(self, seconds: float) -> "Scene":
        self.clock.now += seconds
        self.live.history_used()
        return self

    def body(self, build: str = "b1") -> Body:
        state = self.live.board.get("acme", build)
        assert state
        return self.live.body(state)


def recorded(*activities: Activity) -> BuildState:
    """Return the state that the history has after `activities`."""
    state = None
    for activity in activities:
        state = fold(state, activity)
    assert state
    return state


def bodies(events: Iterable[Event], *keys: str) -> list[tuple[object, ...]]:
    return [tuple(event.body()[key] for key in keys) for event in events]
