"""A subscriber that measures takeovers: it notes when each status of a worker arrived."""

import time
from typing import Any

import msgspec

from buildfeed.activity import Activity, Key, decode
from buildfeed.broker.mqtt.link import Message, MqttLink
from buildfeed.worker.limits import pause


class Heard(msgspec.Struct, frozen=True):
    """A status of a worker, and when it arrived: `at`, in monotonic seconds."""

    at: float
    activity: Activity

    @property
    def key(self) -> Key:
        return self.activity.object.project, self.activity.object.build

    @property
    def attempt(self) -> int:
        return self.activity.object.attempt


class Loss(msgspec.Struct, frozen=True):
    """A build that ran as `attempt` on `worker` when that was struck, `at` in monotonic seconds."""

    at: float
    key: Key
    attempt: int
    worker: str


class Ear:
    """Hears the status of every build, also what was said while the broker was away.

    QoS 1 may deliver a message again after a broken connection: the first one is heard.
    """

    def __init__(self, mqtt_url: str) -> None:
        self.heard: list[Heard] = []
        self._ids: set[str] = set()
        self.link = MqttLink(
            mqtt_url,
            name="ear",
            subscriptions=[("builds/+/+/status", 1)],
            on_message=self._hear,
            durable_id="ear",
        )

    def _hear(self, message: Message) -> None:
        activity = decode(message.topic, message.payload)
        if activity.id not in self._ids:
            self._ids.add(activity.id)
            self.heard.append(Heard(time.monotonic(), activity))
        self.link.ack(message)

    def of(self, key: Key) -> list[Heard]:
        return [heard for heard in self.heard if heard.key == key]

    def accepts(self, key: Key) -> list[Heard]:
        return [heard for heard in self.of(key) if heard.activity.type == "Accept"]

    def endings(self, key: Key) -> list[Heard]:
        return [heard for heard in self.of(key) if heard.activity.object.ended]

    def lost_with(self, worker: str) -> list[Loss]:
        """The builds that run on `worker`, which is being struck now."""
        now = time.monotonic()
        newest: dict[Key, Heard] = {}
        for heard in list(self.heard):
            known = newest.get(heard.key)
            if known and (known.activity.object.ended or heard.attempt < known.attempt):
                continue
            newest[heard.key] = heard
        return [
            Loss(now, key, heard.attempt, worker)
            for key, heard in newest.items()
            if heard.activity.worker == worker and not heard.activity.object.ended
        ]

    def takeover(self, loss: Loss) -> Heard | None:
        """The first status of the next attempt; None when the build had ended."""
        after = (h for h in self.of(loss.key) if h.attempt > loss.attempt and h.at > loss.at)
        return min(after, key=lambda heard: heard.at, default=None)


def seconds(loss: Loss, taken: Heard) -> float:
    """Length of the takeover, without the pause before the attempt (from the third on)."""
    return taken.at - loss.at - pause(taken.attempt)


def summary(times: list[float]) -> dict[str, Any]:
    """Number and percentiles of `times` (in seconds), in milliseconds."""
    if not times:
        return {"n": 0}
    ordered = sorted(times)
    at = lambda part: round(ordered[min(int(part * len(ordered)), len(ordered) - 1)] * 1000)  # noqa: E731
    return {"n": len(ordered), "p50": at(0.5), "p99": at(0.99), "max": at(1)}
