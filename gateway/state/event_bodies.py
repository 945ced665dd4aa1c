"""The bodies of the events `build` and `log`, as watchers get them. Pure."""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from buildfeed.activity import Activity, Build, timestamp
from buildfeed.board import BuildState
from buildfeed.times import LAST_YEAR

Body = dict[str, Any]
T = TypeVar("T")


def build_body(
    state: BuildState,
    kind: str,
    *,
    ahead: int | None,
    lost: bool,
    seconds: float | None = None,
) -> Body:
    """Return the event that shows `state` after an activity of `kind`.

    `ahead` is the number of queued builds before it, None once it runs; `lost` says that its worker
    is offline. It is expected to take so many `seconds`, None where nobody knows. What only builds
    of commands have is left out where a build has none.
    """
    newest = state.newest
    build = newest.object
    body = {
        "project": build.project,
        "build": build.build,
        "kind": kind,
        "status": build.status,
        "running": build.status == "running",
        "progress": build.progress,
        "errors": build.errors,
        "error": _given(build.error),
        "attempt": build.attempt,
        "seq": build.seq,
        "worker": newest.worker,
        "by": _given(build.by),
        "priority": build.priority,
        "script": None if build.script is UNSET else msgspec.to_builtins(build.script),
        "stopping": state.stopping,
        "stoppedBy": state.stopped_by,
        "ahead": ahead,
        "lost": lost,
        "published": timestamp(newest.published),
        "queued": _time(build.queued_time),
        "notBefore": _time(build.not_before),
        "started": _time(build.start_time),
        "ended": _time(build.end_time),
        "expectedEnd": None if seconds is None else _expected_end(build, seconds),
    }
    return body | {key: value for key, value in _of_commands(newest, build) if value is not UNSET}


def _of_commands(newest: Activity, build: Build) -> tuple[tuple[str, Any], ...]:
    """Return the members that only builds of commands have, UNSET where there is none."""
    return (
        ("job", build.job),
        ("parameters", build.parameters),
        ("title", build.title),
        ("phase", build.phase),
        ("done", build.done),
        ("total", build.total),
        ("indeterminate", build.indeterminate),
        ("exitCode", build.exit_code),
        ("url", build.url),
        ("source", UNSET if newest.source is UNSET else msgspec.to_builtins(newest.source)),
    )


def log_body(activity: Activity) -> Body:
    """Return the `log` event: lines of output, without any state."""
    build = activity.object
    body = {
        "project": build.project,
        "build": build.build,
        "attempt": build.attempt,
        "seq": build.seq,
        "worker": activity.worker,
        "published": timestamp(activity.published),
        "content": _given(activity.content),
    }
    if activity.offset is not UNSET:
        body["offset"] = activity.offset
    return body


def _expected_end(build: Build, seconds: float) -> str | None:
    """Return when a build probably ends, which may be past.

    None unless it runs, and where that is after the years that times have.
    """
    if build.status != "running" or isinstance(build.start_time, UnsetType):
        return None
    return _later(build.start_time, seconds)


@lru_cache(maxsize=4096)  # it is in every event of a build, and stays the same
def _later(moment: datetime, seconds: float) -> str | None:
    try:
        later = moment + timedelta(seconds=seconds)
    except OverflowError:
        return None
    return timestamp(later) if later.year <= LAST_YEAR else None


def _given(value: T | UnsetType) -> T | None:
    return None if isinstance(value, UnsetType) else value


def _time(value: datetime | UnsetType) -> str | None:
    return None if isinstance(value, UnsetType) else timestamp(value)
