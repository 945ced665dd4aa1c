"""What goes over socket.io and Server-Sent Events, as types: what AsyncAPI describes. Pure.

The bodies are made where they belong, as they are sent often and cost less without a type between.
Tests hold the fields together. The body of `build` is `BuildAnswer`, as over HTTP.
"""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from buildfeed.activity import Count
from buildfeed.names import Name
from buildfeed.times import Moment
from gateway.http.answers import BuildAnswer

UpOrDown = Literal["up", "down"]


class LogEvent(msgspec.Struct, frozen=True):
    """Lines of output; `offset` is the bytes of the attempt's output before them."""

    project: Name
    build: Name
    attempt: Count
    seq: Count
    worker: str | None
    published: Moment
    content: str | None
    offset: Count | UnsetType = UNSET


class FeedEvent(msgspec.Struct, frozen=True):
    """How live the picture is; lags in ms. `resumed` comes over Server-Sent Events alone."""

    broker: UpOrDown
    commands: UpOrDown
    history: UpOrDown
    workers: int | None
    lag_ms: float
    recorder_lag_ms: int
    time: Moment
    pid: int
    merged: Count
    resumed: bool | UnsetType = UNSET


class Watched(msgspec.Struct, frozen=True):
    """The answer to `watch`: the filters now, and a page of the snapshot."""

    watching: list[str]
    builds: list[BuildAnswer]
    more: bool
    after: str | UnsetType = UNSET


class Unwatched(msgspec.Struct, frozen=True):
    """The answer to `unwatch`: the filters that are left."""

    watching: list[str]


class Renewed(msgspec.Struct, frozen=True):
    """The answer to `auth`: who one is, and until when."""

    name: str
    expires: Moment | None


class Refusal(msgspec.Struct, frozen=True):
    """Why something is refused: `grant` is the one that is missing."""

    code: str
    message: str
    grant: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class Refused(msgspec.Struct, frozen=True):
    """The answer to an event that is refused."""

    error: Refusal


class Connected(msgspec.Struct, frozen=True):
    """The answer to a connect: `sid` is the id of this client until it disconnects."""

    sid: str


class ConnectRefused(msgspec.Struct, frozen=True):
    """The answer to a connect that is refused: `message` is that of `data`."""

    message: str
    data: Refusal
