"""The users of a broker that we start ourselves: one that may do everything, one that only reads.

Pure.
"""

import re
from typing import Final, Self

import msgspec

READER: Final = "reader"
"""The user for subscribers: may read builds, projects and workers, and publish nothing."""

_READABLE: Final = re.compile(r"(builds|projects|workers)/[a-z0-9_#+/-]{1,200}")
"""Filters that the reader may subscribe to, as those of `mobile` in definitions.json."""


class User(msgspec.Struct, frozen=True):
    """A login; `reads_only` tells whether it is for subscribers."""

    name: str
    password: str
    reads_only: bool = False

    @classmethod
    def reader(cls, password: str) -> Self:
        """Return the user for subscribers."""
        return cls(READER, password, reads_only=True)

    def may_publish(self, _topic: str) -> bool:
        """Tell whether it may publish, also by its last will."""
        return not self.reads_only

    def may_subscribe(self, filter_: str) -> bool:
        """Tell whether it may subscribe to an MQTT filter."""
        return not self.reads_only or _READABLE.fullmatch(filter_) is not None
