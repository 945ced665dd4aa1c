"""What the gateway knows of the queues of a real RabbitMQ."""

from collections.abc import Callable

import pytest
from pika.adapters.blocking_connection import BlockingChannel

from buildfeed.broker.amqp.delay import RUNG_QUEUES
from buildfeed.broker.amqp.link import AmqpLink
from buildfeed.broker.amqp.queue_lengths import DELAYED
from buildfeed.broker.amqp.topology import BUILDS, BUILDS_DEAD, BUILDS_HIGH
from gateway.operations import queues
from gateway.operations.queues import Queues


def fill(channel: BlockingChannel, queue: str, count: int) -> None:
    for _ in range(count):
        channel.basic_publish("", queue, b"start")


async def test_it_tells_how_many_starts_wait_in_each_queue(
    channel: BlockingChannel, link: Callable[..., AmqpLink]
) -> None:
    fill(channel, BUILDS, 3)
    fill(channel, BUILDS_HIGH, 2)
    fill(channel, BUILDS_DEAD, 1)
    delayed = [RUNG_QUEUES[9], RUNG_QUEUES[16]]
    for queue in RUNG_QUEUES:
        channel.queue_purge(queue)
    for queue in delayed:
        fill(channel, queue, 2)
    connected = link()
    connected.call(lambda _: None).result(20)

    lengths = await Queues(connected).lengths()

    assert lengths == {BUILDS: 3, BUILDS_HIGH: 2, BUILDS_DEAD: 1, DELAYED: 4}
    for queue in (BUILDS, BUILDS_HIGH, BUILDS_DEAD, *delayed):
        channel.queue_purge(queue)


async def test_it_asks_the_broker_seldom(
    channel: BlockingChannel,
    link: Callable[..., AmqpLink],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connected = link()
    connected.call(lambda _: None).result(20)
    known = Queues(connected)
    before = await known.lengths()
    fill(channel, BUILDS, 1)

    assert await known.lengths() == before
    monkeypatch.setattr(queues, "REFRESH_SECONDS", 0)
    assert (await known.lengths())[BUILDS] == before[BUILDS] + 1
    channel.queue_purge(BUILDS)


async def test_without_a_broker_nothing_is_known(link: Callable[..., AmqpLink]) -> None:
    nowhere = link("amqp://127.0.0.1:1/")

    assert await Queues(nowhere).lengths() == {}
