"""The recorder without a durable session, on every broker."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from buildfeed.activity import MAX_BYTES, Activity, encode, parse
from buildfeed.broker.mqtt.link import Message
from buildfeed.presence import Presence
from buildfeed.presence import encode as encode_presence
from buildfeed.topics import worker_status
from support.brokers import Broker, RabbitMQ
from support.builders import accept, ending, log
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


def own(scene: Scene, **facts: Any) -> Activity:
    """The beginning of a build of one's own, which runs on `w1`."""
    return accept(project=scene.project, queued_time=UNSET, **facts)


def test_output_is_kept_once_and_in_its_order(scene: Scene) -> None:
    scene.start()
    lines = [log(f"line {seq}\n", seq, project=scene.project) for seq in range(1, 20)]
    scene.publish([own(scene), *lines, lines[3], lines[-1]])
    scene.until(lambda: scene.count() == 20)
    pieces = scene.store.output().pieces(scene.project, "b1")
    assert pieces
    contents = scene.store.output().contents(pieces.numbers)
    text = b"".join(contents[number] for number in pieces.numbers)
    assert text == "".join(f"line {seq}\n" for seq in range(1, 20)).encode()


def test_a_build_whose_runner_is_gone_ends_and_others_go_on(scene: Scene) -> None:
    scene.start(abandon_after=2)
    queued = scene.life("b3")[:2]
    scene.publish([own(scene, worker="gone"), own(scene, build="b2"), *queued])
    alive = encode_presence(Presence("w1", "online", slots=0))
    deadline = time.monotonic() + 20
    while not (state := scene.store.get(scene.project, "b1")) or not state.ended:
        scene.publisher.publish("workers/w1/status", alive, qos=1).result(10)
        assert time.monotonic() < deadline
        time.sleep(0.05)  # a presence comes again and again
    build = state.newest.object
    assert (build.status, build.attempt, build.seq) == ("failed", 2, 0)
    assert str(build.error).startswith("Its runner has not been heard of since 20")
    assert state.newest.actor.name == "recorder"
    others = [scene.store.get(scene.project, each) for each in ("b2", "b3")]
    assert [bool(each and each.ended) for each in others] == [False, False]
    scene.publish([ending("succeeded", project=scene.project, queued_time=UNSET)])
    scene.until(lambda: status(scene, "b1") == "succeeded")


def test_the_presence_of_a_runner_that_is_gone_goes_with_its_build(
    scene: Scene, connect: Connect
) -> None:
    runner = f"gone-{scene.project}"
    topic = worker_status(runner)
    gone = encode_presence(Presence(runner, "offline", slots=0))
    scene.publisher.publish(topic, gone, qos=1, retain=True).result(10)
    watcher = connect(scene.mqtt_url, subscriptions=[(topic, 1)])
    watcher.until(lambda: watcher.payloads == [gone])
    scene.start(abandon_after=1)
    scene.publish([own(scene, worker=runner)])
    watcher.until(lambda: watcher.payloads == [gone, b""])
    scene.until(lambda: status(scene, "b1") == "failed")

    late = connect(scene.mqtt_url, subscriptions=[(topic, 1)])
    late.until(lambda: late.link.up)
    scene.publisher.publish(topic, b"from now on", qos=1).result(10)
    late.until(lambda: late.payloads)
    assert late.payloads == [b"from now on"]


def test_the_presence_of_a_worker_that_has_another_build_stays(
    scene: Scene, connect: Connect
) -> None:
    worker = f"busy-{scene.project}"
    others = [accept(project=scene.project, build="b2", worker=worker)]
    topic = worker_status(worker)
    watcher = connect(scene.mqtt_url, subscriptions=[(topic, 1)])
    watcher.until(lambda: watcher.link.up)
    scene.start(abandon_after=1)
    scene.publish([own(scene, worker=worker), *others])
    scene.until(lambda: status(scene, "b1") == "failed")
    scene.publisher.publish(topic, b"from now on", qos=1).result(10)
    watcher.until(lambda: watcher.payloads)
    assert watcher.payloads == [b"from now on"]


def test_a_build_that_can_have_no_ending_keeps_none_from_others(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.start(abandon_after=1)
    scene.publish([own(scene), full(scene, "b9")])  # the newest is looked at first
    scene.until(lambda: status(scene, "b1") == "failed")
    assert status(scene, "b9") == "running"
    scene.until(lambda: "recorder.not_ended" in events(caplog))
    assert "recorder.failed" not in events(caplog)


def full(scene: Scene, build: str) -> Activity:
    """The beginning of a build of one's own, so large that no error finds room."""
    parameters = dict.fromkeys("abcdefghijk", "")
    empty = own(scene, build=build, parameters=parameters)
    each = (MAX_BYTES - len(encode(empty))) // len(rb"\u0001") // len(parameters)
    return own(scene, build=build, parameters=dict.fromkeys(parameters, "\1" * each))


def status(scene: Scene, build: str) -> str:
    state = scene.store.get(scene.project, build)
    return state.newest.object.status if state else ""


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
