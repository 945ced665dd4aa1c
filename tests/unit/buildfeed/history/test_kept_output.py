"""Where pieces of output belong, and where a long output is cut."""

from hypothesis import given
from hypothesis import strategies as st

from buildfeed.history.kept_output import LAST_BYTES, LEAST_COUNTED, MIB, Bounds, Output

BOUNDS = Bounds(16 * MIB)


def test_the_first_part_leaves_room_for_the_last() -> None:
    assert BOUNDS.first == 16 * MIB - LAST_BYTES
    assert Bounds(1000).first == 500


def test_a_piece_is_where_its_offset_says() -> None:
    output = Output()
    assert output.take(0, 10, BOUNDS) == 0
    assert output.take(50, 10, BOUNDS) == 50
    assert output.take(20, 10, BOUNDS) == 20
    assert output.ends == 60


def test_without_offsets_a_piece_follows_what_came_before() -> None:
    output = Output()
    assert [output.take(None, size, BOUNDS) for size in (10, 5, 1)] == [0, 10, 15]
    assert output.ends == 16


def test_a_short_piece_counts_as_a_row() -> None:
    output = Output()
    output.take(0, 1, BOUNDS)
    output.take(1, 1000, BOUNDS)
    assert output.kept == LEAST_COUNTED + 1000


def test_the_cut_is_where_the_first_part_is_full() -> None:
    output, bounds = Output(), Bounds(4000)
    assert [output.take(None, 1000, bounds) for _ in range(4)] == [0, 1000, 2000, 3000]
    assert output.cut == 2000


def test_nothing_is_added_to_a_first_part_that_is_full() -> None:
    output, bounds = Output(), Bounds(4000)
    for offset in (0, 1000, 5000):
        output.take(offset, 1000, bounds)
    assert output.cut == 5000
    assert output.take(3000, 1000, bounds) is None
    assert output.kept == 3000


@given(st.lists(st.tuples(st.none() | st.integers(0, 9000), st.integers(0, 3000)), max_size=50))
def test_the_first_part_is_bounded_whatever_comes(pieces: list[tuple[int | None, int]]) -> None:
    output, bounds = Output(), Bounds(8000)
    first = 0
    for offset, size in pieces:
        begins = output.take(offset, size, bounds)
        if begins is not None and output.cut is None:
            first += max(size, LEAST_COUNTED)
    assert first <= bounds.first
