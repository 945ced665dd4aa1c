"""A badge: a small picture (SVG) that says how the newest build of a project ended. Pure.

It is drawn for a README of another site, in an `<img>`: no script, no font and no style of its own
is loaded, and colours are attributes, as the Content-Security-Policy forbids styles.
"""

from typing import Final
from xml.sax.saxutils import escape, quoteattr

MEDIA_TYPE: Final = "image/svg+xml"
NO_BUILDS: Final = "no builds"
"""The word for a project of which no build has ended."""

TEXT: Final = "#ffffff"
LABEL: Final = "#4a4f57"
OTHER: Final = "#68707d"
"""Behind a word that has no colour of its own."""
COLOURS: Final = {"succeeded": "#197a48", "failed": "#c3291d", "stopped": OTHER, NO_BUILDS: OTHER}
"""Behind the word: those of the light page. White text on each has a contrast of 4.5 or more
(WCAG 2.2, 1.4.3)."""

_HEIGHT: Final = 20
_FONT: Final = 11
_BASELINE: Final = 14
_PADDING: Final = 6
_EM: Final = 2048
_ADVANCES: Final = {
    character: advance
    for characters, advance in (
        *(("ijl", 569), (" ", 651), ("f", 721), ("-", 739), ("t", 803), ("r", 842), ("_", 1024)),
        *(("s", 1067), ("z", 1075), ("c", 1126), ("k", 1186), ("vxy", 1212), ("o", 1253)),
        *(("a", 1255), ("e", 1260), ("hnu", 1298), ("bdgpq", 1300), ("0123456789", 1303)),
        *(("w", 1675), ("m", 1995)),
    )
    for character in characters
}
"""How far each character of a name moves on, in units of DejaVu Sans (its table `hmtx`): 2048 are
the size of the font. Those of Verdana are the same within a few parts in a hundred."""
_WIDEST: Final = 2048


def draw(label: str, word: str) -> str:
    """Return the badge: the label on the left, and the word on its colour on the right.

    Each text is as wide as it was measured here, whatever font the reader has (`textLength`).
    """
    left, right = width(label), width(word)
    split, whole = left + 2 * _PADDING, left + right + 4 * _PADDING
    said = f"{label}: {word}"
    fill = quoteattr(COLOURS.get(word, OTHER))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="{_HEIGHT}"'
        f' viewBox="0 0 {whole} {_HEIGHT}" role="img" aria-label={quoteattr(said)}>'
        f"<title>{escape(said)}</title>"
        f'<clipPath id="r"><rect width="{whole}" height="{_HEIGHT}" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{split}" height="{_HEIGHT}" fill="{LABEL}"/>'
        f'<rect x="{split}" width="{whole - split}" height="{_HEIGHT}" fill={fill}/></g>'
        f'<g fill="{TEXT}" font-family="Verdana,DejaVu Sans,sans-serif" font-size="{_FONT}">'
        f"{_text(_PADDING, left, label)}{_text(split + _PADDING, right, word)}</g></svg>\n"
    )


def width(text: str) -> int:
    """Return how wide a text is, in pixels."""
    units = sum(_ADVANCES.get(character, _WIDEST) for character in text)
    return -(-units * _FONT // _EM)


def _text(x: int, wide: int, text: str) -> str:
    return f'<text x="{x}" y="{_BASELINE}" textLength="{wide}">{escape(text)}</text>'
