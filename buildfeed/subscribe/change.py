"""What a handler gets: an activity, and what it changed. Pure."""

from typing import Self

import msgspec

from buildfeed.activity import Activity, Build
from buildfeed.board import BuildState, fold


class Change(msgspec.Struct, frozen=True):
    """An `activity`, the `state` of its build since then, and the state `before`.

    `before` is None for a build of which nothing was known. Of activities that were handled before,
    the states have no `content` and no `summary`.
    """

    activity: Activity
    state: BuildState
    before: BuildState | None

    @classmethod
    def by(cls, activity: Activity, before: BuildState | None) -> Self:
        """Return what `activity` changes when the state of its build was `before`."""
        if activity.has_state:
            return cls(activity, fold(before, activity), before)
        return cls(activity, before or BuildState(activity), before)

    @property
    def kind(self) -> str:
        """The kind of the activity: `start`, `stop`, `status`, `progress`, `error` or `log`."""
        return self.activity.kind

    @property
    def build(self) -> Build:
        """The build as it is now: that of another activity when this one came late."""
        return self.state.newest.object

    @property
    def changed(self) -> bool:
        """True when it changed the state; False for a `log`, and for what came late."""
        return self.activity.has_state and self.state is not self.before

    @property
    def ended(self) -> bool:
        """True when the build ended by it."""
        return self.changed and self.state.ended and not (self.before and self.before.ended)
