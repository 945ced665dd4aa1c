"""What a subscriber promises, with a source that the test feeds."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from buildfeed.activity import Activity, encode
from buildfeed.subscribe import subscriber as subscriber_module
from buildfeed.subscribe.change import Change
from buildfeed.subscribe.memory import Memory, MemoryUnusable
from buildfeed.subscribe.retries import pauses
from buildfeed.subscribe.source import Take
from buildfeed.subscribe.subscriber import Handler, SetAside, Subscriber, TryLater
from buildfeed.subscribe.waiting import Received
from buildfeed.topics import Filter
from support.builders import accept, ending, progress

Eventually = Callable[..., None]


class Fed:
    """A source that sends what the test says, and notes what was acknowledged."""

    def __init__(self) -> None:
        self.done: list[bytes] = []
        self.offset: int | None = None
        self.stopped = False
        self._take: Take | None = None
        self._started = threading.Event()

    def start(self, take: Take, offset: int | None) -> None:
        self._take, self.offset = take, offset
        self._started.set()

    def stop(self) -> None:
        self.stopped = True

    def send(self, topic: str, payload: bytes, offset: int | None = None) -> None:
        assert self._started.wait(10)
        assert self._take
        self._take(Received(topic, payload, 1, lambda: self.done.append(payload), offset=offset))

    def publish(self, *activities: Activity) -> None:
        for each in activities:
            self.send(str(each.topic), encode(each))


@contextmanager
def running(handler: Handler, *, filter_: str = "builds/#", **options: object) -> Iterator[Fed]:
    """A subscriber at work; at the end it was stopped in order."""
    fed = Fed()
    subscriber = Subscriber(fed, Filter.parse(filter_), handler, **options)
    thread = threading.Thread(target=subscriber.run)
    thread.start()
    try:
        yield fed
    finally:
        subscriber.stop()
        thread.join(10)
    assert not thread.is_alive()
    assert fed.stopped


def payloads(*activities: Activity) -> list[bytes]:
    return [encode(each) for each in activities]


def test_each_activity_is_handled_in_order_and_then_acknowledged(eventually: Eventually) -> None:
    said = [accept(), progress(10), progress(20), ending()]
    handled: list[Activity] = []
    acknowledged: list[int] = []

    def handle(change: Change) -> None:
        acknowledged.append(len(fed.done))
        handled.append(change.activity)

    with running(handle) as fed:
        fed.publish(*said)
        eventually(lambda: fed.done == payloads(*said))
    assert handled == said
    assert acknowledged == [0, 1, 2, 3]


def test_a_repetition_is_acknowledged_without_the_handler(eventually: Eventually) -> None:
    handled: list[str] = []
    with running(lambda change: handled.append(change.activity.id)) as fed:
        fed.publish(accept(), accept(), progress(10), accept())
        eventually(lambda: len(fed.done) == 4)
    assert handled == [accept().id, progress(10).id]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("builds/acme/b1/status", b"{"),
        ("builds/acme/b1/status", b""),
        ("builds/acme/b1/status", b"\0" * 1_000_000),
        ("builds/acme/b1/status", b"[" * 60_000),
        ("builds/acme/b1/status", "{\ufffd}".encode()),
        ("builds/acme/b2/status", encode(ending())),
        ("builds/ac.me/b1/status", encode(ending())),
        ("", encode(ending())),
        ("workers/w1/status", b"{}"),
        ("builds/other/b1/status", encode(ending(project="other"))),
    ],
)
def test_what_is_no_activity_for_the_app_is_acknowledged_and_left_out(
    topic: str, payload: bytes, eventually: Eventually
) -> None:
    handled: list[Activity] = []
    with running(lambda change: handled.append(change.activity), filter_="builds/acme/#") as fed:
        fed.send(topic, payload)
        fed.publish(ending())
        eventually(lambda: len(fed.done) == 2)
    assert handled == [ending()]


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were due, none of which takes any time."""
    due: list[float] = []

    def shortened(patience: float) -> Iterator[float]:
        for pause in pauses(patience):
            due.append(pause)
            yield 0

    monkeypatch.setattr(subscriber_module, "pauses", shortened)
    return due


def test_a_handler_that_fails_is_called_again_before_the_next_activity(
    eventually: Eventually, hurry: list[float]
) -> None:
    tried: list[str] = []

    def handle(change: Change) -> None:
        tried.append(change.activity.id)
        if len(tried) < 4:
            raise OSError("the server is away")

    with running(handle) as fed:
        fed.publish(accept(), progress(10))
        eventually(lambda: len(fed.done) == 2)
    assert tried == [accept().id] * 4 + [progress(10).id]
    assert hurry == [0.5, 1, 2]


def test_an_activity_that_always_fails_is_set_aside_with_a_line(
    eventually: Eventually, hurry: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    def handle(change: Change) -> None:
        if change.kind == "status":
            raise ValueError("x" * 100_000)

    with running(handle, patience=5) as fed:
        fed.publish(accept(), progress(10), accept())
        eventually(lambda: len(fed.done) == 3)
    assert sum(hurry) == 5
    lines = [record for record in caplog.records if record.message.startswith("subscriber")]
    assert [each.message for each in lines] == [
        *["subscriber.handler_failed"] * len(hurry),
        "subscriber.set_aside",
    ]
    assert {each.activity for each in lines} == {accept().id}
    assert all(len(each.reason) <= 500 for each in lines)


def test_a_handler_may_say_that_to_try_again_is_no_use(eventually: Eventually) -> None:
    tried: list[str] = []

    def handle(change: Change) -> None:
        tried.append(change.activity.id)
        raise SetAside("the server answers 404")

    with running(handle) as fed:
        fed.publish(accept(), progress(10))
        eventually(lambda: len(fed.done) == 2)
    assert tried == [accept().id, progress(10).id]


@pytest.mark.parametrize(("asked", "pause"), [(0, 0.5), (30, 30), (1e9, 3600)])
def test_a_handler_may_say_when_to_try_again(
    asked: float, pause: float, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    def handle(_change: Change) -> None:
        raise TryLater("the server answers 429", asked)

    with running(handle) as fed:
        fed.publish(accept())
        eventually(lambda: caplog.records)
    assert [record.again_in for record in caplog.records if hasattr(record, "again_in")] == [pause]
    assert fed.done == []


def test_patience_ends_for_one_who_always_asks_for_later(
    eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber_module, "MAX_WAIT_SECONDS", 0)
    monkeypatch.setattr(subscriber_module, "pauses", lambda _patience: iter([0, 0]))
    tried: list[str] = []

    def handle(change: Change) -> None:
        tried.append(change.kind)
        raise TryLater("the server answers 429", 3600)

    with running(handle) as fed:
        fed.publish(accept())
        eventually(lambda: fed.done)
    assert len(tried) == 3


def test_one_that_is_stopped_finishes_the_activity_in_hand_and_no_other(
    eventually: Eventually, tmp_path: Path
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def handle(_change: Change) -> None:
        begun.set()
        assert go_on.wait(10)

    fed = Fed()
    subscriber = Subscriber(fed, Filter.parse("builds/#"), handle, memory=tmp_path / "memory")
    thread = threading.Thread(target=subscriber.run)
    thread.start()
    fed.publish(accept(), progress(10))
    assert begun.wait(10)
    subscriber.stop()
    assert not fed.stopped
    go_on.set()
    thread.join(10)
    assert fed.stopped
    assert fed.done == payloads(accept())
    with Memory(tmp_path / "memory") as memory:
        assert memory.has(accept())
        assert not memory.has(progress(10))


def test_one_that_is_stopped_while_a_handler_fails_leaves_it_to_the_next(
    eventually: Eventually, tmp_path: Path
) -> None:
    failed = threading.Event()

    def fail(_change: Change) -> None:
        failed.set()
        raise OSError

    with running(fail, memory=tmp_path / "memory") as fed:
        fed.publish(accept())
        assert failed.wait(10)
    assert fed.done == []
    handled: list[Activity] = []
    with running(lambda change: handled.append(change.activity), memory=tmp_path / "memory") as fed:
        fed.publish(accept())
        eventually(lambda: fed.done == payloads(accept()))
    assert handled == [accept()]


def test_it_goes_on_in_the_stream_where_it_was(eventually: Eventually, tmp_path: Path) -> None:
    options = {"filter_": "builds/acme/#", "memory": tmp_path / "memory"}
    with running(lambda _change: None, **options) as fed:
        fed.send(str(accept().topic), encode(accept()), offset=41)
        fed.send("builds/other/b1/status", b"{", offset=42)
        eventually(lambda: len(fed.done) == 2)
    assert fed.offset is None
    with running(lambda _change: None, **options) as fed:
        fed.publish(accept())
        eventually(lambda: fed.done)
    assert fed.offset == 42


def test_the_first_activity_of_the_stream_comes_again_if_it_was_not_handled(tmp_path: Path) -> None:
    begun = threading.Event()

    def fail(_change: Change) -> None:
        begun.set()
        raise OSError

    with running(fail, memory=tmp_path / "memory") as fed:
        fed.send(str(accept().topic), encode(accept()), offset=7)
        assert begun.wait(10)
    with Memory(tmp_path / "memory") as memory:
        assert memory.offset == 6


def test_a_memory_that_cannot_be_written_is_tried_again_without_the_handler(
    eventually: Eventually, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(subscriber_module, "_MEMORY_SECONDS", 0.01)
    keep, full = Memory.keep, [True, True]

    def keep_unless_full(memory: Memory, change: Change) -> None:
        if full:
            full.pop()
            raise sqlite3.OperationalError("database or disk is full")
        keep(memory, change)

    monkeypatch.setattr(Memory, "keep", keep_unless_full)
    handled: list[Activity] = []
    with running(lambda change: handled.append(change.activity)) as fed:
        fed.publish(accept())
        eventually(lambda: fed.done == payloads(accept()))
    assert handled == [accept()]
    assert [record.message for record in caplog.records] == ["subscriber.forgetful"]


def test_a_memory_that_breaks_ends_the_app_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(_memory: Memory, _change: Change) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr(Memory, "keep", keep)
    fed = Fed()
    subscriber = Subscriber(fed, Filter.parse("builds/#"), lambda _change: None)
    feeder = threading.Thread(target=lambda: fed.publish(accept()))
    feeder.start()
    with pytest.raises(MemoryUnusable, match="is malformed"):
        subscriber.run()
    feeder.join(10)
    assert fed.stopped
    assert fed.done == []
