"""The durable session of a recorder on RabbitMQ: nothing is lost, nothing is stored twice."""

import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pika
import pytest
from databases import OnPostgreSQL, SQLite
from recording import Scene

from broker.rabbitmq import PrivateRabbitMQ


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


def test_what_is_published_while_the_recorder_is_away_is_recorded(
    scene: Scene, session: Session
) -> None:
    scene.start(session.id).stop()
    said = scene.life(ticks=300)
    scene.publish(said)
    assert scene.recorded() == []
    scene.start(session.id)
    scene.until_recorded(said)
    assert scene.recorded() == said


def test_what_is_recorded_or_malformed_is_acknowledged(scene: Scene, session: Session) -> None:
    recorder = scene.start(session.id)
    said = scene.life(ticks=300)
    scene.publisher.publish(str(said[0].topic), b"nonsense", qos=1)
    scene.publish(said)
    scene.until_recorded(said)
    recorder.stop()
    scene.until(lambda: session.waiting() == 0)


def test_what_is_not_recorded_is_not_acknowledged(scene: Scene, session: Session) -> None:
    scene.database.fail()
    recorder = scene.start(session.id, up=False)
    said = scene.life(ticks=300)
    scene.publish(said)
    scene.until(recorder._arrived.qsize)
    recorder.stop()
    scene.until(lambda: session.waiting() == len(said))
    scene.database.mend()
    scene.start(session.id)
    scene.until_recorded(said)


def test_a_lost_connection_loses_nothing_and_repeats_nothing(
    scene: Scene, session: Session, rabbitmq: PrivateRabbitMQ
) -> None:
    scene.start(session.id)
    said = scene.life(ticks=3_000)
    publishing = threading.Thread(target=scene.publish, args=[said])
    publishing.start()
    scene.until(scene.count)
    rabbitmq.ctl("close_all_connections", "--vhost", "/", "test")
    publishing.join()
    scene.until_recorded(said)


def test_two_recorders_store_each_activity_once(
    scene: Scene, session: Session, other_session: Session
) -> None:
    recorders = [scene.start(session.id), scene.start(other_session.id)]
    said = scene.life(ticks=500)
    scene.publish(said)
    scene.until_recorded(said)
    for recorder in recorders:
        recorder.stop()
    scene.until_recorded(said)


# --- the process


class Process:
    """`python -m history`."""

    def __init__(self, scene: Scene, recorder_id: str) -> None:
        environment = os.environ | {
            "BUILDFEED_MQTT_URL": scene.mqtt_url,
            "BUILDFEED_DATABASE_URL": scene.database.url,
            "BUILDFEED_RECORDER_ID": recorder_id,
        }
        self.log: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "history"], env=environment, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def ready(self) -> bool:
        return any(" INFO recorder.ready " in line for line in self.log)

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


@pytest.fixture
def run(scene: Scene, session: Session) -> Iterator[Callable[[], Process]]:
    """A function that runs the command until it is ready; the end of the test kills it."""
    processes: list[Process] = []

    def run() -> Process:
        processes.append(Process(scene, session.id))
        scene.until(lambda: processes[-1].ready)
        return processes[-1]

    yield run
    for process in processes:
        process.end()


def test_a_killed_recorder_loses_nothing_and_repeats_nothing(
    scene: Scene, run: Callable[[], Process]
) -> None:
    process = run()
    said = scene.life(ticks=3_000)
    publishing = threading.Thread(target=scene.publish, args=[said])
    publishing.start()
    for enough in (1, 1_000):
        scene.until(lambda enough=enough: scene.count() >= enough)
        assert process.end(signal.SIGKILL) == -signal.SIGKILL
        process = run()
    publishing.join()
    scene.until_recorded(said)


@pytest.mark.parametrize("scene", ["postgresql"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_within_3_seconds(
    scene: Scene, run: Callable[[], Process], number: signal.Signals
) -> None:
    process = run()
    began = time.monotonic()
    assert process.end(number) == 0
    assert time.monotonic() - began < 3
    log = "".join(process.log)
    assert not re.search("WARNING|ERROR|Traceback", log)
    assert str(urlsplit(scene.mqtt_url).password) not in log
