"""Where commands go on a real RabbitMQ."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from buildfeed import command
from buildfeed.activity import Activity, Priority, Script, encode, parse
from buildfeed.broker.amqp import topology
from buildfeed.broker.amqp.topology import (
    BUILDS,
    BUILDS_DEAD,
    BUILDS_HIGH,
    assert_topology,
    publish,
)
from buildfeed.broker.mqtt.link import Message, MqttLink
from buildfeed.errors import BrokerUnavailable
from buildfeed.topics import ALL_BUILDS
from support.rabbitmq import ControlledRabbitMQ

NOW = datetime(2026, 11, 21, tzinfo=UTC)
Eventually = Callable[[Callable[[], object]], None]


def start(build: str, priority: Priority = "normal") -> Activity:
    return command.start("acme", build, NOW, by="ada", script=Script(), priority=priority)


def take(channel: BlockingChannel, queue: str) -> tuple[int, pika.BasicProperties, Activity]:
    """Return delivery tag, properties and activity of the next start in `queue`, within 5 s."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        method, properties, body = channel.basic_get(queue)
        if method:
            return method.delivery_tag, properties, parse(body)
    raise AssertionError(f"{queue} stays empty")


@pytest.fixture
def mqtt(rabbitmq: ControlledRabbitMQ, eventually: Eventually) -> Iterator[tuple[MqttLink, list]]:
    """An MQTT watcher of all builds, and what it has received."""
    received: list[Message] = []
    link = MqttLink(
        rabbitmq.mqtt_url, name="test", subscriptions=[(ALL_BUILDS, 1)], on_message=received.append
    )
    link.start()
    eventually(lambda: link.up)
    yield link, received
    link.stop()


def test_it_can_be_asserted_again(channel: BlockingChannel) -> None:
    assert_topology(channel)
    assert_topology(channel)


def test_a_start_of_high_priority_goes_to_builds_high_only(channel: BlockingChannel) -> None:
    publish(channel, start("b1", "high"))
    publish(channel, start("b2"))
    assert take(channel, BUILDS_HIGH)[2] == start("b1", "high")
    assert take(channel, BUILDS)[2] == start("b2")
    for queue in (BUILDS, BUILDS_HIGH):
        assert channel.basic_get(queue) == (None, None, None)


def test_only_starts_are_queued(channel: BlockingChannel) -> None:
    stop = command.stop(start("b1").object, NOW, by="ada", uuid="1")
    publish(channel, stop)
    publish(channel, start("b2"))
    assert take(channel, BUILDS)[2] == start("b2")


def test_a_start_says_what_it_is_and_survives_the_broker(channel: BlockingChannel) -> None:
    publish(channel, start("b1"))
    _, properties, activity = take(channel, BUILDS)
    assert properties.content_type == "application/activity+json"
    assert properties.message_id == activity.id
    assert properties.delivery_mode == 2


def test_a_start_of_an_mqtt_client_goes_to_builds(
    channel: BlockingChannel, mqtt: tuple[MqttLink, list[Message]]
) -> None:
    link, _ = mqtt
    link.publish(str(start("b1").topic), encode(start("b1")), qos=1).result(5)
    assert take(channel, BUILDS)[2] == start("b1")


@pytest.mark.parametrize("priority", ["high", "normal"])
def test_every_mqtt_watcher_sees_a_start(
    priority: Priority,
    channel: BlockingChannel,
    mqtt: tuple[MqttLink, list[Message]],
    eventually: Eventually,
) -> None:
    _, received = mqtt
    publish(channel, start("b1", priority))
    eventually(lambda: received)
    assert received[0].topic == "builds/acme/b1/start"
    assert received[0].qos == 1
    assert parse(received[0].payload) == start("b1", priority)


@pytest.mark.parametrize(("queue", "priority"), [(BUILDS, "normal"), (BUILDS_HIGH, "high")])
def test_a_start_handed_back_comes_again_and_is_counted(
    channel: BlockingChannel, queue: str, priority: Priority
) -> None:
    publish(channel, start("b1", priority))
    for before in range(4):
        tag, properties, _ = take(channel, queue)
        assert (properties.headers or {}).get("x-delivery-count", 0) == before
        channel.basic_reject(tag, requeue=True)


@pytest.mark.parametrize(("queue", "priority"), [(BUILDS, "normal"), (BUILDS_HIGH, "high")])
def test_a_start_rejected_for_good_lands_in_builds_dead(
    channel: BlockingChannel, queue: str, priority: Priority
) -> None:
    publish(channel, start("b1", priority))
    channel.basic_reject(take(channel, queue)[0], requeue=False)
    _, properties, activity = take(channel, BUILDS_DEAD)
    assert activity == start("b1", priority)
    assert properties.headers["x-death"][0]["reason"] == "rejected"
    assert channel.basic_get(queue) == (None, None, None)


def test_a_start_that_nobody_finishes_lands_in_builds_dead(channel: BlockingChannel) -> None:
    publish(channel, start("b1"))
    for _ in range(topology.DELIVERY_LIMIT + 1):
        channel.basic_reject(take(channel, BUILDS)[0], requeue=True)
    _, properties, _ = take(channel, BUILDS_DEAD)
    assert properties.headers["x-death"][0]["reason"] == "delivery_limit"


def test_a_start_that_a_queue_refuses_may_have_been_sent(
    channel: BlockingChannel, mqtt: tuple[MqttLink, list[Message]], eventually: Eventually
) -> None:
    full = {"x-max-length": 1, "x-overflow": "reject-publish"}
    queue = channel.queue_declare("", exclusive=True, arguments=full).method.queue
    channel.queue_bind(queue, topology.TOPIC_EXCHANGE, "builds.acme.full.#")
    publish(channel, start("full"))
    with pytest.raises(BrokerUnavailable) as refused:
        publish(channel, start("full"))
    assert refused.value.sent
    eventually(lambda: len(mqtt[1]) == 2)


def test_sessions_are_bounded_but_not_those_of_recorders(
    channel: BlockingChannel, rabbitmq: ControlledRabbitMQ, eventually: Eventually
) -> None:
    links = [
        MqttLink(rabbitmq.mqtt_url, name=name, subscriptions=[(ALL_BUILDS, 1)], durable_id=name)
        for name in ("phone-1", "recorder-1")
    ]
    for each in links:
        each.start()
    eventually(lambda: all(each.up for each in links))
    listed = rabbitmq.ctl("list_queues", "name", "policy").splitlines()
    policies = dict(line.split("\t") for line in listed)
    assert policies["mqtt-subscription-phone-1qos1"] == topology.SESSION_POLICY["name"]
    assert policies["mqtt-subscription-recorder-1qos1"] == ""
    for each in links:
        each.stop()
    for name in ("phone-1", "recorder-1"):
        channel.queue_delete(f"mqtt-subscription-{name}qos1")
