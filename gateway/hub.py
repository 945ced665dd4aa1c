"""The hub: which watchers hear an activity. Pure; rooms are filters (MQTT 5 §4.7)."""

from collections.abc import Iterable

from buildfeed.topics import KINDS, Filter, Topic


class _Node:
    """One level of the trie of filters; `here` and `below` (`#`) hold watcher ids."""

    __slots__ = ("below", "children", "here")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.here: set[str] = set()
        self.below: set[str] = set()

    @property
    def empty(self) -> bool:
        return not (self.children or self.here or self.below)


class Hub:
    """Filters of all watchers in a trie: a look-up costs the depth of a topic, not their number."""

    def __init__(self) -> None:
        self._root = _Node()
        self._filters: dict[str, set[Filter]] = {}

    def __len__(self) -> int:
        return len(self._filters)

    def watch(self, watcher: str, filters: Iterable[Filter]) -> None:
        """Add filters of a watcher; one that it has already changes nothing."""
        mine = self._filters.setdefault(watcher, set())
        for filter_ in filters:
            mine.add(filter_)
            self._place(filter_).add(watcher)

    def unwatch(self, watcher: str, filters: Iterable[Filter]) -> None:
        """Take filters of a watcher away; unknown ones change nothing."""
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
        """Return what a watcher watches."""
        return frozenset(self._filters.get(watcher, ()))

    def watchers(self, topic: Topic) -> set[str]:
        """Return who hears an activity on `topic`: each once, however many filters match."""
        found: set[str] = set()
        _collect(self._root, str(topic).split("/"), 0, found)
        return found

    def watchers_of_build(self, project: str, build: str) -> set[str]:
        """Return who watches any kind of activity of a build, `log` aside."""
        found: set[str] = set()
        for kind in KINDS:
            if kind != "log":
                found |= self.watchers(Topic(project, build, kind))
        return found

    def log_watchers(self, project: str, build: str) -> set[str]:
        """Return who asked for the log of this very build."""
        node: _Node | None = self._root
        for level in str(Topic(project, build, "log")).split("/"):
            node = node.children.get(level) if node else None
        return set(node.here) if node else set()

    def _place(self, filter_: Filter) -> set[str]:
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


def _collect(node: _Node, levels: list[str], depth: int, found: set[str]) -> None:
    found |= node.below  # "#" matches the parent level too
    if depth == len(levels):
        found |= node.here
        return
    for level in (levels[depth], "+"):
        if child := node.children.get(level):
            _collect(child, levels, depth + 1, found)
