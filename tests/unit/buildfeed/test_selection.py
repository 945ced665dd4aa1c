"""A selection has exactly the builds that its filters concern."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildfeed.selection import Selection
from buildfeed.topics import KINDS, Filter, Topic, watchable

NAMES = ["a", "b", "c"]
BUILDS = list(product(NAMES, NAMES))


def levels(*literal: str) -> st.SearchStrategy[str]:
    return st.sampled_from(["+", *literal])


FILTERS = st.one_of(
    st.tuples(levels("builds"), levels(*NAMES), levels(*NAMES), levels(*KINDS)),
    st.tuples(levels("builds"), levels(*NAMES), levels(*NAMES), st.just("#")),
    st.tuples(levels("builds"), levels(*NAMES), st.just("#")),
    st.tuples(levels("builds"), st.just("#")),
    st.just(("#",)),
    st.tuples(levels("builds"), levels(*NAMES), levels(*NAMES), levels(*KINDS), st.just("#")),
).map(lambda parts: watchable("/".join(parts)))


@given(st.lists(FILTERS, max_size=6))
def test_it_has_exactly_the_builds_that_the_filters_concern(filters: list[Filter]) -> None:
    selection = Selection.of(filters)
    for project, build in BUILDS:
        topics = [Topic(project, build, kind).levels for kind in KINDS]
        concerned = any(filter_.matches_levels(topic) for filter_ in filters for topic in topics)
        assert ((project, build) in selection) == concerned


@given(st.lists(FILTERS, max_size=6))
def test_no_part_of_it_is_covered_by_another(filters: list[Filter]) -> None:
    selection = Selection.of(filters)
    if selection.everything:
        assert selection == Selection(everything=True)
    for project, build in selection.keys:
        assert project not in selection.projects
        assert build not in selection.builds


@pytest.mark.parametrize(
    ("filters", "selection"),
    [
        ([], Selection()),
        (["builds/acme/#", "#"], Selection(everything=True)),
        (["builds/+/+/error", "builds/acme/01a1/log"], Selection(everything=True)),
        (
            ["builds/acme/#", "builds/acme/01a1/log", "builds/acme/+/error"],
            Selection(projects=frozenset(["acme"])),
        ),
        (
            ["builds/+/01a1/#", "builds/acme/01a1/#", "builds/acme/01a2/+"],
            Selection(builds=frozenset(["01a1"]), keys=frozenset([("acme", "01a2")])),
        ),
    ],
)
def test_what_another_part_covers_is_left_out(filters: list[str], selection: Selection) -> None:
    assert Selection.of(map(watchable, filters)) == selection
