"""The documents that the API answers with, as types: what `openapi` describes. Pure.

The answers are made where they belong, as they are sent often and cost less without a type between.
Tests hold the fields together.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from buildfeed.activity import Priority, Script, Source, Status
from buildfeed.names import Name


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
    published: datetime
    queued: datetime | None
    notBefore: datetime | None  # noqa: N815
    started: datetime | None
    ended: datetime | None
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


class SessionAnswer(msgspec.Struct, frozen=True):
    """Who one is, what one may do, and the address that one is seen at.

    `provider` is what people may sign in with besides a token.
    """

    name: str
    anonymous: bool
    grants: list[str]
    expires: datetime | None
    reason: str | None
    address: str
    provider: str | None


class ShareAnswer(msgspec.Struct, frozen=True):
    """A link to one build."""

    url: str
    name: str
    expires: datetime | None


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
