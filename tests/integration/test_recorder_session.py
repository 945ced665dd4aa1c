"""The durable session of a recorder on RabbitMQ: nothing is lost, nothing is stored twice."""

import re
import signal
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from support.rabbitmq import ControlledRabbitMQ
from support.recorders import Process, Session
from support.recording import Scene


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
    scene: Scene, session: Session, rabbitmq: ControlledRabbitMQ
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


def test_a_killed_recorder_loses_nothing_and_repeats_nothing(
    scene: Scene, run_recorder: Callable[[], Process]
) -> None:
    process = run_recorder()
    said = scene.life(ticks=3_000)
    publishing = threading.Thread(target=scene.publish, args=[said])
    publishing.start()
    for enough in (1, 1_000):
        scene.until(lambda enough=enough: scene.count() >= enough)
        assert process.end(signal.SIGKILL) == -signal.SIGKILL
        process = run_recorder()
    publishing.join()
    scene.until_recorded(said)


@pytest.mark.parametrize("scene", ["postgresql"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_within_3_seconds(
    scene: Scene, run_recorder: Callable[[], Process], number: signal.Signals
) -> None:
    process = run_recorder()
    began = time.monotonic()
    assert process.end(number) == 0
    assert time.monotonic() - began < 3
    log = "".join(process.log)
    assert not re.search("WARNING|ERROR|Traceback", log)
    assert str(urlsplit(scene.mqtt_url).password) not in log
