"""One attempt of a build: its state, and the activities that change it. Pure, time passed in.

Every activity carries the whole state. At a step with errors each `Flag` carries the new
progress too and no `progress` follows: the picture turns 70 % and red in the same moment.
"""

from collections.abc import Iterator
from datetime import datetime

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from buildfeed.activity import (
    MAX_ERROR_BYTES,
    MAX_LOG_BYTES,
    Activity,
    Build,
    Status,
    Type,
    shorten,
    urn,
    worker_actor,
)
from buildfeed.worker.runner import Outcome, Step

_MAX_CONTENT_BYTES = 32 * 1024
"""Largest error text, in bytes: escaped as JSON it may double, and an activity has 64 KiB."""


class Attempt:
    """The build that `start` asked for, as the attempt number `attempt` of `worker`.

    Person, priority, script or job, and times are taken from `start`; its state is not, as it may
    be that of an earlier attempt.
    """

    def __init__(self, start: Build, attempt: int, worker: str) -> None:
        self._actor = worker_actor(worker)
        self._build = Build(
            id=urn(start.project, start.build),
            project=start.project,
            build=start.build,
            status="queued",
            progress=0,
            errors=0,
            attempt=attempt,
            seq=-1,  # the first activity of an attempt is 0
            by=start.by,
            priority=start.priority,
            script=start.script,
            job=start.job,
            parameters=start.parameters,
            queued_time=start.queued_time,
            not_before=start.not_before,
        )

    @property
    def attempt(self) -> int:
        """The number of the attempt that the next activity belongs to."""
        return self._build.attempt

    def again(self, attempt: int) -> None:
        """Continue as another attempt: `seq` starts again, progress and errors are kept."""
        self._build = replace(self._build, attempt=attempt, seq=-1)

    def accept(self, now: datetime) -> Activity:
        """Return the `Accept` that begins the attempt."""
        started = now if self._build.start_time is UNSET else self._build.start_time
        return self._next("Accept", now, replace(self._build, status="running", start_time=started))

    def tell(self, now: datetime) -> Activity:
        """Return an `Update` that repeats the state: the build goes on."""
        return self._next("Update", now, self._build)

    def advance(self, step: Step, now: datetime) -> Iterator[Activity]:
        """Yield the activities of a step: its output, then its errors or else its progress."""
        yield self._next("Add", now, self._build, shorten(step.output, MAX_LOG_BYTES))
        if not step.errors:
            yield self._next("Update", now, replace(self._build, progress=step.progress))
        for text in step.errors:
            build = replace(self._build, progress=step.progress)
            yield self._next(
                "Flag", now, _with_error(build, text), shorten(text, _MAX_CONTENT_BYTES)
            )

    def finish(self, outcome: Outcome, now: datetime) -> Activity:
        """Return the ending of a build that ended by itself."""
        return self._end(outcome.status, now)

    def stop(self, now: datetime) -> Activity:
        """Return the ending of a build that was asked to stop."""
        return self._end("stopped", now)

    def fail(self, reason: str, now: datetime) -> Activity:
        """Return the ending of a build that cannot go on: `reason` is its last error."""
        self._build = _with_error(self._build, reason)
        return self._end("failed", now)

    def _end(self, status: Status, now: datetime) -> Activity:
        return self._next("Update", now, replace(self._build, status=status, end_time=now))

    def _next(
        self, type_: Type, now: datetime, build: Build, content: str | UnsetType = UNSET
    ) -> Activity:
        self._build = replace(build, seq=build.seq + 1)
        return Activity.about(self._build, type_, self._actor, now, content=content)


def _with_error(build: Build, text: str) -> Build:
    return replace(build, errors=build.errors + 1, error=shorten(text, MAX_ERROR_BYTES))
