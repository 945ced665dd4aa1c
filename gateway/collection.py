"""The activities of a build as Activity Streams 2.0 collections (core §5). Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

CONTEXT = "https://www.w3.org/ns/activitystreams"
PAGE = 100


def collection(url: str) -> dict[str, Any]:
    """Return the `OrderedCollection` at `url`: where its first page is."""
    return {
        "@context": CONTEXT,
        "id": url,
        "type": "OrderedCollection",
        "first": f"{url}?after=0",
    }


def page(url: str, after: int, rows: Sequence[tuple[int, bytes]], limit: int) -> dict[str, Any]:
    """Return the `OrderedCollectionPage` of `rows`, (row number, payload) oldest first.

    The items are what the recorder stored: the activities as we understand them.
    """
    body: dict[str, Any] = {
        "@context": CONTEXT,
        "id": f"{url}?after={after}",
        "type": "OrderedCollectionPage",
        "partOf": url,
        "orderedItems": [msgspec.Raw(payload) for _, payload in rows],
    }
    if len(rows) == limit:
        body["next"] = f"{url}?after={rows[-1][0]}"
    return body
