"""An event on its way to watchers. Pure."""

from collections.abc import Callable
from typing import Final

import msgspec

from buildfeed.activity import Key
from gateway.state.event_bodies import Body

BUILD: Final = "build"
LOG: Final = "log"
FEED: Final = "feed"

Subject = Key | str | int
"""The subject of a message: a build, an event by its name, or a number that no other message has.

Every message about the same subject holds its whole state.
"""


class Event(msgspec.Struct, frozen=True):
    """An event `name` for `watchers`, or for everyone connected when None.

    `body` makes its body: most states of progress are replaced before anybody needs one.

    While it waits for a slow watcher, a newer event of the same `subject` replaces it. None when
    nothing replaces it. One that is `passing` is replaced also where nobody is slow, within a frame
    (see `transports.pacing`): a state of progress, but no error, beginning or ending. A `feed` that
    is passing tells no news: it may wait longer for other events to leave with.
    """

    name: str
    body: Callable[[], Body]
    watchers: frozenset[str] | None
    subject: Subject | None = None
    passing: bool = False
