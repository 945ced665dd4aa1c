import timeit
from collections import defaultdict
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from buildfeed.topics import KINDS, Filter, Topic
from gateway.state.hub import Hub

PROJECTS, BUILDS, WATCHERS = ("acme", "zoo"), ("b1", "b2"), ("ada", "bob", "cy")
TOPICS = [Topic(*levels) for levels in product(PROJECTS, BUILDS, KINDS)]

levels = st.tuples(
    *(st.sampled_from(["+", *names]) for names in (["builds"], PROJECTS, BUILDS, KINDS))
)
filters = levels.map(Filter) | st.builds(
    lambda whole, depth: Filter((*whole[:depth], "#")), levels, st.integers(0, 4)
)
steps = st.tuples(
    st.sampled_from(["watch", "watch", "unwatch", "leave"]),
    st.sampled_from(WATCHERS),
    st.lists(filters, max_size=3),
)


def parsed(*texts: str) -> list[Filter]:
    return [Filter.parse(text) for text in texts]


def follow(hub: Hub, history: list[tuple[str, str, list[Filter]]]) -> dict[str, set[Filter]]:
    """Take every step; return who watches what by then."""
    watched: dict[str, set[Filter]] = defaultdict(set)
    for step, watcher, wanted in history:
        if step == "watch":
            hub.watch(watcher, wanted)
            watched[watcher] |= set(wanted)
        elif step == "unwatch":
            hub.unwatch(watcher, wanted)
            watched[watcher] -= set(wanted)
        else:
            hub.leave(watcher)
            watched[watcher].clear()
    return watched


@given(st.lists(steps, max_size=20))
def test_those_hear_a_topic_who_watch_a_filter_that_matches_it(
    history: list[tuple[str, str, list[Filter]]],
) -> None:
    hub = Hub()
    watched = follow(hub, history)

    for topic in TOPICS:
        assert hub.watchers(topic) == {
            watcher
            for watcher, theirs in watched.items()
            if any(filter_.matches(str(topic)) for filter_ in theirs)
        }
    for watcher in WATCHERS:
        assert hub.filters(watcher) == watched[watcher]


@given(st.lists(steps, max_size=20))
def test_nothing_is_left_when_everyone_has_left(
    history: list[tuple[str, str, list[Filter]]],
) -> None:
    hub = Hub()
    follow(hub, history)

    for watcher in WATCHERS:
        hub.leave(watcher)

    assert len(hub) == 0
    assert hub._root.empty


def test_a_watcher_hears_once_however_many_filters_match() -> None:
    hub = Hub()
    hub.watch("ada", parsed("builds/#", "builds/acme/#", "builds/+/+/error", "#"))

    assert hub.watchers(Topic("acme", "b1", "error")) == {"ada"}


def test_a_filter_watched_twice_is_gone_when_unwatched_once() -> None:
    hub = Hub()
    hub.watch("ada", parsed("builds/#"))
    hub.watch("ada", parsed("builds/#"))
    hub.unwatch("ada", parsed("builds/#"))

    assert not hub.watchers(Topic("acme", "b1", "status"))


def test_strangers_may_unwatch_and_leave() -> None:
    hub = Hub()
    hub.watch("ada", parsed("builds/acme/#"))
    hub.unwatch("bob", parsed("builds/acme/#"))
    hub.leave("bob")

    assert hub.watchers(Topic("acme", "b1", "status")) == {"ada"}


def test_a_log_is_heard_only_by_the_filter_that_names_it() -> None:
    hub = Hub()
    hub.watch("ada", parsed("builds/acme/b1/log"))
    hub.watch("bob", parsed("builds/#", "builds/acme/b1/#", "builds/acme/b1/+"))
    hub.watch("cy", parsed("builds/acme/b2/log", "builds/+/+/log"))

    assert hub.log_watchers("acme", "b1") == {"ada"}


def test_a_build_has_the_watchers_of_all_its_kinds_but_the_log() -> None:
    hub = Hub()
    hub.watch("ada", parsed("builds/acme/b1/error"))
    hub.watch("bob", parsed("builds/+/+/start"))
    hub.watch("cy", parsed("builds/acme/b1/log", "builds/acme/b2/#"))

    assert hub.watchers_of_build("acme", "b1") == {"ada", "bob"}


def test_many_filters_cost_a_look_up_nothing() -> None:
    def seconds(builds: int) -> float:
        hub = Hub()
        for number in range(builds):
            hub.watch(f"watcher-{number}", [Filter.parse(f"builds/acme/b{number}/#")])
        topic = Topic("acme", "b7", "progress")
        assert hub.watchers(topic) == {"watcher-7"}
        return min(timeit.repeat(lambda: hub.watchers(topic), number=1000, repeat=5))

    assert seconds(10_000) < 10 * seconds(10)  # a scan would take 1000 times as long
