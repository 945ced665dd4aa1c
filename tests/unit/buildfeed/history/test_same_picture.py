"""Whatever order things happen in, every watcher ends with the same picture.

Real store, live picture, catching up and snapshots; hypothesis chooses what is published, recorded,
delivered, lost, cut off, watched and killed, and when.
"""

import asyncio
import random
from collections import deque
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from buildfeed.activity import ENDINGS, Activity
from buildfeed.board import Board
from buildfeed.history.store import Store
from buildfeed.topics import Filter
from gateway.queries.snapshot import Snapshot
from gateway.sources.catch_up import CatchUp
from gateway.state.event import Event
from gateway.state.event_bodies import Body
from gateway.state.live import Live
from support.builders import accept, ending, error, progress, start, stop

FILTERS = ["builds/#", "builds/acme/#", "builds/acme/b0/#", "builds/+/b1/#"]
PROJECTS = {"b0": "acme", "b1": "acme", "b2": "other"}
FACTS = ("status", "attempt", "seq", "progress", "errors", "stopping", "stoppedBy", "worker")


def life(build: str) -> list[Activity]:
    """What is said of a build: a worker dies in the first attempt, the second makes an error."""
    facts = {"build": build, "project": PROJECTS[build]}
    return [
        start(**facts),
        accept(**facts),
        progress(30, **facts),
        progress(60, **facts),
        accept(2, worker="w2", **facts),
        progress(20, 2, worker="w2", **facts),
        error("no such file", 50, 2, worker="w2", **facts),
        progress(90, 2, worker="w2", errors=1, error="no such file", **facts),
        ending("failed", 2, worker="w2", errors=1, error="no such file", **facts),
        progress(80, **facts),  # the first worker was only frozen
    ]


class Page:
    """A browser: folds what it is sent."""

    def __init__(self, filter_: str) -> None:
        self.filter = Filter.parse(filter_)
        self.connected = False
        self.coming: deque[Body] = deque()
        self.builds: dict[str, Body] = {}

    def receive(self, times: int) -> None:
        for _ in range(min(times, len(self.coming))):
            body = self.coming.popleft()
            known = self.builds.get(body["build"])
            if known is None or _beats(body, known):
                self.builds[body["build"]] = body


def _beats(body: Body, known: Body) -> bool:
    place, other = (body["attempt"], body["seq"]), (known["attempt"], known["seq"])
    ended, had_ended = body["status"] in ENDINGS, known["status"] in ENDINGS
    if ended is not had_ended:
        return ended
    return place <= other if ended else place >= other


class World(RuleBasedStateMachine):
    """Publishers, a broker, a recorder, a gateway and three pages."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._directory = TemporaryDirectory()
        self._store = Store(f"sqlite:///{Path(self._directory.name, 'history.db')}")
        self._unsaid = {build: deque(life(build)) for build in PROJECTS}
        self._truth = Board()
        self._to_record: deque[Activity] = deque()
        self._to_gateway: deque[Activity] = deque()
        self._connected = False
        self._pages = [Page(filter_) for filter_ in FILTERS]
        self._start_gateway()

    def teardown(self) -> None:
        self.reconnect()
        self.record(len(self._to_record))
        self.deliver(len(self._to_gateway))
        self.poll()
        for page in self._pages:
            if not page.connected:
                self._watch(page)
            page.receive(len(page.coming))
        try:
            for page in self._pages:
                self._compare(page)
        finally:
            self._store.close()
            self._directory.cleanup()
            self._loop.close()

    def _compare(self, page: Page) -> None:
        expected = {}
        for state in [*self._truth.unfinished(), *self._truth.ended()]:
            if page.filter.matches_levels(("builds", *state.key, "status")):
                view = self._live.body(state)
                expected[state.newest.object.build] = {fact: view[fact] for fact in FACTS}
        seen = {build: {fact: body[fact] for fact in FACTS} for build, body in page.builds.items()}
        assert seen == expected

    def _start_gateway(self) -> None:
        self._live = Live(self._send, lambda: 0.0)
        self._catch_up = CatchUp(self._store, self._live)
        self._snapshot = Snapshot(self._live, self._store, 4)

    def _send(self, event: Event) -> None:
        for page in self._pages:
            if event.watchers is None or str(page.filter) in event.watchers:
                page.coming.append(event.body())

    @rule(build=st.sampled_from(list(PROJECTS)), lost=st.booleans())
    def publish(self, *, build: str, lost: bool) -> None:
        """A worker or a gateway speaks; QoS 0 may be lost on its way to the gateway."""
        if self._unsaid[build]:
            self._publish(self._unsaid[build].popleft(), lost=lost)

    @rule(build=st.sampled_from(list(PROJECTS)))
    def ask_to_stop(self, build: str) -> None:
        if state := self._truth.get(PROJECTS[build], build):
            self._publish(stop(state.newest), lost=False)

    def _publish(self, activity: Activity, *, lost: bool) -> None:
        self._truth.fold(activity)
        self._to_record.append(activity)
        if self._connected and not (lost and activity.kind == "progress"):
            self._to_gateway.append(activity)

    @rule(times=st.integers(1, 4))
    def deliver(self, times: int) -> None:
        for _ in range(min(times, len(self._to_gateway))):
            self._live.receive(self._to_gateway.popleft())

    @precondition(lambda self: self._to_gateway)
    @rule(seed=st.integers(0, 99))
    def deliver_out_of_order(self, seed: int) -> None:
        waiting = list(self._to_gateway)
        random.Random(seed).shuffle(waiting)
        self._to_gateway = deque(waiting)
        self.deliver(2)

    @precondition(lambda self: self._to_gateway)
    @rule()
    def deliver_twice(self) -> None:
        self._live.receive(self._to_gateway[0])

    @rule(times=st.integers(1, 6))
    def record(self, times: int) -> None:
        batch = [self._to_record.popleft() for _ in range(min(times, len(self._to_record)))]
        if batch:
            self._store.append(batch)

    @rule()
    def poll(self) -> None:
        self._loop.run_until_complete(self._catch_up.read())

    @rule()
    def cut_the_broker_off(self) -> None:
        self._connected = False
        self._to_gateway.clear()
        self._catch_up.unsubscribed()

    @rule()
    def reconnect(self) -> None:
        if not self._connected:
            self._connected = True
            self._live.reconnected()
            self._catch_up.subscribed()
            self.poll()

    @rule()
    def kill_the_gateway(self) -> None:
        self.cut_the_broker_off()
        for page in self._pages:
            page.connected = False
            page.coming.clear()
        self._start_gateway()

    @rule(page=st.integers(0, len(FILTERS) - 1))
    def watch(self, page: int) -> None:
        self._watch(self._pages[page])

    def _watch(self, page: Page) -> None:
        page.connected = True
        self._live.hub.watch(str(page.filter), [page.filter])
        states, _ = self._loop.run_until_complete(self._snapshot.page([page.filter]))
        page.coming.extendleft(map(self._live.body, states))  # the ack overtakes what is on its way

    @rule(page=st.integers(0, len(FILTERS) - 1))
    def lose_the_page(self, page: int) -> None:
        self._live.hub.leave(str(self._pages[page].filter))
        self._pages[page].connected = False
        self._pages[page].coming.clear()

    @rule(page=st.integers(0, len(FILTERS) - 1), times=st.integers(1, 5))
    def draw(self, page: int, times: int) -> None:
        self._pages[page].receive(times)


TestSamePicture = World.TestCase
TestSamePicture.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
