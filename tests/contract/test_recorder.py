"""The recorder without a durable session, on every broker."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from buildfeed.activity import Activity, encode, parse
from buildfeed.broker.mqtt.link import Message
from support.brokers import Broker, RabbitMQ
from support.databases import OnPostgreSQL, SQLite
from support.peers import Client, Connect
from support.recording import Scene


@pytest.fixture
def scene(broker: Broker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """On RabbitMQ with PostgreSQL, as in production."""
    database = (
        OnPostgreSQL(request.getfixturevalue("postgresql"))
        if isinstance(broker, RabbitMQ)
        else SQLite(tmp_path)
    )
    with Scene.opened(broker.url, database) as scene:
        yield scene


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        each.getMessage() for each in caplog.records if each.name.startswith("buildfeed.history")
    ]


def seen(watcher: Client) -> list[Activity]:
    return [parse(payload) for payload in watcher.payloads]


def test_what_is_published_is_recorded(scene: Scene) -> None:
    scene.start()
    said = scene.life()
    scene.publish(said)
    scene.until_recorded(said)
    assert scene.recorded() == said


def test_what_is_malformed_is_set_aside_and_stops_nothing(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.start()
    said = scene.life()
    topics = [str(said[0].topic), f"builds/{scene.project}", f"builds/{scene.project}/b1/nonsense"]
    sent = [(topic, payload) for topic in topics for payload in (b"", b"\xff", b"{}", b'"secret"')]
    sent.append((topics[0], b"[" * 60_000))
    for topic, payload in sent:
        scene.publisher.publish(topic, payload, qos=1)
    scene.publish(said)
    scene.until_recorded(said)
    assert scene.set_aside() == [(topic, payload[:4096]) for topic, payload in sent]
    (record,) = [each for each in caplog.records if each.getMessage() == "recorder.malformed"]
    assert record.levelno == logging.WARNING
    assert vars(record)["topic"] == topics[0]


ODDITIES = {
    "null": (
        b'"status":"succeeded"',
        b'"status":"succeeded","error":null,"endTime":null,"by":null',
    ),
    "half a character": (b'"status":"succeeded"', rb'"status":"failed","error":"cut \ud83d"'),
    "half of its bytes": (b'"status":"succeeded"', b'"status":"failed","error":"caf\xc3"'),
    "byte order mark": (b"{", b"\xef\xbb\xbf{"),
    "NUL": (b'"status":"succeeded"', b'"status":"failed","error":"\0 \\u0000"'),
    "floats": (b'"progress":100', b'"progress":100.0'),
    "a long error": (b'"status":"succeeded"', b'"status":"failed","error":"%s"' % (b"x" * 5000)),
    "no time": (b'"priority":"normal"', b'"priority":5,"endTime":"0001-01-01T00:00:00Z"'),
    "not to be used": (b'"type":"Build"', b'"type":["Build"],"startTime":"yesterday"'),
}


def test_an_ending_counts_though_it_has_an_oddity(scene: Scene, connect: Connect) -> None:
    watcher = connect(scene.mqtt_url, subscriptions=[(scene.latest, 1)])
    scene.start()
    for number, (plain, odd) in enumerate(ODDITIES.values()):
        *before, end = scene.life(f"b{number}")
        scene.publish(before)
        payload = encode(end).replace(plain, odd, 1)
        assert payload != encode(end)
        scene.publisher.publish(str(end.topic), payload, qos=1)
    for number in range(len(ODDITIES)):
        build = f"b{number}"
        scene.until(lambda build=build: scene.count(build) == len(scene.life(build)))
        assert scene.store.get(scene.project, build).ended
        assert scene.recorded(build)[-1] == scene.store.get(scene.project, build).newest
    watcher.until(lambda: any(each.object.ended for each in seen(watcher)))
    assert scene.set_aside() == []


def test_the_newest_status_of_a_project_is_retained(scene: Scene, connect: Connect) -> None:
    watcher = connect(scene.mqtt_url, subscriptions=[(scene.latest, 1)])
    scene.start()
    said = scene.life(ticks=20)
    start, accept, *_, end = said
    scene.publish(said)
    watcher.until(lambda: end in seen(watcher))
    assert all(status in (start, accept, end) for status in seen(watcher))
    late = connect(scene.mqtt_url, subscriptions=[(scene.latest, 1)])
    late.until(lambda: seen(late) == [end])


def test_an_older_build_is_not_the_newest_status(scene: Scene, connect: Connect) -> None:
    watcher = connect(scene.mqtt_url, subscriptions=[(scene.latest, 1)])
    scene.start()

    def record(build: str) -> None:
        said = scene.life(build)
        scene.publish(said)
        scene.until(lambda: scene.count(build) == len(said))

    for build in ("b2", "b1", "b3"):
        record(build)
    watcher.until(lambda: scene.life("b3")[-1] in seen(watcher))
    assert {status.object.build for status in seen(watcher)} == {"b2", "b3"}


def test_stopping_records_what_has_arrived(scene: Scene) -> None:
    recorder = scene.start()
    said = scene.life(ticks=1_000)
    for each in said:
        topic, payload = str(each.topic), encode(each)
        recorder._receive(Message(topic, payload, qos=1, retain=False, packet_id=0, connection=0))
    recorder.stop(timeout=10)
    assert scene.recorded() == said
    assert not recorder.up
    assert not recorder.alive


def test_a_database_that_fails_only_delays(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.database.fail()
    recorder = scene.start(up=False)
    said = scene.life()
    scene.publish(said)
    scene.until(lambda: events(caplog) == ["recorder.stalled"])
    assert not recorder.up
    scene.database.mend()
    scene.until(lambda: recorder.up)
    scene.until_recorded(said)
    assert events(caplog) == ["recorder.stalled", "recorder.resumed"]


def test_stopping_does_not_wait_for_a_database_that_fails(scene: Scene) -> None:
    scene.database.fail()
    recorder = scene.start(up=False)
    recorder.stop()
    assert not recorder.alive
