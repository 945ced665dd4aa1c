"""Errors that show their place in a box: those of Rolldown (Vite 8), oxc, oxlint, Rspack. Pure.

    [UNRESOLVED_IMPORT] Could not resolve './b' in src/a.js
        ╭─[ src/a.js:3:5 ]

      ✖ Unexpected token
       ╭─[src/a.js:3:5]

They are drawn by the libraries ariadne and miette, which mark a warning by a word or a sign.
"""

import re
from typing import Final

from buildfeed.runner.errors.found import Findings
from buildfeed.runner.errors.places import PLACE

_TITLE: Final = re.compile(r"\s{0,8}(?:\[(?P<code>[\w:./() -]{1,80})\]|[×✖]) (?P<text>\S.*)")
_NO_ERROR: Final = re.compile(r"(?:Warning|Advice)\b", re.IGNORECASE)
_BOX: Final = re.compile(r"\s{0,16}[╭,][─-]{1,3}\[ ?" + PLACE + r" ?\]$")
_MOST_LINES: Final = 4
"""Lines of a title: a long one is wrapped."""


class Boxes:
    """The dialect; it holds a title until its box comes. A title without a box is none."""

    def __init__(self) -> None:
        self._title: str | None = None
        self._lines_left = 0

    def read(self, text: str, findings: Findings) -> bool:
        """Read a line."""
        if self._title and (box := _BOX.match(text)):
            findings.error(self._title, box["file"], box["line"], box["column"])
            self._title = None
            return True
        self._lines_left -= 1
        if self._lines_left <= 0:
            self._title = None
        title = _TITLE.match(text)
        if title and not _NO_ERROR.match(title["text"]):
            code, said = title["code"], title["text"]
            self._title = f"{code}: {said}" if code else said
            self._lines_left = _MOST_LINES
        return False

    def settle(self, findings: Findings) -> None:  # noqa: ARG002 - that of a Dialect
        """Forget a title whose box did not come."""
        self._title = None
