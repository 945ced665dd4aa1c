"""The stream of builds on a real RabbitMQ, and the example that replays it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker

from buildfeed.activity import Activity
from buildfeed.broker.amqp import link as amqp
from buildfeed.broker.amqp.link import AmqpLink
from buildfeed.broker.amqp.stream import STREAM, STREAM_ARGUMENTS, assert_stream
from support.databases import SQLite
from support.rabbitmq import ControlledRabbitMQ
from support.recording import Scene

EXAMPLE = Path(__file__).parents[2] / "examples" / "replay.py"

Eventually = Callable[..., None]


def connect(rabbitmq: ControlledRabbitMQ) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.URLParameters(rabbitmq.amqp_url))


def is_up(rabbitmq: ControlledRabbitMQ) -> bool:
    with connect(rabbitmq) as connection:
        try:
            connection.channel().queue_declare(STREAM, passive=True)
        except ChannelClosedByBroker:
            return False
        return True


@pytest.fixture
def empty_stream(rabbitmq: ControlledRabbitMQ) -> None:
    with connect(rabbitmq) as connection:
        connection.channel().queue_delete(STREAM)
        assert_stream(connection)
    # RabbitMQ writes down that it has streams some seconds after the first one was declared. One
    # that crashes before never starts its streams again: see docs/brokers.md.
    rabbitmq.ctl("eval", "[dets:sync(Table) || Table <- dets:all()].")


@pytest.fixture
def scene(rabbitmq: ControlledRabbitMQ, tmp_path: Path) -> Iterator[Scene]:
    with Scene.opened(rabbitmq.mqtt_url, SQLite(tmp_path)) as scene:
        yield scene


class Replay:
    """The example. `start` it again, and it finds in its folder where it was."""

    def __init__(self, url: str, folder: Path, point: str) -> None:
        self._command = [sys.executable, EXAMPLE, url, point]
        self._folder = folder
        self._outputs: list[Path] = []
        folder.mkdir()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        self._outputs.append(self._folder / f"printed-{len(self._outputs)}")
        with self._outputs[-1].open("wb") as output:
            self._process = subprocess.Popen(self._command, cwd=self._folder, stdout=output)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def printed(self) -> list[tuple[int, str]]:
        """Offset and the rest of each line; one that a kill cut off does not count."""
        lines = [line for output in self._outputs for line in output.read_text().split("\n")[:-1]]
        cells = [line.partition(" ") for line in lines]
        return [(int(offset), rest) for offset, _, rest in cells]

    @property
    def seen(self) -> list[str]:
        """What was printed, without repetitions."""
        return list(dict(self.printed).values())


def lines(said: list[Activity]) -> list[str]:
    builds = [each.object for each in said]
    return [f"{b.project} {b.build} {b.status} {b.progress} %" for b in builds]


@pytest.mark.usefixtures("empty_stream")
def test_a_replay_loses_nothing_when_it_or_the_broker_is_killed(
    rabbitmq: ControlledRabbitMQ, scene: Scene, tmp_path: Path, eventually: Eventually
) -> None:
    before, away, after = scene.life("b1", 200), scene.life("b2", 200), scene.life("b3", 20)
    scene.publish(before)
    with Replay(rabbitmq.amqp_url, tmp_path / "app", "first") as replay:
        eventually(lambda: len(replay.seen) > 50)
        replay.kill()
        scene.publish(away)
        replay.start()
        eventually(lambda: replay.seen == lines(before + away))
        rabbitmq.kill()
        rabbitmq.start()
        eventually(lambda: is_up(rabbitmq))
        scene.publish(after)
        eventually(lambda: replay.seen == lines(before + away + after), 30)
        assert len(replay.printed) <= len(replay.seen) + 1, "only the one it was busy with"


@pytest.mark.usefixtures("empty_stream")
def test_a_replay_starts_anywhere(
    rabbitmq: ControlledRabbitMQ, scene: Scene, tmp_path: Path, eventually: Eventually
) -> None:
    first, second = scene.life("b1"), scene.life("b2")
    scene.publish(first)
    now = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)  # AMQP has whole seconds
    eventually(lambda: datetime.now(UTC) >= now)
    scene.publish(second)
    with ExitStack() as stack:
        by_time, by_offset, last = (
            stack.enter_context(Replay(rabbitmq.amqp_url, tmp_path / point, point))
            for point in (now.isoformat(), str(len(first) + 1), "last")
        )
        eventually(lambda: by_time.seen == lines(second))
        eventually(lambda: by_offset.seen == lines(second[1:]))
        eventually(lambda: last.seen[-1:] == lines(second[-1:]))
        assert lines(first)[0] not in last.seen


def test_a_link_makes_the_stream(
    rabbitmq: ControlledRabbitMQ,
    link: Callable[[], AmqpLink],
    monkeypatch: pytest.MonkeyPatch,
    eventually: Eventually,
) -> None:
    with connect(rabbitmq) as connection:
        connection.channel().queue_delete(STREAM)
    monkeypatch.setattr(amqp, "_STREAM_DELAY_SECONDS", 0)
    link()
    eventually(lambda: is_up(rabbitmq))


def test_a_stream_that_somebody_made_otherwise_stays_and_is_bound(
    rabbitmq: ControlledRabbitMQ,
) -> None:
    arguments = STREAM_ARGUMENTS | {"x-max-age": "1h"}
    with connect(rabbitmq) as connection:
        channel = connection.channel()
        channel.queue_delete(STREAM)
        channel.queue_declare(STREAM, durable=True, arguments=arguments)
        assert_stream(connection)
        channel.queue_declare(STREAM, durable=True, arguments=arguments)
        channel.basic_qos(prefetch_count=1)
        channel.basic_publish("amq.topic", "builds.acme.b1.log", b"bound")
        came = channel.consume(
            STREAM, arguments={"x-stream-offset": "first"}, inactivity_timeout=10
        )
        assert next(came)[2] == b"bound"
        channel.queue_delete(STREAM)


def test_the_example_says_what_is_wrong_in_one_line(
    rabbitmq: ControlledRabbitMQ, tmp_path: Path
) -> None:
    wrong = rabbitmq.amqp_url.replace(rabbitmq.password, "wrong")
    for arguments, line in {
        (): "usage: python examples/replay.py",
        (rabbitmq.amqp_url, "yesterday"): "usage: python examples/replay.py",
        ("mqtt://host", "first"): "usage: python examples/replay.py",
        (wrong, "first"): "The broker refuses this user or password.",
    }.items():
        done = subprocess.run(
            [sys.executable, EXAMPLE, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.startswith(line)
        assert done.stderr.count("\n") == 1
