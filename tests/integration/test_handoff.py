"""A broker that comes back hands a start to another worker than the one that runs its build."""

from collections.abc import AsyncIterator
from functools import partial

import pytest
from pika.adapters.blocking_connection import BlockingChannel

from buildfeed.activity import Activity, Script
from buildfeed.broker.amqp.topology import BUILDS, publish
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from buildfeed.worker.queues.amqp import AmqpQueue
from support.workshop import RunningWorker, Watcher, start, stop, until, worker

SHORT = Script(seconds=5, steps=50, errors=())
LONG = Script(seconds=60, steps=600, errors=())


@pytest.fixture
async def watcher(rabbitmq: PrivateRabbitMQ, channel: BlockingChannel) -> AsyncIterator[Watcher]:
    async with Watcher(rabbitmq.mqtt_url) as watcher:
        yield watcher


@pytest.fixture
async def crossed(
    rabbitmq: PrivateRabbitMQ,
    channel: BlockingChannel,
    watcher: Watcher,
    build: Activity,
    caplog: pytest.LogCaptureFixture,
) -> AsyncIterator[tuple[RunningWorker, RunningWorker]]:
    """The worker that runs `build` and the one that keeps its start."""
    caplog.set_level("INFO")
    work = partial(worker, rabbitmq.mqtt_url, partial(AmqpQueue, rabbitmq.amqp_url), slots=1)
    async with work() as runner:
        publish(channel, build)
        await watcher.until_running(build)
        async with work() as keeper:
            while not watcher.keeps(keeper.name):  # whoever connects first has the start
                tries = accepted(watcher, build)
                await until(lambda: keeper.queue._link.up and runner.queue._link.up)
                keeper.cut_amqp()
                await until(lambda: not keeper.queue._link.up)
                runner.cut_amqp()
                await until(
                    lambda n=tries: watcher.keeps(keeper.name) or accepted(watcher, build) > n
                )
            await until(lambda: "build.kept_elsewhere" in caplog.messages)
            yield runner, keeper


@pytest.mark.parametrize("build", [start(script=SHORT)])
async def test_a_build_goes_on_where_it_runs(
    channel: BlockingChannel,
    watcher: Watcher,
    build: Activity,
    crossed: tuple[RunningWorker, RunningWorker],
) -> None:
    runner, keeper = crossed
    ending = await watcher.until_ended(build)
    assert (ending.worker, ending.object.status) == (runner.name, "succeeded")
    await until(lambda: not watcher.keeps(keeper.name))
    assert {seen.worker for seen in watcher.of(build)} == {runner.name}
    assert len(watcher.endings(build)) == 1
    assert channel.queue_declare(BUILDS, passive=True).method.message_count == 0


@pytest.mark.parametrize("build", [start(script=LONG)])
async def test_it_begins_elsewhere_at_once_when_its_worker_hands_it_back(
    watcher: Watcher, build: Activity, crossed: tuple[RunningWorker, RunningWorker]
) -> None:
    runner, keeper = crossed
    await runner.stop()
    await until(lambda: watcher.busy(keeper.name), seconds=2)
    await watcher.send(stop(watcher.of(build)[-1]))
    ending = await watcher.until_ended(build)
    assert (ending.worker, ending.object.status) == (keeper.name, "stopped")


def accepted(watcher: Watcher, build: Activity) -> int:
    """How many attempts of the build began or went on so far."""
    return len([seen for seen in watcher.of(build) if seen.type == "Accept"])
