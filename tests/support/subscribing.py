"""Subscriber apps under test: the ways in which they listen, in this process and in others."""

import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pika

from buildfeed.activity import Activity, encode
from buildfeed.broker.amqp.stream import assert_stream
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from buildfeed.broker.mqtt.link import MqttLink
from buildfeed.subscribe.change import Change
from buildfeed.subscribe.program import source_of
from buildfeed.subscribe.stream import Begin
from buildfeed.subscribe.subscriber import Handler, Subscriber
from buildfeed.topics import Filter
from support.builders import accept, ending, progress
from support.service import until


class Way:
    """How an app listens: the `url` it is given, and the `stream` if it reads that.

    The project is that of one test. `publish` sends by MQTT, to the broker at `mqtt_url`.
    """

    def __init__(self, url: str, mqtt_url: str, stream: Begin | None = None) -> None:
        self.url = url
        self.stream = stream
        self.app = f"app-{secrets.token_hex(4)}"
        self.project = f"test-{secrets.token_hex(4)}"
        self._publisher = MqttLink(mqtt_url, name="publisher")

    def __enter__(self) -> Self:
        self._publisher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._publisher.stop()

    @property
    def filter(self) -> str:
        return f"builds/{self.project}/#"

    def life(self, build: str = "b1", ticks: int = 3) -> list[Activity]:
        """Return the activities of a build: its beginning, `ticks` of progress, its ending."""
        facts = {"build": build, "project": self.project}
        ticking = [progress(percent, **facts) for percent in range(1, ticks + 1)]
        return [accept(**facts), *ticking, ending(**facts)]

    def publish(self, *said: Activity) -> None:
        """Publish all by QoS 1; return when the broker has them."""
        for each in [self.send(str(each.topic), encode(each)) for each in said]:
            each.result(30)

    def send(self, topic: str, payload: bytes) -> "Future[None]":
        return self._publisher.publish(topic, payload, qos=1)


@contextmanager
def on_rabbitmq(broker: PrivateRabbitMQ, name: str) -> Iterator[Way]:
    """Listen to RabbitMQ by a `session`, a `queue` or the `stream`; nothing is left of it there."""
    url = broker.mqtt_url if name == "session" else broker.amqp_url
    connection = pika.BlockingConnection(pika.URLParameters(broker.amqp_url))
    with connection, Way(url, broker.mqtt_url, "next" if name == "stream" else None) as way:
        if name == "stream":
            assert_stream(connection)
        connection.close()
        yield way
    with pika.BlockingConnection(pika.URLParameters(broker.amqp_url)) as connection:
        for queue in (f"{broker.user}:{way.app}", f"mqtt-subscription-app-{way.app}qos1"):
            connection.channel().queue_delete(queue)


class App:
    """An app in this process, which notes what it handled; `url` may be that of a proxy."""

    def __init__(
        self,
        way: Way,
        memory: Path | None = None,
        *,
        url: str = "",
        handler: Handler | None = None,
        filter_: str = "",
    ) -> None:
        self.handled: list[Activity] = []
        self._handler = handler
        parsed = Filter.parse(filter_ or way.filter)
        self._source = source_of(url or way.url, parsed, app=way.app, stream=way.stream)
        self._subscriber = Subscriber(self._source, parsed, self._handle, memory=memory)
        self._thread = threading.Thread(target=self._subscriber.run)

    def _handle(self, change: Change) -> None:
        if self._handler:
            self._handler(change)
        self.handled.append(change.activity)

    def __enter__(self) -> Self:
        self._thread.start()
        until(lambda: self.up, "the app listens")
        return self

    @property
    def up(self) -> bool:
        return self._source._link.up

    @property
    def waiting(self) -> int:
        """How many messages have come and are not in hand yet."""
        return len(self._subscriber._waiting._messages)

    def ask_broker(self) -> None:
        """Ask RabbitMQ something on the channel of the app, and wait for the answer."""
        link = self._source._link
        link.call(lambda channel: channel.exchange_declare("amq.topic", passive=True)).result(10)

    def stop(self) -> None:
        self._subscriber.stop()

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join(20)
        assert not self._thread.is_alive()
        assert not self.up

    def until_handled(self, *said: Activity) -> None:
        """Wait until it has handled all of `said`, in this order, and no other."""
        until(lambda: len(self.handled) >= len(said), f"{len(said)} are handled", 40)
        assert [each.id for each in self.handled] == [each.id for each in said]
        assert self.handled == list(said)


class Program:
    """An app as a program, which listens once it has started; its output is in a file."""

    def __init__(self, folder: Path, *command: object, **environment: str) -> None:
        self._command = [sys.executable, *map(str, command)]
        self._environment = os.environ | environment
        self._folder = folder
        self._runs = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def start(self) -> None:
        self._runs += 1
        self.output = self._folder / f"output-{self._runs}"
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        until(lambda: "mqtt.up" in self.text or "amqp.up" in self.text, "the app listens")

    @property
    def text(self) -> str:
        return self.output.read_text()

    def tell(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """Return the exit code."""
        return self._process.wait(20)

    @property
    def running(self) -> bool:
        return self._process.poll() is None
