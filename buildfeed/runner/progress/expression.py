r"""The user's own regular expression: `--regex 'step (?P<done>\d+) of (?P<total>\d+)'`. Pure.

It is searched for in at most 4096 characters of a line. Python's `re` can take very long for an
expression like `(a+)+b`; no limit stops that, as the expression is the user's own.
"""

import re
from typing import Final

from buildfeed.errors import BuildfeedError
from buildfeed.runner.lines import MOST_CHARACTERS, Line
from buildfeed.runner.progress.reading import Reading, counted, phrase, portion

_GROUPS: Final = ("percent", "done", "total", "phase")
_MOST_DIGITS: Final = 9


class BadExpression(BuildfeedError):
    """`expression` finds no progress, for `reason`."""

    def __init__(self, expression: str, reason: str) -> None:
        super().__init__(f"The expression {expression[:80]!r} finds no progress: {reason}.")
        self.expression = expression
        self.reason = reason


class Expression:
    """Reads lines by an expression with one or more of the groups percent, done, total, phase."""

    def __init__(self, expression: str) -> None:
        """Compile it; raise BadExpression."""
        try:
            self._pattern = re.compile(expression)
        except (re.error, OverflowError, RecursionError) as exc:
            raise BadExpression(
                expression, f"it is no regular expression of Python, {exc}"
            ) from exc
        self._groups = [name for name in _GROUPS if name in self._pattern.groupindex]
        if not self._groups:
            names = ", ".join(f"(?P<{name}>…)" for name in _GROUPS)
            raise BadExpression(expression, f"it has none of the groups {names}")
        if "total" in self._groups and "done" not in self._groups:
            raise BadExpression(expression, "it has a group total, but none that is done")

    def read(self, line: Line) -> Reading | None:
        """Return what the groups matched; a number that cannot be, as 5 of 3, is none."""
        match = self._pattern.search(line.text[:MOST_CHARACTERS])
        if match is None:
            return None
        said = {name: match[name] or "" for name in self._groups}
        phase = phrase(said.get("phase", ""))
        percent, done, total = (_number(said.get(name, "")) for name in _GROUPS[:3])
        reading = None
        if done is not None and total is not None:
            reading = counted(done, total, phase)
        elif percent is not None:
            reading = portion(percent, phase)
        elif done is not None:
            reading = Reading(done=done, phase=phase)
        return reading or (Reading(phase=phase) if phase else None)


def _number(text: str) -> int | None:
    """Return the whole part of a number as people write it: `42`, `42.7`, ` 42 %`, `1,234`."""
    whole = text.strip().removesuffix("%").rstrip().replace(",", "").partition(".")[0]
    is_number = whole.isascii() and whole.isdecimal() and len(whole) <= _MOST_DIGITS
    return int(whole) if is_number else None
