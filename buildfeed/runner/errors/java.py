"""Errors of Maven and sbt, and exceptions of Java and its relatives. Pure.

    [ERROR] /home/ada/acme/A.java:[3,5] cannot find symbol
    [error] /home/ada/acme/A.scala:3:5: not found: value x
    [ERROR] ATest.sum -- Time elapsed: 0.01 s <<< FAILURE!
    Exception in thread "main" java.lang.IllegalStateException: closed
        at acme.A.main(A.java:3)

javac itself prints the form of gcc. Everything else that Maven marks as an error is a consequence.
"""

import re
from typing import Final

from buildfeed.runner.errors.found import Findings
from buildfeed.runner.errors.places import PATH, PLACE

_MARK: Final = re.compile(r"\[(?:ERROR|error)\] ?")
_MAVEN: Final = re.compile(PATH + r":\[(?P<line>\d{1,9})(?:,(?P<column>\d{1,9}))?\] (?P<text>.+)")
_SBT: Final = re.compile(PLACE + r":\s(?P<text>.+)")
_TEST: Final = re.compile(
    r"(?!Tests run)(?P<name>.{1,400}?)(?: -- |  )Time elapsed: .{1,60}<<< (?:FAILURE|ERROR)!"
)
_THREAD: Final = re.compile(r'Exception in thread "[^"]{0,200}" (?P<text>.+)')
_FRAME: Final = re.compile(
    r"\s{1,64}at (?P<method>[^\s()]{1,1024})\((?P<file>[^\s():]{1,255}):(?P<line>\d{1,9})\)"
)
_FOREIGN: Final = re.compile(
    r"(?:[\w.@-]{0,60}/)?(?:java|javax|jdk|sun|com\.sun|kotlin|scala|groovy|org\.(?:junit|opentest4j|assertj|"
    r"hamcrest|mockito|testng|gradle|apache\.maven|codehaus))\."
)
_MOST_LINES: Final = 200


class Java:
    """The dialect; it holds an exception until the first frame of the user's own code comes."""

    def __init__(self) -> None:
        self._error: str | None = None
        self._is_name = False  # of a test: what is wrong is on the next line
        self._lines = 0

    def read(self, text: str, findings: Findings) -> bool:
        """Read a line."""
        if self._error and self._go_on(text, self._error, findings):
            return True
        if mark := _MARK.match(text):
            self._read_marked(text[mark.end() :], findings)
            return True
        if found := _THREAD.match(text):
            self._begin(found["text"], is_name=False)
        return bool(found)

    def settle(self, findings: Findings) -> None:
        """Add an exception none of whose frames are the user's own."""
        if self._error:
            findings.error(self._error)
        self._error = None

    def _begin(self, text: str, *, is_name: bool) -> None:
        self._error, self._is_name, self._lines = text, is_name, 0

    def _go_on(self, text: str, error: str, findings: Findings) -> bool:
        """Read a line after the first of an exception, and return True if it belongs to it."""
        if self._is_name and text.strip():
            self._begin(f"{error}: {text.strip()}", is_name=False)
            return True
        self._lines += 1
        if frame := _FRAME.match(text):
            if not _FOREIGN.match(frame["method"]):
                findings.error(error, frame["file"], frame["line"])
                self._error = None
            return True
        if self._lines > _MOST_LINES or not text.strip() or _MARK.match(text):
            self.settle(findings)
            return False
        return True

    def _read_marked(self, text: str, findings: Findings) -> None:
        """Read a line without its mark."""
        if found := _MAVEN.match(text) or _SBT.match(text):
            findings.error(found["text"], found["file"], found["line"], found["column"])
        elif found := _TEST.match(text):
            self._begin(found["name"], is_name=True)
        elif text.strip():
            findings.follows(text)
