"""When events leave: the first at once, what follows within a frame together, nothing twice."""

import asyncio
import itertools
import time
from collections import defaultdict
from typing import Any

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from gateway.state.event import BUILD, Event
from gateway.transports.batch import alike, newest
from gateway.transports.pacing import Audience, Frame, Pacing
from support.builders import accept, ending, progress, start
from support.wired import Site

FRAME = 0.04
LONGEST = FRAME * 9 / 8


class Watcher:
    """One that notes when it was written, and what."""

    def __init__(self) -> None:
        self.free_at = 0.0
        self.writes: list[tuple[float, list[Event]]] = []

    @property
    def heard(self) -> list[Event]:
        return [event for _, events in self.writes for event in events]


class Gateway:
    """A transport that keeps the pace, in a time of its own."""

    def __init__(self, seconds: float = FRAME) -> None:
        self.pacing: Pacing[Watcher] = Pacing(seconds)
        self.merged: dict[Watcher, int] = defaultdict(int)
        self.now = 100.0

    def at(self, moment: float, *events: tuple[Event, Audience[Watcher]]) -> None:
        """Let events come due at a moment, and before it all frames that end until then."""
        while (end := self.pacing.next_end) is not None and end < moment:
            self._write(end, self.pacing.take([], end))
        self._write(moment, self.pacing.take(events, moment))

    def _write(self, now: float, frame: Frame[Watcher]) -> None:
        self.now = now
        for watchers, events in alike(frame.due) if frame.due else ():
            latest = newest(events) if self.pacing.merges else events
            for watcher in watchers:
                watcher.free_at = self.pacing.free_at(now)
                watcher.writes.append((now, latest))
                self.merged[watcher] += len(events) - len(latest)
        for watchers, merged in frame.merged:
            for watcher in watchers:
                self.merged[watcher] += merged

    def end(self) -> None:
        self.at(self.now + 10)


def event(build: str, seq: int, kind: str = "progress") -> Event:
    body: dict[str, Any] = {"seq": seq, "kind": kind}
    return Event(BUILD, lambda: body, frozenset(), ("acme", build), passing=kind == "progress")


def seqs(watcher: Watcher) -> list[list[int]]:
    return [[each.body()["seq"] for each in events] for _, events in watcher.writes]


def test_the_first_leaves_at_once_and_the_rest_of_the_frame_together() -> None:
    gateway, watcher = Gateway(), Watcher()
    audience = Audience([watcher])
    for number in range(4):
        gateway.at(100 + number / 100, (event(f"b{number}", number), audience))
    gateway.end()

    assert seqs(watcher) == [[0], [1, 2, 3]]
    (first, _), (second, _) = watcher.writes
    assert first == 100
    assert 100 + FRAME <= second <= 100 + LONGEST


def test_a_pause_makes_the_next_the_first_again() -> None:
    gateway, watcher = Gateway(), Watcher()
    audience = Audience([watcher])
    for number in range(3):
        gateway.at(100 + number / 10, (event("b", number), audience))

    assert [moment for moment, _ in watcher.writes] == [100, 100.1, 100.2]
    assert not any(gateway.merged.values())


def test_progress_of_one_build_is_merged_and_nothing_else() -> None:
    gateway, watcher = Gateway(), Watcher()
    audience = Audience([watcher])
    kinds = ["status", "progress", "progress", "error", "progress", "progress", "status"]
    for number, kind in enumerate(kinds):
        gateway.at(100 + number / 1000, (event("b", number, kind), audience))
        gateway.at(100.0001 + number / 1000, (event("other", 10 + number), audience))
    gateway.end()

    of_b = [each.body()["seq"] for each in watcher.heard if each.subject == ("acme", "b")]
    assert of_b == [0, 3, 5, 6]
    assert gateway.merged[watcher] == 3 + 6


def test_it_is_quiet_when_nobody_is_in_a_frame_and_nothing_waits_for_its_end() -> None:
    pacing: Pacing[Watcher] = Pacing(FRAME)
    watcher = Watcher()
    assert pacing.quiet(100)
    watcher.free_at = end = pacing.free_at(100)
    assert not pacing.quiet(end - 0.001)
    assert pacing.quiet(end)
    pacing.take([(event("b", 1), Audience([watcher]))], end - 0.001)
    assert not pacing.quiet(end + 1), "what came later would overtake it"


def test_without_frames_all_of_one_moment_leaves_at_once_and_nothing_is_merged() -> None:
    gateway, watcher = Gateway(0), Watcher()
    audience = Audience([watcher])
    gateway.at(100, (event("b", 1), audience), (event("b", 2), audience))
    gateway.at(100.001, (event("b", 3), audience))

    assert seqs(watcher) == [[1, 2], [3]]
    assert not any(gateway.merged.values())


def test_one_that_came_later_hears_at_once_though_others_are_in_a_frame() -> None:
    gateway, early, late = Gateway(), Watcher(), Watcher()
    gateway.at(100, (event("b", 1), Audience([early])))
    both = Audience([early, late])
    gateway.at(100.01, (event("b", 2), both))
    gateway.at(100.02, (event("b", 3), both))
    gateway.end()

    assert seqs(early) == [[1], [3]]
    assert seqs(late) == [[2], [3]]
    assert late.writes[0][0] == 100.01


def test_one_that_has_left_gets_nothing_of_what_was_due() -> None:
    gateway, watcher, other = Gateway(), Watcher(), Watcher()
    audience = Audience([watcher, other])
    gateway.at(100, (event("b", 1), audience))
    gateway.at(100.01, (event("b", 2), audience))
    gateway.pacing.forget(watcher)
    gateway.end()

    assert seqs(watcher) == [[1]]
    assert seqs(other) == [[1], [2]]


STEPS = st.lists(
    st.tuples(
        st.integers(0, 60),  # ms since the last
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["progress", "progress", "progress", "error", "status"]),
        st.sampled_from([(0, 1, 2), (0,), (1, 2), (2, 3), (0, 1, 2, 3)]),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_happens(steps: list[tuple[int, str, str, tuple[int, ...]]]) -> None:
    gateway = Gateway()
    watchers = [Watcher() for _ in range(4)]
    audiences = {who: Audience([watchers[n] for n in who]) for *_, who in steps}
    sent: dict[Watcher, list[tuple[float, Event]]] = defaultdict(list)
    now = 100.0
    for number, (pause, build, kind, who) in enumerate(steps):
        now += pause / 1000
        each = event(build, number, kind)
        gateway.at(now, (each, audiences[who]))
        for n in who:
            sent[watchers[n]].append((now, each))
    gateway.end()

    for watcher in watchers:
        moments = [moment for moment, _ in watcher.writes]
        gaps = [after - before for before, after in itertools.pairwise(moments)]
        assert all(gap >= FRAME - 1e-9 for gap in gaps), "one write in a frame"
        for _, events in watcher.writes:
            passing = [each.subject for each in events if each.passing]
            assert len(passing) == len(set(passing)), "one progress of a build in a write"
        heard = {each.body()["seq"]: moment for moment, events in watcher.writes for each in events}
        asked = [each.body()["seq"] for _, each in sent[watcher]]
        assert [each.body()["seq"] for each in watcher.heard] == [n for n in asked if n in heard]
        assert len(asked) - len(heard) == gateway.merged[watcher]
        for at, each in sent[watcher]:
            number = each.body()["seq"]
            if number in heard:
                assert at <= heard[number] <= at + LONGEST + 1e-9, "no later than the frame"
                continue
            assert each.passing, "only progress is merged"
            newer = [n for n in heard if n > number and _same(sent[watcher], number, n)]
            assert newer, "only for a newer one"
            assert heard[min(newer)] <= at + LONGEST + 1e-9


def _same(sent: list[tuple[float, Event]], one: int, other: int) -> bool:
    subjects = {each.body()["seq"]: each.subject for _, each in sent}
    return subjects[one] == subjects[other]


@pytest.mark.parametrize("moment", [0.0, 1.0, 12345.6789, 1e9])
def test_a_frame_ends_soon_after_it_should(moment: float) -> None:
    pacing: Pacing[Watcher] = Pacing(FRAME)
    assert FRAME - 1e-6 <= pacing.free_at(moment) - moment <= LONGEST + 1e-6


def test_frames_end_in_time_on_the_loop_of_the_gateway() -> None:
    async def flood() -> tuple[int, list[str]]:
        faults: list[str] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: faults.append(str(context)))
        site = Site(frame_seconds=0.004)
        clients = [await site.connect({"watch": "builds/#"}) for _ in range(5)]
        await site.receive(start(), accept())
        for percent in range(1, 100):
            await site.receive(progress(percent))
            time.sleep(0.003)  # noqa: ASYNC251 - frames end before a busy loop looks at them
            await asyncio.sleep(0.001)
        await site.receive(ending())
        async with asyncio.timeout(5):
            while any(client.picture != {"b1": ("succeeded", 1, 101)} for client in clients):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        return site.transport.merged, faults

    _, faults = uvloop.run(flood())
    assert faults == []
