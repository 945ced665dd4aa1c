"""Activities of many builds, for the tests of the store."""

from collections.abc import Iterable

from msgspec import structs

from buildfeed.activity import Activity, Key, Status, urn
from buildfeed.board import BuildState
from support.samples import NOW, RUNNING, W1


def activity(
    build: str, status: Status = "running", *, project: str = "acme", seq: int = 0
) -> Activity:
    """Return an activity of a worker in its first attempt."""
    state = structs.replace(
        RUNNING,
        id=urn(project, build),
        project=project,
        build=build,
        status=status,
        seq=seq,
    )
    return Activity.about(state, "Update", W1, NOW)


def keys(states: Iterable[BuildState]) -> list[Key]:
    return [state.key for state in states]
