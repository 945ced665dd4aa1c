import pytest

from buildfeed.errors import InvalidFilter
from buildfeed.topics import MAX_FILTERS, Filter
from gateway.transports.subscriptions import checked


def many(count: int) -> list[str]:
    return [f"builds/acme/b{number}/#" for number in range(count)]


def test_each_filter_is_returned_once() -> None:
    asked = ["builds/acme/#", "builds/acme/#", "builds/+/+/error"]
    assert sorted(map(str, checked(asked))) == ["builds/+/+/error", "builds/acme/#"]


@pytest.mark.parametrize(
    "asked", [["builds/acme.secret/#"], [None], [["builds/#"]], ["builds/+/+/log"]]
)
def test_what_cannot_be_watched_is_refused(asked: list[object]) -> None:
    with pytest.raises(InvalidFilter):
        checked(asked)


def test_there_is_a_limit_with_those_that_are_watched_already() -> None:
    watched = list(map(Filter.parse, many(MAX_FILTERS)))

    assert len(checked(many(MAX_FILTERS))) == MAX_FILTERS
    assert checked(many(1), watched) == watched[:1]
    for asked, besides in ((many(MAX_FILTERS + 1), []), (["builds/#"], watched)):
        with pytest.raises(InvalidFilter, match="100 at most"):
            checked(asked, besides)


def test_the_log_of_one_build_may_be_watched() -> None:
    assert checked(["builds/acme/b1/log"]) == [Filter.parse("builds/acme/b1/log")]
