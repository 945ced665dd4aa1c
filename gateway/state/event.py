"""An event on its way to watchers. Pure."""

from typing import Final

import msgspec

from buildfeed.activity import Key
from gateway.state.event_bodies import Body

BUILD: Final = "build"
LOG: Final = "log"
FEED: Final = "feed"


class Event(msgspec.Struct, frozen=True):
    """An event `name` with its `body` for `watchers`, or for everyone connected when None.

    `subject` is the build whose whole state it carries: while it waits for a slow watcher, a newer
    event of the same subject replaces it. None when nothing replaces it.
    """

    name: str
    body: Body
    watchers: frozenset[str] | None
    subject: Key | None = None
