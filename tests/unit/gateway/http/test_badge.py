"""The drawing of a badge: an SVG that needs nothing, fits its texts, and can be read."""

from xml.etree import ElementTree as ET

import pytest

from gateway.http import badge

SVG = "{http://www.w3.org/2000/svg}"
WORDS = [*badge.COLOURS, "from the future"]
LABELS = ["acme", "i", "m" * 64, "w_-9"]


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)


def numbers(element: ET.Element, *names: str) -> list[float]:
    return [float(element.get(name, 0)) for name in names]


def luminance(colour: str) -> float:
    """WCAG 2.2, the definition of relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", sorted({badge.LABEL, badge.OTHER, *badge.COLOURS.values()}))
def test_the_text_can_be_read_on_each_colour(colour: str) -> None:
    contrast = (luminance(badge.TEXT) + 0.05) / (luminance(colour) + 0.05)
    assert contrast >= 4.5


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("label", LABELS)
def test_each_text_fits_its_half(label: str, word: str) -> None:
    drawn = parsed(badge.draw(label, word))
    left, right = drawn.findall(f"{SVG}g/{SVG}rect")
    for rect, text, said in zip(
        (left, right), drawn.iter(f"{SVG}text"), (label, word), strict=True
    ):
        x, wide = numbers(rect, "x", "width")
        begin, length = numbers(text, "x", "textLength")
        assert text.text == said
        assert begin - x == x + wide - begin - length  # as much room before as behind
    assert numbers(drawn, "width")[0] == sum(numbers(right, "x", "width"))


def test_wider_texts_are_wider() -> None:
    assert badge.width("iiii") < badge.width("acme") < badge.width("mmmm")
    assert badge.width("succeeded") == 60  # as DejaVu Sans of 11 px is measured
    assert badge.width("語") == 11


def test_it_says_in_words_what_it_shows() -> None:
    drawn = parsed(badge.draw("acme", "failed"))
    assert drawn.findtext(f"{SVG}title") == drawn.get("aria-label") == "acme: failed"
    assert drawn.get("role") == "img"


def test_what_ended_otherwise_looks_otherwise() -> None:
    def colour(word: str) -> str | None:
        return parsed(badge.draw("acme", word)).findall(f"{SVG}g/{SVG}rect")[1].get("fill")

    assert len({colour(word) for word in ("succeeded", "failed", "stopped")}) == 3
    assert colour("from the future") == colour(badge.NO_BUILDS) == badge.OTHER


def test_no_text_becomes_markup() -> None:
    said = "\"><script>&'</text>"
    drawn = badge.draw(said, said)
    assert [each.text for each in parsed(drawn).iter(f"{SVG}text")] == [said, said]
    assert "<script" not in drawn


def test_it_loads_nothing_and_has_no_style() -> None:
    drawn = badge.draw("acme", "failed").replace('xmlns="http://www.w3.org/2000/svg"', "")
    for word in ("http", "style", "href", "@import", "script"):
        assert word not in drawn
