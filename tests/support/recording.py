"""Recorders under test, and the activities that they record."""

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Self

from msgspec import structs
from sqlalchemy import select

from buildfeed import command
from buildfeed.activity import Activity, Script, Type, encode, parse, worker_actor
from buildfeed.broker.mqtt.link import MqttLink
from buildfeed.history.recorder import Recorder
from buildfeed.history.schema import malformed
from buildfeed.history.store import Store
from support.databases import Database

NOW = datetime(2026, 11, 21, 10, 15, tzinfo=UTC)


class Scene:
    """An empty history, a project that no other test uses, and a publisher."""

    def __init__(self, mqtt_url: str, database: Database) -> None:
        self.mqtt_url = mqtt_url
        self.database = database
        self.project = f"test-{secrets.token_hex(4)}"
        self.latest = f"projects/{self.project}/latest"
        self.store = Store(database.url)
        self.publisher = MqttLink(mqtt_url, name="publisher")
        self._recorders: list[Recorder] = []

    @classmethod
    @contextmanager
    def opened(cls, mqtt_url: str, database: Database) -> Iterator[Self]:
        scene = cls(mqtt_url, database)
        scene.publisher.start()
        scene.until(lambda: scene.publisher.up)
        yield scene
        for recorder in scene._recorders:
            recorder.stop()
        scene.publisher.publish(scene.latest, b"", qos=1, retain=True)
        scene.publisher.stop()
        scene.store.close()

    def start(
        self, recorder_id: str | None = None, *, up: bool = True, abandon_after: float = 0
    ) -> Recorder:
        """Start and return a recorder; wait until it is `up`, or else only connected."""
        recorder = Recorder(
            self.store, self.mqtt_url, recorder_id=recorder_id, abandon_after=abandon_after
        )
        self._recorders.append(recorder)
        recorder.start()
        self.until(lambda: recorder.up if up else recorder._link.up)
        return recorder

    def life(self, build: str = "b1", ticks: int = 3) -> list[Activity]:
        """Return the activities of a build: `start`, `status`, `ticks` of `progress`, `status`."""
        by = {"by": "ada", "script": Script(), "priority": "normal"}
        said = [command.start(self.project, build, NOW, **by)]

        def say(type_: Type, **changes: Any) -> None:
            seq = len(said) - 1
            state = structs.replace(said[-1].object, attempt=1, seq=seq, **changes)
            said.append(Activity.about(state, type_, worker_actor("w1"), NOW))

        say("Accept", status="running")
        for tick in range(ticks):
            say("Update", progress=tick % 100)
        say("Update", status="succeeded", progress=100)
        return said

    def publish(self, said: list[Activity]) -> None:
        """Publish all of `said`; return when the broker has acknowledged them."""
        futures = [self.publisher.publish(str(each.topic), encode(each), qos=1) for each in said]
        assert not wait(futures, 30).not_done

    def recorded(self, build: str = "b1") -> list[Activity]:
        """Return the activities of a build in the history."""
        return [parse(payload) for payload in self._payloads(build)]

    def count(self, build: str = "b1") -> int:
        """Return how many activities of a build the history has."""
        return len(self._payloads(build))

    def _payloads(self, build: str) -> list[bytes]:
        found = self.store.activities(self.project, build, limit=100_000)
        return [payload for _, payload in found]

    def set_aside(self) -> list[tuple[str, bytes]]:
        """Return topic and payload of each malformed payload."""
        query = select(malformed.c.topic, malformed.c.payload).order_by(malformed.c.number)
        with self.store._database.transaction() as connection:
            return [(row.topic, row.payload) for row in connection.execute(query)]

    def until_recorded(self, said: list[Activity]) -> None:
        """Wait until the history has all of `said`, each once."""
        self.until(lambda: self.count() >= len(said), 30)
        key = self.project, said[0].object.build
        assert sorted(each.id for each in self.recorded()) == sorted(each.id for each in said)
        assert self.store.get(*key).newest == said[-1]

    @staticmethod
    def until(condition: Callable[[], object], seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not so within {seconds} s"
            time.sleep(0.01)
