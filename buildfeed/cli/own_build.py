"""A build that is run in place, told to everybody: its link to the broker. The build never waits.

States wait for a broker that is away in the outbox of the link. Of them there are few: errors are
counted, and progress is told only while the broker is there. Output waits where it is bounded.
"""

import secrets
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from buildfeed import presence
from buildfeed.activity import Activity, Status, encode
from buildfeed.broker.mqtt.link import Message, MqttLink, Will
from buildfeed.presence import REPEAT_SECONDS, Presence, RunningBuild
from buildfeed.runner.output_reader import OutputReader
from buildfeed.runner.report import ATTEMPT, Report
from buildfeed.topics import worker_status

_PROGRESS_SECONDS: Final = 0.1
"""Shortest time between two states of progress."""
_MOST_UNCONFIRMED: Final = 8
"""Pieces of output that are on their way at a time."""
_LAST_SECONDS: Final = 5.0
"""How long the end of a build waits for a broker that is away."""


class OwnBuild:
    """Tells the build of `report` at the broker `url`, with all that `reader` finds.

    `name` is that of the runner, whose presence goes with it.
    """

    def __init__(self, url: str, name: str, report: Report, reader: OutputReader) -> None:
        project, build = report.build.key
        running = (RunningBuild(project, build, ATTEMPT),)
        self._presence = Presence(name, "online", running, instance=secrets.token_hex(8))
        gone = replace(self._presence, status="offline")
        self._report = report
        self._reader = reader
        self._stop_topic = f"builds/{project}/{build}/stop"
        self._unconfirmed: set[Future[None]] = set()
        self._next_progress = 0.0
        self._next_presence = 0.0
        self._connection = 0
        self.stopped = False
        """Whether somebody has asked to stop it."""
        self.trouble = ""
        """Why the broker was last away, or refused something."""
        self._link = MqttLink(
            url,
            name=name,
            subscriptions=[(f"builds/{project}/+/stop", 1)],
            on_message=self._hear,
            on_down=self._note,
            will=Will(gone.topic, presence.encode(gone), retain=True),
        )

    def begin(self) -> None:
        """Connect, and tell that the build runs."""
        self._link.start()
        self._publish(self._report.accept(_now()))

    def tell(self, now: float) -> None:
        """Tell what is new; call it some ten times a second, with a time that does not go back."""
        is_new = self._link.up and self._link.connection != self._connection
        if is_new or now > self._next_presence:
            self._connection = self._link.connection
            self._next_presence = now + REPEAT_SECONDS
            if self._link.up:
                self._say(presence.encode(self._presence))
        for error in self._reader.take_errors():
            self._publish(self._report.error(error, _now()))
        if self._link.up and now >= self._next_progress:
            activity = self._report.advance(self._reader.progress, _now())
            if activity:
                self._publish(activity)
                self._next_progress = now + _PROGRESS_SECONDS
        self._unconfirmed = {each for each in self._unconfirmed if not each.done()}
        while self._link.up and len(self._unconfirmed) < _MOST_UNCONFIRMED:
            content = self._reader.take_output(now)
            if content is None:
                break
            self._unconfirmed.add(self._publish(self._report.output(content, _now())))

    def end(self, status: Status, code: int) -> bool:
        """Tell the end, and leave; return whether the broker has all of it."""
        for error in self._reader.take_errors():
            self._publish(self._report.error(error, _now()))
        for content in self._reader.last_output() if self._link.up else ():
            self._publish(self._report.output(content, _now()))
        last = [self._publish(self._report.end(status, code, self._reader.progress, _now()))]
        last.append(self._say(b""))  # no worker any more
        self._link.stop(_LAST_SECONDS)
        return all(each.done() and not each.exception() for each in last)

    def _publish(self, activity: Activity) -> "Future[None]":
        # A log too is to arrive: `offset` is of no use to a reader that misses most of them.
        return self._link.publish(str(activity.topic), encode(activity), qos=1)

    def _say(self, payload: bytes) -> "Future[None]":
        topic = worker_status(self._presence.worker)
        return self._link.publish(topic, payload, qos=1, retain=True)

    def _note(self, reason: str) -> None:
        self.trouble = reason

    def _hear(self, message: Message) -> None:
        if message.topic == self._stop_topic:
            self.stopped = True


def _now() -> datetime:
    return datetime.now(UTC)
