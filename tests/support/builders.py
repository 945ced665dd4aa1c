"""Builders of activities: a test names only the facts that it is about."""

from typing import Any
from uuid import uuid4

from msgspec import UNSET, structs

from buildfeed import command
from buildfeed.activity import Activity, Build, Status, Type, urn, worker_actor
from support.samples import ADA, NOW, QUEUED


def start(build: str = "b1", **facts: Any) -> Activity:
    """Return the start of `build`, by ada."""
    return Activity.about(_state(build, **facts), "Offer", ADA, NOW)


def stop(known: Activity, by: str = "bob") -> Activity:
    """Return a stop that carries the state of `known`."""
    return command.stop(known.object, NOW, by=by, uuid=uuid4().hex)


def accept(attempt: int = 1, **facts: Any) -> Activity:
    """Return the beginning of an attempt, with `seq` 0."""
    return _said("Accept", attempt, 0, **facts)


def progress(percent: int, attempt: int = 1, **facts: Any) -> Activity:
    """Return the progress at `percent`, which is its `seq` too: one activity for each percent."""
    return _said("Update", attempt, percent, progress=percent, **facts)


def error(text: str, percent: int, attempt: int = 1, **facts: Any) -> Activity:
    """Return the first error of the build, at `percent`, which is its `seq` too."""
    facts |= {"progress": percent, "errors": 1, "error": text}
    return _said("Flag", attempt, percent, content=text, **facts)


def ending(status: Status = "succeeded", attempt: int = 1, **facts: Any) -> Activity:
    """Return the ending of an attempt, with `seq` 101: after all progress."""
    return _said("Update", attempt, 101, status=status, progress=100, end_time=NOW, **facts)


def log(lines: str, percent: int, attempt: int = 1, **facts: Any) -> Activity:
    """Return output of a worker."""
    return _said("Add", attempt, percent, content=lines, progress=percent, **facts)


def _said(
    type_: Type,
    attempt: int,
    seq: int,
    *,
    build: str = "b1",
    worker: str = "w1",
    content: str = "",
    **facts: Any,
) -> Activity:
    facts = {"status": "running", "start_time": NOW, **facts}
    state = _state(build, attempt=attempt, seq=seq, **facts)
    return Activity.about(state, type_, worker_actor(worker), NOW, content=content or UNSET)


def _state(build: str, *, project: str = "acme", **facts: Any) -> Build:
    return structs.replace(QUEUED, id=urn(project, build), project=project, build=build, **facts)
