"""AMQP connections to the RabbitMQ of the test run, and recorders with durable sessions there."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from buildfeed.broker.amqp.link import AmqpLink
from buildfeed.broker.amqp.topology import BUILDS, BUILDS_DEAD, BUILDS_HIGH, assert_topology
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from support.databases import OnPostgreSQL, SQLite
from support.recorders import Process, Session
from support.recording import Scene


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


@pytest.fixture(params=["sqlite", "postgresql"])
def scene(
    rabbitmq: PrivateRabbitMQ, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Scene]:
    database = (
        SQLite(tmp_path)
        if request.param == "sqlite"
        else OnPostgreSQL(request.getfixturevalue("postgresql"))
    )
    with Scene.opened(rabbitmq.mqtt_url, database) as scene:
        yield scene


@pytest.fixture
def session(rabbitmq: PrivateRabbitMQ) -> Iterator[Session]:
    session = Session(rabbitmq)
    yield session
    session.end()


@pytest.fixture
def other_session(rabbitmq: PrivateRabbitMQ) -> Iterator[Session]:
    session = Session(rabbitmq)
    yield session
    session.end()


@pytest.fixture
def run_recorder(scene: Scene, session: Session) -> Iterator[Callable[[], Process]]:
    """A function that runs the command until it is ready; the end of the test kills it."""
    processes: list[Process] = []

    def run() -> Process:
        processes.append(Process(scene, session.id))
        scene.until(lambda: processes[-1].ready)
        return processes[-1]

    yield run
    for process in processes:
        process.end()
