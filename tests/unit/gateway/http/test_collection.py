"""The activities of a build as a collection in pages (Activity Streams 2.0 core §5)."""

from typing import Any

import msgspec
import pytest

from gateway.http import collection

URL = "http://host/api/projects/acme/builds/b1/activities"


def rows(first: int, last: int) -> list[tuple[int, bytes]]:
    return [(number, b'{"number":%d}' % number) for number in range(first, last + 1)]


def body(value: dict[str, Any]) -> dict[str, Any]:
    return msgspec.json.decode(msgspec.json.encode(value))


def test_the_collection_says_how_many_there_are_and_where_the_first_are() -> None:
    assert body(collection.collection(URL, 117)) == {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": URL,
        "type": "OrderedCollection",
        "totalItems": 117,
        "first": f"{URL}?after=0",
    }


def test_a_page_belongs_to_its_collection_and_leads_to_the_next() -> None:
    page = body(collection.page(URL, 117, 0, rows(1, 101)))
    assert page.pop("orderedItems") == [{"number": number} for number in range(1, 101)]
    assert page == {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": f"{URL}?after=0",
        "type": "OrderedCollectionPage",
        "partOf": URL,
        "totalItems": 117,
        "next": f"{URL}?after=100",
    }


def test_the_addresses_keep_the_kinds() -> None:
    kinds = ("start", "error")
    whole = body(collection.collection(URL, 117, kinds))
    assert whole["id"] == f"{URL}?kind=start&kind=error"
    assert whole["first"] == f"{URL}?after=0&kind=start&kind=error"
    page = body(collection.page(URL, 117, 0, rows(1, 101), kinds))
    assert page["id"] == whole["first"]
    assert page["partOf"] == whole["id"]
    assert page["next"] == f"{URL}?after=100&kind=start&kind=error"


@pytest.mark.parametrize("count", [0, 1, 100])
def test_the_last_page_leads_nowhere(count: int) -> None:
    page = body(collection.page(URL, 200, 100, rows(101, 100 + count)))
    assert len(page["orderedItems"]) == count
    assert "next" not in page
