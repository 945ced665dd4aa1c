"""The crew: each worker with the builds that it runs, by the board and by what it says. Pure."""

from collections.abc import Container, Iterable

import msgspec
from msgspec import UnsetType

from buildfeed.activity import Key
from buildfeed.board import BuildState
from buildfeed.presence import OfferedJob, Presence


class Member(msgspec.Struct, frozen=True):
    """A worker: its last presence, whether it is online, the builds it runs and those it lost.

    What it runs are also builds that have ended for everybody else: they still take its slots.
    """

    presence: Presence
    online: bool
    runs: frozenset[Key]
    lost: frozenset[Key]

    @property
    def worker(self) -> str:
        """Its name."""
        return self.presence.worker

    @property
    def held(self) -> frozenset[Key]:
        """All builds that are with it."""
        return self.runs | self.lost

    @property
    def jobs(self) -> tuple[OfferedJob, ...]:
        """The jobs that it offers; none of a worker of fake builds, or of one without a slot."""
        offered = self.presence.jobs
        return () if isinstance(offered, UnsetType) or not self.presence.slots else offered

    @property
    def pretends(self) -> bool:
        """Whether it runs fake builds."""
        return isinstance(self.presence.jobs, UnsetType) and self.presence.slots > 0


def crew(
    unfinished: Iterable[BuildState],
    workers: Iterable[tuple[Presence, bool]],
    lost: Container[Key] = frozenset(),
) -> list[Member]:
    """Return the workers by name, of `unfinished` builds and of `workers`, online or not.

    A worker that runs a build counts as online before its first presence is heard, unless the build
    is `lost`.
    """
    runs: dict[str, set[Key]] = {}
    gone: dict[str, set[Key]] = {}
    for state in unfinished:
        worker = state.newest.worker
        if state.newest.object.status != "queued" and worker is not None:
            (gone if state.key in lost else runs).setdefault(worker, set()).add(state.key)
    said = {presence.worker: (presence, online) for presence, online in workers}
    for worker, (presence, online) in said.items():
        if online:
            runs.setdefault(worker, set()).update(each.key for each in presence.builds)
    unheard = {worker: (Presence(worker, "offline"), False) for worker in gone}
    unheard |= {worker: (Presence(worker, "online"), True) for worker in runs}
    return [
        Member(presence, online, frozenset(runs.get(worker, ())), frozenset(gone.get(worker, ())))
        for worker, (presence, online) in sorted({**unheard, **said}.items())
    ]
