import pytest

from buildfeed.runner.errors.found import FoundError
from buildfeed.runner.masking import Masking
from buildfeed.runner.output import Output
from buildfeed.runner.output_reader import OutputReader
from buildfeed.runner.progress_lines import (
    MOST_CHARACTERS,
    MOST_OF_PHASE,
    ErrorLine,
    Percent,
    ProgressLines,
    StepOf,
)

SECRET = "correct-horse-battery"


def reader(*command: str, regex: str | None = None) -> OutputReader:
    return OutputReader(
        command or ("sh",),
        directory="/src",
        masking=Masking({"DEPLOY_TOKEN": SECRET}),
        begun=0,
        regex=regex,
        output=Output(),
    )


def test_progress_errors_and_output_are_read_from_the_same_bytes() -> None:
    build = reader("ninja")
    build.read(b"[1/4] Building a.o\n[2/4] Building b.o\nb.c:3:5: error: no", 1, now=1)
    build.read(b" such type\n", 1, now=1)

    assert (build.progress.done, build.progress.total, build.progress.percent) == (2, 4, 50)
    build.end(now=2)
    assert build.take_errors() == [FoundError("no such type", "b.c", 3, 5)]
    assert build.take_errors() == []
    (content,) = build.last_output()
    assert content.text.endswith("b.c:3:5: error: no such type\n")


def test_lines_of_two_streams_are_not_mixed() -> None:
    build = reader()
    build.read(b"half a ", 1, now=1)
    build.read(b"a.c:1: error: wrong\n", 2, now=1)
    build.read(b"line\n", 1, now=1)
    build.end(now=1)

    assert build.take_errors() == [FoundError("wrong", "a.c", 1)]
    assert "half a line\n" in build.last_output()[0].text


def test_no_secret_is_in_anything_that_is_read() -> None:
    build = reader("ninja")
    build.read(f"[1/2] Push {SECRET}\na.c:1: error: {SECRET}\n".encode(), 1, now=1)
    build.told([StepOf(1, 3, f"with {SECRET}"), ErrorLine(f"b.c:1: {SECRET}")], now=1)
    build.end(now=2)

    seen = [build.progress, *build.take_errors(), *build.last_output()]
    assert SECRET not in str(seen)
    assert str(seen).count("***") >= 4


def test_a_secret_that_an_annotation_spells_otherwise_is_masked() -> None:
    build = reader()
    build.read(b"::error file=a.c,line=3::push of correct%2Dhorse%2Dbattery failed\n", 1, now=1)
    build.end(now=2)

    (error,) = build.take_errors()
    assert (error.file, error.line) == ("a.c", 3)
    assert SECRET not in error.text


def test_what_a_build_tells_itself_counts_before_its_output() -> None:
    build = reader("ninja")
    build.read(b"[1/4] Building a.o\n", 1, now=1)
    build.told([Percent(40)], now=1)
    build.read(b"[3/4] Building c.o\n", 1, now=1)

    assert build.progress.percent == 40


def test_an_error_that_a_build_tells_has_its_place() -> None:
    build = reader()
    build.told([ErrorLine("/src/a.c:3: text"), ErrorLine("no place"), ErrorLine("no place")], now=1)

    assert build.take_errors() == [FoundError("text", "a.c", 3), FoundError("no place")]


def test_an_error_of_several_lines_is_complete_after_a_silence() -> None:
    build = reader()
    build.read(b"Traceback (most recent call last):\n", 2, now=1)
    build.read(b'  File "/src/a.py", line 3, in <module>\n    f()\nValueError: wrong\n', 2, now=1)
    build.pass_time(now=3)

    (error,) = build.take_errors()
    assert (error.text, error.file, error.line) == ("ValueError: wrong", "a.py", 3)


def test_no_bytes_make_it_fail() -> None:
    build = reader()
    for data in (b"\0\xff\xfe", b"\x1b[", b"x" * 1_000_000, b"\r\n\r", "é".encode()[:1]):
        build.read(data, 1, now=1)
        build.read(data, 2, now=1)
    build.end(now=2)


def test_what_was_left_out_in_a_flood_is_a_gap_and_mixes_no_lines() -> None:
    build = reader()
    build.read(b"a.c:1: err", 1, now=1)
    build.skip(50_000, 1)
    build.read(b"or: wrong\nb.c:2: error: right\n", 1, now=1)
    build.end(now=2)

    assert build.take_errors() == [FoundError("right", "b.c", 2)]
    (content,) = build.last_output()
    assert "bytes of output are left out here" in content.text
    assert content.offset > 49_000


@pytest.mark.parametrize("split", range(1, len(SECRET)))
def test_no_half_of_a_secret_is_beside_a_gap(split: int) -> None:
    build = reader()
    build.read(f"c.c:1: error: {SECRET[:split]}".encode(), 1, now=1)
    build.skip(50_000, 1)
    build.read(b"of the other stream\n", 2, now=1)
    for part in (SECRET[split:], " c.c:2: error: no\r", "c.c:3: error: yes\n"):
        build.read(part.encode(), 1, now=1)
    build.end(now=2)

    assert build.take_errors() == [FoundError("yes", "c.c", 3)]
    (content,) = build.last_output()
    note, _, rest = content.text.partition("\n")
    assert note.endswith(" bytes of output are left out here]")
    assert rest == "of the other stream\nc.c:3: error: yes\n"
    half = len(SECRET[split:]) + len(" c.c:2: error: no\r")
    assert content.offset + len(note) + 1 == 50_000 + half + len("c.c:1: error: ") + split


def test_a_half_of_a_line_at_the_end_is_left_out_and_nothing_else() -> None:
    build = reader()
    build.skip(50_000, 1)
    build.read(b"line\n", 2, now=1)
    build.read(SECRET[4:].encode(), 1, now=1)
    build.end(now=2)
    (content,) = build.last_output()
    assert (
        content.text == f"[{50_000 + len(SECRET) - 4:,} bytes of output are left out here]\nline\n"
    )


def test_a_text_that_a_build_tells_is_masked_though_it_is_cut_within_a_secret() -> None:
    lines, build = ProgressLines(), reader()
    for length, word in ((MOST_OF_PHASE, "step 1 2"), (MOST_CHARACTERS, "error"), (8186, "error")):
        text = "x" * (length - 10) + " " + SECRET
        build.told(lines.feed(f"{word} {text} {'x' * 9000}\n".encode()), now=1)
        seen = str([build.progress, *build.take_errors()])
        assert "xxxxx" in seen
        assert SECRET[:8] not in seen
    assert len(build.progress.phase) <= MOST_OF_PHASE


def test_output_that_nobody_can_take_at_the_end_is_said_to_be_left_out() -> None:
    build = reader()
    build.read(b"x" * 50 + b"\n", 1, now=1)
    assert build.take_output(1)
    build.read(b"line\n" * 1000, 1, now=1)
    build.end(now=2)
    (content,) = build.last_output(whole=False)
    assert content.text == "[5,000 bytes of output are left out here]\n"
    assert content.offset + len(content.text) == 5051
    assert build.last_output(whole=False) == []
