"""The newest facts, by build, bounded."""

from typing import Generic, TypeVar

from buildfeed.activity import Key

V = TypeVar("V")


class Recent(Generic[V]):
    """The values of the `size` builds that were put in last."""

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._values: dict[Key, V] = {}

    def put(self, key: Key, value: V) -> None:
        """Remember `value` as that of the build `key`."""
        self._values.pop(key, None)
        self._values[key] = value
        if len(self._values) > self._size:
            del self._values[next(iter(self._values))]

    def drop(self, key: Key) -> None:
        """Remember nothing of the build `key`."""
        self._values.pop(key, None)

    def get(self, key: Key) -> V | None:
        """Return the value of the build `key`, None when there is none any more."""
        return self._values.get(key)

    def __contains__(self, key: Key) -> bool:
        return key in self._values
