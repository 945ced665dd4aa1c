"""The ids of Server-Sent Events."""

import pytest

from buildfeed.topics import Filter
from gateway.transports.event_ids import EventIds

ACME = [Filter.parse("builds/acme/#"), Filter.parse("builds/+/+/error")]


def id_of(ids: EventIds, number: int) -> str:
    return ids.line(number).decode().removeprefix("id: ").removesuffix("\n")


def test_an_id_tells_its_change_whatever_the_order_of_the_filters() -> None:
    assert EventIds("p1", ACME[::-1]).number(id_of(EventIds("p1", ACME), 42)) == 42


@pytest.mark.parametrize(
    "id_",
    [
        id_of(EventIds("p2", ACME), 42),
        id_of(EventIds("p1", ACME[:1]), 42),
        *("", "42", id_of(EventIds("p1", ACME), 42) + "x", id_of(EventIds("p1", ACME), 4) + "²"),
        id_of(EventIds("p1", ACME), 42) * 9,
        id_of(EventIds("p1", ACME), -1),
        id_of(EventIds("p1", ACME), 10**30),
    ],
)
def test_any_other_id_is_none(id_: str) -> None:
    assert EventIds("p1", ACME).number(id_) is None
