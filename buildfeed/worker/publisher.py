"""Activities on their way out."""

from concurrent.futures import Future
from typing import Final

from buildfeed.activity import Activity, encode
from buildfeed.broker.mqtt.link import MqttLink

_LOSABLE: Final = frozenset({"progress", "log"})
"""A lost one costs nothing once a newer one arrives; the others are told until acknowledged."""


class Publisher:
    """Publishes activities on their topics and counts them as `published`."""

    def __init__(self, link: MqttLink) -> None:
        self._link = link
        self.published = 0

    def publish(self, activity: Activity) -> "Future[None]":
        """Hand over `activity` at once; the build never waits for the broker.

        The future is that of `MqttLink.publish`: for QoS 1 it is done at PUBACK.
        """
        self.published += 1
        qos = 0 if activity.kind in _LOSABLE else 1
        return self._link.publish(str(activity.topic), encode(activity), qos=qos)
