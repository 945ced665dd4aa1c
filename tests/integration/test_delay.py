"""Delayed starts on a real RabbitMQ."""

import time
from datetime import UTC, datetime

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from buildfeed import command
from buildfeed.activity import Activity, Priority, Script, parse
from buildfeed.broker.amqp.delay import RUNG_QUEUES
from buildfeed.broker.amqp.topology import (
    BUILDS,
    BUILDS_DEAD,
    BUILDS_HIGH,
    assert_topology,
    publish,
)
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ


def start(build: str, delay: float, priority: Priority = "normal") -> Activity:
    now = datetime.now(UTC)
    return command.start(
        "acme", build, now, by="ada", script=Script(), priority=priority, delay=delay
    )


def arrivals(
    channel: BlockingChannel,
    number: int,
    queue: str = BUILDS,
    *,
    seconds: float = 15,
    late: float = 2,
) -> list[Activity]:
    """Take the next starts of `queue`, none of them before its time."""
    came: list[Activity] = []
    deadline = time.monotonic() + seconds
    while len(came) < number:
        assert time.monotonic() < deadline, f"only {len(came)} came"
        method, _, body = channel.basic_get(queue, auto_ack=True)
        if not method:
            time.sleep(0.02)
            continue
        came.append(parse(body))
        after = (datetime.now(UTC) - came[-1].object.not_before).total_seconds()
        assert 0 <= after < late, f"{came[-1].object.build} comes {after} s after its time"
    return came


@pytest.fixture(autouse=True)
def _empty_ladder(rabbitmq: PrivateRabbitMQ) -> None:
    with pika.BlockingConnection(pika.URLParameters(rabbitmq.amqp_url)) as connection:
        channel = connection.channel()
        assert_topology(channel)
        for queue in (BUILDS, *RUNG_QUEUES):
            channel.queue_purge(queue)


def test_each_start_comes_once_its_time_has_come(channel: BlockingChannel) -> None:
    delays = {"b9": 9, "b5": 5, "b1": 1, "b3": 2.5, "b7": 7}
    publish(channel, start("tomorrow", 86_400))
    for build, delay in delays.items():
        publish(channel, start(build, delay))
    came = [seen.object.build for seen in arrivals(channel, len(delays))]
    assert came == ["b1", "b3", "b5", "b7", "b9"]
    for queue in (BUILDS, BUILDS_HIGH, BUILDS_DEAD):
        assert channel.basic_get(queue) == (None, None, None)


def test_a_long_delay_does_not_stand_in_front_of_a_short_one(channel: BlockingChannel) -> None:
    for number in range(20):
        publish(channel, start(f"long{number}", 3600 + number))
    publish(channel, start("short", 1))
    assert [seen.object.build for seen in arrivals(channel, 1)] == ["short"]


def test_a_delayed_start_keeps_its_priority(channel: BlockingChannel) -> None:
    publish(channel, start("high", 1, "high"))
    assert arrivals(channel, 1, BUILDS_HIGH)[0].object.build == "high"
    assert channel.basic_get(BUILDS) == (None, None, None)


def test_a_start_without_delay_overtakes_one_that_waits(channel: BlockingChannel) -> None:
    publish(channel, start("later", 3))
    publish(channel, start("now", 0))
    time.sleep(0.2)
    method, _, body = channel.basic_get(BUILDS, auto_ack=True)
    assert method
    assert parse(body).object.build == "now"
    assert [seen.object.build for seen in arrivals(channel, 1)] == ["later"]


def test_a_start_that_was_delayed_is_delivered_again_and_dies_like_any_other(
    channel: BlockingChannel,
) -> None:
    publish(channel, start("b1", 3))
    deadline = time.monotonic() + 10
    for attempt in range(3):
        method = None
        while not method:
            assert time.monotonic() < deadline
            method, properties, _ = channel.basic_get(BUILDS)
        assert (properties.headers or {}).get("x-delivery-count", 0) == attempt
        channel.basic_reject(method.delivery_tag, requeue=attempt < 2)
    method = None
    while not method:
        assert time.monotonic() < deadline
        method, properties, _ = channel.basic_get(BUILDS_DEAD, auto_ack=True)
    death = properties.headers["x-death"][0]
    assert (death["reason"], death["routing-keys"]) == ("rejected", ["builds.acme.b1.start"])


def test_a_delayed_start_survives_the_broker(rabbitmq: PrivateRabbitMQ) -> None:
    parameters = pika.URLParameters(rabbitmq.amqp_url)
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        publish(channel, start("b1", 7))
    rabbitmq.kill()
    rabbitmq.start()
    with pika.BlockingConnection(parameters) as connection:
        came = arrivals(connection.channel(), 1, seconds=30, late=20)
    assert [seen.object.build for seen in came] == ["b1"]
