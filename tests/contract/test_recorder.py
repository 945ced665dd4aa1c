"""The recorder without a durable session, on every broker."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from peers import Client, Connect
from recording import life, publish, recorded

from buildfeed.activity import parse
from buildfeed.board import BuildState
from history.recorder import Recorder
from history.store import Store

Eventually = Callable[..., None]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def store(database: Path) -> Iterator[Store]:
    with closing(Store(f"sqlite:///{database}")) as store:
        yield store


@pytest.fixture
def recorder(broker_url: str, store: Store, eventually: Eventually) -> Iterator[Recorder]:
    recorder = Recorder(store, broker_url, recorder_id=None)
    recorder.start()
    eventually(lambda: recorder.up)
    yield recorder
    recorder.stop()


@pytest.fixture
def publisher(broker_url: str, connect: Connect) -> Client:
    return connect(broker_url)


def test_what_is_published_is_recorded(
    recorder: Recorder, store: Store, publisher: Client, root: str, eventually: Eventually
) -> None:
    said = life(root)
    publish(publisher.link, said)
    eventually(lambda: recorded(store, root) == said)
    assert store.get(root, "b1") == BuildState(said[-1])


def test_what_is_malformed_stops_nothing(
    recorder: Recorder,
    store: Store,
    publisher: Client,
    root: str,
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
) -> None:
    said = life(root)
    start = str(said[0].topic)
    for topic in (
        start,
        f"builds/{root}",
        f"builds/{root}/b1/nonsense",
        f"builds/{root}/b1/status",
    ):
        for payload in (b"", b"\xff", b"{}", b"[" * 60_000, b'"secret"'):
            publisher.link.publish(topic, payload, qos=1)
    publish(publisher.link, said)
    eventually(lambda: recorded(store, root) == said)
    (record,) = [each for each in caplog.records if each.getMessage() == "recorder.malformed"]
    assert record.levelno == logging.WARNING
    assert vars(record)["topic"] == start


def test_the_newest_status_of_a_project_is_retained(
    recorder: Recorder, publisher: Client, connect: Connect, root: str, broker_url: str
) -> None:
    topic = f"projects/{root}/latest"
    watcher = connect(broker_url, subscriptions=[(topic, 1)])
    start, accept, *_, end = life(root, ticks=20)
    publish(publisher.link, life(root, ticks=20))
    watcher.until(lambda: encode_last(watcher) == end)
    assert {parse(payload).id for payload in watcher.payloads} <= {start.id, accept.id, end.id}
    late = connect(broker_url, subscriptions=[(topic, 1)])
    late.until(lambda: late.messages)
    assert encode_last(late) == end
    publisher.link.publish(topic, b"", qos=1, retain=True).result(5)


def encode_last(client: Client) -> object:
    return parse(client.payloads[-1]) if client.payloads else None


def test_an_older_build_does_not_become_the_latest_status(
    recorder: Recorder,
    store: Store,
    publisher: Client,
    connect: Connect,
    root: str,
    broker_url: str,
    eventually: Eventually,
) -> None:
    watcher = connect(broker_url, subscriptions=[(f"projects/{root}/latest", 1)])
    new, old = life(root, "b2"), life(root, "b1")
    publish(publisher.link, new)
    watcher.until(lambda: encode_last(watcher) == new[-1])
    publish(publisher.link, old)
    publish(publisher.link, [again := life(root, "b3")[0]])
    watcher.until(lambda: encode_last(watcher) == again)
    assert not any(parse(payload).object.build == "b1" for payload in watcher.payloads)
    publisher.link.publish(f"projects/{root}/latest", b"", qos=1, retain=True).result(5)


def test_stopping_records_what_has_arrived(
    recorder: Recorder, store: Store, publisher: Client, root: str, eventually: Eventually
) -> None:
    said = life(root, ticks=1_000)
    publish(publisher.link, said)
    eventually(lambda: recorder._arrived.empty(), 10)
    recorder.stop()
    assert recorded(store, root) == said
    assert not recorder.up
    assert not recorder.alive


def test_a_database_that_fails_only_delays(
    broker_url: str,
    database: Path,
    store: Store,
    publisher: Client,
    root: str,
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "history")
    database.mkdir()
    recorder = Recorder(store, broker_url, recorder_id=None)
    recorder.start()
    eventually(lambda: recorder._link.up)
    said = life(root)
    publish(publisher.link, said)
    eventually(lambda: events(caplog) == ["recorder.stalled"])
    assert not recorder.up
    database.rmdir()
    eventually(lambda: recorder.up)
    eventually(lambda: recorded(store, root) == said)
    assert events(caplog) == ["recorder.stalled", "recorder.resumed"]
    recorder.stop()


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name.startswith("history")]


def test_stopping_does_not_wait_for_a_database_that_fails(
    broker_url: str, database: Path, store: Store, eventually: Eventually
) -> None:
    database.mkdir()
    recorder = Recorder(store, broker_url, recorder_id=None)
    recorder.start()
    eventually(lambda: recorder._link.up)
    recorder.stop()
    assert not recorder.alive
