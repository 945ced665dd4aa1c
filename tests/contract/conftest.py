"""Fixtures of the contract tests."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from support.brokers import Broker, Embedded, Mosquitto, RabbitMQ
from support.peers import Client, Connect, Proxy, Script, ScriptedBroker, StartScript


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
