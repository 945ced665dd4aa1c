"""One attempt of a build: its state, and the activities that change it. Pure, time passed in.

Every activity carries the whole state. At a step with errors each `Flag` carries the new
progress too and no `progress` follows: the picture turns 70 % and red in the same moment.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from buildfeed.activity import (
    MAX_ERROR_BYTES,
    MAX_LOG_BYTES,
    Activity,
    Build,
    Source,
    Status,
    Type,
    shorten,
    urn,
    worker_actor,
)
from buildfeed.worker.runner import Outcome, Plan, Step

_MAX_CONTENT_BYTES = 32 * 1024
"""Largest error text, in bytes: escaped as JSON it may double, and an activity has 64 KiB."""

_NOTHING: Final = Plan()


class Attempt:
    """The build that `start` asked for, as the attempt number `attempt` of `worker`.

    Person, priority, script or job, and times are taken from `start`; its state is not, as it may
    be that of an earlier attempt. The `plan` is that of the runner.
    """

    def __init__(self, start: Build, attempt: int, worker: str, plan: Plan = _NOTHING) -> None:
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
            job=start.job or plan.job,
            parameters=start.parameters,
            title=plan.title,
            indeterminate=plan.indeterminate or UNSET,
            queued_time=start.queued_time,
            not_before=start.not_before,
        )
        self._printed = 0  # bytes of output, as the runner counts them
        self._offset = 0  # where the output of this attempt begins, in the same count

    @property
    def attempt(self) -> int:
        """The number of the attempt that the next activity belongs to."""
        return self._build.attempt

    def again(self, attempt: int) -> None:
        """Continue as another attempt: `seq` starts again, progress and errors are kept."""
        self._build = replace(self._build, attempt=attempt, seq=-1)
        self._offset = self._printed

    def resume(self, earlier: int, now: datetime) -> Iterator[Activity]:
        """Yield the `Accept` of a further attempt, and a line that says where its output begins."""
        yield self.accept(now)
        if self._printed:
            line = f"[the output before this is that of attempt {earlier}]\n"
            self._offset -= len(line)
            yield self._next("Add", now, self._build, line, offset=0)

    def accept(self, now: datetime) -> Activity:
        """Return the `Accept` that begins the attempt."""
        started = now if self._build.start_time is UNSET else self._build.start_time
        return self._next("Accept", now, replace(self._build, status="running", start_time=started))

    def tell(self, now: datetime) -> Activity:
        """Return an `Update` that repeats the state: the build goes on."""
        return self._next("Update", now, self._build)

    def advance(self, step: Step, now: datetime) -> Iterator[Activity]:
        """Yield the activities of a step: its output, then its errors or else its progress."""
        if step.output:
            output = shorten(step.output, MAX_LOG_BYTES)
            yield self._next("Add", now, self._build, output, offset=self._placed(step))
        if not step.errors and step.progress is not None:
            yield self._next("Update", now, _at(self._build, step))
        for error in step.errors:
            build = _with_error(_at(self._build, step), error.text)
            text = shorten(error.text, _MAX_CONTENT_BYTES)
            yield self._next("Flag", now, build, text, source=error.source)

    def finish(self, outcome: Outcome, now: datetime) -> Activity:
        """Return the ending of a build that ended by itself."""
        return self._end(outcome.status, now)

    def exited(self, code: int | UnsetType) -> None:
        """Take note of the exit code, which goes with whatever ending."""
        self._build = replace(self._build, exit_code=code)

    def stop(self, now: datetime) -> Activity:
        """Return the ending of a build that was asked to stop."""
        return self._end("stopped", now)

    def fail(self, reason: str, now: datetime) -> Activity:
        """Return the ending of a build that cannot go on: `reason` is its last error."""
        self._build = _with_error(self._build, reason)
        return self._end("failed", now)

    def _placed(self, step: Step) -> int | UnsetType:
        """Return the offset of the output of a step in that of this attempt."""
        if step.offset is UNSET:
            return UNSET
        self._printed = step.offset + len(step.output.encode())
        return step.offset - self._offset

    def _end(self, status: Status, now: datetime) -> Activity:
        return self._next("Update", now, replace(self._build, status=status, end_time=now))

    def _next(
        self,
        type_: Type,
        now: datetime,
        build: Build,
        content: str | UnsetType = UNSET,
        *,
        source: Source | UnsetType = UNSET,
        offset: int | UnsetType = UNSET,
    ) -> Activity:
        self._build = replace(build, seq=build.seq + 1)
        return Activity.about(
            self._build, type_, self._actor, now, content=content, source=source, offset=offset
        )


def _at(build: Build, step: Step) -> Build:
    """Return the build as far as a step says that it is."""
    if step.progress is None:
        return build
    return replace(
        build,
        progress=step.progress,
        phase=step.phase or UNSET,
        done=UNSET if step.done is None else step.done,
        total=UNSET if step.total is None else step.total,
        indeterminate=step.indeterminate or UNSET,
    )


def _with_error(build: Build, text: str) -> Build:
    return replace(build, errors=build.errors + 1, error=shorten(text, MAX_ERROR_BYTES))
