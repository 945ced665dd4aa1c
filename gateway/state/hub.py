"""The hub: which watchers hear an activity. Pure; rooms are filters (MQTT 5 §4.7).

Filters lie in a trie, one level of a topic a node: `+` is a child like a name, and `#` is the set
`below` of the node above it. So a look-up follows three branches a level at most, however many
watchers there are. Most activities come on topics that were just looked up, so the answers are kept
until a watcher comes or goes.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from buildfeed.topics import KINDS, Filter, Topic

_MOST_TOPICS: Final = 8192


class _Members(set[str]):
    """The watchers of one filter. `all` is the same object until a watcher comes or goes."""

    __slots__ = ("_all",)

    def __init__(self) -> None:
        super().__init__()
        self._all: frozenset[str] | None = None

    @property
    def all(self) -> frozenset[str]:
        if self._all is None:
            self._all = frozenset(self)
        return self._all

    def add(self, watcher: str) -> None:
        super().add(watcher)
        self._all = None

    def discard(self, watcher: object) -> None:
        super().discard(watcher)
        self._all = None


class _Node:
    """One level of the trie of filters; `here` and `below` (`#`) hold watcher ids."""

    __slots__ = ("below", "children", "here")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.here = _Members()
        self.below = _Members()

    @property
    def empty(self) -> bool:
        return not (self.children or self.here or self.below)


class Hub:
    """The filters of all watchers: a look-up costs the depth of a topic, not their number."""

    def __init__(self) -> None:
        self._root = _Node()
        self._filters: dict[str, set[Filter]] = {}
        self._known: dict[Topic, frozenset[str]] = {}  # until a watcher comes or goes

    def __len__(self) -> int:
        return len(self._filters)

    def watch(self, watcher: str, filters: Iterable[Filter]) -> None:
        """Add filters to a watcher; one that it has already changes nothing."""
        self._known.clear()
        mine = self._filters.setdefault(watcher, set())
        for filter_ in filters:
            mine.add(filter_)
            self._place(filter_).add(watcher)

    def unwatch(self, watcher: str, filters: Iterable[Filter]) -> None:
        """Remove filters of a watcher; unknown ones change nothing."""
        self._known.clear()
        mine = self._filters.get(watcher, set())
        for filter_ in set(filters) & mine:
            mine.discard(filter_)
            self._place(filter_).discard(watcher)
            self._prune(filter_)
        if not mine:
            self._filters.pop(watcher, None)

    def leave(self, watcher: str) -> None:
        """Forget a watcher."""
        self.unwatch(watcher, self.filters(watcher))

    def filters(self, watcher: str) -> frozenset[Filter]:
        """Return the filters of a watcher."""
        return frozenset(self._filters.get(watcher, ()))

    def watchers(self, topic: Topic) -> frozenset[str]:
        """Return the watchers of an activity on `topic`: each once, however many filters match.

        It is the same object until a watcher comes or goes, also for other topics that match the
        same one filter. Transports rely on that: they keep the connections of a set.
        """
        found = self._known.get(topic)
        if found is None:
            if len(self._known) == _MOST_TOPICS:
                self._known.clear()
            found = self._known[topic] = _united(_matching(self._root, topic.levels))
        return found

    def watchers_of_build(self, project: str, build: str) -> frozenset[str]:
        """Return the watchers of any kind of activity of a build that has a state."""
        topics = [Topic(project, build, kind.name) for kind in KINDS.values() if kind.state]
        return _united({self.watchers(topic) for topic in topics})

    def log_watchers(self, project: str, build: str) -> frozenset[str]:
        """Return the watchers that named this build to hear its log."""
        node: _Node | None = self._root
        for level in Topic(project, build, "log").levels:
            node = node.children.get(level) if node else None
        return node.here.all if node else frozenset()

    def _place(self, filter_: Filter) -> _Members:
        node = self._root
        for level in filter_.levels:
            if level == "#":
                return node.below
            node = node.children.setdefault(level, _Node())
        return node.here

    def _prune(self, filter_: Filter) -> None:
        path = [self._root]
        for level in filter_.levels:
            if level != "#":
                path.append(path[-1].children[level])
        for parent, level in reversed(list(zip(path, filter_.levels, strict=False))):
            if level != "#" and parent.children[level].empty:
                del parent.children[level]


def _matching(root: _Node, levels: Sequence[str]) -> list[frozenset[str]]:
    """Return the watchers of each filter that matches."""
    found, nodes = [], [root]
    for level in levels:
        deeper = []
        for node in nodes:
            if node.below:
                found.append(node.below.all)
            if child := node.children.get(level):
                deeper.append(child)
            if child := node.children.get("+"):
                deeper.append(child)
        nodes = deeper
    for node in nodes:
        if node.below:  # "#" matches the parent level too
            found.append(node.below.all)
        if node.here:
            found.append(node.here.all)
    return found


def _united(sets: Collection[frozenset[str]]) -> frozenset[str]:
    """Return the union; of one set, that itself."""
    return next(iter(sets)) if len(sets) == 1 else frozenset().union(*sets)
