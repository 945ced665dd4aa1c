"""A text for people, such as a title or a name, as the contract has room for it. Pure."""

from typing import Final

from buildfeed.documents import whole

MOST: Final = 200
"""Characters."""


def short_text(text: str) -> str:
    """Return a text on one line, without superfluous space, cut to MOST characters."""
    text = " ".join(whole(text).split())
    return text if len(text) <= MOST else text[: MOST - 1] + "…"
