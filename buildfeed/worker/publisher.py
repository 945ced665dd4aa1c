"""The publisher of a worker's activities.

States that the broker has to get wait for it in the outbox of the link; there are few. Output does
too, but no more of it than MOST_OUTPUT_BYTES: what comes then is dropped. So it is output that goes
first while the broker is away, and the next piece that is published says by its `offset`, if its
build counts bytes, that some is missing. The piece that is but a line about that is not dropped: it
may be the last of its build.
"""

from collections import deque
from concurrent.futures import Future
from typing import Final

from msgspec import UNSET

from buildfeed import left_out
from buildfeed.activity import Activity, encode
from buildfeed.broker.mqtt.link import MqttLink
from buildfeed.errors import BrokerUnavailable
from buildfeed.topics import KINDS

MOST_OUTPUT_BYTES: Final = 4 * 1024 * 1024
"""Bytes of `log` of all builds of a worker that the broker has not acknowledged yet."""

_MOST_OF_NOTE: Final = 64
"""Characters of a line that says how much is left out."""


class Publisher:
    """Publishes activities on their topics and counts them as `published`."""

    def __init__(self, link: MqttLink) -> None:
        self._link = link
        self.published = 0
        self._output: deque[tuple[Future[None], int]] = deque()
        self._output_bytes = 0

    def publish(self, activity: Activity) -> "Future[None]":
        """Hand `activity` to the link at once; the build never waits for the broker.

        The future is that of `MqttLink.publish`: for QoS 1 it is done at PUBACK. That of output
        which finds no room has failed already.
        """
        self.published += 1
        topic, payload = activity.topic, encode(activity)
        kind = KINDS[topic.kind]
        if kind.state or _is_note(activity):
            return self._link.publish(str(topic), payload, qos=kind.qos)
        return self._publish_output(str(topic), payload, kind.qos)

    def _publish_output(self, topic: str, payload: bytes, qos: int) -> "Future[None]":
        while self._output and self._output[0][0].done():
            self._output_bytes -= self._output.popleft()[1]
        if self._output_bytes + len(payload) > MOST_OUTPUT_BYTES:
            dropped: Future[None] = Future()
            dropped.set_exception(BrokerUnavailable(sent=False))
            return dropped
        future = self._link.publish(topic, payload, qos=qos)
        self._output.append((future, len(payload)))
        self._output_bytes += len(payload)
        return future


def _is_note(activity: Activity) -> bool:
    """Tell whether it is a line about output that is left out; who counts bytes sends few."""
    content = activity.content or ""
    counts = activity.offset is not UNSET
    return counts and len(content) <= _MOST_OF_NOTE and content.endswith(left_out.line(0)[2:])
