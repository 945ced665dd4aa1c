"""Fixtures of the contract tests."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pika
import pytest

from buildfeed.broker.amqp.topology import BUILDS, BUILDS_HIGH, assert_topology
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from buildfeed.history.recorder import Recorder
from buildfeed.history.store import Store
from buildfeed.worker.queues.amqp import AmqpQueue
from buildfeed.worker.queues.embedded import EmbeddedQueue
from buildfeed.worker.queues.past import Past
from support.brokers import Broker, Embedded, Mosquitto, RabbitMQ
from support.peers import Client, Connect, Proxy, Script, ScriptedBroker, StartScript
from support.work_site import Site
from support.workshop import Watcher


@pytest.fixture(scope="session")
def embedded() -> Iterator[Embedded]:
    broker = Embedded()
    broker.start()
    yield broker
    broker.stop()
    broker.end()


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"), "max_queued_messages 0")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(params=["embedded", "mosquitto", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Broker:
    found = request.getfixturevalue(request.param)
    return RabbitMQ(found) if request.param == "rabbitmq" else found


@pytest.fixture
def broker_url(broker: Broker) -> str:
    return broker.url


@pytest.fixture
def root() -> str:
    """The first level of the topics of one test: the brokers are shared."""
    return f"test-{secrets.token_hex(4)}"


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Return a client that is up (or, `up=False`, that tries to be); stopped after the test."""
    clients: list[Client] = []

    def connect(url: str, *, up: bool = True, **options: Any) -> Client:
        client = Client(url, **options)
        clients.append(client)
        client.link.start()
        if up:
            client.until(lambda: client.ups)
        return client

    yield connect
    for client in clients:
        client.link.stop(timeout=1)


@pytest.fixture
def proxy(broker_url: str) -> Iterator[Proxy]:
    proxy = Proxy(broker_url)
    yield proxy
    proxy.end()


@pytest.fixture
def scripted() -> Iterator[StartScript]:
    brokers: list[ScriptedBroker] = []

    def start(script: Script) -> ScriptedBroker:
        brokers.append(ScriptedBroker(script))
        return brokers[-1]

    yield start
    for broker in brokers:
        broker.end()


@pytest.fixture
def embedded_site(embedded: Any, tmp_path: Path, eventually: Callable[..., None]) -> Iterator[Site]:
    database_url = f"sqlite:///{tmp_path / 'history.db'}"
    store = Store(database_url)
    recorder = Recorder(store, embedded.url, recorder_id=None)
    recorder.start()
    eventually(lambda: recorder.up)  # else nobody may hear a start
    make_queue = partial(EmbeddedQueue, embedded.url, store.offered, Past(store.get))
    yield Site(embedded.url, make_queue, store, database_url=database_url)
    recorder.stop()
    store.close()


@pytest.fixture
def rabbitmq_site(rabbitmq: PrivateRabbitMQ) -> Site:
    with pika.BlockingConnection(pika.URLParameters(rabbitmq.amqp_url)) as connection:
        channel = connection.channel()
        assert_topology(channel)
        channel.queue_purge(BUILDS)
        channel.queue_purge(BUILDS_HIGH)
    make_queue = partial(AmqpQueue, rabbitmq.amqp_url)
    return Site(rabbitmq.mqtt_url, make_queue, amqp_url=rabbitmq.amqp_url)


@pytest.fixture(params=["embedded", "rabbitmq"])
def site(request: pytest.FixtureRequest) -> Site:
    found: Site = request.getfixturevalue(f"{request.param}_site")
    return found


@pytest.fixture
async def watcher(site: Site) -> AsyncIterator[Watcher]:
    async with Watcher(site.mqtt_url) as watcher:
        yield watcher
