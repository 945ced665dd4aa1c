"""The pages of a snapshot have every build, whatever ends while they are read."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildfeed.activity import Key
from buildfeed.board import BuildState
from gateway.queries import snapshot_page
from gateway.queries.snapshot_page import START, Cursor, InvalidCursor, page, whole
from support.builders import accept, ending

LIMIT = 3
KEYS = list(product(["p", "q"], ["b1", "b2", "b3", "b4", "b5"]))
SOME = st.sets(st.sampled_from(KEYS))


@pytest.fixture(autouse=True, scope="module")
def small_pages() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshot_page, "SNAPSHOT_LIMIT", LIMIT)
        yield


def running(key: Key) -> BuildState:
    return BuildState(accept(project=key[0], build=key[1]))


def ended(key: Key) -> BuildState:
    return BuildState(ending(project=key[0], build=key[1]))


def newest_first(keys: Iterable[Key]) -> list[Key]:
    return sorted(keys, key=lambda key: (key[1], key[0]), reverse=True)


class World:
    """Builds on the board, which has forgotten some ended ones, and in history."""

    def __init__(self, unfinished: set[Key], done: set[Key], forgotten: set[Key]) -> None:
        self.unfinished = unfinished
        self.done = done - unfinished
        self.forgotten = forgotten & self.done
        self.recorded = set(self.done)

    def end(self, key: Key) -> None:
        self.unfinished.discard(key)
        self.done.add(key)

    def _off_board(self, cursor: Cursor) -> list[BuildState]:
        behind = cursor.last if cursor.ended else None
        keys = [key for key in self.recorded if behind is None or (key[1], key[0]) < behind]
        return [ended(key) for key in newest_first(keys)[: LIMIT + 1]]

    def page(self, cursor: Cursor) -> tuple[list[Key], Cursor | None]:
        shown, following = page(
            [running(key) for key in self.unfinished],
            [ended(key) for key in self.done - self.forgotten],
            self._off_board(cursor),
            cursor,
        )
        return [state.key for state in shown], following

    def pages(self, between: Callable[[], None]) -> list[list[Key]]:
        found = []
        cursor: Cursor | None = START
        while cursor:
            shown, cursor = self.page(Cursor.parse(str(cursor)))
            found.append(shown)
            between()
        return found


@given(SOME, SOME, SOME)
def test_pages_have_every_build_once_in_order(
    unfinished: set[Key], done: set[Key], forgotten: set[Key]
) -> None:
    world = World(unfinished, done, forgotten)
    pages = world.pages(lambda: None)
    assert list(chain(*pages)) == newest_first(world.unfinished) + newest_first(world.done)
    assert all(len(shown) == LIMIT for shown in pages[:-1])
    assert len(pages[-1]) <= LIMIT


@given(SOME, SOME, SOME, st.lists(st.sampled_from(KEYS)))
def test_no_build_is_missed_that_does_not_end_meanwhile(
    unfinished: set[Key], done: set[Key], forgotten: set[Key], ending: list[Key]
) -> None:
    world = World(unfinished, done, forgotten)
    before = world.unfinished | world.done
    told: set[Key] = set()

    def end_one() -> None:
        if ending and ending[-1] in world.unfinished:
            world.end(ending[-1])
            told.add(ending[-1])
        if ending:
            ending.pop()

    seen = set(chain(*world.pages(end_one)))
    assert seen | told == before


@given(SOME, SOME, SOME)
def test_history_that_shows_a_build_of_the_board_as_ended_hides_nothing(
    unfinished: set[Key], done: set[Key], forgotten: set[Key]
) -> None:
    world = World(unfinished, done, forgotten)
    world.recorded |= unfinished  # a late activity came after the board had forgotten them
    pages = world.pages(lambda: None)
    assert list(chain(*pages)) == newest_first(world.unfinished) + newest_first(world.done)


@given(SOME, SOME)
def test_the_whole_has_every_unfinished_build_and_ended_ones_where_there_is_room(
    unfinished: set[Key], done: set[Key]
) -> None:
    done -= unfinished
    found = whole([running(key) for key in unfinished], [ended(key) for key in done], [])
    room = max(0, LIMIT - len(unfinished))
    assert [state.key for state in found] == (newest_first(unfinished) + newest_first(done)[:room])


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "unfinished.b1", "unfinished.b1.acme.x", "running.b1.acme", "ended..", "ended."),
        *("ended.b1.ACME", "ended.b1.acme\n", None, 5, ["ended"], {"after": 1}, "x" * 60_000),
    ],
)
def test_what_no_snapshot_gave_is_no_cursor(text: object) -> None:
    with pytest.raises(InvalidCursor) as refused:
        Cursor.parse(text)
    assert len(str(refused.value)) < 200
