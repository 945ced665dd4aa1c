"""AMQP connections to the RabbitMQ of the test run."""

from collections.abc import Callable, Iterator

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from broker.amqp import AmqpLink
from broker.rabbitmq import PrivateRabbitMQ
from broker.topology import BUILDS, BUILDS_DEAD, BUILDS_HIGH, assert_topology


@pytest.fixture
def channel(rabbitmq: PrivateRabbitMQ) -> Iterator[BlockingChannel]:
    """A plain channel in confirm mode; the queues of builds are there, and empty."""
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq.amqp_url))
    channel = connection.channel()
    channel.confirm_delivery()
    assert_topology(channel)
    for queue in (BUILDS, BUILDS_HIGH, BUILDS_DEAD):
        channel.queue_purge(queue)
    yield channel
    connection.close()


@pytest.fixture
def link(rabbitmq: PrivateRabbitMQ) -> Iterator[Callable[..., AmqpLink]]:
    """A function that starts an AmqpLink, which the end of the test stops."""
    links: list[AmqpLink] = []

    def start(url: str = rabbitmq.amqp_url, **options: object) -> AmqpLink:
        links.append(AmqpLink(url, name="test", **options))
        links[-1].start()
        return links[-1]

    yield start
    for each in links:
        each.stop()
