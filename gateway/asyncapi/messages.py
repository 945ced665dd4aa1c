"""The messages: what is published on topics, and what watchers are sent and send.

Their schemas are those of the types, their examples those of topics.md. They say the same as
JSON Schema 2020-12 and as draft 07, which is what AsyncAPI takes them for: no `$ref` has
neighbours.
"""

from typing import Any, Final, get_args

import msgspec

from buildfeed import activity
from buildfeed.activity import ENDINGS, Status
from buildfeed.topics import KINDS, MAX_FILTERS, Kind
from gateway.asyncapi.events import (
    Connected,
    ConnectRefused,
    FeedEvent,
    LogEvent,
    Refused,
    Renewed,
    Unwatched,
    Watched,
)
from gateway.asyncapi.examples import examples
from gateway.asyncapi.parts import Json, reference
from gateway.http import vocabulary
from gateway.http.answers import BuildAnswer

_JSON: Final = "application/json"
_EVENTS: Final[tuple[Any, ...]] = (
    *(BuildAnswer, LogEvent, FeedEvent, Connected, ConnectRefused),
    *(Watched, Unwatched, Renewed, Refused),
)

TELLS: Final = {
    "start": "Somebody asked for this build: it is queued, and a worker may take it.",
    "stop": "Somebody asked to stop it.",
    "status": "An attempt has begun, or the build has ended.",
    "progress": "How far the build is.",
    "error": "One error, its whole text in `content`; the build goes on.",
    "log": "Lines of output in `content`; they do not change the state.",
}
"""What an activity of each kind tells."""


class Message(msgspec.Struct, frozen=True):
    """A message, by the name of its kind or event.

    Its examples are those of topics.md with the `labels`, as far as they are there.
    """

    name: str
    summary: str
    payload: Json
    labels: tuple[str, ...] = ()
    content_type: str = _JSON

    def described(self) -> Json:
        """Return the AsyncAPI message."""
        known = examples()
        shown = [{"payload": known[label]} for label in self.labels if label in known]
        return {
            "name": self.name,
            "title": self.name,
            "summary": self.summary,
            "contentType": self.content_type,
            "payload": self.payload,
            **({"examples": shown} if shown else {}),
        }


def messages() -> dict[str, Message]:
    """Return all messages, by their ids in the components."""
    kinds = {kind.name: _of_kind(kind) for kind in KINDS.values()}
    presence = Message(
        "presence",
        "The state of a worker, or of another program that builds.",
        _schema("Presence"),
        ("presence workers/w1/status",),
    )
    return {**kinds, presence.name: presence, **_OF_WATCHERS}


def components() -> Json:
    """Return the messages and their schemas."""
    _, found = msgspec.json.schema_components(_EVENTS, ref_template=vocabulary.PLACE)
    return {
        "messages": {name: each.described() for name, each in messages().items()},
        "schemas": {
            **found,
            **vocabulary.of_activity(),
            **{_name(kind): _schema_of(kind) for kind in KINDS.values()},
            **vocabulary.of_presence(),
            "Filter": _FILTER,
            "Filters": _FILTERS,
        },
    }


def _name(kind: Kind) -> str:
    """Return the name of the schema of the activities of a kind."""
    return f"{kind.name.capitalize()}Activity"


def _schema_of(kind: Kind) -> Json:
    forms = [_form(kind, type_) for type_ in kind.types]
    return {"allOf": [_schema("Activity"), {"anyOf": forms} if forms[1:] else forms[0]]}


def _of_kind(kind: Kind) -> Message:
    end = f"/{kind.name}"
    return Message(
        kind.name,
        TELLS[kind.name],
        _schema(_name(kind)),
        tuple(each for each in examples() if each.startswith("activity ") and each.endswith(end)),
        activity.MEDIA_TYPE,
    )


def _form(kind: Kind, type_: str) -> Json:
    """Return what an activity of this kind and type has besides."""
    state: Json = {}
    if type_ == "Offer":
        state = {"status": {"const": "queued"}, "attempt": {"const": 0}, "seq": {"const": 0}}
    elif type_ == "Update":  # an ending is a status, all else is progress
        ends = kind.name == "status"
        fitting = [status for status in get_args(Status) if (status in ENDINGS) is ends]
        state = {"status": {"enum": fitting}}
    members: Json = {"type": {"const": type_}}
    return {"properties": members | ({"object": {"properties": state}} if state else {})}


def _schema(name: str) -> Json:
    return reference("components", "schemas", name)


_FILTER: Final[Json] = {
    "type": "string",
    "description": "An MQTT filter of build topics, as in builds/acme/#.",
}
_FILTERS: Final[Json] = {
    "description": "One filter, or a list of them.",
    "anyOf": [
        _schema("Filter"),
        {"type": "array", "items": _schema("Filter"), "maxItems": MAX_FILTERS},
    ],
}
_PAGE: Final[Json] = {
    "description": "The filters and `after`: two arguments are an array here.",
    "type": "array",
    "minItems": 2,
    "maxItems": 2,
    "items": {
        "anyOf": [
            _schema("Filters"),
            {"type": "object", "properties": {"after": {"type": "string"}}, "required": ["after"]},
        ]
    },
    "contains": {"type": "object"},
}
_CONNECT: Final[Json] = {
    "type": "object",
    "properties": {"token": {"type": "string"}, "watch": _schema("Filters")},
}

_OF_WATCHERS: Final = {
    id_: Message(name, summary, payload, labels)
    for id_, name, summary, payload, labels in (
        (
            "buildEvent",
            "build",
            "The newest state of a build: one that changed, or one of the snapshot.",
            _schema(BuildAnswer.__name__),
            ("event build",),
        ),
        (
            "logEvent",
            "log",
            "Lines of output, for filters that name one build and end in /log.",
            _schema(LogEvent.__name__),
            ("event log",),
        ),
        (
            "feedEvent",
            "feed",
            "How live the picture is: after connecting, every 5 s, and when it changes.",
            _schema(FeedEvent.__name__),
            ("event feed",),
        ),
        ("connect", "connect", "The `auth` of a connect: who it is, what to watch.", _CONNECT, ()),
        (
            "connected",
            "connect",
            "The answer to a connect: it has come in.",
            _schema(Connected.__name__),
            (),
        ),
        (
            "connectRefused",
            "connect_error",
            "The answer to a connect that is refused: clients tell it as this event.",
            _schema(ConnectRefused.__name__),
            (),
        ),
        (
            "watch",
            "watch",
            "Watch filters; with `after`, ask for the next page of the snapshot.",
            {"anyOf": [_schema("Filters"), _PAGE]},
            ("watch request", "watch next"),
        ),
        (
            "watched",
            "watch",
            "The answer (ack): the filters that are watched now, and a page of the snapshot.",
            _schema(Watched.__name__),
            ("watch answer", "watch page"),
        ),
        ("unwatch", "unwatch", "Watch these filters no more.", _schema("Filters"), ()),
        (
            "unwatched",
            "unwatch",
            "The answer (ack): the filters that are left.",
            _schema(Unwatched.__name__),
            (),
        ),
        (
            "auth",
            "auth",
            "A new token of the same principal.",
            {"type": "string", "minLength": 1},
            (),
        ),
        (
            "renewed",
            "auth",
            "The answer (ack): who one is, and until when.",
            _schema(Renewed.__name__),
            (),
        ),
        (
            "refused",
            "refused",
            "The answer (ack) to what is refused.",
            _schema(Refused.__name__),
            ("watch refused",),
        ),
    )
}
