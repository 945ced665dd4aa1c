"""A worker and RabbitMQ's queues."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, closing
from functools import partial

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from buildfeed.activity import Script, encode
from buildfeed.broker.amqp.topology import (
    BUILDS,
    BUILDS_DEAD,
    TOPIC_EXCHANGE,
    assert_topology,
    publish,
)
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from buildfeed.history.store import Store
from buildfeed.presence import Presence, RunningBuild
from buildfeed.worker.queues.amqp import AmqpQueue
from buildfeed.worker.queues.past import Past
from support.workshop import (
    LONG,
    RunningWorker,
    Watcher,
    WorkerProcess,
    by_another,
    most_at_a_time,
    start,
    stop,
    until,
    worker,
)

Work = Callable[..., AbstractAsyncContextManager[RunningWorker]]


@pytest.fixture
async def watcher(rabbitmq: PrivateRabbitMQ, channel: BlockingChannel) -> AsyncIterator[Watcher]:
    async with Watcher(rabbitmq.mqtt_url) as watcher:
        yield watcher


@pytest.fixture
def work(rabbitmq: PrivateRabbitMQ, watcher: Watcher) -> Work:
    """Run a worker: `async with work(slots=1) as w1`."""
    return partial(worker, rabbitmq.mqtt_url, partial(AmqpQueue, rabbitmq.amqp_url))


def ready(channel: BlockingChannel, queue: str) -> int:
    """How many starts wait in `queue`, those that a worker holds not counted."""
    return int(channel.queue_declare(queue, passive=True).method.message_count)


async def test_a_build_runs_to_its_ending_and_leaves_the_queue(
    channel: BlockingChannel, watcher: Watcher, work: Work
) -> None:
    build = start(script=Script(seconds=0.5, steps=5, errors=(60,)))
    async with work() as w1:
        publish(channel, build)
        ending = await watcher.until_ended(build)

    said = [seen for seen in watcher.of(build) if seen.kind != "log"]
    assert [seen.kind for seen in said] == [
        "status", "progress", "progress", "error", "progress", "progress", "status",
    ]  # fmt: skip
    assert {(seen.worker, seen.object.attempt) for seen in said} == {(w1.name, 1)}
    assert (ending.object.status, ending.object.errors) == ("failed", 1)
    assert ready(channel, BUILDS) == 0


async def test_a_waiting_worker_takes_a_start_within_milliseconds(
    channel: BlockingChannel, watcher: Watcher, work: Work
) -> None:
    async with work():
        waits = []
        for _ in range(5):
            build = start()
            publish(channel, build)
            published = time.monotonic()
            await watcher.until_running(build)
            waits.append(time.monotonic() - published)
            await watcher.until_ended(build)
    assert min(waits) < 0.1


async def test_starts_of_both_queues_never_take_more_slots_than_there_are(
    channel: BlockingChannel, watcher: Watcher, work: Work
) -> None:
    builds = [start(priority="high" if n % 2 else "normal") for n in range(12)]
    async with work(slots=2), work(slots=1):
        for build in builds:
            publish(channel, build)
        for build in builds:
            await watcher.until_ended(build)

    for build in builds:
        assert len(watcher.endings(build)) == 1
    assert most_at_a_time(watcher) <= {1, 2}


async def test_one_in_four_is_normal_while_high_priority_waits(
    channel: BlockingChannel, watcher: Watcher, work: Work
) -> None:
    builds = [start(priority="normal") for _ in range(3)]
    builds += [start(priority="high") for _ in range(9)]
    for build in builds:
        publish(channel, build)
    async with work(slots=1):
        for build in builds:
            await watcher.until_ended(build)

    order = [seen.object.priority for seen in watcher.activities if seen.type == "Accept"]
    assert order == ["high", "high", "high", "normal"] * 3


async def test_what_is_no_start_is_a_dead_letter_and_the_next_is_built(
    channel: BlockingChannel, watcher: Watcher, work: Work
) -> None:
    build = start()
    async with work():
        for key, body in (
            ("builds.acme.b1.start", b"{}"),
            ("builds.acme.b1.start", b"\xff" * 100_000),
            ("builds.acme.other.start", encode(build)),
            ("builds.UPPER.b1.start", encode(build)),
        ):
            channel.basic_publish(TOPIC_EXCHANGE, key, body)
        publish(channel, build)
        ending = await watcher.until_ended(build)
        await until(lambda: ready(channel, BUILDS_DEAD) == 4)
    assert ending.object.status == "succeeded"


async def test_the_build_of_a_killed_worker_is_taken_over_within_a_second(
    rabbitmq: PrivateRabbitMQ, channel: BlockingChannel, watcher: Watcher, work: Work
) -> None:
    build = start(script=LONG)
    publish(channel, build)
    with WorkerProcess(mqtt_url=rabbitmq.mqtt_url, amqp_url=rabbitmq.amqp_url) as killed:
        await watcher.until_running(build)
        async with work() as w2:
            killed.signal(signal.SIGKILL)
            died = time.monotonic()
            await watcher.until_running(build, attempt=2)
            assert time.monotonic() - died < 1
            accept = next(seen for seen in watcher.of(build) if seen.object.attempt == 2)
            assert (accept.worker, accept.object.progress) == (w2.name, 0)
            await until(lambda: watcher.presences[killed.name].status == "offline")


async def test_a_stop_that_a_dying_worker_missed_reaches_the_next_attempt(
    rabbitmq: PrivateRabbitMQ, channel: BlockingChannel, watcher: Watcher, work: Work
) -> None:
    build = start(script=LONG)
    publish(channel, build)
    with WorkerProcess(mqtt_url=rabbitmq.mqtt_url, amqp_url=rabbitmq.amqp_url) as frozen:
        await watcher.until_running(build)
        frozen.signal(signal.SIGSTOP)
        async with work():
            await watcher.send(stop(watcher.of(build)[0]))
            frozen.signal(signal.SIGKILL)
            ending = await watcher.until_ended(build)
    assert (ending.object.status, ending.object.attempt, ending.object.seq) == ("stopped", 2, 0)
    assert not watcher.running(build, attempt=2)


async def test_a_build_goes_on_under_the_next_attempt_when_its_start_comes_back(
    channel: BlockingChannel, watcher: Watcher, work: Work
) -> None:
    build = start(script=Script(seconds=2, steps=20, errors=()))
    async with work() as w1:
        publish(channel, build)
        await until(lambda: any(s.object.progress >= 10 for s in watcher.of(build)))
        w1.cut_amqp()
        await watcher.until_running(build, attempt=2)
        ending = await watcher.until_ended(build)

    accept = next(s for s in watcher.of(build) if s.object.attempt == 2)
    assert (accept.type, accept.object.seq) == ("Accept", 0)
    assert accept.object.progress >= 10
    assert (ending.object.status, ending.object.attempt) == ("succeeded", 2)
    assert len(watcher.endings(build)) == 1
    assert ready(channel, BUILDS) == 0


async def test_a_build_survives_a_restart_of_the_broker(rabbitmq: PrivateRabbitMQ) -> None:
    with pika.BlockingConnection(pika.URLParameters(rabbitmq.amqp_url)) as connection:
        assert_topology(connection.channel())
    build = start(script=Script(seconds=2, steps=20, errors=()))
    make_queue = partial(AmqpQueue, rabbitmq.amqp_url)
    watching = Watcher(rabbitmq.mqtt_url, durable_id="restart")
    async with watching as watcher, worker(rabbitmq.mqtt_url, make_queue):
        await watcher.send(build)
        await watcher.until_running(build)
        await asyncio.to_thread(rabbitmq.stop)
        await asyncio.to_thread(rabbitmq.start)
        ending = await watcher.until_ended(build, seconds=30)

    assert ending.object.status == "succeeded"
    assert len(watcher.endings(build)) == 1
    accepted = [seen for seen in watcher.of(build) if seen.type == "Accept"]
    assert [accept.object.attempt for accept in accepted] == [1, 2]
    assert accepted[1].object.progress > 0


async def test_a_worker_whose_start_is_kept_elsewhere_has_room_to_keep_one_for_others(
    channel: BlockingChannel, watcher: Watcher, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("buildfeed.worker.worker._LOOK_SECONDS", 0.02)
    publish(channel, start(script=LONG))
    while not (of_others := channel.basic_get(BUILDS)[0]):
        pass
    build = start(script=LONG)
    async with work(slots=1) as w1:
        publish(channel, build)
        await watcher.until_running(build)
        async with work(slots=1) as w2:
            w2.cut_amqp()
            await until(lambda: w2.queue.returning and w2.queue._link.up)
            w1.queue._link._delay = 1  # it hears where its start is before it is back
            w1.cut_amqp()
            await until(lambda: watcher.keeps(w2.name))
            await until(lambda: w1.queue.returning and w1.queue._link.up)
            channel.basic_reject(of_others.delivery_tag, requeue=True)
            await until(lambda: watcher.keeps(w1.name))


async def test_nothing_ends_while_its_start_may_be_with_another(
    channel: BlockingChannel, watcher: Watcher, work: Work
) -> None:
    build = start(script=Script(seconds=1, steps=10, errors=()))
    async with work(slots=1) as w1:
        publish(channel, build)
        await watcher.until_running(build)
        thief = channel.connection.channel()
        thief.basic_consume(BUILDS, lambda *_: None)  # takes the start and does nothing
        w1.cut_amqp()
        await until(lambda: any(s.object.progress == 100 for s in watcher.of(build)))
        assert not watcher.endings(build)
        thief.close()  # and now it comes back
        ending = await watcher.until_ended(build)
    assert ending.object.attempt == 3
    assert ending.object.seq == 1


async def test_a_build_that_another_worker_has_accepted_is_dropped_without_a_word(
    channel: BlockingChannel, watcher: Watcher, work: Work
) -> None:
    build = start(script=LONG)
    async with work() as w1:
        publish(channel, build)
        await watcher.until_running(build)
        await until(lambda: watcher.busy(w1.name))
        await watcher.send(by_another(build, attempt=2))
        await until(lambda: not watcher.busy(w1.name))
    assert not watcher.endings(build)


async def test_a_later_attempt_is_dropped_when_an_earlier_one_had_ended_after_all(
    channel: BlockingChannel, watcher: Watcher, work: Work
) -> None:
    build, last = start(script=LONG), start()
    publish(channel, build)
    reject(channel, times=1)
    async with work(slots=1) as w1:
        await watcher.until_running(build, attempt=2)
        await until(lambda: watcher.busy(w1.name))
        await watcher.send(by_another(build, "Update", seq=50, status="succeeded", progress=100))
        publish(channel, last)
        await watcher.until_ended(last)
    assert [seen.worker for seen in watcher.endings(build)] == ["another"]
    assert ready(channel, BUILDS) == 0


async def test_what_ended_before_the_worker_came_is_never_begun(
    rabbitmq: PrivateRabbitMQ, channel: BlockingChannel, watcher: Watcher, database_url: str
) -> None:
    builds, last = [start() for _ in range(100)], start()
    for build in [*builds, last]:
        publish(channel, build)
    with closing(Store(database_url)) as store:
        store.append(builds)
        store.append([stop(build) for build in builds[:50]])
        store.append([by_another(build, "Update", seq=3, status="failed") for build in builds[50:]])
        make_queue = partial(AmqpQueue, rabbitmq.amqp_url, Past(store.get))
        async with worker(rabbitmq.mqtt_url, make_queue, slots=1) as w1:
            await watcher.until_ended(last)
    assert watcher.begun(w1.name) == [last.object.build]
    assert not any(watcher.of(build) for build in builds)
    assert ready(channel, BUILDS) == 0


async def test_a_build_that_ended_in_the_pause_before_its_attempt_is_never_begun(
    rabbitmq: PrivateRabbitMQ,
    channel: BlockingChannel,
    watcher: Watcher,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("buildfeed.worker.job.pause", lambda _attempt: 1.0)
    build, last = start(), start()
    publish(channel, build)
    with closing(Store(database_url)) as store:
        store.append([build])
        make_queue = partial(AmqpQueue, rabbitmq.amqp_url, Past(store.get))
        async with worker(rabbitmq.mqtt_url, make_queue, slots=1) as w1:
            await until(lambda: watcher.busy(w1.name))
            store.append([stop(build)])  # nobody hears of it
            publish(channel, last)
            await watcher.until_ended(last)
    assert watcher.begun(w1.name) == [last.object.build]


async def test_a_start_that_waits_for_a_slot_goes_when_its_build_ends(
    channel: BlockingChannel, watcher: Watcher, work: Work
) -> None:
    first, second, last = start(script=LONG), start(), start()
    async with work(slots=1) as w1:
        publish(channel, first)
        await watcher.until_running(first)
        w1.queue.allow(2)  # as while a start of its own is missing
        publish(channel, second)
        await until(lambda: w1.waits_for_a_slot(second))
        ending = by_another(second, "Update", seq=3, status="failed")
        async with asyncio.timeout(10):  # it may be said before the worker has subscribed to it
            while w1.waits_for_a_slot(second):
                await watcher.send(ending)
        await watcher.send(stop(watcher.of(first)[0]))
        publish(channel, last)
        await watcher.until_ended(last)
    assert watcher.begun(w1.name) == [first.object.build, last.object.build]


async def test_a_build_of_a_stranger_is_left_alone_when_he_is_gone(
    channel: BlockingChannel, watcher: Watcher, work: Work
) -> None:
    own, first, last = start(script=LONG), start(script=LONG), start()
    said = Presence("another", "online", builds=(RunningBuild("acme", own.object.build, 1),))
    async with work(slots=2) as w1, work(slots=2) as w2:
        publish(channel, first)
        await watcher.until_running(first)
        await watcher.send(by_another(own))
        await watcher.send_presence(said)
        for each in (w1, w2):  # from now on they hear what others run
            each.cut_amqp()
            await until(lambda queue=each.queue: queue.returning and queue._link.up)
        await watcher.send(by_another(own, "Update", seq=1, progress=30))
        await watcher.send_presence(Presence("another", "offline"))
        publish(channel, last)
        await watcher.until_ended(last, seconds=20)
        await watcher.send(stop(watcher.of(first)[-1]))
        await watcher.until_ended(first)
    assert {seen.worker for seen in watcher.of(own)} == {"another"}
    await watcher.send_presence(None, "another")


def reject(channel: BlockingChannel, times: int) -> None:
    """Take the start that waits and hand it back: each time is an attempt."""
    for _ in range(times):
        method, _, _ = channel.basic_get(BUILDS)
        while not method:
            method, _, _ = channel.basic_get(BUILDS)
        channel.basic_reject(method.delivery_tag, requeue=True)


async def test_an_attempt_too_many_fails_and_becomes_a_dead_letter(
    channel: BlockingChannel, watcher: Watcher, work: Work
) -> None:
    build = start()
    publish(channel, build)
    reject(channel, times=2)
    async with work(max_attempts=2):
        ending = await watcher.until_ended(build)
        await until(lambda: ready(channel, BUILDS_DEAD) == 1)

    assert len(watcher.of(build)) == 1
    assert (ending.object.status, ending.object.attempt, ending.object.seq) == ("failed", 3, 0)
    assert "2 attempts" in str(ending.object.error)


async def test_a_build_that_runs_is_not_given_up_however_often_its_start_came_back(
    channel: BlockingChannel, watcher: Watcher, work: Work
) -> None:
    build = start(script=Script(seconds=1, steps=5, errors=()))
    async with work(max_attempts=1) as w1:
        publish(channel, build)
        await watcher.until_running(build)
        w1.cut_amqp()
        ending = await watcher.until_ended(build)
    assert (ending.object.status, ending.object.attempt) == ("succeeded", 2)


async def test_a_worker_whose_event_loop_is_late_takes_no_start(
    channel: BlockingChannel, watcher: Watcher, work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    build = start()
    async with work(max_lag=-1):  # no loop is that quick
        await until(lambda: "worker.overloaded" in caplog.messages)
        publish(channel, build)
        with pytest.raises(AssertionError, match="not so within"):
            await watcher.until_ended(build, seconds=2)
        assert ready(channel, BUILDS) == 1
    async with work():
        await watcher.until_ended(build)


async def test_a_build_that_takes_too_long_fails(
    channel: BlockingChannel, watcher: Watcher, work: Work
) -> None:
    build = start(script=LONG)
    async with work(max_seconds=0.3):
        publish(channel, build)
        ending = await watcher.until_ended(build)
    assert ending.object.status == "failed"
    assert ending.object.error == "The build took longer than 0.3 seconds."


async def test_a_start_that_comes_twice_is_built_once(
    channel: BlockingChannel, watcher: Watcher, work: Work
) -> None:
    build = start()
    async with work():
        publish(channel, build)
        publish(channel, build)
        await watcher.until_ended(build)
        publish(channel, build)
        other = start()
        publish(channel, other)
        await watcher.until_ended(other)
    assert len(watcher.of(build, "status")) == 2
    assert ready(channel, BUILDS) == 0


async def test_a_stopping_worker_lets_its_builds_end(
    rabbitmq: PrivateRabbitMQ, channel: BlockingChannel, watcher: Watcher
) -> None:
    build, next_build = start(script=Script(seconds=1, steps=4, errors=())), start()
    urls = {"mqtt_url": rabbitmq.mqtt_url, "amqp_url": rabbitmq.amqp_url}
    with WorkerProcess(**urls, concurrency=1) as process:
        publish(channel, build)
        publish(channel, next_build)
        await watcher.until_running(build)
        process.signal(signal.SIGTERM)
        assert await process.until_ended() == 0
        assert watcher.endings(build)[0].object.status == "succeeded"
        assert watcher.presences[process.name].status == "offline"
    assert not watcher.of(next_build)
    assert ready(channel, BUILDS) == 1


async def test_a_stopping_worker_hands_back_what_takes_too_long(
    rabbitmq: PrivateRabbitMQ, channel: BlockingChannel, watcher: Watcher, work: Work
) -> None:
    build = start(script=LONG)
    urls = {"mqtt_url": rabbitmq.mqtt_url, "amqp_url": rabbitmq.amqp_url}
    with WorkerProcess(**urls, drain_seconds=0.2) as process:
        publish(channel, build)
        await watcher.until_running(build)
        process.signal(signal.SIGTERM)
        assert await process.until_ended() == 0
    assert not watcher.endings(build)
    async with work():
        await watcher.until_running(build, attempt=2)
        await watcher.send(stop(build))


async def test_a_second_signal_ends_it_at_once(
    rabbitmq: PrivateRabbitMQ, channel: BlockingChannel, watcher: Watcher
) -> None:
    build = start(script=LONG)
    urls = {"mqtt_url": rabbitmq.mqtt_url, "amqp_url": rabbitmq.amqp_url}
    with WorkerProcess(**urls) as process:
        publish(channel, build)
        await watcher.until_running(build)
        process.signal(signal.SIGINT)
        await asyncio.sleep(0.2)
        process.signal(signal.SIGINT)
        assert await process.until_ended() == -signal.SIGINT
