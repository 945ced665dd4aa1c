"""The documents that the API answers with, as types: what `openapi` describes. Pure.

The answers are made where they belong, as they are sent often and cost less without a type between.
Tests hold the fields together.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from buildfeed.activity import Priority, Script, Source, Status
from buildfeed.names import Name
from buildfeed.times import Moment


class BuildAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The newest state of a build, as the event `build` has it.

    What only builds of commands have is absent where a build has none.
    """

    project: Name
    build: Name
    kind: str
    status: Status
    running: bool
    progress: Annotated[int, Meta(ge=0, le=100)]
    errors: int
    error: str | None
    attempt: int
    seq: int
    worker: str | None
    by: str | None
    priority: Priority
    script: Script | None
    stopping: bool
    stoppedBy: str | None  # noqa: N815 - as it is written
    ahead: int | None
    lost: bool
    published: Moment
    queued: Moment | None
    notBefore: Moment | None  # noqa: N815
    started: Moment | None
    ended: Moment | None
    expectedEnd: Moment | None  # noqa: N815
    job: Name | UnsetType = UNSET
    parameters: dict[Name, str] | UnsetType = UNSET
    title: str | UnsetType = UNSET
    phase: str | UnsetType = UNSET
    done: int | UnsetType = UNSET
    total: int | UnsetType = UNSET
    indeterminate: bool | UnsetType = UNSET
    exitCode: int | UnsetType = UNSET  # noqa: N815
    url: str | UnsetType = UNSET
    source: Source | UnsetType = UNSET


class BuildsAnswer(msgspec.Struct, frozen=True):
    """A page of builds, newest first; `next` is the `before` of the next page."""

    builds: list[BuildAnswer]
    next: str | None


class JobAnswer(msgspec.Struct, frozen=True):
    """A job that an online worker offers, with the names of its parameters."""

    job: Name
    parameters: list[Name]


class ProjectAnswer(msgspec.Struct, frozen=True):
    """A project: its newest build, and its builds of the last 30 days in figures."""

    project: Name
    newest: BuildAnswer | None
    builds: int
    succeeded: Annotated[float, Meta(ge=0, le=1)] | None
    seconds: float | None
    jobs: list[JobAnswer]


class ProjectsAnswer(msgspec.Struct, frozen=True):
    """A page of projects; `next` is the `after` of the next page."""

    projects: list[ProjectAnswer]
    next: Name | None


class ErrorAnswer(msgspec.Struct, frozen=True):
    """An error of a build, by its number."""

    number: Annotated[int, Meta(ge=1)]
    attempt: int
    seq: int
    worker: str | None
    published: Moment
    text: str
    source: Source | UnsetType = UNSET


class ErrorsAnswer(msgspec.Struct, frozen=True):
    """A page of errors; `next` is the `after` of the next page."""

    errors: list[ErrorAnswer]
    next: int | None


class WorkerAnswer(msgspec.Struct, frozen=True):
    """A worker: the builds that it runs, and its last presence."""

    worker: str
    online: bool
    running: int
    slots: int
    lag_ms: int


class OverviewAnswer(msgspec.Struct, frozen=True):
    """Builds that wait, builds that run, and the workers."""

    queued: dict[Priority, int]
    delayed: int
    oldest_seconds: float
    running: int
    lost: int
    retaken: int
    workers: list[WorkerAnswer]
    dead: int | None


class KeyAnswer(msgspec.Struct, frozen=True):
    """A build by its names."""

    project: Name
    build: Name


class OwnJobAnswer(msgspec.Struct, frozen=True):
    """A job by its names."""

    project: Name
    job: Name


class CrewAnswer(msgspec.Struct, frozen=True):
    """A worker with what it runs and offers: of either the first ones that one may know of."""

    worker: str
    online: bool
    running: int
    slots: int
    lag_ms: int
    builds: list[KeyAnswer]
    jobs: list[OwnJobAnswer]
    offered: int
    pretends: bool


class ProcessAnswer(msgspec.Struct, frozen=True):
    """A gateway process: lags in milliseconds, counts since it started."""

    process: str
    ready: bool
    broker_up: bool
    broker_lag_ms: float
    recorder_lag_ms: float
    loop_lag_ms: float
    started: float
    memory: int
    connections: int
    watchers: dict[str, int]
    stuck: int
    sent: int
    merged: int
    received: int
    refused: int
    starts: dict[str, int]
    stops: dict[str, int]
    connections_refused: dict[str, int]
    limits_reached: dict[str, int]
    failed_sign_ins: dict[str, int]


class OperationsAnswer(msgspec.Struct, frozen=True):
    """Builds that wait and run, the workers, the queues of the broker and the gateways."""

    queued: dict[Priority, int]
    delayed: int
    oldest_seconds: float
    running: int
    lost: int
    retaken: int
    workers: list[CrewAnswer]
    dead: int | None
    queues: dict[str, int] | None
    processes: list[ProcessAnswer]


class DeadLetterAnswer(msgspec.Struct, frozen=True):
    """A start that was given up; one that is not `retryable` is no start at all."""

    project: str
    build: str
    retryable: bool
    reason: str
    attempts: int | None
    died: Moment | None
    by: str | None
    job: Name | None


class DeadLettersAnswer(msgspec.Struct, frozen=True):
    """The dead letters, oldest first; `kept`: whether this broker keeps any."""

    kept: bool
    letters: list[DeadLetterAnswer]
    hidden: int
    more: bool


class OfferAnswer(msgspec.Struct, frozen=True):
    """A job of a project, and the names of its parameters."""

    project: Name
    job: Name
    parameters: list[Name]


class JobsAnswer(msgspec.Struct, frozen=True):
    """The jobs that workers offer; `scripts`: whether there are workers of fake builds too."""

    jobs: list[OfferAnswer]
    scripts: bool
    more: bool


class SessionAnswer(msgspec.Struct, frozen=True):
    """Who one is, what one may do, and the address that one is seen at.

    `provider` is what people may sign in with besides a token.
    """

    name: str
    anonymous: bool
    grants: list[str]
    expires: Moment | None
    reason: str | None
    address: str
    provider: str | None


class ShareAnswer(msgspec.Struct, frozen=True):
    """A link to one build."""

    url: str
    name: str
    expires: Moment | None


class AddressAnswer(msgspec.Struct, frozen=True):
    """An address of the broker: `tls`, whether it is encrypted; `here`, only for this machine."""

    url: str
    scheme: Literal["mqtt", "mqtts", "ws", "wss"]
    host: str
    port: int
    path: str
    tls: bool
    here: bool


class PhoneAnswer(msgspec.Struct, frozen=True):
    """What one puts into an app of MQTT; `name` is null for whoever has no token for a broker."""

    name: str | None
    clientId: str | None  # noqa: N815 - as it is written
    addresses: list[AddressAnswer]
    unreachable: str | None
    topics: list[str]


class HealthAnswer(msgspec.Struct, frozen=True):
    """The word for a process that is well."""

    status: str


class ProblemAnswer(msgspec.Struct, frozen=True):
    """An error (RFC 9457); further members belong to its `type`."""

    type: Annotated[str, Meta(pattern=r"^urn:buildfeed:problem:[a-z-]+$")]
    title: str
    status: int
    detail: str
