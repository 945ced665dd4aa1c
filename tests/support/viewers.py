"""Viewers: each watches the builds in a way of its own, and keeps the picture that it saw."""

import json
import random
import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any, Self

import httpx
import socketio
from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic, BasicProperties

from buildfeed.activity import ENDINGS, Activity, Key, decode
from buildfeed.broker.amqp.link import AmqpLink
from buildfeed.broker.amqp.topology import TOPIC_EXCHANGE
from buildfeed.broker.mqtt.link import Message, MqttLink
from buildfeed.history.store import Store

Place = tuple[str, int, int]
"""The part of a state that a viewer keeps: status, attempt, seq."""


class Viewer:
    """Folds the states of the builds of `project`, or of all, into `picture`.

    Counts messages that came again (`doubled`), came late (`reordered`), or are of a project that
    it does not watch (`foreign`).
    """

    way = ""

    def __init__(self, project: str | None = None) -> None:
        self.project = project
        self.picture: dict[Key, Place] = {}
        self.doubled = self.reordered = self.foreign = 0
        self._seen: Counter[object] = Counter()

    @property
    def filter(self) -> str:
        return f"builds/{self.project}/#" if self.project else "builds/#"

    def concerns(self, key: Key) -> bool:
        return self.project in (None, key[0])

    def see(self, key: Key, place: Place, told: object) -> None:
        """Take a state of a build; `told` is equal for a message that comes again."""
        self.foreign += not self.concerns(key)
        self._seen[told] += 1
        self.doubled += self._seen[told] > 1
        known = self.picture.get(key)
        if known is None or _beats(place, known):
            self.picture[key] = place
        else:
            self.reordered += place != known

    def see_activity(self, activity: Activity) -> None:
        build = activity.object
        if activity.kind != "log":
            place = build.status, build.attempt, build.seq
            self.see(build.key, place, activity.id)

    def see_event(self, body: dict[str, Any]) -> None:
        told = json.dumps(body, sort_keys=True)
        place = body["status"], body["attempt"], body["seq"]
        self.see((body["project"], body["build"]), place, told)

    def start(self) -> Self:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError


def _beats(place: Place, known: Place) -> bool:
    ended, had_ended = place[0] in ENDINGS, known[0] in ENDINGS
    if ended is not had_ended:
        return ended
    return place[1:] < known[1:] if ended else place[1:] > known[1:]


class SocketViewer(Viewer):
    """A browser. `pid`: the gateway process that serves it."""

    way = "socket.io"

    def __init__(self, url: str, project: str | None = None) -> None:
        super().__init__(project)
        self.pid = 0
        self._url = url
        self._client = socketio.Client(reconnection_delay=0.2, reconnection_delay_max=1)
        self._client.on("build", self.see_event)
        self._client.on("feed", self._feed)

    def start(self) -> Self:
        auth = {"watch": self.filter}
        self._client.connect(self._url, auth=auth, transports=["websocket"], retry=True)
        return self

    def stop(self) -> None:
        self._client.disconnect()

    def _feed(self, body: dict[str, Any]) -> None:
        self.pid = body["pid"]


class EventStreamViewer(Viewer):
    """Somebody with curl, who starts it again whenever it ends."""

    way = "SSE"

    def __init__(self, url: str, project: str | None = None) -> None:
        super().__init__(project)
        self._url = url
        self._client = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._over.set()

    def _read(self) -> None:
        timeout = httpx.Timeout(5, read=10)
        events = f"{self._url}/api/events"
        while not self._over.wait(random.uniform(0.1, 0.5)):
            try:
                watch = {"watch": self.filter}
                with self._client.stream("GET", events, params=watch, timeout=timeout) as answer:
                    self._hear(answer.iter_lines())
            except httpx.TransportError:
                continue

    def _hear(self, lines: Iterable[str]) -> None:
        event = ""
        for line in lines:
            if self._over.is_set():
                return
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "data" and event == "build":
                self.see_event(json.loads(value))


class MqttViewer(Viewer):
    """An application with a durable session."""

    way = "MQTT"

    def __init__(self, url: str, project: str | None = None) -> None:
        super().__init__(project)
        name = f"viewer-{project or 'all'}"
        self._link = MqttLink(
            url,
            name=name,
            durable_id=name,
            subscriptions=[(self.filter, 1)],
            on_message=self._receive,
        )

    def start(self) -> Self:
        self._link.start()
        return self

    def stop(self) -> None:
        self._link.stop(1)

    def _receive(self, message: Message) -> None:
        self.see_activity(decode(message.topic, message.payload))
        self._link.ack(message)


class AmqpViewer(Viewer):
    """An application with a quorum queue of its own."""

    way = "AMQP"
    _QUEUE = "viewer.amqp"

    def __init__(self, url: str) -> None:
        super().__init__()
        self._link = AmqpLink(url, name="viewer", declares=False, on_up=self._consume)

    def start(self) -> Self:
        self._link.start()
        return self

    def stop(self) -> None:
        self._link.stop()

    def _consume(self, channel: BlockingChannel) -> None:
        channel.queue_declare(self._QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
        channel.queue_bind(self._QUEUE, TOPIC_EXCHANGE, "builds.#")
        channel.basic_qos(prefetch_count=100)
        channel.basic_consume(self._QUEUE, self._receive)

    def _receive(
        self, channel: BlockingChannel, method: Basic.Deliver, _: BasicProperties, body: bytes
    ) -> None:
        self.see_activity(decode(str(method.routing_key).replace(".", "/"), body))
        channel.basic_ack(method.delivery_tag)


class HistoryViewer(Viewer):
    """Somebody who reads the history."""

    way = "history"

    def __init__(self, database_url: str) -> None:
        super().__init__()
        self._store = Store(database_url)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        self._store.close()

    def _read(self) -> None:
        position = 0
        while not self._over.wait(0.2):
            states, position = self._store.changes(position)
            for state in states:
                build = state.newest.object
                self.picture[state.key] = build.status, build.attempt, build.seq
