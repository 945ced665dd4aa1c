"""The presence of a worker: its state, retained on `workers/{worker}/status`. Pure."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from buildfeed import documents
from buildfeed.activity import Count, Key
from buildfeed.errors import InvalidActivity
from buildfeed.names import Name, is_name
from buildfeed.topics import worker_status

MAX_BYTES: Final = 256 * 1024
"""Largest presence, in bytes of JSON."""

MOST_JOBS: Final = 200
"""Jobs that a worker may offer."""

REPEAT_SECONDS: Final = 10.0
"""Longest time in seconds between two presences of a worker."""

SILENCE_SECONDS: Final = 30.0
"""A worker that is silent for this many seconds, three presences in a row, counts as lost."""


class RunningBuild(msgspec.Struct, frozen=True):
    """A build that a worker runs, or keeps the start of."""

    project: Name
    build: Name
    attempt: Count

    @property
    def key(self) -> Key:
        """Project and build."""
        return self.project, self.build


class OfferedJob(msgspec.Struct, frozen=True):
    """A job of a project that a worker can run, and the names of its parameters."""

    project: Name
    job: Name
    parameters: tuple[Name, ...] = ()


class Presence(msgspec.Struct, frozen=True):
    """The state of `worker`.

    `builds` run there. `keeps` are builds whose start it holds while another worker runs them, or
    may run them, since the broker came back: `attempt` is the one that begins if that worker does
    not. `slots` is the number of builds that it can run at a time, `lag_ms` the largest lag of its
    event loop since the presence before, in milliseconds. `published` counts its activities since
    it started, `said` its presences. `instance` is a random text of each process, by which two with
    one name are told apart. `jobs` is what it can run; a worker of fake builds has none.
    """

    worker: Name
    status: Literal["online", "offline"]
    builds: tuple[RunningBuild, ...] = ()
    keeps: tuple[RunningBuild, ...] = ()
    slots: Count = 0
    lag_ms: Count = 0
    published: Count = 0
    said: Count = 0
    instance: str = ""
    jobs: Annotated[tuple[OfferedJob, ...], msgspec.Meta(max_length=MOST_JOBS)] | UnsetType = UNSET

    @property
    def topic(self) -> str:
        """Where this is published."""
        return worker_status(self.worker)


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Presence)


def encode(presence: Presence) -> bytes:
    """Return the payload."""
    return _ENCODER.encode(presence)


def decode(topic: str, payload: bytes) -> Presence:
    """Return the presence that came on `topic`; raise InvalidActivity for anything else."""
    try:
        presence = _read(payload)
    except ValueError as exc:
        raise InvalidActivity(topic, f"{exc}") from exc
    if presence.topic != topic:
        raise InvalidActivity(topic, f"it belongs on {presence.topic}")
    return presence


def removed(topic: str) -> str:
    """Return the worker whose retained presence was removed: its topic came without a payload.

    Raises InvalidActivity for another topic.
    """
    worker = topic.removeprefix("workers/").removesuffix("/status")
    if not is_name(worker) or topic != worker_status(worker):
        raise InvalidActivity(topic, "a presence is on workers/{worker}/status")
    return worker


def _read(payload: bytes) -> Presence:
    if len(payload) > MAX_BYTES:
        raise ValueError(f"it has {len(payload)} bytes, {MAX_BYTES} are allowed")
    documents.check_depth(payload)
    try:
        return _DECODER.decode(payload)
    except (msgspec.MsgspecError, UnicodeError):
        return documents.leniently(payload, Presence, _mended)


def _mended(found: Any) -> Any:  # noqa: ANN401 - JSON is any
    # Without its builds a worker would seem to have none, and others would take them over.
    return documents.without_misfits(found, Presence, vital=("builds", "keeps"))
