"""Ends builds that were abandoned: their runner is gone, and nobody takes them over.

It listens to presences on a connection of its own, so that recording does not depend on it. An
ending is published again until it is recorded. The presence of the runner, which the broker keeps
for good, goes with its build: a runner that comes back tells of itself again.
"""

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from buildfeed import presence
from buildfeed.activity import Activity, Key, encode
from buildfeed.board import BuildState
from buildfeed.broker.mqtt.link import Message, MqttLink
from buildfeed.errors import BuildfeedError, HistoryUnavailable, InvalidActivity
from buildfeed.history.silence import Silence, ending
from buildfeed.history.store import Store
from buildfeed.topics import ALL_WORKERS, worker_status

log = logging.getLogger(__name__)

_LOOKS: Final = 20
"""Looks in the time after which a build is abandoned."""
_LONGEST_PAUSE: Final = 30.0
_PAGE: Final = 1000


class Abandonment:
    """Ends the builds in `store` whose runner is not heard of for `after` seconds."""

    def __init__(self, store: Store, mqtt_url: str, after: float) -> None:
        self._store = store
        self._silence = Silence(after)
        self._lock = threading.Lock()  # of the silence
        self._pause = min(after / _LOOKS, _LONGEST_PAUSE)
        self._told: set[Key] = set()
        self._refused: set[Key] = set()
        self._stopping = threading.Event()
        self._link = MqttLink(
            mqtt_url,
            name="recorder-presences",
            subscriptions=[(ALL_WORKERS, 0)],
            on_message=self._hear,
            on_up=self._restart,
        )
        self._thread = threading.Thread(target=self._run, name="abandonment", daemon=True)

    def start(self) -> None:
        """Listen and look until `stop`; returns at once."""
        self._link.start()
        self._thread.start()

    def stop(self, timeout: float = 1) -> None:
        """End within `timeout` seconds."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        self._link.stop(timeout)

    def recorded(self, batch: list[Activity]) -> None:
        """Take note of activities: their workers were heard."""
        with self._lock:
            self._silence.heard({each.worker for each in batch}, time.monotonic())

    def _hear(self, message: Message) -> None:
        """Take a presence, in the thread of the link."""
        if not message.payload:
            return
        try:
            said = presence.decode(message.topic, message.payload)
        except BuildfeedError:
            return
        if said.status == "online":
            with self._lock:
                self._silence.heard([said.worker], time.monotonic())

    def _restart(self) -> None:
        with self._lock:
            self._silence.restart(time.monotonic())

    def _run(self) -> None:
        looked = time.monotonic()
        while not self._stopping.wait(self._pause):
            now = time.monotonic()
            try:
                if now - looked > 2 * self._pause + 1:
                    self._restart()  # this process stood still, and has to hear first
                elif self._link.up:
                    self._look()
            except HistoryUnavailable:
                self._restart()  # what is recorded then is behind
            except Exception:  # the thread must not die
                log.exception("recorder.failed")
            looked = time.monotonic()

    def _look(self) -> None:
        unfinished = self._unfinished()
        with self._lock:
            abandoned = self._silence.look(unfinished, time.monotonic())
        gone = {state.key for state, _ in abandoned}
        busy = {state.newest.worker for state in unfinished if state.key not in gone}
        refused: dict[Key, InvalidActivity] = {}
        for state, silence in abandoned:
            if self._store.activities(*state.key, {"start"}, limit=1):
                continue  # somebody asked for it: a worker takes it over
            try:
                self._end(state, silence)
            except InvalidActivity as exc:  # the others end all the same
                refused[state.key] = exc
            else:
                if state.key not in self._told and state.newest.worker not in busy:
                    self._forget(state.newest.worker)
        self._told = gone
        self._note_refused(refused)

    def _end(self, state: BuildState, silence: float) -> None:
        """Publish the ending of a build; raise InvalidActivity if it can have none."""
        now = datetime.now(UTC)
        said = ending(state, now - timedelta(seconds=silence), now)
        self._link.publish(str(said.topic), encode(said), qos=1)
        if state.key not in self._told:
            project, build = state.key
            facts = {"project": project, "build": build, "worker": state.newest.worker}
            log.info("recorder.abandoned", extra=facts)

    def _forget(self, runner: str | None) -> None:
        """Have the broker keep the presence of a runner no longer."""
        if runner:
            self._link.publish(worker_status(runner), b"", qos=1, retain=True)

    def _note_refused(self, refused: dict[Key, InvalidActivity]) -> None:
        """Log the builds that newly can have no ending, in one line: strangers may make many."""
        new = [key for key in refused if key not in self._refused]
        if new:
            project, build = new[0]
            facts = {"project": project, "build": build, "reason": refused[new[0]].reason}
            log.warning("recorder.not_ended", extra={"builds": len(new), **facts})
        self._refused = set(refused)

    def _unfinished(self) -> list[BuildState]:
        found: list[BuildState] = []
        before: tuple[str, str] | None = None
        while page := self._store.newest(limit=_PAGE, ended=False, before=before):
            found += page
            oldest = page[-1].newest.object
            before = oldest.build, oldest.project
        return found
