"""Finds the errors in the output of a build, each once. Pure.

A line is read by one dialect after the other until one says that it is its own: first by those
whose errors take several lines. Labels that services and container builds put before each line are
taken away. Lines that are drawn over are not read.
"""

import re
from typing import Final

from msgspec.structs import replace

from buildfeed.runner.errors import annotations, generic, linker, lint, make, msvc, shell, tap
from buildfeed.runner.errors.boxes import Boxes
from buildfeed.runner.errors.cmake import CMake
from buildfeed.runner.errors.directories import Directories
from buildfeed.runner.errors.eslint import Eslint
from buildfeed.runner.errors.found import Dialect, Findings, FoundError, Reader
from buildfeed.runner.errors.gcc import Gcc
from buildfeed.runner.errors.go import Go
from buildfeed.runner.errors.go_tests import GoTests
from buildfeed.runner.errors.gradle import Gradle
from buildfeed.runner.errors.java import Java
from buildfeed.runner.errors.javascript import JavaScript
from buildfeed.runner.errors.npm import Npm
from buildfeed.runner.errors.pytest import Pytest
from buildfeed.runner.errors.python import Python
from buildfeed.runner.errors.rust import Rust
from buildfeed.runner.lines import MOST_CHARACTERS, Line

MOST_REMEMBERED: Final = 4096
"""Different errors that are told apart. Of more, each print counts, and none is returned."""

_LABEL: Final = re.compile(
    r"#\d{1,5} \d{1,7}\.\d{1,3} "  # docker build, with --progress=plain
    r"|(?!\d)[\w.@/-]{1,60} {1,20}\| "  # docker compose, foreman
    r"|\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?\]? "
    r"|\[\d\d:\d\d:\d\d(?:\.\d{1,6})?\] "
)
_PLACE: Final = re.compile(
    r"(?P<file>[^\s:][^:]{0,1023}):(?P<line>\d{1,9})(?::(?P<column>\d{1,9}))?:? +(?P<text>.+)"
)


class Finder:
    """The errors of one build, which runs in `directory`."""

    def __init__(self, directory: str) -> None:
        self.count = 0
        """Different errors so far."""
        self._directories = Directories(directory)
        self._held: tuple[Dialect, ...] = (
            *(Boxes(), Python(), Pytest(), Gcc(), CMake(), Java(), Gradle(), GoTests(), Go()),
            *(JavaScript(), Rust(), Eslint(), Npm()),
        )
        self._readers: tuple[Reader, ...] = (
            *(annotations.read, linker.read),
            *(dialect.read for dialect in self._held),
            *(msvc.read, make.read, shell.read, tap.read, lint.read, generic.read),
        )
        self._findings = Findings()
        self._remembered: set[int] = set()

    def take(self, line: Line) -> list[FoundError]:
        """Return the errors that `line` completes and that were not returned before."""
        if line.redrawn:
            return []
        text = line.text[:MOST_CHARACTERS].rstrip()
        if label := _LABEL.match(text):
            text = text[label.end() :]
        if not self._directories.read(text):
            for read in self._readers:
                if read(text, self._findings):
                    break
        return self._new() if self._findings.errors else []

    def tell(self, text: str) -> list[FoundError]:
        """Return the error that a build tells itself, as a compiler prints it, if it is new."""
        place = _PLACE.match(text)
        if place:
            self._findings.error(place["text"], place["file"], place["line"], place["column"])
        else:
            self._findings.error(text)
        return self._new()

    def settle(self) -> list[FoundError]:
        """Return the errors that wait for further lines: there was no output for a second or so."""
        for dialect in self._held:
            dialect.settle(self._findings)
        return self._new()

    def end(self) -> list[FoundError]:
        """Return the last errors. Where none was found, it is what followed from it."""
        found = self.settle()
        if not self.count and self._findings.consequence:
            self._findings.errors.append(self._findings.consequence)
            found += self._new()
        return found

    def _new(self) -> list[FoundError]:
        errors, self._findings.errors = self._findings.errors, []
        return [error for each in errors if self._is_new(error := self._placed(each))]

    def _placed(self, error: FoundError) -> FoundError:
        if error.file is None:
            return error
        return replace(error, file=self._directories.relative(error.file))

    def _is_new(self, error: FoundError) -> bool:
        key = hash((error.text, error.file, error.line))
        if key in self._remembered:
            return False
        self.count += 1
        if len(self._remembered) >= MOST_REMEMBERED:
            return False
        self._remembered.add(key)
        return True
