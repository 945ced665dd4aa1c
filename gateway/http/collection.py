"""The activities of a build as Activity Streams 2.0 collections (core §5). Pure."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from buildfeed.activity import Activity

CONTEXT = "https://www.w3.org/ns/activitystreams"
PAGE = 100


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """The activities of a build: how many, and where their pages begin."""

    context: str = msgspec.field(name="@context")
    id: str
    type: Literal["OrderedCollection"]
    totalItems: int  # noqa: N815 - as it is written
    first: str


class CollectionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Up to 100 of them, oldest first; the last page has no `next`."""

    context: str = msgspec.field(name="@context")
    id: str
    type: Literal["OrderedCollectionPage"]
    partOf: str  # noqa: N815
    totalItems: int  # noqa: N815
    orderedItems: list[Activity]  # noqa: N815
    next: str | UnsetType = UNSET


def collection(url: str, total: int, kinds: Sequence[str] = ()) -> dict[str, Any]:
    """Return the `OrderedCollection` at `url`: how many items it has, and where its pages begin.

    With `kinds` it is that of these activities alone, `total` of them.
    """
    return {
        "@context": CONTEXT,
        "id": _address(url, kinds),
        "type": "OrderedCollection",
        "totalItems": total,
        "first": _address(url, kinds, 0),
    }


def page(
    url: str,
    total: int,
    after: int,
    rows: Sequence[tuple[int, bytes]],
    kinds: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the `OrderedCollectionPage` of the first 100 `rows`, (row number, payload).

    It has a `next` if there are more. The items are the activities as the recorder stored
    them. `total` is of the whole collection (core §5.1).
    """
    shown = rows[:PAGE]
    body: dict[str, Any] = {
        "@context": CONTEXT,
        "id": _address(url, kinds, after),
        "type": "OrderedCollectionPage",
        "partOf": _address(url, kinds),
        "totalItems": total,
        "orderedItems": [msgspec.Raw(payload) for _, payload in shown],
    }
    if len(rows) > len(shown):
        body["next"] = _address(url, kinds, shown[-1][0])
    return body


def _address(url: str, kinds: Sequence[str], after: int | None = None) -> str:
    """Return the address of the collection, with `after` of a page."""
    query = [f"kind={kind}" for kind in kinds]
    if after is not None:
        query.insert(0, f"after={after}")
    return "?".join(filter(None, [url, "&".join(query)]))
