"""A bounded table of the newest facts, by build. Pure."""

from typing import Generic, TypeVar

from buildfeed.activity import Key

V = TypeVar("V")


class Recent(Generic[V]):
    """The values of the `size` builds whose values were put in last."""

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._values: dict[Key, V] = {}

    def put(self, key: Key, value: V) -> None:
        """Set the value of the build `key`; drop the oldest when there are too many."""
        self._values.pop(key, None)
        self._values[key] = value
        if len(self._values) > self._size:
            del self._values[next(iter(self._values))]

    def drop(self, key: Key) -> None:
        """Remove the value of the build `key`, if there is one."""
        self._values.pop(key, None)

    def get(self, key: Key) -> V | None:
        """Return the value of the build `key`, None when there is none or it was dropped."""
        return self._values.get(key)

    def __contains__(self, key: Key) -> bool:
        return key in self._values
