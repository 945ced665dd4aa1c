"""Grants: what a principal may do, and how far a filter reaches into that. Pure.

A grant is an action in an area: `read:builds/acme/#`, `start:acme`, `operate`. An area is a triple
(project, build, kind), each a name or any, as a watchable filter is. So whether an area covers
another is a question of eight look-ups, and two areas have one area in common or none.
"""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Final, Literal, Self, cast

import msgspec

from buildfeed import names
from buildfeed.errors import InvalidFilter, InvalidGrant, InvalidName
from buildfeed.selection import Selection
from buildfeed.topics import Filter, Topic, watchable

Action = Literal["read", "start", "stop", "publish", "operate", "as"]
"""What may be granted: to watch and read; to start and to stop builds; to publish builds of one's
own over MQTT; what operators do; and to act in the name of others (`as:*`)."""

MOST: Final = 64
"""Grants that a principal may have: more would make each decision dear."""

_OF_PROJECTS: Final = "start", "stop", "publish"
_SHORT: Final = {
    "viewer": ("read",),
    "builder": ("read", "start", "stop"),
    "runner": ("read", "publish"),
}
"""The short forms, as `viewer@acme`. `operator` stands for all but `as:*`, so that the audit still
knows who did it."""


class Area(msgspec.Struct, frozen=True):
    """Topics of builds: of a project, a build and a kind, where None stands for any."""

    project: str | None = None
    build: str | None = None
    kind: str | None = None

    @classmethod
    def of(cls, filter_: Filter) -> Self:
        """Return the area of a watchable filter."""
        levels = [None if level in ("+", "#") else level for level in filter_.levels[1:4]]
        return cls(*levels)

    @classmethod
    def of_topic(cls, topic: Topic) -> Self:
        """Return the area that is one topic."""
        return cls(topic.project, topic.build, topic.kind)

    @property
    def filter(self) -> Filter:
        """The shortest filter of this area."""
        levels = [level or "+" for level in msgspec.structs.astuple(self)]
        if self.kind is None:
            while levels and levels[-1] == "+":
                levels.pop()
            levels.append("#")
        return Filter(("builds", *levels))

    def covers(self, other: "Area") -> bool:
        """Tell whether every topic of `other` is one of this area."""
        return self in other.wider()

    def meet(self, other: "Area") -> "Area | None":
        """Return the topics that both have, None if there are none."""
        # Written out: a watch may ask for thousands.
        project, build, kind = self.project, self.build, self.kind
        if project != other.project:
            if project and other.project:
                return None
            project = project or other.project
        if build != other.build:
            if build and other.build:
                return None
            build = build or other.build
        if kind != other.kind:
            if kind and other.kind:
                return None
            kind = kind or other.kind
        return Area(project, build, kind)

    def wider(self) -> "Iterator[Area]":
        """Yield every area that covers this one, the widest first and this one last."""
        choices = [(None, level) if level else (None,) for level in msgspec.structs.astuple(self)]
        return (Area(*levels) for levels in product(*choices))


class Grant(msgspec.Struct, frozen=True):
    """An action that is granted, and where."""

    action: Action
    area: Area = Area()

    def __str__(self) -> str:
        """Return the long form."""
        if self.action == "read":
            return f"read:{self.area.filter}"
        if self.action in _OF_PROJECTS:
            return f"{self.action}:{self.area.project or '*'}"
        return "as:*" if self.action == "as" else self.action


class Grants:
    """The grants of a principal."""

    def __init__(self, grants: Iterable[Grant] = ()) -> None:
        self._areas: dict[str, set[Area]] = {}
        for grant in grants:
            self._areas.setdefault(grant.action, set()).add(grant.area)
        self.selection = Selection.of(area.filter for area in self._areas.get("read", ()))
        """The builds that one may know of."""

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Return the grants written as `texts`, in their long or short forms.

        Raises InvalidGrant, also for more than MOST of them.
        """
        grants = [grant for text in texts for grant in _parsed(text)]
        if len(set(grants)) > MOST:
            raise InvalidGrant(str(grants[MOST]), f"a principal has {MOST} grants at most")
        return cls(grants)

    def __iter__(self) -> Iterator[Grant]:
        """Yield the grants, in the order of their texts."""
        found = (
            Grant(cast(Action, action), area)
            for action, areas in self._areas.items()
            for area in areas
        )
        return iter(sorted(found, key=str))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grants) and self._areas == other._areas

    def __hash__(self) -> int:
        return hash(frozenset(self))

    def __repr__(self) -> str:
        return f"Grants({', '.join(map(str, self))})"

    def areas(self, action: str) -> frozenset[Area]:
        """Return where an action is granted."""
        return frozenset(self._areas.get(action, ()))

    def by(self, action: Action, area: Area = Area()) -> Grant | None:  # noqa: B008 - it is frozen
        """Return the widest grant that allows an action in all of an area, None if none does."""
        granted = self._areas.get(action)
        if granted:
            for wider in area.wider():
                if wider in granted:
                    return Grant(action, wider)
        return None

    def may(self, action: Action, project: str | None = None) -> bool:
        """Tell whether an action is granted in a whole project; None stands for all."""
        return self.by(action, Area(project)) is not None

    def reads(self, topic: Topic) -> bool:
        """Tell whether one may read the activities of a topic."""
        return self.by("read", Area.of_topic(topic)) is not None

    def sees(self, project: str, build: str) -> bool:
        """Tell whether one may know of a build: read activities of it, of any kind."""
        return (project, build) in self.selection

    def narrow(self, filters: Iterable[Filter]) -> list[Filter]:
        """Return what of watchable `filters` may be read, as filters.

        A filter that grants cover stays as it is written: that names a log, which is sent to nobody
        else. Of one that reaches further, the parts that it has in common with grants are left, but
        for those that another filter covers.
        """
        granted = self._areas.get("read", set())
        kept: dict[Filter, Area] = {}
        parts: set[Area] = set()
        for filter_ in filters:
            area = Area.of(filter_)
            if granted.isdisjoint(area.wider()):
                parts.update(filter(None, map(area.meet, granted)))
            else:
                kept[filter_] = area
        areas = parts.union(kept.values())
        parts = {part for part in parts if not any(w in areas for w in part.wider() if w != part)}
        return [*kept, *sorted((part.filter for part in parts.difference(kept.values())), key=str)]


def _parsed(text: str) -> list[Grant]:
    """Return the grants that one text stands for; raise InvalidGrant."""
    short, at, where = text.partition("@")
    if at and short in _SHORT:
        project = _project(text, where)
        return [Grant(cast(Action, action), Area(project)) for action in _SHORT[short]]
    if text == "operator":
        return [Grant(action) for action in ("read", *_OF_PROJECTS, "operate")]
    if text == "operate":
        return [Grant("operate")]
    if text == "as:*":
        return [Grant("as")]
    action, colon, where = text.partition(":")
    if action == "read" and colon:
        try:
            return [Grant("read", Area.of(watchable(where)))]
        except InvalidFilter as exc:
            raise InvalidGrant(text, exc.reason) from exc
    if action in _OF_PROJECTS and colon:
        return [Grant(cast(Action, action), Area(_project(text, where)))]
    raise InvalidGrant(
        text,
        "a grant is read:FILTER, start:PROJECT, stop:PROJECT, publish:PROJECT, operate or as:*, or "
        "for short viewer@PROJECT, builder@PROJECT, runner@PROJECT or operator",
    )


def _project(text: str, where: str) -> str | None:
    """Return the project of a grant, None for `*`; raise InvalidGrant."""
    if where == "*":
        return None
    try:
        return names.check("project", where)
    except InvalidName as exc:
        raise InvalidGrant(text, "after it comes the name of a project, or *") from exc


EVERYTHING: Final = Grants.parse(["operator", "as:*"])
"""All that there is to grant."""
