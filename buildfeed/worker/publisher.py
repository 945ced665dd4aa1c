"""The publisher of a worker's activities."""

from concurrent.futures import Future

from buildfeed.activity import Activity, encode
from buildfeed.broker.mqtt.link import MqttLink
from buildfeed.topics import KINDS


class Publisher:
    """Publishes activities on their topics and counts them as `published`."""

    def __init__(self, link: MqttLink) -> None:
        self._link = link
        self.published = 0

    def publish(self, activity: Activity) -> "Future[None]":
        """Hand `activity` to the link at once; the build never waits for the broker.

        The future is that of `MqttLink.publish`: for QoS 1 it is done at PUBACK.
        """
        self.published += 1
        topic = activity.topic
        return self._link.publish(str(topic), encode(activity), qos=KINDS[topic.kind].qos)
