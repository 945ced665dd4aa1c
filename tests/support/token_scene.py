"""The RabbitMQ of compose.yaml, a gateway that it asks about tokens, and people who have some."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

import pika
from pika.adapters.blocking_connection import BlockingChannel

from buildfeed.broker.local import ports
from buildfeed.broker.local.rabbitmq import RabbitMQFailed
from buildfeed.grants import Grants
from buildfeed.history.store import Store
from buildfeed.history.tokens import Tokens
from support.brokers import free_port
from support.certificates import certificate
from support.compose_rabbitmq import ComposeRabbitMQ, Session
from support.documented_phone import tls_of_rabbitmq
from support.service import Web, until

GRANTS: Final = {
    "ada": ["viewer@acme"],
    "rina": ["runner@acme"],
    "eva": ["viewer@*"],
    "kim": ["read:builds/+/+/status"],
}
"""Who may do what; each of them has a token."""
SECONDS: Final = 5.0
"""Within these, whoever may not be there any more is closed."""

Connect = Callable[..., Session]


def _free_port(beside: str) -> int | None:
    """Return a free port that is not the one of an address on which nobody listens yet."""
    found = (ports.free_block(1, start) for start in count(os.getpid()))
    return next(port for port in found if f":{port}" != beside[-6:])


class Scene:
    """The RabbitMQ of compose.yaml, a gateway that it asks, and tokens."""

    def __init__(self, directory: Path, sqlite: Path) -> None:
        database = f"sqlite:///{shutil.copy(sqlite, directory / 'history.db')}"
        self.store = Store(database)
        self.tokens: Tokens = self.store.tokens()
        self.secrets: dict[str, str] = {}
        self.broker = ComposeRabbitMQ(directory)
        self.certificate = certificate(directory)
        until(partial(self._boots, directory), "RabbitMQ boots", 120)
        server = self.broker.server
        self.gateway = Web(
            "gateway",
            directory,
            port=_free_port(beside=server.broker_auth),
            database_url=database,
            mqtt_url=f"mqtt://gateway:gateway@127.0.0.1:{server.mqtt_port}",
            amqp_url=f"amqp://gateway:gateway@127.0.0.1:{server.amqp_port}/",
            broker_auth=server.broker_auth,
            broker_auth_secret=server.broker_auth_secret,
            management_url=server.management_url.replace(
                f"{server.user}:{server.password}", "closer:closer"
            ),
        )
        self.gateway.start()
        self.gateway.until_ready()
        for name, grants in GRANTS.items():
            self.add(name, *grants)

    def _boots(self, directory: Path) -> bool:
        """Start RabbitMQ with listeners for TLS; it takes all addresses, so a port may be taken."""
        self.mqtts_port = free_port(2)
        self.wss_port = self.mqtts_port + 1
        tls_of_rabbitmq(directory, self.certificate, self.mqtts_port, self.wss_port)
        try:
            self.broker.server.start()
        except RabbitMQFailed:
            return False
        return True

    def add(self, name: str, *grants: str) -> None:
        _, self.secrets[name] = self.tokens.add(name, Grants.parse(grants))

    def close(self) -> None:
        self.gateway.__exit__()
        self.broker.server.kill()
        self.broker.server.stop()
        self.store.close()

    @contextmanager
    def channel(self, name: str) -> Iterator[BlockingChannel]:
        parameters = pika.ConnectionParameters(
            "127.0.0.1",
            self.broker.server.amqp_port,
            credentials=pika.PlainCredentials(name, self.secrets[name]),
        )
        connection = pika.BlockingConnection(parameters)
        try:
            channel = connection.channel()
            channel.confirm_delivery()
            yield channel
        finally:
            if connection.is_open:
                connection.close()
