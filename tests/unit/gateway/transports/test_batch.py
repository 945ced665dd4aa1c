"""Which bytes go to whom, and in how many writes."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.state.event import Event
from gateway.transports.batch import Due, alike, newest, pieces

WATCHERS = st.lists(st.sampled_from("abcde"), unique=True, min_size=1)


def event(number: int, build: str = "b", *, passing: bool = False) -> Event:
    return Event("build", lambda: {"seq": number}, frozenset(), ("acme", build), passing=passing)


BATCHES = st.lists(WATCHERS, min_size=1, max_size=70).map(
    lambda batch: [(event(number), watchers) for number, watchers in enumerate(batch)]
)


@given(BATCHES)
def test_each_watcher_is_in_one_group_and_gets_its_events_in_their_order(
    due: list[Due[str]],
) -> None:
    got = [(watcher, events) for watchers, events in alike(due) for watcher in watchers]

    assert sorted(watcher for watcher, _ in got) == sorted({w for _, ws in due for w in ws})
    for watcher, events in got:
        assert events == [each for each, watchers in due if watcher in watchers]


@given(BATCHES)
def test_watchers_with_the_same_events_are_in_the_same_group(due: list[Due[str]]) -> None:
    sets = [tuple(each.body()["seq"] for each in events) for _, events in alike(due)]

    assert len(set(sets)) == len(sets)


def test_one_list_of_watchers_is_handed_on_as_it_is() -> None:
    watchers = ["b", "a"]
    sent = [event(1), event(2)]

    ((group, events),) = alike([(each, watchers) for each in sent])

    assert group is watchers
    assert events == sent


def test_of_passing_events_the_newest_of_each_build_stays() -> None:
    events = [
        event(1, passing=True),
        event(2),
        event(3, "other", passing=True),
        event(4, passing=True),
        event(5, passing=True),
        event(6),
    ]
    assert [each.body()["seq"] for each in newest(events)] == [2, 3, 5, 6]


@given(st.lists(st.binary(min_size=1, max_size=30), min_size=1))
def test_pieces_are_small_or_one_event_and_lose_nothing(texts: list[bytes]) -> None:
    due = [(event(0), text) for text in texts]

    divided = list(pieces(due, 40))

    assert [each for piece in divided for each in piece] == due
    sizes = [sum(len(text) for _, text in piece) for piece in divided]
    assert max(sizes) <= 40
    assert all(
        size + len(after[0][1]) > 40 for size, after in zip(sizes, divided[1:], strict=False)
    )


def test_an_event_that_is_too_large_is_a_piece_of_its_own() -> None:
    due = [(event(0), text) for text in (b"1", b"2" * 50, b"3")]

    assert [len(piece) for piece in pieces(due, 40)] == [1, 1, 1]
