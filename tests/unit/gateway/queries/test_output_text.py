"""The text of an output: in order, each byte once, with lines where some is missing."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from buildfeed import left_out
from buildfeed.history.pieces import Pieces
from gateway.queries.output_text import CUT, OutputText

OUTPUT = bytes(range(33, 127)) * 2


def pieces(
    *places: tuple[int, int],
    ends: int = 0,
    cut: int | None = None,
    told: int = 0,
    over: bool = True,
) -> Pieces:
    """Pieces of OUTPUT, each from a byte on and so many bytes long; the last tells `told`."""
    count = len(places)
    return Pieces(
        attempt=1,
        ends=max([ends, *(begins + size for begins, size in places)]),
        cut=cut,
        over=over,
        numbers=array("q", range(count)),
        begins=array("q", [begins for begins, _ in places]),
        sizes=array("q", [size for _, size in places]),
        told=array("q", [0] * (count - 1) + [told] * bool(count)),
    )


def read(found: Pieces, begin: int = 0, end: int | None = None) -> bytes:
    text = OutputText(found)
    shown = b""
    for part in text.parts(begin, text.size if end is None else end):
        if part.line:
            shown += part.line
        else:
            first = found.begins[part.number] + part.skip
            shown += OUTPUT[first : first + part.size]
        assert part.size > 0
    return shown


def missing(size: int) -> bytes:
    return left_out.line(size).encode()


def test_pieces_follow_each_other() -> None:
    assert read(pieces((0, 5), (5, 7))) == OUTPUT[:12]
    assert read(pieces()) == b""


def test_a_line_says_what_is_missing() -> None:
    assert read(pieces((0, 5), (9, 2))) == OUTPUT[:5] + missing(4) + OUTPUT[9:11]
    assert read(pieces((3, 2), ends=9)) == missing(3) + OUTPUT[3:5] + missing(4)


def test_what_the_output_says_itself_is_not_said_again() -> None:
    assert read(pieces((0, 5), (9, 2), told=4)) == OUTPUT[:5] + OUTPUT[9:11]
    assert read(pieces((0, 5), (9, 2), told=1)) == OUTPUT[:5] + missing(3) + OUTPUT[9:11]


def test_repeated_bytes_are_shown_once() -> None:
    assert read(pieces((0, 6), (2, 3), (4, 6))) == OUTPUT[:10]


def test_the_last_part_of_a_long_output_is_shown_at_its_end() -> None:
    places = (0, 5), (5, 5), (20, 5)
    going_on = read(pieces(*places, cut=10, over=False))
    assert going_on == OUTPUT[:10] + CUT
    assert read(pieces(*places, cut=10)) == going_on + missing(10) + OUTPUT[20:25]


def test_an_output_that_was_removed_is_said_to_be_missing() -> None:
    assert read(pieces(ends=30)) == missing(30)


PLACES = st.lists(st.tuples(st.integers(0, 90), st.integers(0, 20)), max_size=12).map(sorted)


@given(PLACES, st.integers(0, 300), st.integers(0, 300))
def test_a_range_is_a_part_of_the_whole(
    places: list[tuple[int, int]], begin: int, size: int
) -> None:
    found = pieces(*places, ends=120)
    whole = read(found)
    assert OutputText(found).size == len(whole)
    end = min(begin + size, len(whole))
    assert read(found, begin, end) == whole[begin:end]


@given(st.lists(st.integers(1, 20), max_size=8), st.integers(0, 8), st.integers(0, 60))
def test_a_text_is_only_added_to_while_it_grows(sizes: list[int], count: int, cut: int) -> None:
    begins = [sum(sizes[:i]) for i in range(len(sizes))]
    places = list(zip(begins, sizes, strict=True))
    after = [each for each in begins if each >= cut]
    first = after[0] if after else None

    def at(number: int, *, over: bool = False) -> bytes:
        shown = places[:number]
        is_cut = first is not None and any(begin >= first for begin, _ in shown)
        return read(pieces(*shown, cut=first if is_cut else None, over=over))

    assert at(len(places)).startswith(at(min(count, len(places))))
    assert at(len(places), over=True).startswith(at(len(places)))
