"""Tracebacks of Python: the last line, at the innermost frame of the user's own code. Pure.

Of a chain ("During handling of the above exception …") the last counts, as the program died of it.
A traceback may stand behind a prefix, as in the lines of a service or of an exception group. One
of `KeyboardInterrupt` or `SystemExit` is no error.
"""

import re
from typing import Final

from buildfeed.runner.errors.found import Findings
from buildfeed.runner.errors.places import is_foreign

_HEAD: Final = "Traceback (most recent call last):"
_GROUP: Final = "+ Exception Group "
_FRAME: Final = re.compile(r'\s{1,64}File "(?P<file>[^"]{1,1024})", line (?P<line>\d{1,9})')
_EXCEPTION: Final = re.compile(r"(?P<name>[A-Za-z_][\w.]{0,200})(?::.*)?$")
_CHAINED: Final = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
_ENDINGS: Final = frozenset({"KeyboardInterrupt", "SystemExit"})
_UNITTEST: Final = re.compile(r"(?:ERROR|FAIL): \w{1,200} \(")
"""What unittest prints before a traceback."""
_MOST_LINES: Final = 20
"""Lines of source below a frame."""

_Place = tuple[str, str]


class Python:
    """The dialect; it holds two frames of a traceback, and an exception that may be in a chain."""

    def __init__(self) -> None:
        self._prefix: str | None = None  # of the lines of the traceback that goes on
        self._own: _Place | None = None
        self._last: _Place | None = None
        self._lines = 0  # since the last frame
        self._has_head = False
        self._error: tuple[str, _Place | None] | None = None

    def read(self, text: str, findings: Findings) -> bool:
        """Read a line."""
        if self._error and text.strip():
            if text.endswith(_CHAINED):
                self._error = None
                return True
            self.settle(findings)
        if text.rstrip().endswith(_HEAD):
            prefix = text[: text.rindex(_HEAD)]
            self._begin(prefix.replace(_GROUP, "| "))
            self._has_head = True
            return True
        if self._prefix is not None:
            return self._go_on(text, self._prefix)
        if frame := _FRAME.match(text):  # a SyntaxError of the script itself has no head
            self._begin("")
            self._note(frame["file"], frame["line"])
            return True
        return bool(_UNITTEST.match(text))

    def settle(self, findings: Findings) -> None:
        """Add the exception that is held. A traceback without its last line is none."""
        if self._error:
            text, place = self._error
            findings.error(text, *(place or ()))
        self._error = None

    def _begin(self, prefix: str) -> None:
        self._prefix, self._own, self._last, self._lines = prefix, None, None, 0
        self._has_head = False

    def _go_on(self, text: str, prefix: str) -> bool:
        self._lines += 1
        if not text.startswith(prefix) or self._lines > _MOST_LINES:
            self._prefix = None
            return False
        body = text[len(prefix) :]
        if frame := _FRAME.match(body):
            self._note(frame["file"], frame["line"])
        elif body and not body[0].isspace():
            self._prefix = None
            exception = _EXCEPTION.match(body)
            if not exception or not self._last:
                return False
            name = exception["name"]
            if not self._has_head and not name.endswith("Error"):
                return False
            if name not in _ENDINGS and not name.endswith("ExceptionGroup"):
                self._error = body, self._own or self._last
        return True

    def _note(self, file: str, line: str) -> None:
        self._last, self._lines = (file, line), 0
        if not is_foreign(file):
            self._own = self._last
