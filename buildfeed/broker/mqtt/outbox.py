"""The outbox of a link: publishes in order, kept until the broker has them. No I/O, no clock.

A QoS 1 publish waits, is sent, and is done with its PUBACK. A PUBACK may also refuse it: for good,
or for now, and then it is sent again later. When the connection is lost, every unacknowledged
publish waits again, in the order of the calls (MQTT 3.1.1 §4.6). So a publish can arrive twice, and
the receivers must bear that; the fold of activities does.

RabbitMQ closes the connection over a publish that it does not permit, and does not say which one
(tried on 3.10). Sent together, all publishes would be lost with it again and again. So those that
were unacknowledged when the broker closed are sent one at a time from then on, and one that was
alone on `MAX_LOSSES` lost connections is given up.

Only the thread of the link touches it.
"""

from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Self

from buildfeed.activity import MAX_BYTES
from buildfeed.errors import BrokerUnavailable, InvalidActivity, InvalidTopic

WINDOW: Final = 100
"""Publishes that may be unacknowledged at a time; the broker may set a lower limit (MQTT 5)."""

RETRY_SECONDS: Final = 0.5
"""Seconds after which a publish that the broker refused for now is sent again."""

MAX_LOSSES: Final = 5
"""Connections that the broker may close over one publish before it is given up."""

MAX_TOPIC_BYTES: Final = 255
"""Bytes of an AMQP routing key at most: a longer topic breaks each AMQP consumer it reaches."""


@dataclass(slots=True, eq=False)
class Publish:
    """One publish; its future is running from the moment it is first sent.

    `number` is its place among the publishes of its outbox. `losses` counts the connections that
    the broker closed while this publish waited for its PUBACK. `time`: when it was last sent or
    refused.
    """

    topic: str
    payload: bytes
    qos: int
    retain: bool
    future: Future[None] = field(default_factory=Future)
    number: int = 0
    losses: int = 0
    refused: bool = False
    time: float = 0

    @classmethod
    def checked(cls, topic: str, payload: bytes, *, qos: int, retain: bool) -> Self:
        """Return a publish; raise InvalidTopic or InvalidActivity if no broker would take it.

        Later it would be too late: a publish that a broker refuses for now is sent again for ever.
        """
        try:
            size = len(topic.encode())
        except UnicodeEncodeError as exc:
            raise InvalidTopic(topic, "it is no UTF-8") from exc
        if not 0 < size <= MAX_TOPIC_BYTES:
            raise InvalidTopic(topic, f"a topic has 1 to {MAX_TOPIC_BYTES} bytes")
        if any(character in topic for character in "+#\0"):
            raise InvalidTopic(topic, "wildcards and NUL are not allowed in a topic")
        if len(payload) > MAX_BYTES:
            reason = f"it has {len(payload)} bytes, {MAX_BYTES} are allowed"
            raise InvalidActivity(topic, reason)
        if qos not in (0, 1):
            raise ValueError("QoS is 0 or 1: RabbitMQ has no 2.")
        return cls(topic, payload, qos, retain)

    def fail(self) -> None:
        """Fail its future with BrokerUnavailable, which says whether the broker may have it."""
        sent = self.future.running()
        if sent or self.future.set_running_or_notify_cancel():
            self.future.set_exception(BrokerUnavailable(sent=sent))


class Outbox:
    """Publishes waiting, sent and refused for now. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._waiting: deque[Publish] = deque()
        self._sent: dict[int, Publish] = {}
        self._refused: deque[Publish] = deque()
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sent) + len(self._refused)

    def add(self, publish: Publish) -> None:
        """Append a new publish."""
        publish.number = next(self._numbers)
        self._waiting.append(publish)

    def take(self, now: float, window: int) -> Publish | None:
        """Return the next publish to send, None when nothing may be sent now.

        At most `window` are unacknowledged at a time. A publish whose future was cancelled before
        it was ever sent is dropped.
        """
        due = []
        while self._refused and self._refused[0].time + RETRY_SECONDS <= now:
            due.append(self._refused.popleft())
        self._waiting.extendleft(reversed(due))
        while self._waiting:
            publish = self._waiting[0]
            if publish.qos and not self._may_send(publish, window):
                return None
            self._waiting.popleft()
            if publish.future.running() or publish.future.set_running_or_notify_cancel():
                return publish
        return None

    def _may_send(self, publish: Publish, window: int) -> bool:
        if not self._sent:
            return True
        suspect = publish.losses or next(iter(self._sent.values())).losses
        return not suspect and len(self._sent) < window

    def sent(self, publish: Publish, packet_id: int, now: float) -> None:
        """Note that `publish` was sent: at QoS 0 it is done, at QoS 1 it waits for its PUBACK."""
        if publish.qos:
            publish.time = now
            self._sent[packet_id] = publish
        else:
            publish.future.set_result(None)

    def acknowledged(self, packet_id: int) -> None:
        """Note the PUBACK of a publish."""
        if publish := self._sent.pop(packet_id, None):
            publish.future.set_result(None)

    def refused(self, packet_id: int, now: float, *, for_good: bool) -> Publish | None:
        """Note a PUBACK that refuses: give up (`for_good`), or send it later, after others.

        Returns the publish if this was its first refusal.
        """
        publish = self._sent.pop(packet_id, None)
        if publish is None:
            return None
        first, publish.refused, publish.time = not publish.refused, True, now
        if for_good:
            publish.fail()
        else:
            self._refused.append(publish)
        return publish if first else None

    def lost(self, *, by_broker: bool) -> list[Publish]:
        """Note that the connection is lost: QoS 0 fails, QoS 1 is sent again in the old order.

        Returns the publishes that are given up: the broker closed every connection they came on.
        """
        given_up = []
        for publish in self._sent.values():
            publish.losses += by_broker
            if publish.losses >= MAX_LOSSES:
                given_up.append(publish)
        everything = [*self._refused, *self._sent.values(), *self._waiting]
        everything.sort(key=lambda publish: publish.number)
        self._waiting.clear()
        self._sent.clear()
        self._refused.clear()
        for publish in everything:
            if publish.qos and publish not in given_up:
                self._waiting.append(publish)
            else:
                publish.fail()
        return given_up

    def abandon(self) -> None:
        """Fail all publishes: the link is stopped."""
        for publish in (*self._sent.values(), *self._refused, *self._waiting):
            publish.fail()

    def oldest(self) -> float | None:
        """Return when the oldest unacknowledged publish was sent, None without one."""
        return next(iter(self._sent.values())).time if self._sent else None
