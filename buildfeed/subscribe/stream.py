"""The stream of RabbitMQ: every activity of the last 7 days, from any point on.

Reading takes nothing away, and costs the broker no queue. The place in the stream is the app's own
to remember; an acknowledgement only asks for more.
"""

from datetime import datetime
from typing import Final, Literal

from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import BasicProperties

from buildfeed.broker.amqp.stream import STREAM
from buildfeed.subscribe.amqp import OnMessage

Begin = Literal["first", "last", "next"] | int | datetime
"""Where to begin: with the `first` that is kept, about the `last`, with the `next` that comes, at
an offset, or at a time."""

_PREFETCH: Final = 100
"""Messages after which RabbitMQ sends no more until one of them is acknowledged; a stream needs a
limit. The last ones of these come with all that was stored together with them."""


class Stream:
    """The stream, read from `begin` on the first time."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin

    def consume(self, channel: BlockingChannel, on_message: OnMessage, offset: int | None) -> None:
        """Consume from behind `offset`; see `Consumer`."""
        begin = self._begin if offset is None else offset + 1
        channel.basic_qos(prefetch_count=_PREFETCH)
        channel.basic_consume(STREAM, on_message, arguments={"x-stream-offset": begin})

    def offset(self, properties: BasicProperties) -> int:
        """Return the offset of a message, which RabbitMQ writes into its headers."""
        return int(str((properties.headers or {})["x-stream-offset"]))
