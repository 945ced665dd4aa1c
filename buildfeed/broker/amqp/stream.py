"""The stream of all activities, for applications that read them again.

    amq.topic ──builds.#──▶ stream builds.stream

A stream is a log: reading takes nothing away. No process of Buildfeed reads it.

A broker that starts accepts messages before it has its streams (0.6 s were seen). It confirms
messages of that moment, but they are missing in the stream, unless the broker keeps its metadata in
Khepri, its default from 4.2 on. Queues and history have them.
"""

import logging
from typing import Any, Final

from pika import BlockingConnection
from pika.exceptions import ChannelClosedByBroker

from buildfeed.broker.amqp.topology import TOPIC_EXCHANGE

log = logging.getLogger(__name__)

STREAM: Final = "builds.stream"
_BINDING_KEY: Final = "builds.#"

STREAM_ARGUMENTS: Final[dict[str, Any]] = {
    "x-queue-type": "stream",
    # Whole files are deleted, when a new one is begun. So the disk holds up to one file more than
    # these bytes, and messages may stay longer than this age, until the newest file is full.
    "x-max-length-bytes": 1_073_741_824,
    "x-max-age": "7D",
    "x-stream-max-segment-size-bytes": 16_777_216,
}
"""Arguments of `builds.stream`. A policy may set lower limits."""

_PRECONDITION_FAILED: Final = 406


def assert_stream(connection: BlockingConnection) -> None:
    """Declare and bind the stream, on channels of its own; an existing one keeps its arguments.

    It is not in definitions.json: RabbitMQ 4.0 reads that before it has its streams, and every
    second boot fails on a binding to one. Commands do not need the stream, so a refusal of the
    broker is only logged.
    """
    try:
        _declare(connection)
        channel = connection.channel()
        channel.queue_bind(STREAM, TOPIC_EXCHANGE, _BINDING_KEY)
        channel.close()
    except ChannelClosedByBroker as exc:
        log.warning("amqp.no_stream", extra={"reason": exc.reply_text})


def _declare(connection: BlockingConnection) -> None:
    channel = connection.channel()
    try:
        channel.queue_declare(STREAM, durable=True, arguments=STREAM_ARGUMENTS)
    except ChannelClosedByBroker as exc:
        if exc.reply_code != _PRECONDITION_FAILED:
            raise
    else:
        channel.close()
