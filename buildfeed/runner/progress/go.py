"""`go test`: `ok  pkg  0.1s` for a package that ended, or the events of `go test -json`. Pure.

How many packages there are is printed nowhere, so there is a count and no total. The events are
described at https://pkg.go.dev/cmd/test2json.
"""

import re
from typing import Final

from buildfeed.runner.lines import Line
from buildfeed.runner.progress.reading import Reading, phrase

_PACKAGE: Final = re.compile(
    r"(?:ok|FAIL|\?)[ \t]{1,16}(?P<package>[^\s\[\]]{1,300})[ \t]{1,40}"
    r"(?:[0-9.]{1,12}s|\(cached\)|\[(?:no test files|build failed|setup failed)\])"
)
_TEST: Final = re.compile(r"=== (?:RUN|CONT) {1,4}(?P<test>\S{1,300})$")
_EVENT: Final = re.compile(
    r'\{(?:"Time":"[^"]{0,60}",)?"Action":"(?P<action>run|pass|fail|skip)"'
    r',"Package":"(?P<package>[^"]{1,300})"(?:,"Test":"(?P<test>[^"]{1,300})")?'
)


class Go:
    """Reads the packages and tests."""

    def __init__(self) -> None:
        self._packages = 0

    def read(self, line: Line) -> Reading | None:
        """Return the number of packages that ended; the test that begins as a phase."""
        if package := _PACKAGE.match(line.text):
            return self._end(package["package"])
        if event := _EVENT.match(line.text):
            if event["test"] is None:
                return self._end(event["package"])
            if event["action"] == "run":
                return Reading(phase=phrase(f"{event['package']} {event['test']}"))
        elif test := _TEST.match(line.text):
            return Reading(phase=phrase(test["test"]))
        return None

    def _end(self, package: str) -> Reading:
        self._packages += 1
        return Reading(done=self._packages, phase=phrase(package))
