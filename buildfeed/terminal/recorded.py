"""The recorded output of one build, read from the history page by page."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, UnsetType

from buildfeed.activity import Key
from buildfeed.terminal.gateway import Gateway, Refused
from buildfeed.terminal.output_order import Piece, Place

_FIRST: Final = "after=0&kind=log,status"
"""The statuses show how far the recorder is: the last one ends the build."""


class _Build(msgspec.Struct, frozen=True):
    attempt: int
    seq: int


class _Actor(msgspec.Struct, frozen=True):
    name: str


class _Activity(msgspec.Struct, frozen=True):
    type: str
    published: str
    actor: _Actor
    object: _Build
    content: str | None = None
    offset: int | UnsetType = UNSET


class _Page(msgspec.Struct, frozen=True, rename={"items": "orderedItems"}):
    items: list[_Activity]
    next: str | None = None


class Recorded:
    """What the history has of the output of the build `key`; each call of `read` goes on."""

    def __init__(self, gateway: Gateway, key: Key) -> None:
        self._gateway = gateway
        self._key = key
        project, build = key
        self._path = f"/api/projects/{project}/builds/{build}/activities"
        self._query = _FIRST
        self.reached: Place = (0, -1)
        """The last activity that was read."""

    def read(self) -> Iterator[Piece]:
        """Yield what is recorded by now; the last page may come again. Raises Away and Refused."""
        while True:
            page = self._page()
            for each in page.items:
                self.reached = max(self.reached, (each.object.attempt, each.object.seq))
                if each.type == "Add":
                    yield self._piece(each)
            if page.next is None:
                return
            self._query = urlsplit(page.next).query

    def _piece(self, activity: _Activity) -> Piece:
        project, build = self._key
        return Piece(
            project=project,
            build=build,
            attempt=activity.object.attempt,
            seq=activity.object.seq,
            worker=activity.actor.name,
            published=activity.published,
            content=activity.content,
            offset=activity.offset,
        )

    def _page(self) -> _Page:
        answer = self._gateway.ask(f"{self._path}?{self._query}")
        try:
            return msgspec.json.decode(answer.body, type=_Page)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            reason = f"{self._gateway.url} does not answer as a gateway of Buildfeed does."
            raise Refused(reason) from exc
