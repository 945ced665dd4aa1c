"""The activities of a build as Activity Streams 2.0 collections (core §5). Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

CONTEXT = "https://www.w3.org/ns/activitystreams"
PAGE = 100


def collection(url: str, total: int) -> dict[str, Any]:
    """Return the `OrderedCollection` at `url`: how many items it has, and where its pages begin."""
    return {
        "@context": CONTEXT,
        "id": url,
        "type": "OrderedCollection",
        "totalItems": total,
        "first": f"{url}?after=0",
    }


def page(url: str, total: int, after: int, rows: Sequence[tuple[int, bytes]]) -> dict[str, Any]:
    """Return the `OrderedCollectionPage` of the first 100 `rows`, (row number, payload).

    It has a `next` if there are more. The items are the activities as the recorder stored
    them. `total` is of the whole collection (core §5.1).
    """
    shown = rows[:PAGE]
    body: dict[str, Any] = {
        "@context": CONTEXT,
        "id": f"{url}?after={after}",
        "type": "OrderedCollectionPage",
        "partOf": url,
        "totalItems": total,
        "orderedItems": [msgspec.Raw(payload) for _, payload in shown],
    }
    if len(rows) > len(shown):
        body["next"] = f"{url}?after={shown[-1][0]}"
    return body
