"""A build that is run in place, told to everybody: its link to the broker. The build never waits.

States wait for a broker that is away in the outbox of the link. Of them there are few: progress is
told only while the broker is there, and of errors a few are on their way at a time. Output waits
where it is bounded. So the end of a build is never behind thousands of errors: those that were not
told until then are counted.
"""

import secrets
import time
from collections import deque
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from buildfeed import presence
from buildfeed.activity import Activity, Status, encode
from buildfeed.broker.mqtt.link import Message, MqttLink, Will
from buildfeed.presence import REPEAT_SECONDS, Presence, RunningBuild
from buildfeed.runner.errors.found import FoundError
from buildfeed.runner.output_reader import OutputReader
from buildfeed.runner.report import ATTEMPT, Report
from buildfeed.topics import worker_status

_PROGRESS_SECONDS: Final = 0.1
"""Shortest time between two states of progress."""
_MOST_UNCONFIRMED: Final = 8
"""Pieces of output that are on their way at a time."""
_MOST_ERRORS: Final = 64
"""Errors that are on their way at a time, and that are told at once at the end of a build."""
_LAST_SECONDS: Final = 5.0
"""How long the end of a build waits for a broker that is away."""
_FIRST_SECONDS: Final = 2.0
"""How long it waits before that for a broker that has not said anything yet."""
_LOOK_SECONDS: Final = 0.01


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
        self._untold: deque[FoundError] = deque()
        self._unconfirmed_errors: set[Future[None]] = set()
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
        self._publish(self._report.accept(_now()))  # first: one that is refused needs no link
        self._link.start()

    def tell(self, now: float) -> None:
        """Tell what is new; call it some ten times a second, with a time that does not go back."""
        is_new = self._link.up and self._link.connection != self._connection
        if is_new or now > self._next_presence:
            self._connection = self._link.connection
            self._next_presence = now + REPEAT_SECONDS
            if self._link.up:
                self._say(presence.encode(self._presence))
        self._untold += self._reader.take_errors()
        self._unconfirmed_errors = _not_done(self._unconfirmed_errors)
        self._tell_errors(_MOST_ERRORS - len(self._unconfirmed_errors))
        if self._link.up and now >= self._next_progress:
            activity = self._report.advance(self._reader.progress, _now())
            if activity:
                self._publish(activity)
                self._next_progress = now + _PROGRESS_SECONDS
        self._unconfirmed = _not_done(self._unconfirmed)
        while self._link.up and len(self._unconfirmed) < _MOST_UNCONFIRMED:
            content = self._reader.take_output(now)
            if content is None:
                break
            self._unconfirmed.add(self._publish(self._report.output(content, _now())))

    def end(self, status: Status, code: int) -> bool:
        """Tell the end, and leave; return whether the broker has all of it."""
        self._await_first_connection()
        self._untold += self._reader.take_errors()
        self._tell_errors(_MOST_ERRORS)
        self._report.count_untold(len(self._untold))
        # A broker that comes back in the last seconds is to get the end: output would be before it.
        for content in self._reader.last_output(whole=self._link.up):
            self._publish(self._report.output(content, _now()))
        last = [self._publish(self._report.end(status, code, self._reader.progress, _now()))]
        last.append(self._say(b""))  # no worker any more
        self._link.stop(_LAST_SECONDS)
        return all(each.done() and not each.exception() for each in last)

    def _await_first_connection(self) -> None:
        """Wait while the broker may yet take it: a command may have ended before."""
        last = time.monotonic() + _FIRST_SECONDS
        while not (self._link.up or self.trouble) and time.monotonic() < last:
            time.sleep(_LOOK_SECONDS)

    def _tell_errors(self, most: int) -> None:
        """Tell the oldest errors, `most` at most."""
        for _ in range(min(most, len(self._untold))):
            activity = self._report.error(self._untold.popleft(), _now())
            self._unconfirmed_errors.add(self._publish(activity))

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


def _not_done(futures: "set[Future[None]]") -> "set[Future[None]]":
    return {each for each in futures if not each.done()}


def _now() -> datetime:
    return datetime.now(UTC)
