"""The builds that somebody wants to see, as a word on the command line says it. Pure."""

from typing import Final

import msgspec

from buildfeed import names
from buildfeed.activity import Key
from buildfeed.topics import ALL_BUILDS, watchable

_ROOT: Final = "builds/"
_LEVELS_OF_BUILD: Final = 3
_WILDCARDS: Final = ("+", "#")


class Wanted(msgspec.Struct, frozen=True):
    """The MQTT `filter` to watch. `build` is the one build that it is about, None for several."""

    filter: str
    build: Key | None = None

    @classmethod
    def parse(cls, word: str | None) -> "Wanted":
        """Return what `PROJECT`, `PROJECT/BUILD`, an MQTT filter or nothing asks for.

        What begins with `builds/`, or has a wildcard, is a filter. Raises InvalidName and
        InvalidFilter.
        """
        if word is None:
            return cls(ALL_BUILDS)
        if word.startswith(_ROOT) or any(each in word for each in _WILDCARDS):
            return cls._filtered(word)
        project, has_build, build = word.partition("/")
        names.check("project", project)
        if not has_build:
            return cls(f"{_ROOT}{project}/#")
        return cls.one(project, names.check("build", build))

    @classmethod
    def one(cls, project: str, build: str) -> "Wanted":
        """Return one build."""
        return cls(f"{_ROOT}{project}/{build}/#", (project, build))

    @classmethod
    def _filtered(cls, word: str) -> "Wanted":
        levels = watchable(word).levels
        about = levels[1:_LEVELS_OF_BUILD]
        is_one = len(levels) > _LEVELS_OF_BUILD and not set(about) & set(_WILDCARDS)
        return cls(word, (about[0], about[1]) if is_one else None)


def log_filter(key: Key) -> str:
    """Return the filter of the output of one build, which no other filter has."""
    project, build = key
    return f"{_ROOT}{project}/{build}/log"
