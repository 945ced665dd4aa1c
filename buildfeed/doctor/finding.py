"""A finding: what one check says about an installation. Pure."""

from typing import Literal

import msgspec

Level = Literal["ok", "warning", "fault", "left out"]


class Finding(msgspec.Struct, frozen=True):
    """One line: the `subject` that was looked at, what it means, and what to do about it.

    A check that could not be made is `left out`; only a `fault` makes the examination fail.
    """

    level: Level
    subject: str
    meaning: str
    advice: str = ""

    def __str__(self) -> str:
        """Return the line."""
        advice = f" {self.advice}" if self.advice else ""
        return f"{self.level:<9} {self.subject}: {self.meaning}{advice}"


def ok(subject: str, meaning: str) -> Finding:
    """Return the finding that something is as it should be."""
    return Finding("ok", subject, meaning)


def warning(subject: str, meaning: str, advice: str) -> Finding:
    """Return the finding of something that may do harm one day."""
    return Finding("warning", subject, meaning, advice)


def fault(subject: str, meaning: str, advice: str) -> Finding:
    """Return the finding of something that is wrong."""
    return Finding("fault", subject, meaning, advice)


def left_out(subject: str, meaning: str) -> Finding:
    """Return the finding that something was not looked at, and why."""
    return Finding("left out", subject, meaning)
