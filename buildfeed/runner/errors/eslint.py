"""Errors of eslint, in its form "stylish": a line with the file, then one for each problem. Pure.

    /home/ada/acme/src/a.js
      3:5  error  'x' is not defined  no-undef

`next lint` prints `3:5  Error: …`, and stylelint `3:5  ✖  …`.
"""

import re
from typing import Final

from buildfeed.runner.errors.found import Findings

_FILE: Final = re.compile(r"(?:[A-Za-z]:[\\/])?[^\s:<>|*?\"][^:<>|*?\"]{0,1023}\Z")
_ERROR: Final = re.compile(
    r"\s{0,8}(?P<line>\d{1,9}):(?P<column>\d{1,9})\s{1,8}(?:error(?: |$)|Error: |[✖×])(?P<text>.*)"
)
_PROBLEM: Final = re.compile(r"\s{0,8}\d{1,9}:\d{1,9}\s")


class Eslint:
    """The dialect; it holds the file whose problems come."""

    def __init__(self) -> None:
        self._file: str | None = None

    def read(self, text: str, findings: Findings) -> bool:
        """Read a line."""
        if self._file and (found := _ERROR.match(text)):
            said, _, rule = found["text"].strip().rpartition("  ")
            findings.error(
                f"{said.strip()} ({rule})" if said else rule,
                self._file,
                found["line"],
                found["column"],
            )
            return True
        if not (self._file and _PROBLEM.match(text)):
            is_file = ("/" in text or "\\" in text or "." in text) and _FILE.match(text)
            self._file = text if is_file else None
        return False

    def settle(self, findings: Findings) -> None:
        """Add nothing: each error is a line."""
