"""A recorder and a retention under failures that nobody thought of."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from buildfeed.activity import Activity, encode
from buildfeed.broker.mqtt.link import Message
from buildfeed.errors import HistoryRefused, HistoryUnavailable
from buildfeed.history import recorder as module
from buildfeed.history import retention as retention_module
from buildfeed.history.recorder import Recorder
from buildfeed.history.retention import Keep, Retention
from buildfeed.history.store import Store
from support.builds import activity
from support.postgresql import PostgreSQL

Eventually = Callable[..., None]
NOWHERE = "mqtt://127.0.0.1:9"
FAILURES = [TypeError("odd"), MemoryError(), UnicodeError("x"), KeyError("y"), RecursionError()]


class Acks:
    """Stands in for the link, to the broker."""

    up = True

    def __init__(self) -> None:
        self.acknowledged: list[Message] = []

    def start(self) -> None: ...

    def stop(self, _timeout: float) -> None: ...

    def ack(self, *messages: Message) -> None:
        self.acknowledged += messages

    def publish(self, *_: object, **__: object) -> None: ...


class OddStore(Store):
    """A history that raises what `failing` returns for a batch."""

    failing: Callable[[list[str]], Exception | None] = staticmethod(lambda _builds: None)

    def append(self, batch: Any, refused: Any = ()) -> None:
        if exc := self.failing([each.object.build for each in batch]):
            raise exc
        super().append(batch, refused)


@pytest.fixture
def store(database_url: str) -> Iterator[OddStore]:
    with closing(OddStore(database_url)) as store:
        yield store


@pytest.fixture
def recorder(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.01)
    recorder = Recorder(store, NOWHERE, recorder_id=None)
    recorder._link = Acks()  # type: ignore[assignment]
    yield recorder
    recorder.stop()


def receive(recorder: Recorder, *activities: Activity) -> None:
    for each in activities:
        recorder._receive(
            Message(str(each.topic), encode(each), qos=1, retain=False, packet_id=1, connection=1)
        )


def acknowledged(recorder: Recorder) -> int:
    return len(recorder._link.acknowledged)  # type: ignore[attr-defined]


def aside(store: Store) -> list[tuple[str, bytes]]:
    with store._database.transaction() as connection:
        found = connection.exec_driver_sql("SELECT topic, payload FROM malformed")
        return [(topic, bytes(payload)) for topic, payload in found]


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
def test_whatever_fails_for_a_while_only_delays(
    store: OddStore,
    recorder: Recorder,
    failure: Exception,
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
) -> None:
    failed = threading.Event()

    def failing(_builds: list[str]) -> Exception:
        failed.set()
        return failure

    store.failing = failing  # type: ignore[method-assign]
    receive(recorder, activity("b1"), activity("b2"))
    recorder.start()
    eventually(failed.is_set)
    eventually(lambda: recorder._works is False)
    assert recorder.alive
    assert not recorder.up
    assert acknowledged(recorder) == 0

    store.failing = lambda _builds: None  # type: ignore[method-assign]

    eventually(lambda: acknowledged(recorder) == 2)
    assert {state.newest.object.build for state in store.newest(limit=9)} == {"b1", "b2"}
    assert aside(store) == []
    eventually(lambda: recorder.up)
    ours = [each for each in caplog.records if each.getMessage() == "recorder.failed"]
    assert len(ours) == 1
    assert ours[0].levelno == logging.ERROR


@pytest.mark.parametrize("failure", [HistoryRefused("too long"), TypeError("odd")], ids=repr)
def test_what_the_history_does_not_take_is_set_aside_and_stops_nothing(
    store: OddStore, recorder: Recorder, failure: Exception, eventually: Eventually
) -> None:
    store.failing = lambda builds: failure if "poison" in builds else None  # type: ignore[method-assign]
    receive(recorder, activity("b1"), activity("poison"), activity("b2"))
    recorder.start()
    eventually(lambda: acknowledged(recorder) == 3)
    assert {state.newest.object.build for state in store.newest(limit=9)} == {"b1", "b2"}
    assert [topic for topic, _ in aside(store)] == [str(activity("poison").topic)]


def test_what_a_real_database_does_not_take_is_set_aside(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.01)
    with closing(Store(postgresql.new_database())) as store:
        with pytest.raises(HistoryRefused), store._database.transaction() as connection:
            connection.exec_driver_sql("SELECT 'x'::integer")
        with store._database.transaction() as connection:
            connection.exec_driver_sql("ALTER TABLE builds ADD CHECK (build <> 'poison')")
        recorder = Recorder(store, NOWHERE, recorder_id=None)
        recorder._link = Acks()  # type: ignore[assignment]
        receive(recorder, activity("b1"), activity("poison"), activity("b2"))
        recorder.start()
        eventually(lambda: acknowledged(recorder) == 3)
        assert {state.newest.object.build for state in store.newest(limit=9)} == {"b1", "b2"}
        assert [topic for topic, _ in aside(store)] == [str(activity("poison").topic)]
        recorder.stop()


def test_a_database_that_is_away_sets_nothing_aside(
    store: OddStore, recorder: Recorder, eventually: Eventually
) -> None:
    asked: list[list[str]] = []

    def away(builds: list[str]) -> Exception:
        asked.append(builds)
        return HistoryUnavailable("away")

    store.failing = away  # type: ignore[method-assign]
    receive(recorder, activity("b1"), activity("b2"))
    recorder.start()
    eventually(lambda: len(asked) > 2)
    assert all(builds == ["b1", "b2"] for builds in asked)
    store.failing = lambda _builds: None  # type: ignore[method-assign]
    eventually(lambda: acknowledged(recorder) == 2)
    assert aside(store) == []


def test_retention_goes_on_after_a_failure(
    database_url: str, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    monkeypatch.setattr(retention_module, "SWEEP_SECONDS", 0.01)
    retention = Retention(database_url, Keep(1, 1))
    sweeps: list[None] = []

    def sweep(_now: object) -> int:
        sweeps.append(None)
        raise TypeError("odd")

    monkeypatch.setattr(retention, "sweep", sweep)
    retention.start()
    eventually(lambda: len(sweeps) > 2)
    assert retention.alive
    retention.stop()


def test_a_clock_that_leapt_ahead_removes_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Store(database_url)) as store:
        store.append([activity("b1", "failed")])
        retention = Retention(database_url, Keep(days=1, builds=0))
        real = retention._database.dialect.now
        with retention._database.transaction() as connection:
            now = real(connection)
        retention.sweep(now)
        later = now + retention_module._LEAP * 2
        monkeypatch.setattr(retention._database.dialect, "now", lambda _connection: later)
        with pytest.raises(HistoryUnavailable, match="4 days ago if the clock is right"):
            retention._now()
        retention._began -= retention_module._DOUBT_SECONDS
        assert retention._now() == later
        retention.stop()
