"""The RabbitMQ of compose.yaml, run by the installed binary, and MQTT sessions on it."""

import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pika
import yaml
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from pika.adapters.blocking_connection import BlockingChannel

from buildfeed.broker.local import rabbitmq
from support.rabbitmq import ControlledRabbitMQ

ROOT = Path(__file__).parents[2]
OLD_KEYS = {
    "mqtt.max_session_expiry_interval_seconds = 604800": "mqtt.subscription_ttl = 604800000",
    "mqtt.max_packet_size_authenticated = 131072": "",
}
"""Keys by their names before RabbitMQ 3.13, which does not start with an unknown key."""


class ComposeRabbitMQ:
    """A RabbitMQ with the configuration of compose.yaml; each user's password is the user name."""

    def __init__(self, directory: Path) -> None:
        definitions = directory / "definitions"
        definitions.mkdir()
        users = yaml.safe_load((ROOT / "compose.yaml").read_text())["configs"]["users"]["content"]
        users = re.sub(r"\$\{(\w+)_PASSWORD[^}]*\}", lambda match: match[1].lower(), users)
        (definitions / "1-users.json").write_text(users)
        permissions = (ROOT / "deploy/rabbitmq/definitions.json").read_text()
        (definitions / "2-permissions.json").write_text(permissions)

        settings = (ROOT / "deploy/rabbitmq/rabbitmq.conf").read_text()
        settings = settings.replace("/etc/rabbitmq/definitions", str(definitions))
        if rabbitmq._version() < (3, 13):
            for new, old in OLD_KEYS.items():
                assert new in settings
                settings = settings.replace(new, old)
        (directory / "conf.d").mkdir()
        (directory / "conf.d" / "90-buildfeed.conf").write_text(settings)
        self.server = ControlledRabbitMQ(directory)
        """Its own configuration has the addresses of `91-broker-auth.conf`."""

    @contextmanager
    def channel(self, user: str, password: str | None = None) -> Iterator[BlockingChannel]:
        parameters = pika.ConnectionParameters(
            "127.0.0.1",
            self.server.amqp_port,
            credentials=pika.PlainCredentials(user, password or user),
        )
        with closing(pika.BlockingConnection(parameters)) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            yield channel


class Session:
    """One MQTT connection. RabbitMQ closes it when it refuses something."""

    def __init__(
        self,
        port: int,
        user: str,
        client_id: str,
        *,
        password: str,
        clean: bool = True,
        web_socket: bool = False,
    ) -> None:
        self.received: list[str] = []
        self._refused = False
        self._answered = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean,
            transport="websockets" if web_socket else "tcp",
            reconnect_on_failure=False,
        )
        self._client.username_pw_set(user, password)
        self._client.on_connect = self._answer
        self._client.on_publish = self._answer
        self._client.on_subscribe = self._answer
        self._client.on_disconnect = self._closed
        self._client.on_message = self._receive
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self.accepted = self._wait()

    def publish(self, topic: str, *, retain: bool = False) -> bool:
        assert self.accepted
        self._answered.clear()
        self._client.publish(topic, b"{}", qos=1, retain=retain)
        return self._wait()

    def subscribe(self, filter_: str) -> bool:
        assert self.accepted
        self._answered.clear()
        self._client.subscribe(filter_, qos=1)
        return self._wait()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _wait(self) -> bool:
        """Return whether the broker accepted."""
        assert self._answered.wait(30), "the broker does not answer"
        return not self._refused

    def _answer(self, _client: Client, _data: object, _what: object, codes: Any, *_: Any) -> None:
        codes = codes if isinstance(codes, list) else [codes]
        self._refused |= any(code.is_failure for code in codes)
        self._answered.set()

    def _closed(self, *_: object) -> None:
        self._refused = True
        self._answered.set()

    def _receive(self, _client: Client, _data: object, message: Any) -> None:
        self.received.append(message.topic)
