"""The activity: one definition that encodes, decodes, validates and gives the JSON Schema.

Activity Streams 2.0 is the vocabulary only: its JSON-LD context accepts any misspelt term, so the
required members are defined here. Unknown keys are ignored (AS2 core §2.1), fields are only added.

Writing is strict. Reading tolerates oddities, because the last activity of a build comes only once:
an optional member that cannot be used counts as absent. But a start is an order, and is refused
rather than obeyed in part.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, Self

import msgspec
from msgspec import UNSET, Meta, UnsetType

from buildfeed import documents, names, schemas
from buildfeed.documents import check_depth
from buildfeed.errors import InvalidActivity
from buildfeed.times import FIRST_YEAR, LAST_YEAR, Time, canonical, is_time
from buildfeed.topics import KINDS, Topic

MEDIA_TYPE: Final = "application/activity+json"
MAX_BYTES: Final = 64 * 1024
"""Largest activity, in bytes of JSON."""
MAX_ERROR_BYTES: Final = 1024
"""Largest `object.error`, in bytes of UTF-8."""
MAX_LOG_BYTES: Final = 16 * 1024
"""Largest `content` of a `log`, in bytes of UTF-8."""

_SHORT: Final = MAX_ERROR_BYTES // 4  # characters, of 4 bytes at most
_MILLISECONDS_END: Final = len("1970-01-01T00:00:00.000")

_CONTEXT: Final = ("https://www.w3.org/ns/activitystreams", {"@vocab": "urn:buildfeed:ns#"})

Status = Literal["queued", "running", "succeeded", "failed", "stopped"]
Priority = Literal["high", "normal"]
ENDINGS: Final = frozenset({"succeeded", "failed", "stopped"})

Key = tuple[str, str]
"""Project and build."""

MAX_COUNT: Final = 2**53 - 1
"""Largest number of an activity: the largest integer that a browser holds exactly."""

Percent = Annotated[int, Meta(ge=0, le=100)]
Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
ShortText = Annotated[str, Meta(min_length=1, max_length=200)]
Position = Annotated[int, Meta(ge=1, le=MAX_COUNT)]
Parameter = Annotated[str, Meta(max_length=1024)]
Parameters = Annotated[dict[names.Name, Parameter], Meta(max_length=20)]
Phase = Annotated[str, Meta(max_length=200)]
Address = Annotated[str, Meta(max_length=1024, pattern=r"^https?://[^\s/]")]
ExitCode = Annotated[int, Meta(ge=-64, le=255)]
Level = Annotated[str, Meta(extra_json_schema={"pattern": names.PATTERN})]
"""A name that is a level of the topic: it is checked there, once for many activities."""


# gc=False: none of these can hold itself, so the garbage collector need not look at them.


class Script(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A fake build: `steps` ticks in `seconds`, an error at each of `errors` percent."""

    seconds: Annotated[float, Meta(gt=0, le=86_400)] = 10
    steps: Annotated[int, Meta(ge=1, le=10_000)] = 10
    errors: Annotated[tuple[Percent, ...], Meta(max_length=1000)] = (70,)


class Source(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The place of an error: a file, relative to the directory of the build if it lies below it."""

    file: Annotated[str, Meta(min_length=1, max_length=1024)]
    line: Position | UnsetType = UNSET
    column: Position | UnsetType = UNSET


class Actor(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The actor: a `Service` is a worker, a `Person` is somebody who starts or stops builds."""

    type: Literal["Service", "Person"]
    name: ShortText
    id: str | UnsetType = UNSET


class Build(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """The whole state of a build, as every activity carries it.

    `job` is what a worker was asked to run, with `parameters`; a fake build has a `script` instead.
    `done` of `total` are steps, where a tool counts them. While a build is `indeterminate` its
    `progress` says nothing. A negative `exit_code` is the signal that ended the command.
    """

    type: Literal["Build"] = "Build"
    id: str
    project: Level
    build: Level
    status: Status
    progress: Percent
    errors: Count
    error: Annotated[str, Meta(description="Cut after 1 KiB of UTF-8.")] | UnsetType = UNSET
    attempt: Count
    seq: Count
    by: ShortText | UnsetType = UNSET
    priority: Priority = "normal"
    script: Script | UnsetType = UNSET
    job: names.Name | UnsetType = UNSET
    parameters: Parameters | UnsetType = UNSET
    title: ShortText | UnsetType = UNSET
    phase: Phase | UnsetType = UNSET
    done: Count | UnsetType = UNSET
    total: Count | UnsetType = UNSET
    indeterminate: bool | UnsetType = UNSET
    exit_code: ExitCode | UnsetType = UNSET
    url: Address | UnsetType = UNSET
    queued_time: Time | UnsetType = UNSET
    not_before: Time | UnsetType = UNSET
    start_time: Time | UnsetType = UNSET
    end_time: Time | UnsetType = UNSET

    @property
    def key(self) -> Key:
        """Project and build."""
        return self.project, self.build

    @property
    def ended(self) -> bool:
        """True when the build has ended: no progress can follow."""
        return self.status in ENDINGS

    @property
    def seconds(self) -> float | None:
        """How long it took from its start to its end, None while that is not known."""
        if isinstance(self.start_time, UnsetType) or isinstance(self.end_time, UnsetType):
            return None
        return max((self.end_time - self.start_time).total_seconds(), 0.0)

    @property
    def due_time(self) -> datetime | UnsetType:
        """The time from which it may begin: that of a delayed build, else when it was queued."""
        return self.queued_time if isinstance(self.not_before, UnsetType) else self.not_before

    def is_delayed(self, now: datetime) -> bool:
        """Tell whether it may not begin yet."""
        return not isinstance(self.not_before, UnsetType) and self.not_before > now


Type = Literal["Offer", "Undo", "Accept", "Update", "Flag", "Add"]


class Activity(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing that happened to a build, and the state of the build since then.

    `source` is the place of an error (`Flag`). `offset` orders output (`Add`): the bytes of the
    attempt's output before `content`.

    The `@context` is the same for all: `document` writes it, and it is never read.
    """

    id: str
    type: Type
    published: Time
    summary: str = ""
    actor: Actor
    object: Build
    content: str | UnsetType = UNSET
    source: Source | UnsetType = UNSET
    offset: Count | UnsetType = UNSET

    @classmethod
    def about(
        cls,
        build: Build,
        type_: Type,
        actor: Actor,
        published: datetime,
        *,
        content: str | UnsetType = UNSET,
        source: Source | UnsetType = UNSET,
        offset: int | UnsetType = UNSET,
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
            source=source,
            offset=offset,
        )

    @property
    def kind(self) -> str:
        """The last level of the topic: it follows from the type and the status."""
        return _KIND_OF.get(self.type) or _KIND_OF_UPDATE[self.object.status]

    @property
    def has_state(self) -> bool:
        """True when its state counts for its build."""
        return KINDS[self.kind].state

    @property
    def topic(self) -> Topic:
        """Where this activity is published."""
        return Topic(self.object.project, self.object.build, self.kind)

    @property
    def worker(self) -> str | None:
        """The name of the worker that published it, None for the command of a person."""
        return self.actor.name if self.actor.type == "Service" else None


_KIND_OF: Final = {
    type_: kind.name for kind in KINDS.values() for type_ in kind.types if type_ != "Update"
}
_KIND_OF_UPDATE: Final = {"queued": "progress", "running": "progress"} | dict.fromkeys(
    ENDINGS, "status"
)

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Activity)
_OPTIONAL_TIMES: Final = ("queuedTime", "notBefore", "startTime", "endTime")
_CONTEXT_FIRST: Final = b'{"@context":' + _ENCODER.encode(_CONTEXT) + b","


def urn(project: str, build: str) -> str:
    """Return the id of a build."""
    return f"urn:buildfeed:{project}:{build}"


def worker_actor(name: str) -> Actor:
    """Return the actor of activities that the worker `name` publishes."""
    return Actor(type="Service", id=f"urn:buildfeed:worker:{name}", name=name)


def summarize(build: Build) -> str:
    """Return the state in one plain sentence, for readers that know no `Build`."""
    text = f"{build.project} {build.build} is "
    known = build.status == "running" and build.indeterminate is not True
    text += f"{build.progress} % done" if known else build.status
    if build.errors:
        text += f", {build.errors} error{'s' if build.errors > 1 else ''}"
    return text


def shorten(text: str, max_bytes: int) -> str:
    """Return the longest start of `text` that fits `max_bytes` of UTF-8.

    Surrogates, which UTF-8 does not have, become �.
    """
    return documents.whole(text).encode()[:max_bytes].decode("utf-8", "ignore")


def document(activity: Activity) -> bytes:
    """Return the JSON document; raise UnicodeError when a text has surrogates."""
    return _CONTEXT_FIRST + _ENCODER.encode(activity)[1:]


def encode(activity: Activity) -> bytes:
    """Return the payload; raise InvalidTopic or InvalidActivity where it breaks the contract.

    Checked before it is sent: a client repeats a QoS 1 publish that the broker refuses for ever.
    """
    topic = str(activity.topic)
    _place(topic)
    try:
        payload = document(activity)
        reason = _excess(payload) or _misnamed(activity.object) or _flaw(_DECODER.decode(payload))
    except (msgspec.MsgspecError, UnicodeError) as exc:
        reason = str(exc)
    if reason:
        raise InvalidActivity(topic, reason)
    return payload


def decode(topic: str, payload: bytes | bytearray) -> Activity:
    """Return the activity that came on `topic`.

    Raises InvalidTopic or InvalidActivity; no bytes raise anything else.
    """
    place = _place(topic)
    if len(payload) > MAX_BYTES:
        raise InvalidActivity(topic, f"{_excess(payload)}")
    try:
        activity = _read(payload)
    except ValueError as exc:
        raise InvalidActivity(topic, f"{exc}") from exc
    build = activity.object
    if (*build.key, build.id, activity.kind) != place:
        raise InvalidActivity(topic, _misnamed(build) or f"it belongs on {activity.topic}")
    return activity


def parse(payload: bytes | bytearray) -> Activity:
    """Return the activity in `payload`, whatever topic it came on; raise InvalidActivity."""
    try:
        activity = _read(payload)
    except ValueError as exc:
        raise InvalidActivity("", f"{exc}") from exc
    if reason := _misnamed(activity.object):
        raise InvalidActivity("", reason)
    return activity


@lru_cache(maxsize=8192)  # most activities of a build come on the same few
def _place(topic: str) -> tuple[str, str, str, str]:
    """Return project, build, id of the build and kind; raise InvalidTopic."""
    found = Topic.parse(topic)
    return found.project, found.build, urn(found.project, found.build), found.kind


def _excess(payload: bytes | bytearray) -> str | None:
    """Return the flaw of a payload that is too large, None without one."""
    size = len(payload)
    return f"it has {size} bytes, {MAX_BYTES} are allowed" if size > MAX_BYTES else None


def _read(payload: bytes | bytearray) -> Activity:
    """Return the activity, whose names are unchecked; raise ValueError with the reason."""
    check_depth(payload)
    try:
        activity = _DECODER.decode(payload)
        if not _flaw(activity):
            return activity
    except (msgspec.MsgspecError, ValueError):
        pass  # it may have an oddity that is read all the same
    activity = documents.leniently(payload, Activity, _mended)
    if reason := _flaw(activity):
        raise ValueError(reason)
    return activity


def _mended(found: Any) -> Any:  # noqa: ANN401 - JSON is any
    """Return the JSON value `found` without the oddities of an activity that can be mended."""
    if not isinstance(found, dict):
        return found
    if "published" in found:
        found["published"] = canonical(found["published"])
    build = found.get("object")
    if isinstance(build, dict):
        build |= {key: canonical(build[key]) for key in _OPTIONAL_TIMES if key in build}
        if isinstance(error := build.get("error"), str):
            build["error"] = shorten(error, MAX_ERROR_BYTES)
    if found.get("type") == "Offer":
        return documents.without_nulls(found, Activity)
    if isinstance(build, dict):
        for key in _OPTIONAL_TIMES:
            if not is_time(build.get(key)):
                build.pop(key, None)  # such as the year 1, which is how Go writes "no time"
    return documents.without_misfits(found, Activity)


def _misnamed(build: Build) -> str | None:
    """Return the flaw of the names, None without one."""
    if not names.is_name(build.project) or not names.is_name(build.build):
        return f"object.project and object.build match {names.PATTERN}"
    if build.id != urn(*build.key):
        return "object.id is not urn:buildfeed:{object.project}:{object.build}"
    return None


def _flaw(activity: Activity) -> str | None:
    """Return a flaw that no member has alone, None without one; names are unchecked."""
    build = activity.object
    if activity.type == "Undo":
        prefix, _, uuid = activity.id.partition(":stop.")
        if prefix != build.id or not names.is_name(uuid):
            return "the id of a stop is {object.id}:stop.{uuid}"
    elif activity.id != f"{build.id}:{build.attempt}.{build.seq}":
        return "id is not {object.id}:{object.attempt}.{object.seq}"
    if activity.type == "Offer" and (build.status, build.attempt, build.seq) != ("queued", 0, 0):
        return "a start is queued, attempt 0, seq 0"
    if (error := build.error) and len(error) > _SHORT and len(error.encode()) > MAX_ERROR_BYTES:
        return f"object.error has {MAX_ERROR_BYTES} bytes at most"
    if activity.type == "Add" and len((activity.content or "").encode()) > MAX_LOG_BYTES:
        return f"the content of a log has {MAX_LOG_BYTES} bytes at most"
    return _untimely(activity)


def _untimely(activity: Activity) -> str | None:
    """Return the flaw of a time outside the allowed years, None without one."""
    build = activity.object
    # One by one, as a loop takes twice as long, and every activity passes here.
    if not FIRST_YEAR <= activity.published.year <= LAST_YEAR:
        late = "published"
    elif (time := build.queued_time) is not UNSET and not FIRST_YEAR <= time.year <= LAST_YEAR:
        late = "object.queuedTime"
    elif (time := build.start_time) is not UNSET and not FIRST_YEAR <= time.year <= LAST_YEAR:
        late = "object.startTime"
    elif (time := build.end_time) is not UNSET and not FIRST_YEAR <= time.year <= LAST_YEAR:
        late = "object.endTime"
    elif (time := build.not_before) is not UNSET and not FIRST_YEAR <= time.year <= LAST_YEAR:
        late = "object.notBefore"
    else:
        return None
    return f"{late} lies outside the years {FIRST_YEAR} to {LAST_YEAR}"


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12): it accepts as `decode` does, but for its `$comment`.

    `#/$defs/Activity` is the form to write, and the form that a start must have. Of any other
    activity only the required members have to fit: `#/$defs/Report`.
    """
    definitions = schemas.definitions(Activity)
    written = definitions["Activity"]
    written["properties"] = {"@context": {"default": _CONTEXT}} | written["properties"]
    first = {"status": {"const": "queued"}, "attempt": {"const": 0}, "seq": {"const": 0}}
    start = {"$ref": "#/$defs/Activity", "properties": {"object": {"properties": first}}}
    report = {"description": _REPORT} | schemas.required(definitions, "Activity")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": _UNSAID,
        "if": {"properties": {"type": {"const": "Offer"}}, "required": ["type"]},
        "then": {"$ref": "#/$defs/Start"},
        "else": {"$ref": "#/$defs/Report"},
        "$defs": definitions | {"Start": start, "Report": report},
    }


_REPORT: Final = (
    "Any activity but a start, as it is read: an optional member that does not fit "
    "#/$defs/Activity is taken as absent."
)
_UNSAID: Final = (
    "Refused besides: ids that are not made of the names, attempt and seq; a day that is in no "
    f"calendar; over {MAX_BYTES} bytes, {MAX_LOG_BYTES} in the content of an Add; nesting over "
    f"{documents.MAX_DEPTH} levels; another topic than that of the names and the kind."
)


def timestamp(moment: datetime) -> str:
    """Return `moment` in UTC as RFC 3339 with milliseconds."""
    text: str = msgspec.to_builtins(moment.astimezone(UTC))  # a quarter of the time of isoformat
    return text[:_MILLISECONDS_END] + "Z" if moment.microsecond else text[:-1] + ".000Z"
