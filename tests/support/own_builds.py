"""Builds that somebody else publishes beside `buildfeed up`."""

import re
from pathlib import Path
from typing import Self

from buildfeed.activity import Activity, decode, encode
from buildfeed.broker.mqtt.link import Message, MqttLink
from buildfeed.presence import Presence
from buildfeed.presence import encode as encode_presence
from buildfeed.topics import ALL_BUILDS
from support.service import Web, until


def mqtt_url(up: Web) -> str:
    up.until_logged("MQTT clients:")
    line = next(line for line in up.text.splitlines() if line.startswith("MQTT clients:"))
    return line.split()[-1]


def publishing_url(up: Web) -> str:
    """Return the URL of the user who may publish too."""
    address = mqtt_url(up)
    user, file = re.findall(
        r"^To publish: +as (.+), its password is in (.+)$", up.text, re.MULTILINE
    )[-1]
    return re.sub("//(.*@)?", f"//{user}:{Path(file).read_text().strip()}@", address)


class Own:
    """A program that publishes builds of its own, and hears all builds."""

    def __init__(self, url: str) -> None:
        self._heard: list[Activity] = []
        self._link = MqttLink(
            url, name="own", subscriptions=[(ALL_BUILDS, 1)], on_message=self._hear
        )

    def __enter__(self) -> Self:
        self._link.start()
        until(lambda: self._link.up, "the link is up")
        return self

    def __exit__(self, *_: object) -> None:
        self._link.stop()

    def _hear(self, message: Message) -> None:
        self._heard.append(decode(message.topic, message.payload))

    def send(self, activity: Activity) -> None:
        self._link.publish(str(activity.topic), encode(activity), qos=1).result(10)

    def say(self, presence: Presence) -> None:
        """Publish the presence of a worker, retained."""
        payload = encode_presence(presence)
        self._link.publish(presence.topic, payload, qos=1, retain=True).result(10)

    def of(self, build: str) -> list[Activity]:
        return [activity for activity in self._heard if activity.object.build == build]
