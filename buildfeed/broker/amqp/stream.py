"""The stream that keeps what happened to builds, for applications that read it again.

    amq.topic ──builds.#──▶ stream builds.stream

Nothing of ours reads it, and who reads takes nothing away. What is published in the moment (0.6 s
were seen) between a start of the broker and that of the stream is confirmed, but not in it, unless
the broker keeps its metadata in Khepri, its default from 4.2 on. Queues and history have it.
"""

import logging
from typing import Any, Final

from pika import BlockingConnection
from pika.exceptions import ChannelClosedByBroker

from buildfeed.broker.amqp.topology import TOPIC_EXCHANGE

log = logging.getLogger(__name__)

STREAM: Final = "builds.stream"
STREAM_KEY: Final = "builds.#"

STREAM_ARGUMENTS: Final[dict[str, Any]] = {
    "x-queue-type": "stream",
    # Old files go as a whole, and when a new one is begun. So there is at most one file more on the
    # disk than the bytes say, and what is beyond its age stays until the newest file is full.
    "x-max-length-bytes": 1_073_741_824,
    "x-max-age": "7D",
    "x-stream-max-segment-size-bytes": 16_777_216,
}
"""Arguments of `builds.stream`. A policy may set lower limits."""

_PRECONDITION_FAILED: Final = 406


def assert_stream(connection: BlockingConnection) -> None:
    """Declare and bind it, on channels of its own; one that is there keeps its arguments.

    Not by definitions.json: RabbitMQ 4.0 reads that before it has its streams, and every second
    start fails on a binding to one. Commands do without: what the broker refuses is only logged.
    """
    try:
        _declare(connection)
        channel = connection.channel()
        channel.queue_bind(STREAM, TOPIC_EXCHANGE, STREAM_KEY)
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
