import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildfeed.errors import InvalidFilter, InvalidName, InvalidTopic
from buildfeed.topics import ALL_BUILDS, KINDS, STOPS, Filter, Topic, watchable, worker_status

# --- topics


@pytest.mark.parametrize("kind", KINDS)
def test_a_topic_is_read_as_it_is_written(kind: str) -> None:
    topic = Topic("acme", "0193-a_b", kind)
    assert str(topic) == f"builds/acme/0193-a_b/{kind}"
    assert Topic.parse(str(topic)) == topic


def test_the_routing_key_is_the_topic_with_dots() -> None:
    assert Topic("acme", "0193", "start").routing_key == "builds.acme.0193.start"


def test_a_hostile_name_is_refused_in_a_topic(hostile_text: str) -> None:
    for topic in (f"builds/{hostile_text}/0193/status", f"builds/acme/{hostile_text}/status"):
        with pytest.raises(InvalidTopic) as refusal:
            Topic.parse(topic)
        assert refusal.value.topic == topic


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "builds",
        "builds/acme/0193",
        "builds/acme/0193/status/",
        "/builds/acme/0193/status",
        "builds/acme/0193/status/x",
        "Builds/acme/0193/status",
        "builds/acme/0193/Status",
        "builds/acme/0193/",
        "builds/acme/0193/finished",
        "builds/acme/0193/status\n",
        "builds.acme.0193.status",
        "workers/w1/status",
        "projects/acme/latest",
    ],
)
def test_anything_else_is_no_build_topic(topic: str) -> None:
    with pytest.raises(InvalidTopic):
        Topic.parse(topic)


@given(st.text())
def test_parsing_a_topic_raises_nothing_but_invalid_topic(text: str) -> None:
    with pytest.raises(InvalidTopic):
        Topic.parse(text)


def test_a_worker_has_one_topic_and_a_hostile_one_has_none(hostile_name: object) -> None:
    assert worker_status("w1") == "workers/w1/status"
    with pytest.raises(InvalidName):
        worker_status(hostile_name)


# --- filters: the examples of MQTT 5 §4.7, and the rules they illustrate


@pytest.mark.parametrize(
    ("filter_", "topic", "matches"),
    [
        ("sport/tennis/player1/#", "sport/tennis/player1", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/ranking", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
        ("sport/#", "sport", True),
        ("#", "sport/tennis", True),
        ("sport/tennis/+", "sport/tennis/player1", True),
        ("sport/tennis/+", "sport/tennis/player2", True),
        ("sport/tennis/+", "sport/tennis/player1/ranking", False),
        ("sport/+", "sport", False),
        ("sport/+", "sport/", True),
        ("+", "sport", True),
        ("+/tennis/#", "sport/tennis/player1", True),
        ("sport/+/player1", "sport/tennis/player1", True),
        ("+/+", "/finance", True),
        ("/+", "/finance", True),
        ("+", "/finance", False),
        ("#", "$SYS/monitor", False),
        ("+/monitor/Clients", "$SYS/monitor/Clients", False),
        ("$SYS/#", "$SYS/", True),
        ("$SYS/monitor/+", "$SYS/monitor/Clients", True),
        ("ACCOUNTS", "Accounts", False),
        ("/A", "A", False),
        ("builds/+", "builds/$x", True),
        (ALL_BUILDS, "builds/acme/0193/log", True),
        (STOPS, "builds/acme/0193/stop", True),
        (STOPS, "builds/acme/0193/status", False),
    ],
)
def test_the_examples_of_mqtt_5(filter_: str, topic: str, *, matches: bool) -> None:
    assert Filter.parse(filter_).matches(topic) is matches


@pytest.mark.parametrize(
    "filter_",
    ["", "sport/tennis#", "sport/tennis/#/ranking", "sport+", "##", "++", "#/", "a/+b/c", "a\0b"],
)
def test_a_filter_that_mqtt_forbids_is_refused(filter_: str) -> None:
    with pytest.raises(InvalidFilter) as refusal:
        Filter.parse(filter_)
    assert refusal.value.filter == filter_


def test_a_filter_has_65535_bytes_at_most() -> None:
    Filter.parse("é" * 32_767 + "a")
    with pytest.raises(InvalidFilter):
        Filter.parse("é" * 32_768)


@given(st.lists(st.sampled_from(["+", "", "a", "$x", "é"]), min_size=1), st.booleans())
def test_a_filter_is_written_as_it_was_read(levels: list[str], below: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    text = "/".join([*levels, "#"] if below else levels)
    if text:
        assert str(Filter.parse(text)) == text


# --- matching and covering against brute force: every filter of up to three levels, every topic of
# up to four, over an alphabet with an empty level, a `$` level and, in topics, a fresh literal

FILTER_LEVELS = ("a", "b", "", "$x", "+")
TOPIC_LEVELS = ("a", "b", "", "$x", "fresh")


def enumerate_filters() -> list[str]:
    plain = [
        "/".join(levels) for depth in (1, 2, 3) for levels in product(FILTER_LEVELS, repeat=depth)
    ]
    below = [
        f"{'/'.join(levels)}/#"
        for depth in (1, 2)
        for levels in product(FILTER_LEVELS, repeat=depth)
    ]
    return [text for text in [*plain, *below, "#"] if text]


TOPICS = [
    topic
    for depth in (1, 2, 3, 4)
    for levels in product(TOPIC_LEVELS, repeat=depth)
    if (topic := "/".join(levels))
]


def matched_by(filter_: str) -> frozenset[str]:
    """Another way to the same end: a filter as a regular expression."""
    if filter_ == "#":
        pattern = ".*"
    else:
        pattern = re.escape(filter_).replace(r"\+", "[^/]*")
        if pattern.endswith(r"/\#"):
            pattern = pattern.removesuffix(r"/\#") + "(/.*)?"
    regex = re.compile(pattern)
    hides_dollar = filter_[0] in "+#"
    return frozenset(
        topic
        for topic in TOPICS
        if regex.fullmatch(topic) and not (hides_dollar and topic.startswith("$"))
    )


MATCHED = {Filter.parse(text): matched_by(text) for text in enumerate_filters()}


def test_matching_agrees_with_brute_force() -> None:
    for filter_, matched in MATCHED.items():
        assert {topic for topic in TOPICS if filter_.matches(topic)} == matched, str(filter_)


def test_covering_agrees_with_brute_force() -> None:
    wrong = [
        f"{wide} covers {narrow}: {wide.covers(narrow)}"
        for wide, narrow in product(MATCHED, repeat=2)
        if wide.covers(narrow) is not (MATCHED[narrow] <= MATCHED[wide])
    ]
    assert not wrong


# --- what may be watched


@pytest.mark.parametrize(
    "filter_",
    [
        "#",
        "+/#",
        "builds/#",
        "builds/acme/#",
        "builds/acme/0193/#",
        "builds/acme/0193/status/#",
        "builds/+/+/error",
        "builds/acme/0193/log",
        "+/+/+/+",
    ],
)
def test_a_filter_that_can_match_a_build_topic_may_be_watched(filter_: str) -> None:
    assert str(watchable(filter_)) == filter_


def test_a_filter_may_be_watched_exactly_when_it_matches_some_build_topic() -> None:
    names = ("builds", "a", "status")  # "builds" and "status" may name projects and builds too
    topics = [
        f"builds/{project}/{build}/{kind}" for project, build, kind in product(names, names, KINDS)
    ]
    for depth in (1, 2, 3, 4, 5):
        for levels in product((*names, "+", "$a"), repeat=depth):
            for text in ("/".join(levels), "/".join([*levels, "#"])):
                possible = any(map(Filter.parse(text).matches, topics))
                assert may_be_watched(text) is possible, text


def may_be_watched(text: object) -> bool:
    try:
        watchable(text)
    except InvalidFilter:
        return False
    return True


def test_a_hostile_name_is_refused_in_a_filter(hostile_text: str) -> None:
    is_a_wildcard = hostile_text == "+"
    for text in (f"builds/{hostile_text}/0193/status", f"builds/acme/{hostile_text}/status"):
        assert may_be_watched(text) is is_a_wildcard


@pytest.mark.parametrize("filter_", [None, 1, True, b"builds/#", ["builds/#"], {}, float("nan")])
def test_a_filter_is_a_string(filter_: object) -> None:
    with pytest.raises(InvalidFilter) as refusal:
        watchable(filter_)
    assert refusal.value.filter is filter_


@given(st.text() | st.text("+#/$ab\0", max_size=12))
def test_asking_for_a_filter_raises_nothing_but_invalid_filter(text: str) -> None:
    may_be_watched(text)
