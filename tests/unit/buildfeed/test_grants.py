"""Grants: compared with what MQTT says, topic by topic."""

import functools
import random
from collections.abc import Iterable
from itertools import product

import pytest

from buildfeed.errors import InvalidGrant
from buildfeed.grants import EVERYTHING, MOST, Area, Grant, Grants
from buildfeed.topics import Filter, Topic, watchable

NAMES = ("a", "b"), ("x", "y"), ("status", "error", "log")
TOPICS = [Topic(*levels) for levels in product(("a", "b", "c"), ("x", "y", "z"), NAMES[2])]
"""Some with names that no filter has."""


def spellings() -> list[str]:
    """Return every filter of NAMES that can be watched, in each of its spellings."""
    found = []
    for root in ("builds", "+"):
        choices = [(*names, "+") for names in NAMES]
        for depth in range(4):
            found += ["/".join([root, *levels, "#"]) for levels in product(*choices[:depth])]
        found += ["/".join([root, *levels]) for levels in product(*choices)]
    return ["#", *found]


FILTERS = [watchable(text) for text in spellings()]


@functools.cache
def reach(filter_: Filter) -> frozenset[Topic]:
    assert watchable(str(filter_)) == filter_
    return frozenset(topic for topic in TOPICS if filter_.matches(str(topic)))


def topics(filters: Iterable[Filter]) -> set[Topic]:
    return set().union(*map(reach, filters))


def check(granted: list[Filter], asked: list[Filter], topic: Topic, seed: int) -> None:
    grants = Grants(Grant("read", Area.of(each)) for each in granted)
    left, covered = grants.narrow(asked), topics(granted)
    assert topics(left) == covered & topics(asked), (seed, granted, asked, left)
    assert grants.reads(topic) == (topic in covered), (seed, granted, topic)
    seen = any((each.project, each.build) == (topic.project, topic.build) for each in covered)
    assert grants.sees(topic.project, topic.build) == seen, (seed, granted, topic)


def test_each_filter_is_narrowed_to_what_each_grant_covers() -> None:
    assert len(FILTERS) > 150
    for granted, asked in product(FILTERS, FILTERS):
        area = Area.of(granted)
        left = Grants([Grant("read", area)]).narrow([asked])
        both = reach(granted) & reach(asked)
        assert topics(left) == both, (granted, asked, left)
        assert len(left) == bool(both)
        assert area.covers(Area.of(asked)) == (reach(granted) >= reach(asked))


def test_sets_of_filters_are_narrowed_to_what_sets_of_grants_cover(
    request: pytest.FixtureRequest,
) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    for _ in range(int(request.config.getoption("--grant-pairs"))):
        granted = chance.sample(FILTERS, chance.randrange(4))
        asked = chance.sample(FILTERS, chance.randrange(1, 4))
        check(granted, asked, chance.choice(TOPICS), seed)


def test_what_is_covered_stays_as_it_is_written() -> None:
    grants = Grants.parse(["viewer@acme"])
    asked = ["builds/acme/+/+", "builds/acme/01a1/log", "+/acme/#"]
    assert list(map(str, grants.narrow(map(Filter.parse, asked)))) == asked


def test_of_a_wider_filter_the_parts_are_left_that_nothing_else_covers() -> None:
    grants = Grants.parse(["viewer@acme", "read:builds/acme/01a1/log", "read:builds/+/+/status"])
    assert [str(each) for each in grants.narrow([Filter.parse("#")])] == [
        "builds/+/+/status",
        "builds/acme/#",
    ]


SHORT = {
    "viewer@acme": ["read:builds/acme/#"],
    "viewer@*": ["read:builds/#"],
    "builder@acme": ["read:builds/acme/#", "start:acme", "stop:acme"],
    "runner@acme": ["publish:acme", "read:builds/acme/#"],
    "operator": ["operate", "publish:*", "read:builds/#", "start:*", "stop:*"],
}


@pytest.mark.parametrize("text", SHORT)
def test_a_short_form_stands_for_long_ones(text: str) -> None:
    grants = Grants.parse([text])
    assert list(map(str, grants)) == SHORT[text]
    assert Grants.parse(SHORT[text]) == grants


def test_nobody_acts_for_others_without_being_told() -> None:
    assert not Grants.parse(["operator"]).may("as")
    assert Grants.parse(["as:*"]).may("as")
    assert EVERYTHING.may("as")


def test_a_command_needs_the_grant_of_its_project() -> None:
    grants = Grants.parse(["start:acme", "stop:*"])
    assert [grants.may("start", project) for project in ("acme", "other", None)] == [
        True,
        False,
        False,
    ]
    assert [grants.may("stop", project) for project in ("acme", "other", None)] == [True] * 3
    assert not grants.may("operate")
    assert str(grants.by("stop", Area("acme"))) == "stop:*"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "read",
            "read:",
            "read:builds/ACME/#",
            "read:workers/#",
            "read:builds/acme",
            "x:acme",
        ),
        *(
            "start:",
            "start:+",
            "start:a/b",
            "start:acme ",
            "viewer",
            "viewer@",
            "viewer@#",
            "as:ada",
        ),
        *("operator@acme", "operate:acme", "Viewer@acme", "builder@a@b", "start@acme", "as"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidGrant) as refused:
        Grants.parse([text])
    assert str(refused.value).startswith(f"Grant {text!r} is refused: ")


def test_there_are_so_many_at_most() -> None:
    assert len(list(Grants.parse(f"start:p{number}" for number in range(MOST)))) == MOST
    with pytest.raises(InvalidGrant):
        Grants.parse(f"start:p{number}" for number in range(MOST + 1))
