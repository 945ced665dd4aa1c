"""What a person would read, out of the bytes of a program."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildfeed.runner.lines import MOST_CHARACTERS, Line, Lines, TerminalProgress

PIECES = [
    *(b"a", b"bc 50%", "é北🚀".encode(), b"\n", b"\r\n", b"\r", b"\b\b", b"\t", b"\0", b"\x07"),
    *(
        b"\x1b[31m",
        b"\x1b[0m",
        b"\x1b[2K",
        b"\x1b[K",
        b"\x1b[1G",
        b"\x1b[7G",
        b"\x1b[3D",
        b"\x1b[A",
    ),
    *(b"\x1b]0;title\x07", b"\x1b]8;;http://x\x1b\\", b"\x1b]9;4;1;50\x07", b"\x1b]unended"),
    *(b"\x1bPq\x1b\\", b"\x1b(B", b"\x1b", b"\x1b[", b"\x1b[" + b"1;" * 50, b"\xff", b"\xe2\x82"),
]


def read(*feeds: bytes) -> list[Line | TerminalProgress]:
    lines = Lines()
    return [found for data in feeds for found in lines.feed(data)] + lines.end()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a\n\nb\r\nc", [Line("a"), Line(""), Line("b"), Line("c")]),
        (b"10%\r20%\rdone\n", [Line("10%", redrawn=True), Line("20%", redrawn=True), Line("done")]),
        (b"\r10%\r\n", [Line("10%")]),
        (b"10%\r   \rdone\n", [Line("10%", redrawn=True), Line("done")]),
        (b"10%\r\r\r\n", [Line("10%")]),
        (b"100%\r", [Line("100%")]),
        (b"10%\x1b[1Gdone\n", [Line("10%", redrawn=True), Line("done")]),
        (b"10%\x1b[2K\x1b[0Gdone\n", [Line("10%", redrawn=True), Line("done")]),
        (b"10%\r\x1b[Kdone\n", [Line("10%", redrawn=True), Line("done")]),
        (b"10%\x1b[1A\x1b[99Ddone\n", [Line("10%", redrawn=True), Line("done")]),
        (b"Starting\r\x1b[60C[ OK ]\n", [Line("Starting [ OK ]")]),
        (b"got \x1b[5G10%\x1b[5G20%\n", [Line("got 20%")]),
        (b"|\b/\b-\bdone\n", [Line("done")]),
        (b"a\tb\n", [Line("a       b")]),
        (b"\x1b[1;31mred\x1b[0m and \x1b[38:5:1mmore\x1b(B\x1b[m\n", [Line("red and more")]),
        (b"\x1b]0;title\x07text\x1bPq sixel\x1b\\\n", [Line("text")]),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x07 text\n", [Line("link text")]),
        (b"\x1b]0;never ended\ntext\n", [Line(""), Line("text")]),
        (b"\x1b]0;never\x1b[31mended\n", [Line("ended")]),
        (b"a\0b\x7fc\xc2\x85d\x1b\n", [Line("abcd")]),
        (b"\xff\xc3(\xe2\x82", [Line("\ufffd\ufffd(\ufffd")]),
    ],
)
def test_a_line_is_what_a_person_would_read(
    data: bytes, expected: list[Line | TerminalProgress]
) -> None:
    assert read(data) == expected


@pytest.mark.parametrize(
    ("string", "expected"),
    [
        ("9;4;1;50", TerminalProgress(1, 50)),
        ("9;4;2;100", TerminalProgress(2, 100)),
        ("9;4;4;7", TerminalProgress(4, 7)),
        ("9;4;1;250", TerminalProgress(1, 100)),
        ("9;4;0;0", TerminalProgress(0, None)),
        ("9;4;0", TerminalProgress(0, None)),
        ("9;4;3;", TerminalProgress(3, None)),
        ("9;4;2", TerminalProgress(2, None)),
    ],
)
@pytest.mark.parametrize("end", ["\x07", "\x1b\\"])
def test_progress_told_to_the_terminal_is_found_within_a_line(
    string: str, end: str, expected: TerminalProgress
) -> None:
    assert read(f"a\x1b]{string}{end}b\n".encode()) == [expected, Line("ab")]


@pytest.mark.parametrize(
    "string", ["9;4", "9;4;", "9;4;5;1", "9;4;-1", "9;4;²", "9;44;1;50", "9;message", "19;4;1;5"]
)
def test_another_string_is_no_progress(string: str) -> None:
    assert read(f"\x1b]{string}\x07\n".encode()) == [Line("")]


@given(st.lists(st.sampled_from(PIECES), max_size=30), st.data())
def test_any_splitting_into_feeds_gives_the_same_lines(
    pieces: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=10)))
    feeds = [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, None], strict=True)]
    assert read(*feeds) == read(whole)
    assert read(*(whole[at : at + 1] for at in range(len(whole)))) == read(whole)


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=8), max_size=30))
def test_a_line_has_no_control_characters_whatever_comes(pieces: list[bytes]) -> None:
    for found in read(*pieces):
        if isinstance(found, Line):
            assert not [each for each in found.text if each < " " or "\x7f" <= each <= "\x9f"]
            assert len(found.text) <= MOST_CHARACTERS


def test_of_a_long_line_the_beginning_is_kept_and_the_rest_counted() -> None:
    assert read(b"ab" * 500_000 + b"\nc\n") == [
        Line("ab" * (MOST_CHARACTERS // 2), left_out=1_000_000 - MOST_CHARACTERS),
        Line("c"),
    ]


@pytest.mark.parametrize("begin", [b"", b"\x1b]0;", b"\x1bP", b"\x1b["])
def test_a_line_that_goes_on_for_ever_takes_no_memory(begin: bytes) -> None:
    lines = Lines()
    lines.feed(begin)
    data = b"1" * 65_536
    tracemalloc.start()
    for _ in range(160):
        assert not lines.feed(data)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 100_000


@pytest.mark.parametrize("piece", [b"\b", b"\r", b"a\b", b"\x1b", b"\x1b[", b"\x1b]", b"\0", b"\t"])
def test_a_long_line_of_controls_is_read_in_linear_time(piece: bytes) -> None:
    found = read(piece * (100_000 // len(piece)) + b"\nend\n")
    assert found[-1] == Line("end")
