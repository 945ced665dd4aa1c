"""What a worker promises on every broker: without RabbitMQ its queue is the history."""

import asyncio
import signal
import time

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from buildfeed.activity import Script
from buildfeed.presence import Presence
from support.work_site import Site
from support.workshop import (
    LONG,
    Watcher,
    by_another,
    most_at_a_time,
    start,
    stop,
    until,
)


async def test_a_start_is_built_to_its_ending(site: Site, watcher: Watcher) -> None:
    build = start(script=Script(seconds=0.5, steps=5, errors=(60,)))
    async with site.work() as w1:
        await watcher.send(build)
        ending = await watcher.until_ended(build)
        await until(lambda: len(watcher.of(build, "progress")) == 4)

    said = [seen for seen in watcher.of(build) if seen.kind != "log"]
    assert [seen.object.progress for seen in said] == [0, 20, 40, 60, 80, 100, 100]
    assert [seen.object.errors for seen in said] == [0, 0, 0, 1, 1, 1, 1]
    assert {(seen.worker, seen.object.attempt) for seen in said} == {(w1.name, 1)}
    assert ending.object.status == "failed"
    assert (ending.object.by, ending.object.script) == ("ada", build.object.script)


async def test_without_rabbitmq_a_delayed_build_waits_at_the_worker(
    embedded_site: Site,
) -> None:
    async with Watcher(embedded_site.mqtt_url) as watcher:
        later, stopped, now = start(delay=2), start(delay=1), start()
        await watcher.send(later)  # before there is a worker: it finds it in the history
        async with embedded_site.work(slots=1):
            for command in (stopped, now, stop(stopped)):
                await watcher.send(command)
            first = await watcher.until_ended(now)
            second = await watcher.until_ended(later)
    assert first.object.not_before is UNSET
    assert first.object.start_time < second.object.start_time
    assert second.object.not_before == later.object.not_before <= second.object.start_time
    assert watcher.of(stopped) == []


async def test_a_build_takes_the_time_of_its_script(site: Site, watcher: Watcher) -> None:
    build = start(script=Script(seconds=1, steps=100, errors=()))
    async with site.work():
        await watcher.send(build)
        ending = (await watcher.until_ended(build)).object
    assert ending.end_time
    assert ending.start_time
    assert 1 <= (ending.end_time - ending.start_time).total_seconds() < 1.3


async def test_a_stop_ends_a_build_at_once(site: Site, watcher: Watcher) -> None:
    build = start(script=Script(seconds=100, steps=2, errors=()))
    async with site.work():
        await watcher.send(build)
        await watcher.until_running(build)
        asked = time.monotonic()
        await watcher.send(stop(watcher.of(build)[0]))
        ending = await watcher.until_ended(build)
        assert time.monotonic() - asked < 0.5
        await watcher.send(stop(watcher.of(build)[0]))  # once more does no harm
    assert ending.object.status == "stopped"
    assert len(watcher.endings(build)) == 1


@pytest.mark.parametrize("steps", [1, 2])
async def test_a_stop_that_came_while_the_worker_was_frozen_wins(
    site: Site, watcher: Watcher, steps: int
) -> None:
    build = start(script=Script(seconds=2, steps=steps, errors=()))
    with site.process() as frozen:
        await watcher.send(build)
        await watcher.until_running(build)
        frozen.signal(signal.SIGSTOP)
        assert not watcher.endings(build)
        await watcher.send(stop(watcher.of(build)[0]))
        await asyncio.sleep(2.5)  # every step is due by then
        frozen.signal(signal.SIGCONT)
        ending = await watcher.until_ended(build)
    assert ending.object.status == "stopped"
    assert len(watcher.endings(build)) == 1


@pytest.mark.parametrize("others", [0, 300], ids=["at once", "behind others"])
async def test_a_stop_wins_though_the_worker_thaws_when_the_build_is_due(
    site: Site, watcher: Watcher, others: int
) -> None:
    build = start(script=Script(seconds=3, steps=1, errors=()))
    with site.process() as frozen:
        await watcher.send(build)
        await watcher.until_running(build)
        due = time.monotonic() + 3
        frozen.signal(signal.SIGSTOP)
        await asyncio.gather(*(watcher.send(stop(start())) for _ in range(others)))
        await watcher.send(stop(watcher.of(build)[0]))
        assert time.monotonic() < due
        await asyncio.sleep(due - time.monotonic() + 0.02)
        frozen.signal(signal.SIGCONT)
        ending = await watcher.until_ended(build)
    assert ending.object.status == "stopped"


async def test_the_clock_of_a_build_stands_while_its_worker_is_frozen(
    site: Site, watcher: Watcher
) -> None:
    build = start(script=Script(seconds=2, steps=20, errors=()))
    with site.process() as frozen:
        await watcher.send(build)
        await watcher.until_running(build)
        frozen.signal(signal.SIGSTOP)
        await asyncio.sleep(2.5)
        before = watcher.of(build)[-1].object.progress
        frozen.signal(signal.SIGCONT)
        thawed = time.monotonic()
        await watcher.until_ended(build)
    left = 2 * (100 - before) / 100
    assert left > 1
    assert time.monotonic() - thawed > left - 0.3


async def test_a_build_that_was_stopped_before_its_turn_is_never_begun(
    site: Site, watcher: Watcher
) -> None:
    first, second, third = start(script=LONG), start(), start()
    async with site.work(slots=1):
        await watcher.send(first)
        await watcher.until_running(first)
        await watcher.send(second)
        await watcher.send(third)
        await watcher.send(stop(second))
        await watcher.send(stop(watcher.of(first)[0]))
        await watcher.until_ended(third)
    assert not watcher.of(second)


async def test_no_more_builds_run_at_a_time_than_there_are_slots(
    site: Site, watcher: Watcher
) -> None:
    builds = [start() for _ in range(7)]
    async with site.work(slots=3):
        for build in builds:
            await watcher.send(build)
        for build in builds:
            await watcher.until_ended(build)
    assert most_at_a_time(watcher) == {3}
    assert all(len(watcher.endings(build)) == 1 for build in builds)


async def test_what_no_worker_heard_is_built_by_the_next_one(site: Site, watcher: Watcher) -> None:
    builds = [start(f"b{n}-{time.monotonic_ns()}") for n in range(3)]
    for build in builds:
        await watcher.send(build)
    async with site.work(slots=1):
        for build in builds:
            await watcher.until_ended(build)
    accepted = [seen.object for seen in watcher.activities if seen.type == "Accept"]
    assert [build.id for build in accepted] == [build.object.id for build in builds]
    assert {build.attempt for build in accepted} == {1}


async def test_the_build_of_a_killed_worker_is_begun_again(site: Site, watcher: Watcher) -> None:
    build = start(script=Script(seconds=2, steps=20, errors=()))
    with site.process() as killed:
        await watcher.send(build)
        await until(lambda: any(seen.object.progress >= 10 for seen in watcher.of(build)))
        await until(lambda: watcher.busy(killed.name))
        killed.signal(signal.SIGKILL)
        await killed.until_ended()
    await until(lambda: watcher.presences[killed.name].status == "offline")
    async with site.work() as w2:
        ending = await watcher.until_ended(build)

    accept = next(seen for seen in watcher.of(build) if seen.object.attempt == 2)
    assert (accept.type, accept.object.seq, accept.object.progress) == ("Accept", 0, 0)
    assert (ending.worker, ending.object.attempt, ending.object.status) == (w2.name, 2, "succeeded")


async def test_a_worker_ends_within_three_seconds_and_says_so(site: Site, watcher: Watcher) -> None:
    build = start(script=LONG)
    async with site.work() as w1:
        await watcher.send(build)
        await until(lambda: watcher.busy(w1.name))
        await site.until_its_next_attempt_is_2(build)
        asked = time.monotonic()
        await w1.stop()
        assert time.monotonic() - asked < 3
        await until(lambda: watcher.presences[w1.name].status == "offline")
    assert not watcher.endings(build)
    async with site.work():
        await watcher.until_running(build, attempt=2)
        await watcher.send(stop(build))


async def test_a_presence_tells_what_a_worker_does(site: Site, watcher: Watcher) -> None:
    build = start(script=LONG)
    async with site.work(slots=5) as w1:
        await until(lambda: w1.name in watcher.presences)
        await watcher.send(build)
        await until(lambda: watcher.busy(w1.name))
        said = watcher.presences[w1.name]
        assert (said.status, said.slots) == ("online", 5)
        assert [(b.build, b.attempt) for b in said.builds] == [(build.object.build, 1)]
        assert said.published > 0
        await watcher.send(stop(watcher.of(build)[0]))
        await until(lambda: not watcher.busy(w1.name))


@pytest.mark.parametrize("payload", [b"", b"{}", b"\xff", b"[" * 60_000])
async def test_a_worker_survives_any_start(site: Site, watcher: Watcher, payload: bytes) -> None:
    build = start()
    async with site.work():
        await watcher.send_payload("builds/acme/bad/start", payload)
        await watcher.send_payload("builds/acme/bad/stop", payload)
        await watcher.send(build)
        await watcher.until_ended(build)


async def test_a_script_in_a_hurry_does_not_starve_the_others(site: Site, watcher: Watcher) -> None:
    hurried = start(script=Script(seconds=0.001, steps=500, errors=()))
    build = start()
    async with site.work(slots=2):
        await watcher.send(hurried)
        await watcher.send(build)
        ending = (await watcher.until_ended(build)).object
        await watcher.send(stop(hurried))
        await watcher.until_ended(hurried)
    assert ending.end_time
    assert ending.start_time
    assert (ending.end_time - ending.start_time).total_seconds() < 2


async def test_a_stop_is_heard_in_the_midst_of_a_script_in_a_hurry(
    site: Site, watcher: Watcher
) -> None:
    build = start(script=Script(seconds=10, steps=10_000, errors=()))
    async with site.work():
        await watcher.send(build)
        await until(lambda: len(watcher.of(build, "progress")) >= 20)
        await watcher.send(stop(build))
        ending = (await watcher.until_ended(build)).object
    assert ending.status == "stopped"
    assert ending.progress < 50
    assert len(watcher.of(build, "progress")) <= (ending.progress + 1) * 10  # 100 a second


async def test_a_build_that_nobody_asked_for_is_left_alone(site: Site, watcher: Watcher) -> None:
    own = [start(f"a{n}-{time.monotonic_ns()}") for n in range(4)]
    said = [
        by_another(own[0]),
        by_another(own[0], "Update", seq=1, progress=50),
        by_another(own[1], "Update", seq=7, progress=70),
        by_another(own[2], "Update", attempt=0, status="queued"),
        by_another(own[3]),
        stop(by_another(own[3])),
    ]
    async with site.work(slots=9) as w1:
        for activity in said:
            await watcher.send(activity)
        if store := site.store:
            await until(lambda: all(store.get("acme", each.object.build) for each in own))
        last = start()
        await site.ask_again(last, watcher)
        await watcher.send(by_another(own[0], "Update", seq=2, status="succeeded", progress=100))
    assert watcher.begun(w1.name) == [last.object.build]
    assert {seen.worker for build in own for seen in watcher.of(build)} == {"another"}


async def test_what_ended_while_it_waited_is_never_begun(site: Site, watcher: Watcher) -> None:
    first, last = start(script=LONG), start()
    waiting = [start(f"a{n:03}-{time.monotonic_ns()}") for n in range(200)]
    async with site.work(slots=1) as w1:
        await watcher.send(first)
        await watcher.until_running(first)
        for build in waiting:
            await watcher.send(build)
        for n, build in enumerate(waiting):
            ending = by_another(build, "Update", seq=9, status="succeeded", progress=100)
            if site.store and n % 3 == 0:
                site.store.append([ending])  # nobody hears of it
            else:
                await watcher.send(stop(build) if n % 3 == 1 or not site.store else ending)
        await watcher.send(stop(watcher.of(first)[0]))
        await watcher.send(last)
        await watcher.until_ended(last)
    assert watcher.begun(w1.name) == [first.object.build, last.object.build]


async def test_a_build_that_ended_without_its_worker_is_dropped_without_a_word(
    site: Site, watcher: Watcher
) -> None:
    build, last = start(script=LONG), start()
    async with site.work(slots=1) as w1:
        await watcher.send(build)
        await watcher.until_running(build)
        await until(lambda: watcher.busy(w1.name))
        await watcher.send(by_another(build, "Update", seq=9, status="failed", progress=50))
        await watcher.send(last)
        await watcher.until_ended(last)
    assert [seen.worker for seen in watcher.endings(build)] == ["another"]


async def test_a_start_without_a_script_is_built_and_none_is_made_up(
    site: Site, watcher: Watcher
) -> None:
    build = start(priority="high")
    build = replace(build, object=replace(build.object, script=UNSET, by=UNSET))
    async with site.work():
        await watcher.send(build)
        await watcher.until_running(build)
        await watcher.send(stop(build))
        await watcher.until_ended(build)
    said = {(seen.object.script, seen.object.by) for seen in watcher.of(build)}
    assert said == {(UNSET, UNSET)}
    assert watcher.of(build)[0].object.priority == "high"


async def test_without_rabbitmq_a_start_is_built_as_it_was_asked_for(embedded_site: Site) -> None:
    build = start(priority="high")
    begun = by_another(build, script=LONG, priority="normal", by="eve")
    assert embedded_site.store
    embedded_site.store.append([build, begun])
    async with Watcher(embedded_site.mqtt_url) as watcher:
        await watcher.send_presence(Presence("another", "offline"))
        async with embedded_site.work():
            ending = await watcher.until_ended(build)
    assert (ending.object.script, ending.object.priority) == (build.object.script, "high")
    assert (ending.object.by, ending.object.attempt) == ("ada", 2)


async def test_without_rabbitmq_a_start_that_another_worker_took_is_left_to_it_while_it_is_there(
    embedded_site: Site,
) -> None:
    build = start(f"a-{time.monotonic_ns()}")
    assert embedded_site.store
    embedded_site.store.append([build, by_another(build)])
    async with Watcher(embedded_site.mqtt_url) as watcher:
        await watcher.send_presence(Presence("another", "online"))
        async with embedded_site.work(slots=9) as w1:
            last = start()
            await embedded_site.ask_again(last, watcher)
            await watcher.send(by_another(build, "Update", seq=1, progress=10))
            assert watcher.begun(w1.name) == [last.object.build]
            await watcher.send_presence(Presence("another", "offline"))
            ending = await watcher.until_ended(build)
    assert (ending.worker, ending.object.attempt) == (w1.name, 2)


async def test_without_rabbitmq_a_worker_takes_up_its_own_builds_at_once(
    embedded_site: Site,
) -> None:
    build = start(script=LONG)
    async with Watcher(embedded_site.mqtt_url) as watcher:
        async with embedded_site.work() as w1:
            await watcher.send(build)
            await watcher.until_running(build)
            await embedded_site.until_its_next_attempt_is_2(build)
        await watcher.send_presence(None, w1.name)  # as if the broker had been restarted
        async with embedded_site.work(name=w1.name):
            await watcher.until_running(build, attempt=2)
            await watcher.send(stop(build))
            await watcher.until_ended(build)
