"""One error once, in the directory of the build, whatever comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildfeed.activity import MAX_ERROR_BYTES
from buildfeed.runner.errors.finder import MOST_REMEMBERED, Finder
from buildfeed.runner.errors.found import FoundError
from buildfeed.runner.lines import Line

PARTS = [
    *("a.c", "/x/a.py", ":3", ":5", ": ", "error", "error: ", "Error: ", "fatal ", "(3,5)", " - "),
    *("Traceback (most recent call last):", '  File "a.py", line 3', "E   ", "____ t ____"),
    *(
        "=== FAILURES ===",
        "FAILED ",
        "error[E1]: ",
        " --> ",
        "panic: ",
        "goroutine 1",
        "\t",
        "    ",
    ),
    *(
        "--- FAIL: T",
        "[ERROR] ",
        "npm error ",
        "CMake Error at ",
        "::error ",
        "file=a",
        "::",
        "at ",
    ),
    *(
        "make: *** ",
        "[",
        "]",
        "undefined reference to `",
        "ValueError",
        "\0",
        "\ufffd",
        "é",
        "\ud800",
    ),
]


def test_an_error_that_is_printed_again_is_the_same_error() -> None:
    finder = Finder("/x")
    text = "a.c:3:5: error: expected ';'"

    assert finder.take(Line(text)) == [FoundError("expected ';'", "a.c", 3, 5)]
    assert finder.take(Line(text)) == []
    assert finder.take(Line("/x/./" + text)) == []
    assert finder.take(Line("a.c:4:5: error: expected ';'")) != []
    assert finder.count == 2


def test_of_very_many_errors_the_first_are_returned_and_all_are_counted() -> None:
    finder = Finder("/x")
    found = sum(
        len(finder.take(Line(f"a.c:{number}: error: x"))) for number in range(MOST_REMEMBERED + 10)
    )
    assert found == MOST_REMEMBERED
    assert finder.count == MOST_REMEMBERED + 10


@pytest.mark.parametrize(
    ("path", "relative"),
    [
        ("/x/src/a.c", "src/a.c"),
        ("./src/../a.c", "a.c"),
        ("/xy/a.c", "/xy/a.c"),
        ("../a.c", "/a.c"),
        ("src\\a.c", "src/a.c"),
    ],
)
def test_a_path_is_relative_to_the_directory_where_it_lies_below(path: str, relative: str) -> None:
    (found,) = Finder("/x/").take(Line(f"{path}:3:5: error: x"))
    assert found.file == relative


def test_a_path_of_windows_is_relative_too() -> None:
    (found,) = Finder("C:\\x").take(Line("C:\\x\\src\\a.c(3,5): error C1: x"))
    assert found.file == "src/a.c"


def files_in(*lines: str) -> list[str | None]:
    finder = Finder("/x")
    return [found.file for text in lines for found in finder.take(Line(text))]


def test_a_path_is_in_the_directory_that_make_has_entered() -> None:
    assert files_in(
        "make[1]: Entering directory '/x/sub'",
        "a.c:3:5: error: 1",
        "make[2]: Entering directory '/x/sub/deep'",
        "a.c:3:5: error: 2",
        "make[2]: Leaving directory '/x/sub/deep'",
        "make[1]: Leaving directory '/x/sub'",
        "a.c:3:5: error: 3",
        "ninja: Entering directory `out'",
        "../a.c:3:5: error: 4",
    ) == ["sub/a.c", "sub/deep/a.c", "a.c", "a.c"]


def test_a_path_stays_while_two_makes_beside_each_other_print() -> None:
    assert files_in(
        "make[1]: Entering directory '/x/one'",
        "make[1]: Entering directory '/x/two'",
        "a.c:3:5: error: 1",
        "make[1]: Leaving directory '/x/one'",
        "a.c:3:5: error: 2",
    ) == ["a.c", "two/a.c"]


@pytest.mark.parametrize(
    "label", ["#12 1.234 ", "web-1  | ", "2024-01-01T00:00:00.000Z ", "[12:30:01] "]
)
def test_labels_before_each_line_are_taken_away(label: str) -> None:
    finder = Finder("/x")
    assert finder.take(Line(f"{label}a.c:3:5: error: x")) == [FoundError("x", "a.c", 3, 5)]


def test_a_held_error_is_returned_when_output_pauses() -> None:
    finder = Finder("/x")
    assert finder.take(Line("error: cannot go on")) == []
    assert finder.settle() == [FoundError("cannot go on")]
    assert finder.end() == []


def test_a_line_that_is_drawn_over_is_not_read() -> None:
    assert Finder("/x").take(Line("a.c:3:5: error: x", redrawn=True)) == []


def test_an_error_for_people_has_its_place_and_a_bounded_text() -> None:
    (found,) = Finder("/x").take(Line("a.c:3:5: error: " + "é" * 3000))
    assert len(found.text.encode()) <= MAX_ERROR_BYTES
    assert str(FoundError("x", "a.c", 3, 5)) == "a.c:3:5: x"
    assert str(FoundError("x")) == "x"


def test_a_file_that_is_none_is_left_out() -> None:
    (found,) = Finder("/x").take(Line("::error file=<stdin>,line=3::x"))
    assert found == FoundError("x")


def test_a_text_that_was_quoted_has_no_control_characters() -> None:
    (found,) = Finder("/x").take(Line("::error file=a%0Ab::%1b[31mone%0Atwo"))
    assert found == FoundError("[31mone two")


def test_a_traceback_that_never_ends_does_not_hide_other_errors() -> None:
    finder = Finder("/x")
    finder.take(Line("Traceback (most recent call last):"))
    for _ in range(30):
        finder.take(Line("    source"))
    assert finder.take(Line("    a.c:3:5: error: x")) == [FoundError("x", "a.c", 3, 5)]


@given(st.lists(st.lists(st.sampled_from(PARTS), max_size=8).map("".join), max_size=20))
def test_no_lines_make_it_fail(lines: list[str]) -> None:
    finder = Finder("/x")
    found = [each for text in lines for each in finder.take(Line(text))]
    found += finder.settle() + finder.end()
    assert len(found) == finder.count
    assert len({(each.text, each.file, each.line) for each in found}) == len(found)


@pytest.mark.parametrize(
    "part", [*PARTS, "a" * 64, "(", "> ", "'", "  ", "a:", "/", "\\", "=", "_"]
)
def test_a_line_of_a_megabyte_is_read_in_linear_time(part: str) -> None:
    finder = Finder("/x")
    finder.take(Line(part * (1_000_000 // len(part))))
    finder.end()
