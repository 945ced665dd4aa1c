"""The activity: one strict definition that encodes, decodes, validates and gives the JSON Schema.

Activity Streams 2.0 is the vocabulary only: its JSON-LD context accepts any misspelt term, so
what is required is said here. Unknown keys are ignored (AS2 core §2.1), fields are only added.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, Self

import msgspec
from msgspec import UNSET, Meta, UnsetType

from buildfeed import names
from buildfeed.errors import InvalidActivity
from buildfeed.topics import Topic

MEDIA_TYPE: Final = "application/activity+json"
MAX_BYTES: Final = 64 * 1024
MAX_ERROR_BYTES: Final = 1024
MAX_LOG_BYTES: Final = 16 * 1024

_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 9998  # one year before datetime's last: any offset still has a UTC form

_MILLISECONDS_END: Final = len("1970-01-01T00:00:00.000")

_CONTEXT: Final = ("https://www.w3.org/ns/activitystreams", {"@vocab": "urn:buildfeed:ns#"})

Status = Literal["queued", "running", "succeeded", "failed", "stopped"]
Priority = Literal["high", "normal"]
ENDINGS: Final = frozenset({"succeeded", "failed", "stopped"})

Percent = Annotated[int, Meta(ge=0, le=100)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]  # what a browser can hold exactly
Time = Annotated[datetime, Meta(tz=True)]
ShortText = Annotated[str, Meta(min_length=1, max_length=200)]
Level = Annotated[str, Meta(extra_json_schema={"pattern": names.PATTERN})]
"""A name that is a level of the topic: it is checked there, once for many activities."""


# gc=False: none of these can hold itself, so the garbage collector need not look at them.


class Script(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a fake build does: `steps` ticks in `seconds`, an error at each of `errors` percent."""

    seconds: Annotated[float, Meta(gt=0, le=86_400)] = 10
    steps: Annotated[int, Meta(ge=1, le=10_000)] = 10
    errors: Annotated[tuple[Percent, ...], Meta(max_length=1000)] = (70,)


class Actor(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Who did it: a worker is a `Service`, somebody who starts or stops is a `Person`."""

    type: Literal["Service", "Person"]
    name: ShortText
    id: str | UnsetType = UNSET


class Build(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """The whole state of a build, as every activity carries it."""

    type: Literal["Build"] = "Build"
    id: str
    project: Level
    build: Level
    status: Status
    progress: Percent
    errors: Count
    error: Annotated[str, Meta(max_length=MAX_ERROR_BYTES)] | UnsetType = UNSET
    attempt: Count
    seq: Count
    by: ShortText | UnsetType = UNSET
    priority: Priority = "normal"
    script: Script | UnsetType = UNSET
    queued_time: Time | UnsetType = UNSET
    not_before: Time | UnsetType = UNSET
    start_time: Time | UnsetType = UNSET
    end_time: Time | UnsetType = UNSET

    @property
    def ended(self) -> bool:
        """True when no more progress can follow."""
        return self.status in ENDINGS

    @property
    def due_time(self) -> datetime | UnsetType:
        """Since when it may begin: `not_before` of a delayed build, else when it was queued."""
        return self.queued_time if isinstance(self.not_before, UnsetType) else self.not_before

    def is_delayed(self, now: datetime) -> bool:
        """Tell whether it may not begin yet."""
        return not isinstance(self.not_before, UnsetType) and self.not_before > now


Type = Literal["Offer", "Undo", "Accept", "Update", "Flag", "Add"]


class Activity(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What happened to a build, and the state of the build since then.

    Its `@context` is the same for all: written by `document`, never read.
    """

    id: str
    type: Type
    published: Time
    summary: str = ""
    actor: Actor
    object: Build
    content: str | UnsetType = UNSET

    @classmethod
    def about(
        cls,
        build: Build,
        type_: Type,
        actor: Actor,
        published: datetime,
        *,
        content: str | UnsetType = UNSET,
    ) -> Self:
        """Return the activity of `type_` with state `build`; its id is made of attempt and seq."""
        return cls(
            id=f"{build.id}:{build.attempt}.{build.seq}",
            type=type_,
            published=published,
            summary=summarize(build),
            actor=actor,
            object=build,
            content=content,
        )

    @property
    def kind(self) -> str:
        """The last level of the topic: it follows from the type and the status."""
        return _KIND_OF.get(self.type) or _KIND_OF_UPDATE[self.object.status]

    @property
    def topic(self) -> Topic:
        """Where this activity is published."""
        return Topic(self.object.project, self.object.build, self.kind)

    @property
    def worker(self) -> str | None:
        """The name of the worker that says so, None for a person's command."""
        return self.actor.name if self.actor.type == "Service" else None


_KIND_OF: Final = {
    "Offer": "start",
    "Undo": "stop",
    "Accept": "status",
    "Flag": "error",
    "Add": "log",
}
_KIND_OF_UPDATE: Final = {"queued": "progress", "running": "progress"} | dict.fromkeys(
    ENDINGS, "status"
)

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Activity)
_CONTEXT_FIRST: Final = b'{"@context":' + _ENCODER.encode(_CONTEXT) + b","


def urn(project: str, build: str) -> str:
    """Return the id of a build."""
    return f"urn:buildfeed:{project}:{build}"


def worker_actor(name: str) -> Actor:
    """Return the actor of what the worker `name` publishes."""
    return Actor(type="Service", id=f"urn:buildfeed:worker:{name}", name=name)


def summarize(build: Build) -> str:
    """Return the state in one plain sentence, for readers that know no `Build`."""
    text = f"{build.project} {build.build} is "
    text += f"{build.progress} % done" if build.status == "running" else build.status
    if build.errors:
        text += f", {build.errors} error{'s' if build.errors > 1 else ''}"
    return text


def shorten(text: str, max_bytes: int) -> str:
    """Return the longest start of `text` that fits `max_bytes` of UTF-8.

    Lone surrogates, which UTF-8 does not have, become `?`.
    """
    return text.encode("utf-8", "replace")[:max_bytes].decode("utf-8", "ignore")


def document(activity: Activity) -> bytes:
    """Return the JSON document; raise UnicodeError for what UTF-8 does not have."""
    return _CONTEXT_FIRST + _ENCODER.encode(activity)[1:]


def encode(activity: Activity) -> bytes:
    """Return the payload; raise InvalidTopic or InvalidActivity for one that `decode` refuses.

    Checked here because a client retries a QoS 1 publish that the broker refuses for ever.
    """
    topic = str(activity.topic)
    try:
        payload = document(activity)
    except UnicodeError as exc:
        raise InvalidActivity(topic, f"{exc}") from exc
    decode(topic, payload)
    return payload


def decode(topic: str, payload: bytes | bytearray) -> Activity:
    """Return the activity that came on `topic`.

    Raises InvalidTopic or InvalidActivity, never anything else, whatever the bytes.
    """
    place = _place(topic)
    if len(payload) > MAX_BYTES:
        raise InvalidActivity(topic, f"it has {len(payload)} bytes, {MAX_BYTES} are allowed")
    activity = _read(payload, topic)
    build = activity.object
    if (build.project, build.build, activity.kind) != place:
        raise InvalidActivity(topic, _misnamed(build) or f"it belongs on {activity.topic}")
    return activity


def parse(payload: bytes | bytearray) -> Activity:
    """Return the activity in `payload`, whatever topic it came on; raise InvalidActivity."""
    activity = _read(payload, topic="")
    if reason := _misnamed(activity.object):
        raise InvalidActivity("", reason)
    return activity


@lru_cache(maxsize=8192)  # most activities of a build come on the same few
def _place(topic: str) -> tuple[str, str, str]:
    """Return project, build and kind; raise InvalidTopic."""
    found = Topic.parse(topic)
    return found.project, found.build, found.kind


def _read(payload: bytes | bytearray, topic: str) -> Activity:
    """Return what is well but for the names."""
    try:
        # As text first: msgspec skips unknown keys without a look at their UTF-8.
        activity = _DECODER.decode(payload.decode())
    except (msgspec.MsgspecError, RecursionError, ValueError) as exc:
        raise InvalidActivity(topic, f"{exc}") from exc
    if reason := _misidentified(activity) or _contradiction(activity) or _excess(activity):
        raise InvalidActivity(topic, reason)
    return activity


def _misnamed(build: Build) -> str | None:
    """Return what is wrong with the names, None when all is well."""
    if names.is_name(build.project) and names.is_name(build.build):
        return None
    return f"object.project and object.build match {names.PATTERN}"


def _misidentified(activity: Activity) -> str | None:
    """Return which id does not fit the rest, None when all is well."""
    build = activity.object
    if build.id != urn(build.project, build.build):
        return "object.id is not that of its project and build"
    if activity.type == "Undo":
        prefix, _, uuid = activity.id.partition(":stop.")
        if prefix != build.id or not names.is_name(uuid):
            return "the id of a stop is {object.id}:stop.{uuid}"
    elif activity.id != f"{build.id}:{build.attempt}.{build.seq}":
        return "the id is not {object.id}:{attempt}.{seq}"
    return None


def _contradiction(activity: Activity) -> str | None:
    """Return what no field alone can tell to be wrong, None when all is well."""
    build = activity.object
    if activity.type == "Offer" and (build.status, build.attempt, build.seq) != ("queued", 0, 0):
        return "a start is queued, attempt 0, seq 0"
    for time in (
        activity.published,
        build.queued_time,
        build.not_before,
        build.start_time,
        build.end_time,
    ):
        if time is not UNSET and not _FIRST_YEAR <= time.year <= _LAST_YEAR:
            return f"a time lies outside the years {_FIRST_YEAR} to {_LAST_YEAR}"
    return None


def _excess(activity: Activity) -> str | None:
    """Return which text is too long in bytes, None when none is."""
    if (error := activity.object.error) and len(error.encode()) > MAX_ERROR_BYTES:
        return f"object.error has {MAX_ERROR_BYTES} bytes at most"
    if activity.type == "Add" and len((activity.content or "").encode()) > MAX_LOG_BYTES:
        return f"the content of a log has {MAX_LOG_BYTES} bytes at most"
    return None


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of an activity."""
    found = msgspec.json.schema(Activity)
    properties = found["$defs"]["Activity"]["properties"]
    found["$defs"]["Activity"]["properties"] = {"@context": {"default": _CONTEXT}} | properties
    return found


def timestamp(moment: datetime) -> str:
    """Return `moment` in UTC as RFC 3339 with milliseconds."""
    text: str = msgspec.to_builtins(moment.astimezone(UTC))  # a quarter of the time of isoformat
    return text[:_MILLISECONDS_END] + "Z" if moment.microsecond else text[:-1] + ".000Z"
