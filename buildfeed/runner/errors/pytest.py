"""Errors of pytest: of each section of a failed test the message and the place. Pure.

    ______________ test_sum ______________
    >       assert 1 == 2
    E       assert 1 == 2

    tests/a.py:3: AssertionError
    ======= short test summary info ======
    FAILED tests/a.py::test_sum - assert 1 == 2

Where there are sections the summary only repeats them. With `--tb=line` there are messages and
places without headings, with `--tb=no` the summary alone.
"""

import re
from typing import Final

from buildfeed.runner.errors.found import Findings
from buildfeed.runner.errors.places import PATH, is_foreign

_HEADING: Final = re.compile(r"_{3,} (?P<name>\S.{0,1000}) _{3,}$")
_BANNER: Final = re.compile(r"={3,} (?P<title>\S.{0,1000}) ={3,}$")
_CAPTURED: Final = re.compile(r"-{3,} Captured ")
_MESSAGE: Final = re.compile(r"E(?: {3,}(?P<text>.*))?$")
_FRAME: Final = re.compile(r'File "(?P<file>[^"]{1,1024})", line (?P<line>\d{1,9})')
_NAMED: Final = re.compile(r"\w{0,200}(?:Error|Exception)\b")
_PLACE: Final = re.compile(PATH + r":(?P<line>\d{1,9}):(?: (?P<text>.*))?$")
_SUMMARY: Final = re.compile(r"(?:FAILED|ERROR) (?P<file>[^\s:]{1,1024}\.py)(?P<rest>::.*| - .*|$)")
_LAST: Final = re.compile(r"\d (?:passed|failed|errors?|skipped)\b.* in \d")
_MOST_CAPTURED: Final = 10_000
"""Lines of captured output, which is no output of the build."""
_DETAILS: Final = frozenset({"FAILURES", "ERRORS"})

_Place = tuple[str, str]


class Pytest:
    """The dialect; it holds the test, message and place of the section that goes on."""

    def __init__(self) -> None:
        self._detailed = False  # there are sections or places, which the summary repeats
        self._in_details = False
        self._name: str | None = None
        self._message: str | None = None
        self._in_message = False
        self._captured_left = 0
        self._own: _Place | None = None
        self._last: _Place | None = None

    def read(self, text: str, findings: Findings) -> bool:
        """Read a line."""
        was_in_message, self._in_message = self._in_message, False
        if message := _MESSAGE.match(text):
            self._in_message = True
            self._read_message((message["text"] or "").strip(), goes_on=was_in_message)
        elif summary := _SUMMARY.match(text):
            self.settle(findings)
            if not self._detailed:
                _summarize(summary, findings)
        elif self._begin(text, findings):
            pass
        elif self._captured_left and not (self._message and self._message in text):
            self._captured_left -= 1
        else:
            return self._read_place(text, findings)
        return True

    def _begin(self, text: str, findings: Findings) -> bool:
        """Read a line, and return True if a part of the report begins or ends there."""
        first = text[:1]
        if first == "_" and (heading := _HEADING.match(text)):
            self.settle(findings)
            self._name, self._detailed = heading["name"].strip(), True
        elif first == "=" and (banner := _BANNER.match(text)):
            self.settle(findings)
            title = banner["title"].strip()
            self._in_details = title in _DETAILS
            ends = title == "test session starts" or _LAST.search(title)
            self._detailed = not ends and (self._detailed or self._in_details)
        elif first.isdigit() and _LAST.search(text):  # the last line of `-q`
            self.settle(findings)
            self._detailed = self._in_details = False
        elif first == "-" and self._detailed and _CAPTURED.match(text):
            if self._name:
                self.settle(findings)
            self._captured_left = _MOST_CAPTURED
        else:
            return False
        return True

    def settle(self, findings: Findings) -> None:
        """Add the error of the section."""
        if self._message:
            said = f"{self._name}: {self._message}" if self._name else self._message
            findings.error(said.removeprefix("ERROR "), *(self._own or self._last or ()))
        self._name = self._message = self._own = self._last = None
        self._captured_left = 0

    def _read_message(self, said: str, *, goes_on: bool) -> None:
        self._detailed = True
        if frame := _FRAME.match(said):  # of a SyntaxError: its text comes last
            self._note(frame["file"], frame["line"])
            self._message = said
        elif not (goes_on and self._message) or (
            self._message.startswith('File "') and _NAMED.match(said)
        ):
            self._message = said

    def _read_place(self, text: str, findings: Findings) -> bool:
        if not (self._in_details or self._name or self._message):
            return False
        if not (place := _PLACE.match(text)):
            return False
        if self._name or self._message:
            self._note(place["file"], place["line"])
            if not self._name:  # without headings the place comes last
                self.settle(findings)
        elif place["text"]:
            findings.error(place["text"], place["file"], place["line"])
        return True

    def _note(self, file: str, line: str) -> None:
        self._last = file, line
        if not is_foreign(file):
            self._own = self._last


def _summarize(summary: re.Match[str], findings: Findings) -> None:
    """Add the error of a line of the summary."""
    test, _, message = summary["rest"].removeprefix("::").partition(" - ")
    findings.error(": ".join(part for part in (test, message) if part) or "failed", summary["file"])
