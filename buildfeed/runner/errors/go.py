"""Errors of Go: of the compiler and vet, of tests that fail, and panics. Pure.

    ./a.go:3:5: undefined: x

    --- FAIL: TestSum (0.00s)
        a_test.go:3: got 1, want 2

    panic: boom
    goroutine 1 [running]:
    main.main()
        /home/ada/acme/a.go:3 +0x1d

With `-v` the place of a test stands before its `--- FAIL`. Of a test and its subtest that fail, the
subtest counts.
"""

import re
from typing import Final

from buildfeed.runner.errors.found import Findings
from buildfeed.runner.errors.places import is_foreign

_COMPILER: Final = re.compile(
    r"(?:vet: )?(?P<file>(?:[A-Za-z]:)?[^\s:]{1,1024}+(?<=\.go)):(?P<line>\d{1,9}):(?P<column>\d{1,9}): "
    r"(?P<text>.+)"
)
_NO_ERROR: Final = re.compile(r"(?:warning|note|info): |too many errors$")
_FAIL: Final = re.compile(r"\s{0,64}--- FAIL: (?P<name>\S{1,1024})")
_LOGGED: Final = re.compile(r"\s{1,64}(?P<file>[^\s:]{1,1024}+(?<=\.go)):(?P<line>\d{1,9}): ?(?P<text>.*)")
_PANIC: Final = re.compile(r"(?:panic|fatal error): .+")
_FRAME: Final = re.compile(r"\s{1,64}(?P<file>(?:[A-Za-z]:)?[^:]{1,1024}+(?<=\.go)):(?P<line>\d{1,9})(?: \+0x|$)")
_PACKAGE: Final = re.compile(r"FAIL(?:\s+\S|$)")
_MOST_LINES: Final = 100
"""Lines of a panic in which a frame of the user's own has to come."""


class Go:
    """The dialect; it holds a failed test until its place comes, or a panic."""

    def __init__(self) -> None:
        self._test: str | None = None
        self._logged: tuple[str, str, str] | None = None  # text, file, line
        self._panic: str | None = None
        self._lines = 0
        self._running = False  # the goroutine of the panic is shown

    def read(self, text: str, findings: Findings) -> bool:
        """Read a line."""
        if self._panic:
            if self._go_on(text, findings):
                return True
        if found := _COMPILER.match(text):
            if not _NO_ERROR.match(found["text"]):
                findings.error(found["text"], found["file"], found["line"], found["column"])
            return True
        if found := _LOGGED.match(text):
            self._logged = found["text"], found["file"], found["line"]
            if self._test:
                self.settle(findings)
            return True
        if found := _FAIL.match(text):
            if self._test and not found["name"].startswith(f"{self._test}/"):
                self.settle(findings)
            self._test = found["name"]
            return True
        if text.startswith(("=== RUN ", "--- PASS", "ok  ")):
            if self._test:
                self.settle(findings)
            self._logged = None
            return True
        if _PANIC.match(text):
            self._test, self._panic, self._lines, self._running = None, text, 0, False
            return True
        if _PACKAGE.match(text):
            self.settle(findings)
            findings.follows(text)
            return True
        return False

    def settle(self, findings: Findings) -> None:
        """Add the test or the panic that is held."""
        if self._panic:
            findings.error(self._panic)
        if self._test:
            said, file, line = self._logged or ("", None, None)
            findings.error(f"{self._test}: {said}" if said else f"{self._test} failed", file, line)
        self._test = self._logged = self._panic = None

    def _go_on(self, text: str, findings: Findings) -> bool:
        """Read a line of a panic, and return True if it is one."""
        assert self._panic
        self._lines += 1
        if text.startswith("goroutine "):
            self._running = True
        elif (frame := _FRAME.match(text)) and self._running:
            if not is_foreign(frame["file"]):
                findings.error(self._panic, frame["file"], frame["line"])
                self._panic = None
        elif self._lines > _MOST_LINES or (self._running and not text.strip()):
            self.settle(findings)
            return False
        return True
