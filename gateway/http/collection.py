"""The activities of a build as Activity Streams 2.0 collections (core §5). Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

CONTEXT = "https://www.w3.org/ns/activitystreams"
PAGE = 100


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
