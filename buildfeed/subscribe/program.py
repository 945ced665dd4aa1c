"""A whole program: subscribe, handle, and end when told to."""

import logging
from pathlib import Path

from buildfeed import log, names
from buildfeed.subscribe.address import Address, InvalidAddress
from buildfeed.subscribe.amqp import AmqpSource
from buildfeed.subscribe.mqtt import MqttSession
from buildfeed.subscribe.queue import Queue
from buildfeed.subscribe.signals import stopping
from buildfeed.subscribe.source import Source
from buildfeed.subscribe.stream import Begin, Stream
from buildfeed.subscribe.subscriber import PATIENCE_SECONDS, Handler, Subscriber
from buildfeed.topics import Filter, watchable


def subscribe(
    url: str,
    filter_: str,
    handler: Handler,
    *,
    app: str,
    stream: Begin | None = None,
    memory: str | Path | None = None,
    patience: float = PATIENCE_SECONDS,
) -> None:
    """Call `handler` with each activity on `filter_` at the broker `url`, until told to end.

    By MQTT the activities come from a durable session, by AMQP from a durable queue, each named
    after the `app`; with `stream`, from the stream of RabbitMQ, from that point on. `memory` is a
    file that remembers over restarts what was handled. A handler that raises is called again for
    `patience` seconds; it raises SetAside when that is no use.

    SIGTERM and SIGINT end it, when the activity in hand has been handled. A program that has set up
    no log gets one on standard error. Raises InvalidAddress, InvalidFilter, InvalidName for the
    app, MemoryUnusable, and ValueError in a thread other than the main one.
    """
    parsed = watchable(filter_)
    source = source_of(url, parsed, app=app, stream=stream)
    subscriber = Subscriber(source, parsed, handler, memory=memory, patience=patience)
    if not logging.root.handlers:
        log.configure("info")
    with stopping(subscriber.stop):
        subscriber.run()


def source_of(url: str, filter_: Filter, *, app: str, stream: Begin | None = None) -> Source:
    """Return where the activities of an app come from; raise InvalidAddress or InvalidName."""
    address = Address.parse(url)
    name = address.session_of(names.check("app", app))
    if address.protocol == "amqp":
        return AmqpSource(url, Queue(name, filter_) if stream is None else Stream(stream))
    if stream is not None:
        raise InvalidAddress("the stream is read by AMQP: amqp:// or amqps://")
    return MqttSession(url, name, filter_)
