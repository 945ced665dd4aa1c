"""The line that says that output is left out: how it is written, and how it is found. Pure."""

import re
from typing import Final

# Anybody can write one, so the number is one that a database holds.
_LINE: Final = re.compile(r"\[(\d{1,3}(?:,\d{3}){0,5}) bytes of output are left out here\]\n")


def line(size: int) -> str:
    """Return the line that says that `size` bytes are left out."""
    return f"[{size:,} bytes of output are left out here]\n"


def told(content: str) -> int:
    """Return how many bytes before a content are missing as its first line says, 0 without one.

    The line stands in the place of the last of the bytes that it counts.
    """
    found = _LINE.match(content)
    return max(int(found[1].replace(",", "")) - found.end(), 0) if found else 0
