"""Topics and filters: build, parse, match, cover (MQTT 5 §4.7), and their AMQP routing keys.

`Topic` is one of ours, `builds/{project}/{build}/{kind}`. `Filter` is any MQTT filter;
`watchable` narrows it to those that a watcher may ask for.
"""

from collections.abc import Sequence
from typing import Final, Literal, Self

import msgspec

from buildfeed import names
from buildfeed.errors import InvalidFilter, InvalidName, InvalidTopic

ALL_BUILDS: Final = "builds/#"
STARTS: Final = "builds/+/+/start"
STOPS: Final = "builds/+/+/stop"
STATUSES: Final = "builds/+/+/status"
PROGRESS: Final = "builds/+/+/progress"
ALL_WORKERS: Final = "workers/+/status"


class Kind(msgspec.Struct, frozen=True):
    """A kind of activity, the last level of its topic.

    `types` are the Activity Streams types it has. `qos` is how it is published: 0 where a lost one
    costs nothing once a newer one arrives, 1 (MQTT 5 §4.3) where it is repeated until acknowledged.
    A kind that has no `state` changes nothing of its build. One that counts `late` is sent to
    watchers though a newer state is known: it tells more than the state.
    """

    name: str
    types: tuple[str, ...]
    qos: Literal[0, 1]
    state: bool = True
    late: bool = False

    @property
    def passing(self) -> bool:
        """Whether it may be left out for watchers when a newer state of its build follows."""
        return self.state and not self.qos


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("start", ("Offer",), qos=1),
        Kind("stop", ("Undo",), qos=1),
        Kind("status", ("Accept", "Update"), qos=1),
        Kind("progress", ("Update",), qos=0),
        Kind("error", ("Flag",), qos=1, late=True),
        Kind("log", ("Add",), qos=1, state=False),
    )
}
"""Every kind, by its name."""

MAX_FILTERS: Final = 100
"""Filters that one watcher may have."""

_ROOT: Final = "builds"
_DEPTH: Final = 4
_MAX_BYTES: Final = 65_535  # MQTT 5 §1.5.4


class Topic(msgspec.Struct, frozen=True):
    """The topic of an activity."""

    project: str
    build: str
    kind: str

    def __str__(self) -> str:
        return f"{_ROOT}/{self.project}/{self.build}/{self.kind}"

    @property
    def levels(self) -> tuple[str, str, str, str]:
        """Its parts, between the slashes."""
        return _ROOT, self.project, self.build, self.kind

    @property
    def routing_key(self) -> str:
        """The same place for an AMQP publisher on `amq.topic`: RabbitMQ turns `/` into `.`."""
        return ".".join(self.levels)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the topic written as `text`; raise InvalidTopic for anything else."""
        levels = text.split("/")
        if len(levels) != _DEPTH or levels[0] != _ROOT:
            raise InvalidTopic(text, "a build topic is builds/{project}/{build}/{kind}")
        try:
            project = names.check("project", levels[1])
            build = names.check("build", levels[2])
        except InvalidName as exc:
            raise InvalidTopic(text, str(exc)) from exc
        if levels[3] not in KINDS:
            raise InvalidTopic(text, f"the kind is one of {', '.join(KINDS)}")
        return cls(project, build, levels[3])


def latest(project: str) -> str:
    """Return the topic of the newest status of a project's newest build."""
    return f"projects/{names.check('project', project)}/latest"


def build_status(project: str, build: str) -> str:
    """Return the topic on which the beginning and the ending of a build are told."""
    return str(Topic(project, build, "status"))


def worker_status(worker: str) -> str:
    """Return the topic of a worker's presence."""
    return f"workers/{names.check('worker', worker)}/status"


def worker_hello(worker: str) -> str:
    """Return the topic on which a process asks whether another has the name of this worker."""
    return f"workers/{names.check('worker', worker)}/hello"


def recorder_status(recorder: str) -> str:
    """Return the topic on which a recorder says that it is there."""
    return f"recorders/{names.check('recorder', recorder)}/status"


def recorder_hello(recorder: str) -> str:
    """Return the topic on which a process asks whether another has the id of this recorder."""
    return f"recorders/{names.check('recorder', recorder)}/hello"


class Filter(msgspec.Struct, frozen=True):
    """An MQTT topic filter, by its levels."""

    levels: tuple[str, ...]

    def __str__(self) -> str:
        return "/".join(self.levels)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the filter written as `text`; raise InvalidFilter where §4.7 forbids it."""
        if not text or len(text.encode("utf-8", "replace")) > _MAX_BYTES or "\0" in text:
            raise InvalidFilter(text, "a filter is 1 to 65535 bytes without NUL")
        levels = tuple(text.split("/"))
        for i, level in enumerate(levels):
            if "#" in level and (level != "#" or i != len(levels) - 1):
                raise InvalidFilter(text, "# stands alone as the last level")
            if "+" in level and level != "+":
                raise InvalidFilter(text, "+ stands alone in its level")
        return cls(levels)

    def matches(self, topic: str) -> bool:
        """Tell whether a message on `topic` reaches a subscriber of this filter (§4.7.1)."""
        return self.matches_levels(topic.split("/"))

    def matches_levels(self, levels: Sequence[str]) -> bool:
        """Tell whether this filter matches the topic of these levels."""
        if levels[0].startswith("$") and self.levels[0] in ("+", "#"):
            return False  # §4.7.2
        for i, wanted in enumerate(self.levels):
            if wanted == "#":
                return True  # "#" also matches the parent level, §4.7.1.2
            if i == len(levels) or wanted not in ("+", levels[i]):
                return False
        return len(levels) == len(self.levels)

    def covers(self, other: "Filter") -> bool:
        """Tell whether every topic that `other` matches is matched by this filter too."""
        theirs = other.levels
        if theirs[0].startswith("$") and self.levels[0] in ("+", "#"):
            return False
        if theirs in (("#",), ("", "#")):
            theirs = (*theirs[:-1], "+", "#")  # the same set: no topic is empty, §4.7.3
        for i, ours in enumerate(self.levels):
            if ours == "#":
                return True
            if i == len(theirs) or theirs[i] == "#" or ours not in ("+", theirs[i]):
                return False
        return len(theirs) == len(self.levels)


def watchable(text: object) -> Filter:
    """Return the filter `text`, which a watcher asks for.

    Raises InvalidFilter unless it can match a build topic: a misspelt filter fails loudly
    instead of staying silent for ever.
    """
    if not isinstance(text, str):
        raise InvalidFilter(text, "a filter is a string")
    found = Filter.parse(text)
    literal = [None if level == "+" else level for level in found.levels]
    if literal[-1] == "#":
        literal[-1:] = [None] * (_DEPTH - len(literal) + 1)
    if len(literal) != _DEPTH:
        raise InvalidFilter(text, "a build topic is builds/{project}/{build}/{kind}")
    root, project, build, kind = literal
    try:
        for what, level in (("project", project), ("build", build)):
            if level is not None:
                names.check(what, level)
    except InvalidName as exc:
        raise InvalidFilter(text, str(exc)) from exc
    if root not in (None, _ROOT):
        raise InvalidFilter(text, "build topics start with builds/")
    if kind is not None and kind not in KINDS:
        raise InvalidFilter(text, f"the kind is one of {', '.join(KINDS)}")
    return found
