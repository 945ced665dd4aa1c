"""The user's own expression."""

import pytest

from buildfeed.runner.lines import Line
from buildfeed.runner.progress.expression import BadExpression, Expression
from buildfeed.runner.progress.reading import Reading


@pytest.mark.parametrize(
    ("expression", "text", "reading"),
    [
        (r"(?P<percent>\d+)%", "at 42% now", Reading(percent=42)),
        (r"(?P<percent>[\d.]+ ?%)", "at 42.9 %", Reading(percent=42)),
        (r"(?P<done>\d+) of (?P<total>\S+)", "3 of 1,200", Reading(done=3, total=1200)),
        (r"(?P<done>\d+)(/(?P<total>\d+))?", "3", Reading(done=3)),
        (r"now: (?P<phase>.*)", "now:  a   b ", Reading(phase="a b")),
        (r"(?P<done>\d+)/(?P<total>\d+) (?P<phase>.*)", "5/3 late", Reading(phase="late")),
        (r"(?P<percent>\d+)%", "at 142%", None),
        (r"(?P<percent>.*)", "-1", None),
        (r"(?P<percent>.*)", "９", None),
        (r"(?P<done>\d+)", "9" * 4000, None),
        (r"(?P<done>\d+)", "none", None),
    ],
)
def test_its_groups_are_the_reading(expression: str, text: str, reading: Reading | None) -> None:
    assert Expression(expression).read(Line(text)) == reading


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("(", "is no regular expression"),
        ("a{99999999999999999999}", "is no regular expression"),
        ("(" * 5000 + ")" * 5000, "is no regular expression"),
        (r"\d+", "has none of the groups (?P<percent>…), (?P<done>…)"),
        (r"(?P<total>\d+)", "has a group total, but none that is done"),
    ],
)
def test_a_bad_one_is_refused_in_one_sentence(expression: str, says: str) -> None:
    with pytest.raises(BadExpression, match=r"^The expression .* finds no progress: ") as caught:
        Expression(expression)
    assert says in str(caught.value)
    assert caught.value.expression == expression
    assert len(str(caught.value)) < 300


def test_it_is_searched_in_the_beginning_of_a_line_only() -> None:
    assert Expression("(?P<percent>7)").read(Line("x" * 4096 + "7")) is None
