"""Builds of the project `loud`, whose activities have 1 KiB: published as by a worker."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import paho.mqtt.client as paho
from msgspec import structs

from buildfeed import activity, command
from buildfeed.activity import Activity
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ

NOW = datetime(2026, 11, 21, 10, 15, tzinfo=UTC)


@contextmanager
def speaking(rabbitmq: PrivateRabbitMQ) -> Iterator[Callable[[str, int, str], None]]:
    """Yield a function of a build's id, `seq` and status that publishes this state."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.username_pw_set(rabbitmq.user, rabbitmq.password)
    client.connect("127.0.0.1", rabbitmq.mqtt_port)
    client.loop_start()

    def speak(build: str, seq: int, status: str) -> None:
        said = {"status": status, "attempt": 1, "seq": seq, "error": "e" * 1000}
        state = structs.replace(command.unknown("loud", build), **said)
        told = Activity.about(state, "Update", activity.worker_actor("w"), NOW)
        client.publish(str(told.topic), activity.encode(told), qos=0 if status == "running" else 1)

    yield speak
    client.disconnect()
    client.loop_stop()
