"""Errors of JavaScript: exceptions of Node, tests of Jest and Vitest, and bundlers. Pure.

    TypeError: x is not a function
        at f (/home/ada/acme/a.js:3:9)

    ● sum adds
          at Object.<anonymous> (src/a.test.js:3:5)

    ERROR in ./src/a.ts 3:5
    Module not found: Error: Can't resolve './b'

    ✘ [ERROR] Could not resolve "./b"
        src/a.js:3:5:

A SyntaxError of Node has its place some lines before, as `/home/ada/acme/a.js:3`. An error without
frames counts too, as `Error: …` at the beginning of a line is one in most languages.
"""

import re
from typing import Final

from buildfeed.runner.errors import generic
from buildfeed.runner.errors.found import Findings
from buildfeed.runner.errors.places import PATH, PLACE, is_foreign

_EXCEPTION: Final = re.compile(
    r"(?:Uncaught )?(?P<text>(?:[A-Z]\w{0,60}(?:Error|Exception)|Error)(?: \[\w{1,60}\])?: \S.*)"
)
_TITLE: Final = re.compile(r"\s{1,8}● (?!Console)(?P<text>\S.*)|[✘X] \[ERROR\] (?P<other>\S.*)")
_WEBPACK: Final = re.compile(
    r"ERROR in " + r"(?P<file>[^\s:]{1,1024})(?: (?P<line>\d{1,9}):(?P<column>\d{1,9})(?:-\d+)?)?$"
)
_FRAME: Final = re.compile(r"\s{1,64}(?:at|❯) (?P<rest>.+)")
_AT: Final = re.compile(r"(?:file://)?" + PLACE)
_LOCATED: Final = re.compile(r"\s{1,64}" + PLACE + ":$")
_BEFORE: Final = re.compile(PATH + r"(?<=[jt]s|sx):(?P<line>\d{1,9})$")
_MOST_LINES: Final = 6
"""Lines in which the first frame of an exception has to come, as after "Require stack:"."""
_MOST_LINES_OF_TEST: Final = 100

_Place = tuple[str, str | None, str | None]


class JavaScript:
    """The dialect; it holds an exception or a test until a frame of the user's own comes."""

    def __init__(self) -> None:
        self._text: str | None = None
        self._in_frames = False
        self._lines_left = 0
        self._before: _Place | None = None
        self._before_left = 0
        self._bundled: _Place | None = None

    def read(self, text: str, findings: Findings) -> bool:
        """Read a line."""
        if self._bundled and text.strip():
            findings.error(text, *self._bundled)
            self._bundled = None
            return True
        if self._text and self._go_on(text, self._text, findings):
            return True
        if self._before_left:
            self._before_left -= 1
        if found := _EXCEPTION.match(text):
            self.settle(findings)
            said = found["text"]
            if generic.is_consequence(said):
                findings.follows(said)
            elif not generic.is_nothing(said.partition(": ")[2]):
                self._begin(said.removeprefix("Error: "), _MOST_LINES)
        elif found := _TITLE.match(text):
            self.settle(findings)
            self._begin(found["text"] or found["other"], _MOST_LINES_OF_TEST)
        elif found := _WEBPACK.match(text):
            self.settle(findings)
            self._bundled = found["file"], found["line"], found["column"]
        elif found := _BEFORE.match(text):
            self._before, self._before_left = (found["file"], found["line"], None), _MOST_LINES
        return bool(found)

    def settle(self, findings: Findings) -> None:
        """Add what is held, without a frame of the user's own."""
        if self._text:
            before = self._before if self._before_left else None
            findings.error(self._text, *(before or ()))
            self._before_left = 0
        if self._bundled:
            findings.error("error", *self._bundled)
        self._text = self._bundled = None

    def _begin(self, text: str, lines: int) -> None:
        self._text, self._in_frames, self._lines_left = text, False, lines

    def _go_on(self, text: str, error: str, findings: Findings) -> bool:
        """Read a line after the first, and return True if it belongs to the error."""
        self._lines_left -= 1
        if frame := _FRAME.match(text):
            self._in_frames = True
            rest = frame["rest"]
            place = _AT.match(rest.rpartition("(")[2].removeprefix("async "))
        else:
            place = _LOCATED.match(text)
        if place and not is_foreign(place["file"]):
            findings.error(error, place["file"], place["line"], place["column"])
            self._text, self._before_left = None, 0
            return True
        if frame:
            return True
        if self._in_frames or self._lines_left <= 0:
            self.settle(findings)
        return False
