"""A recorder's durable session on RabbitMQ, and its process."""

import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pika

from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from support.recording import Scene


class Session:
    """A durable session: its `id`, and the queue where RabbitMQ keeps it."""

    def __init__(self, rabbitmq: PrivateRabbitMQ) -> None:
        self.id = f"recorder-{secrets.token_hex(4)}"
        self._queue = f"mqtt-subscription-{self.id}qos1"
        self._amqp_url = rabbitmq.amqp_url

    def waiting(self) -> int:
        """Return how many messages are kept for a recorder that is away."""
        with self._channel() as channel:
            return channel.queue_declare(self._queue, passive=True).method.message_count

    def end(self) -> None:
        with self._channel() as channel:
            channel.queue_delete(self._queue)

    @contextmanager
    def _channel(self) -> Iterator[Any]:
        connection = pika.BlockingConnection(pika.URLParameters(self._amqp_url))
        yield connection.channel()
        connection.close()


class Process:
    """A recorder: `python -m buildfeed.history`."""

    def __init__(self, scene: Scene, recorder_id: str) -> None:
        environment = os.environ | {
            "BUILDFEED_MQTT_URL": scene.mqtt_url,
            "BUILDFEED_DATABASE_URL": scene.database.url,
            "BUILDFEED_RECORDER_ID": recorder_id,
        }
        self.log: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "buildfeed.history"],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def ready(self) -> bool:
        return self.has_logged("recorder.ready ")

    @property
    def pid(self) -> int:
        return self._process.pid

    def has_logged(self, event: str) -> bool:
        return any(f" {event}" in line for line in self.log)

    def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal; return the exit code."""
        self._process.send_signal(number)
        code = self._process.wait(10)
        self._reader.join()
        return code

    def _read(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            self.log.append(line)
