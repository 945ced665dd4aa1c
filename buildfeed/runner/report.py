"""The report of a build that is run in place: its state, and the activities that tell it. Pure.

It begins with its `Accept`, as attempt 1: it was never queued, no queue knows it, and nobody takes
it over. Times are passed in.
"""

from datetime import datetime

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from buildfeed.activity import (
    MAX_ERROR_BYTES,
    Activity,
    Build,
    Source,
    Status,
    Type,
    shorten,
    urn,
    worker_actor,
)
from buildfeed.runner.errors.found import FoundError
from buildfeed.runner.output import Content
from buildfeed.runner.progress.progress import Progress

ATTEMPT = 1


class Report:
    """The build `build` of `project`, told by the runner `name`. A `title` is for people."""

    def __init__(
        self,
        project: str,
        build: str,
        name: str,
        *,
        by: str,
        job: str,
        title: str,
        url: str | None = None,
    ) -> None:
        self._actor = worker_actor(name)
        self._progress = Progress()
        self.build = Build(
            id=urn(project, build),
            project=project,
            build=build,
            status="running",
            progress=0,
            errors=0,
            attempt=ATTEMPT,
            seq=-1,  # the first activity is 0
            by=by,
            job=job,
            title=title,
            indeterminate=True,
            url=UNSET if url is None else url,
        )

    def accept(self, now: datetime) -> Activity:
        """Return the `Accept`, with which the build begins."""
        return self._next("Accept", now, replace(self.build, start_time=now))

    def output(self, content: Content, now: datetime) -> Activity:
        """Return a piece of its output."""
        return self._next("Add", now, self.build, content.text, offset=content.offset)

    def error(self, error: FoundError, now: datetime) -> Activity:
        """Return an error, with its place."""
        text = shorten(str(error), MAX_ERROR_BYTES)
        build = replace(self.build, errors=self.build.errors + 1, error=text)
        return self._next("Flag", now, build, str(error), source=error.source)

    def count_untold(self, count: int) -> None:
        """Count errors that have no activity of their own; the next activity tells how many."""
        self.build = replace(self.build, errors=self.build.errors + count)

    def advance(self, progress: Progress, now: datetime) -> Activity | None:
        """Return how far it is now, None when nothing is new."""
        if progress == self._progress:
            return None
        return self._next("Update", now, self._with(progress))

    def end(self, status: Status, code: int, progress: Progress, now: datetime) -> Activity:
        """Return the ending; below 0 the `code` is the signal that ended the command."""
        build = replace(self._with(progress), status=status, exit_code=code, end_time=now)
        return self._next("Update", now, build)

    def _with(self, progress: Progress) -> Build:
        self._progress = progress
        return replace(
            self.build,
            progress=progress.percent,
            phase=progress.phase or UNSET,
            done=UNSET if progress.done is None else progress.done,
            total=UNSET if progress.total is None else progress.total,
            indeterminate=True if progress.indeterminate else UNSET,
        )

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
        self.build = replace(build, seq=build.seq + 1)
        return Activity.about(
            self.build, type_, self._actor, now, content=content, source=source, offset=offset
        )
