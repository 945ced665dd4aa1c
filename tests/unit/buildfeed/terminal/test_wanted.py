import pytest

from buildfeed.errors import BuildfeedError
from buildfeed.terminal.wanted import Wanted, log_filter


@pytest.mark.parametrize(
    ("word", "filter_", "build"),
    [
        (None, "builds/#", None),
        ("acme", "builds/acme/#", None),
        ("builds", "builds/builds/#", None),
        ("acme/01a1", "builds/acme/01a1/#", ("acme", "01a1")),
        ("builds/acme/#", "builds/acme/#", None),
        ("builds/acme/+/error", "builds/acme/+/error", None),
        ("builds/+/01a1/#", "builds/+/01a1/#", None),
        ("builds/acme/01a1/#", "builds/acme/01a1/#", ("acme", "01a1")),
        ("builds/acme/01a1/error", "builds/acme/01a1/error", ("acme", "01a1")),
        ("#", "#", None),
        ("+/acme/01a1/#", "+/acme/01a1/#", ("acme", "01a1")),
    ],
)
def test_a_word_says_what_is_watched(
    word: str | None, filter_: str, build: tuple[str, str] | None
) -> None:
    assert Wanted.parse(word) == Wanted(filter_, build)


@pytest.mark.parametrize(
    "word", ["", "Acme", "acme/", "acme/01a1/log", "/acme", "builds/acme", "workers/#", "acme/\x1b"]
)
def test_what_can_match_no_build_is_refused(word: str) -> None:
    with pytest.raises(BuildfeedError):
        Wanted.parse(word)


def test_output_has_a_filter_of_its_own() -> None:
    assert log_filter(("acme", "01a1")) == "builds/acme/01a1/log"
