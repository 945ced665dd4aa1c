"""Commands: start and stop are activities, published on the same tree as progress."""

from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from buildfeed.activity import Activity, Actor, Build, Priority, Script, summarize, urn

ANONYMOUS: Final = "anonymous"
"""The name of a person who gives none."""


def start(
    project: str,
    build: str,
    now: datetime,
    *,
    by: str,
    script: Script | UnsetType = UNSET,
    job: str | UnsetType = UNSET,
    parameters: dict[str, str] | UnsetType = UNSET,
    priority: Priority,
    delay: float = 0,
) -> Activity:
    """Return the `Offer` of a new build: its activity `(0, 0)`. It begins after `delay` seconds.

    It is a fake build by a `script`, or a `job` of the project with its `parameters`. Without
    either the runner decides what the build does.
    """
    state = Build(
        id=urn(project, build),
        project=project,
        build=build,
        status="queued",
        progress=0,
        errors=0,
        attempt=0,
        seq=0,
        by=by,
        priority=priority,
        script=script,
        job=job,
        parameters=parameters,
        queued_time=now,
        not_before=now + timedelta(seconds=delay) if delay else UNSET,
    )
    return Activity.about(state, "Offer", Actor(type="Person", name=by), now)


def again(start: Build, build: str, now: datetime) -> Activity:
    """Return the `Offer` of a new build that is like `start`; it may begin at once.

    Members that `start` lacks stay absent.
    """
    state = msgspec.structs.replace(
        start,
        id=urn(start.project, build),
        build=build,
        status="queued",
        progress=0,
        errors=0,
        error=UNSET,
        phase=UNSET,
        done=UNSET,
        total=UNSET,
        indeterminate=UNSET,
        exit_code=UNSET,
        attempt=0,
        seq=0,
        queued_time=now,
        not_before=UNSET,
        start_time=UNSET,
        end_time=UNSET,
    )
    name = ANONYMOUS if isinstance(start.by, UnsetType) else start.by
    return Activity.about(state, "Offer", Actor(type="Person", name=name), now)


def stop(known: Build, now: datetime, *, by: str, uuid: str) -> Activity:
    """Return the `Undo` that asks to stop the build whose newest known state is `known`.

    If no worker had taken it, the stop itself ends the build, as `(0, 1)`.
    """
    state = known
    if known.status == "queued" and known.attempt == 0:
        state = msgspec.structs.replace(known, status="stopped", seq=1, end_time=now)
    return Activity(
        id=f"{known.id}:stop.{uuid}",
        type="Undo",
        published=now,
        summary=f"{by} asked to stop: {summarize(state)}",
        actor=Actor(type="Person", name=by),
        object=state,
    )


def unknown(project: str, build: str) -> Build:
    """Return the state of a build of which nothing is known yet, to make its stop with."""
    return Build(
        id=urn(project, build),
        project=project,
        build=build,
        status="queued",
        progress=0,
        errors=0,
        attempt=0,
        seq=0,
    )
