"""A durable session: the broker keeps messages of QoS 1 for a client that is away, for 7 days."""

from functools import partial

from buildfeed.broker.mqtt.link import Message, MqttLink
from buildfeed.subscribe.source import Take
from buildfeed.subscribe.waiting import Received
from buildfeed.topics import Filter


class MqttSession:
    """The durable session `name` at `url`, which subscribes to `filter_`.

    One process has it at a time: two would take it from each other for ever.
    """

    def __init__(self, url: str, name: str, filter_: Filter) -> None:
        self._take: Take = lambda _received: None
        self._link = MqttLink(
            url,
            name="subscriber",
            subscriptions=[(str(filter_), 1)],
            on_message=self._receive,
            durable_id=name,
        )

    def start(self, take: Take, _offset: int | None) -> None:
        """Connect; see `Source`."""
        self._take = take
        self._link.start()

    def stop(self) -> None:
        """Disconnect; see `Source`."""
        self._link.stop()

    def _receive(self, message: Message) -> None:
        done = partial(self._link.ack, message)
        again = message.qos > 0
        received = Received(message.topic, message.payload, message.connection, done, again)
        self._take(received)
