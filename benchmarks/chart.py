"""A chart of bars, as SVG. Pure."""

from collections.abc import Mapping
from html import escape
from typing import Final

WIDTH: Final = 760
_LABEL, _BAR, _GAP, _GROUP = 190, 18, 4, 30
_COLOURS: Final = ("#1f6f54", "#6b7f8c", "#b0712a", "#9aa3ab")


def bars(title: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Return a chart of `groups` of labelled values, all on one scale, from zero."""
    most = max(value for group in groups.values() for value in group.values())
    scale = (WIDTH - _LABEL - 70) / most
    parts, y = [f'<text x="0" y="16" font-weight="bold">{escape(title)}</text>'], 30
    for heading, group in groups.items():
        parts.append(f'<text x="0" y="{y + 14}" font-style="italic">{escape(heading)}</text>')
        y += _BAR + _GAP
        for number, (label, value) in enumerate(group.items()):
            colour, base = _COLOURS[number % len(_COLOURS)], y + _BAR - 5
            parts.append(
                f'<text x="{_LABEL - 8}" y="{base}" text-anchor="end">{escape(label)}</text>'
                f'<rect x="{_LABEL}" y="{y}" width="{value * scale:.1f}" height="{_BAR}"'
                f' fill="{colour}"/>'
                f'<text x="{_LABEL + value * scale + 6:.1f}" y="{base}">{value:.2f}</text>'
            )
            y += _BAR + _GAP
        y += _GROUP - _BAR
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}"'
        f' font-family="sans-serif" font-size="13" role="img" aria-label="{escape(title)}">'
        f'<rect width="{WIDTH}" height="{y}" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )
