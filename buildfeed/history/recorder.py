"""The recorder: writes each activity that is published on `builds/#` into the history, once.

Its thread takes all messages that have arrived, commits them in one transaction, and acknowledges
them to the broker after that. A crash in between has the broker deliver them again, and an id that
the history has is not written twice. So nothing acknowledged is lost, and nothing is doubled.
Relied on: a durable session, whose queue the broker keeps while the recorder is away.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final

from buildfeed.activity import Activity, decode, encode
from buildfeed.broker.mqtt.link import Message, MqttLink
from buildfeed.errors import HistoryRefused, HistoryUnavailable, InvalidActivity, InvalidTopic
from buildfeed.history.abandonment import Abandonment
from buildfeed.history.malformed import Malformed
from buildfeed.history.own_id import OwnId
from buildfeed.history.store import STATUS_KINDS, Store
from buildfeed.topics import ALL_BUILDS, latest

log = logging.getLogger(__name__)

MAX_BATCH: Final = 500
"""Messages in one transaction."""
MAX_WAITING: Final = 10_000
"""Messages that wait for the database; further ones of QoS 0, and output, are dropped."""
_OUTPUT: Final = "/log"
"""The end of the topics of output: of it some may be lost, of a state of QoS 1 none."""
_RETRY_SECONDS: Final = 1.0
"""Seconds between two tries on a database that fails."""
_BUSY_SECONDS: Final = 1.0
"""Longest time in seconds between two updates of `projects/{project}/latest` in a backlog."""
_QUIET_SECONDS: Final = 10.0
"""Shortest time in seconds between two log lines of the same event."""


class Recorder:
    """Writes every activity to `store`, and the newest status to `projects/{project}/latest`.

    With a `recorder_id` it has the durable session of that name: it can be away up to the session
    expiry and lose nothing. It takes the session once it is sure that no other recorder has the id;
    `id_taken` tells that another one has. Without an id it has a clean session, and records the
    activities that come while it is connected.

    A build that nobody takes over ends when its runner was not heard of for `abandon_after`
    seconds, unless they are 0.

    Payloads that are no activities are set aside in the table `malformed`, and so is an activity
    that the database does not take while it takes others.

    A database that fails stalls the recorder until it works again. Meanwhile the broker holds back
    what a durable session has not acknowledged. Once 10 000 wait, `progress` and `log` are dropped.
    """

    def __init__(
        self, store: Store, mqtt_url: str, *, recorder_id: str | None, abandon_after: float = 0
    ) -> None:
        self._store = store
        self._link = MqttLink(
            mqtt_url,
            name="recorder",
            subscriptions=[(ALL_BUILDS, 1)],
            on_message=self._receive,
            durable_id=recorder_id,
        )
        self._own_id = OwnId(mqtt_url, recorder_id, free=self._link.start) if recorder_id else None
        self._abandonment = Abandonment(store, mqtt_url, abandon_after) if abandon_after else None
        self._arrived: SimpleQueue[Message | None] = SimpleQueue()
        self._dropped = _Tally("recorder.dropped")
        self._malformed = _Tally("recorder.malformed")
        self._left_out = _Tally("recorder.output_left_out", counts="bytes")
        self._statuses: dict[str, set[str]] = {}  # new ones, by project
        self._published = 0.0
        self._works: bool | None = None
        self._unexpected = ""
        self._stopping = threading.Event()
        self._writer = threading.Thread(target=self._write, name="recorder", daemon=True)

    @property
    def up(self) -> bool:
        """True while activities are coming in and the database takes them."""
        return self._link.up and self._works is True and self.alive

    @property
    def alive(self) -> bool:
        """False before `start` and after `stop`."""
        return self._writer.is_alive()

    @property
    def id_taken(self) -> bool:
        """True when another recorder has the id: this one records nothing, and has to end."""
        return self._own_id is not None and self._own_id.lost

    def start(self) -> None:
        """Record until `stop`; returns at once."""
        if self._own_id:
            self._own_id.start()
        else:
            self._link.start()
        self._writer.start()
        if self._abandonment:
            self._abandonment.start()

    def stop(self, timeout: float = 2) -> None:
        """Record and acknowledge the messages that came, within `timeout` seconds; disconnect."""
        until = time.monotonic() + timeout
        self._stopping.set()
        self._arrived.put(None)
        self._writer.join(timeout)
        self._link.stop(max(until - time.monotonic(), 0))
        if self._abandonment:
            self._abandonment.stop()
        if self._own_id:
            self._own_id.stop()

    def _receive(self, message: Message) -> None:
        """Take a message, in the thread of the link."""
        may_drop = message.qos == 0 or message.topic.endswith(_OUTPUT)
        if may_drop and self._arrived.qsize() >= MAX_WAITING:
            self._dropped.add(waiting=MAX_WAITING)
            self._link.ack(message)
        else:
            self._arrived.put(message)

    # The methods below run in the thread of the writer.

    def _write(self) -> None:
        with suppress(_Stopping):
            self._insist(self._store.position)
            while True:
                batch = self._take()
                messages = [message for message in batch if message]
                self._insist(partial(self._record, messages))
                if len(messages) < len(batch):
                    break

    def _take(self) -> list[Message | None]:
        """Wait for a message; return it and the others that have arrived. None tells to stop."""
        batch = [self._arrived.get()]
        with suppress(Empty):
            while len(batch) < MAX_BATCH:
                batch.append(self._arrived.get_nowait())
        return batch

    def _record(self, messages: Sequence[Message]) -> None:
        """Commit `messages`, then acknowledge them; to do it again changes nothing."""
        batch: list[Activity] = []
        refused: list[Malformed] = []
        for message in messages:
            try:
                batch.append(decode(message.topic, message.payload))
            except (InvalidTopic, InvalidActivity) as exc:
                refused.append(Malformed(message.topic, exc.reason, message.payload))
        if messages:
            self._insist(
                partial(self._append, batch, refused),
                partial(self._keep_each, batch, refused),
            )
        for each in refused:
            self._malformed.add(**each.fields)
        self._link.ack(*messages)
        if self._abandonment:
            self._abandonment.recorded(batch)
        for activity in batch:
            if activity.kind in STATUS_KINDS:
                self._statuses.setdefault(activity.object.project, set()).add(activity.id)
        # Not after each batch of a backlog: it takes as long, and is soon out of date.
        if self._arrived.empty() or time.monotonic() - self._published > _BUSY_SECONDS:
            self._publish_latest()

    def _keep_each(self, batch: Sequence[Activity], refused: Sequence[Malformed]) -> None:
        """Commit one by one what cannot be committed together, and set aside what fails alone.

        Else that would be tried for ever, and what is behind it would wait. Where everything fails,
        to set aside fails too, and nothing is lost.
        """
        self._append([], refused)
        for activity in batch:
            aside = Malformed(str(activity.topic), "the history does not take it", encode(activity))
            self._insist(
                partial(self._append, [activity]),
                partial(self._set_aside, aside),
            )

    def _append(self, batch: Sequence[Activity], refused: Sequence[Malformed] = ()) -> None:
        if left_out := self._store.append(batch, refused):
            self._left_out.add(left_out)

    def _set_aside(self, malformed: Malformed) -> None:
        self._append([], [malformed])
        self._malformed.add(**malformed.fields)

    def _insist(self, *ways: Callable[[], object]) -> None:
        """Do the first of `ways` that succeeds; try them again, with pauses, until one does.

        While the database is away the others are not tried. Raises _Stopping when told to stop.
        """
        while True:
            for work in ways:
                try:
                    work()
                except _Stopping:
                    raise
                except Exception as exc:  # noqa: BLE001 - the thread must not die
                    failure = exc
                    self._note(failure)
                    if _away(failure):
                        break
                else:
                    if self._works is False:
                        log.warning("recorder.resumed")
                    self._works, self._unexpected = True, ""
                    return
            if self._works is not False and isinstance(failure, HistoryUnavailable):
                log.warning("recorder.stalled", extra={"reason": failure.reason})
            self._works = False
            if self._stopping.wait(_RETRY_SECONDS):
                raise _Stopping

    def _note(self, failure: Exception) -> None:
        """Log a failure that nobody thought of; the same one once until something succeeds."""
        if not isinstance(failure, HistoryUnavailable) and repr(failure) != self._unexpected:
            self._unexpected = repr(failure)
            log.error("recorder.failed", exc_info=failure)

    def _publish_latest(self) -> None:
        """Publish the newest status of the projects where it is new."""
        while self._statuses:
            project, new = self._statuses.popitem()
            # A failure is ignored: nothing waits for this topic, and the next status replaces it.
            try:
                newest = self._store.latest_status(project)
                if newest and newest.id in new:
                    self._link.publish(latest(project), encode(newest), qos=1, retain=True)
            except (HistoryUnavailable, InvalidActivity):
                pass
            except Exception as exc:  # noqa: BLE001 - the thread must not die
                self._note(exc)
        self._published = time.monotonic()


class _Stopping(Exception):
    """The recorder was told to stop."""


def _away(failure: Exception) -> bool:
    """Tell whether the database is away, rather than something about the statement wrong."""
    return isinstance(failure, HistoryUnavailable) and not isinstance(failure, HistoryRefused)


class _Tally:
    """Logs `event` at most every 10 s, with how much there was since the last line, as `counts`."""

    def __init__(self, event: str, counts: str = "times") -> None:
        self._event = event
        self._counts = counts
        self._number = 0
        self._logged = -_QUIET_SECONDS

    def add(self, number: int = 1, /, **fields: object) -> None:
        """Count `number` more; log it with `fields` unless a line was logged within 10 s."""
        self._number += number
        now = time.monotonic()
        if now - self._logged >= _QUIET_SECONDS:
            log.warning(self._event, extra={self._counts: self._number, **fields})
            self._number = 0
            self._logged = now
