"""A selection: the builds that filters concern, whatever the kind. Pure."""

from collections.abc import Iterable
from typing import Self

import msgspec

from buildfeed.activity import Key
from buildfeed.topics import Filter


class Selection(msgspec.Struct, frozen=True):
    """Builds, each selected in one way: all, those of a project, those with an id, single ones.

    `everything` selects all builds, `projects` those of these projects, `builds` those with these
    ids in any project, and `keys` single builds.
    """

    everything: bool = False
    projects: frozenset[str] = frozenset()
    builds: frozenset[str] = frozenset()
    keys: frozenset[Key] = frozenset()

    @classmethod
    def of(cls, filters: Iterable[Filter]) -> Self:
        """Return the builds of which at least one kind of activity matches one of `filters`.

        `filters` are watchable. Parts that another part covers are left out.
        """
        pairs = {_project_and_build(filter_) for filter_ in filters}
        if (None, None) in pairs:
            return cls(everything=True)
        projects = frozenset(project for project, build in pairs if project and not build)
        builds = frozenset(build for project, build in pairs if build and not project)
        keys = frozenset(
            (project, build)
            for project, build in pairs
            if project and build and project not in projects and build not in builds
        )
        return cls(projects=projects, builds=builds, keys=keys)

    def __contains__(self, key: Key) -> bool:
        """Tell whether the build `key` is selected."""
        project, build = key
        return (
            self.everything or project in self.projects or build in self.builds or key in self.keys
        )

    def within(self, project: str) -> Self | None:
        """Return what can select builds of a project; None if nothing can."""
        if self.everything:
            return self
        if project in self.projects:
            return type(self)(projects=frozenset([project]))
        keys = {key for key in self.keys if key[0] == project}
        keys.update((project, build) for build in self.builds)
        return type(self)(keys=frozenset(keys)) if keys else None


def _project_and_build(filter_: Filter) -> tuple[str | None, str | None]:
    """Return the project and the build that a filter names, None for each that it leaves open."""
    named = [None if level in ("+", "#") else level for level in filter_.levels]
    _, project, build, *_ = [*named, None, None]  # "#" stands for the levels that are missing
    return project, build
