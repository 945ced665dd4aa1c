"""What a watcher asks for, checked the same way at every door. Pure."""

from collections.abc import Collection, Sequence
from typing import Final

from buildfeed.errors import InvalidFilter
from buildfeed.topics import Filter, watchable

MAX_FILTERS: Final = 100


def checked(asked: Sequence[object], watched: Collection[Filter] = ()) -> list[Filter]:
    """Return the filters that are `asked` for besides those `watched` already, each once.

    Raises InvalidFilter for one that matches no build topic, or more than one log, and when
    they are over 100 in all.
    """
    filters = {watchable(filter_) for filter_ in asked[: MAX_FILTERS + 1]}
    if len(asked) > MAX_FILTERS or len(filters.union(watched)) > MAX_FILTERS:
        raise InvalidFilter(f"{len(asked)} filters", f"{MAX_FILTERS} at most are watched")
    for filter_ in filters:
        if filter_.levels[-1] == "log" and "+" in filter_.levels:
            raise InvalidFilter(str(filter_), "a log is sent for one build: name it, without +")
    return list(filters)
