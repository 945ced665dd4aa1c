"""What an AMQP source does over several connections; the broker is played by the test."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from pika.spec import Basic, BasicProperties

from buildfeed.subscribe.amqp import AmqpSource, OnMessage
from buildfeed.subscribe.waiting import Received


class Channel:
    """A channel that notes what is acknowledged on it."""

    def __init__(self) -> None:
        self.acknowledged: list[int] = []

    def basic_ack(self, tag: int) -> None:
        self.acknowledged.append(tag)


class Connections:
    """The connections of a source; each consumes, and calls run on the newest at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken: list[Received] = []
        self.offsets: list[int | None] = []
        self.source = AmqpSource("amqp://host", self)
        monkeypatch.setattr(self.source._link, "start", lambda: None)
        monkeypatch.setattr(self.source._link, "call", self._call)
        self.source.start(self.taken.append, None)

    def up(self) -> Channel:
        self.channel: Any = Channel()
        self.source._up(self.channel)
        return self.channel

    def consume(self, _channel: object, on_message: OnMessage, offset: int | None) -> None:
        self.offsets.append(offset)
        self._on_message = on_message

    def offset(self, properties: BasicProperties) -> int | None:
        return properties.priority  # whatever has room for a number

    def send(self, tag: int, offset: int | None = None) -> Received:
        method = Basic.Deliver(delivery_tag=tag, routing_key="builds.acme.b1.status")
        self._on_message(self.channel, method, BasicProperties(priority=offset), b"")
        return self.taken[-1]

    def _call(self, work: Callable[[Any], None]) -> "Future[None]":
        work(self.channel)
        done: Future[None] = Future()
        done.set_result(None)
        return done


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    return Connections(monkeypatch)


def test_a_message_is_acknowledged_on_its_own_connection_only(connections: Connections) -> None:
    first = connections.up()
    one, two = connections.send(1), connections.send(2)
    one.done()
    assert first.acknowledged == [1]
    second = connections.up()
    two.done()
    assert second.acknowledged == [], "2 is another message there"
    connections.send(1).done()
    assert second.acknowledged == [1]


def test_a_connection_goes_on_in_the_stream_behind_what_was_done(connections: Connections) -> None:
    connections.up()
    first = connections.send(1, 7)
    connections.send(2, 8)
    connections.up()
    first.done()
    connections.up()
    assert connections.offsets == [None, 6, 7]
