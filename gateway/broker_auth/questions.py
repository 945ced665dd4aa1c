"""RabbitMQ's four questions about a user who is not its own, and what grants say to them. Pure.

RabbitMQ asks by `rabbitmq_auth_backend_http`: whether somebody may log in (`user`), enter a virtual
host (`vhost`), use an exchange or a queue (`resource`), and a routing key of a topic exchange
(`topic`). It asks about a key when a client subscribes or binds, and when it publishes.

Only questions about MQTT clients have a client id. What may be written is bound to that: somebody
who may write to `amq.topic` and make an AMQP queue of his own could have RabbitMQ publish on any
topic, as the dead letters of that queue, without a question about the topic. So one publishes by
MQTT, whose queues RabbitMQ makes itself, and has queues by AMQP, where one may not publish.
"""

from collections.abc import Iterable
from typing import Final, Literal, Self, cast, get_args
from urllib.parse import parse_qsl

import msgspec

from buildfeed.broker import permissions
from buildfeed.grants import Grants

Subject = Literal["user", "vhost", "resource", "topic"]
SUBJECTS: Final[tuple[str, ...]] = get_args(Subject)

STREAM: Final = "builds.stream"
"""The queue with every activity: for those who may read everything."""
_EXCHANGE: Final = "amq.topic"
_MQTT_QUEUE: Final = "mqtt-subscription-"
_MQTT_ENDS: Final = "qos0", "qos1"
_MOST_FIELDS: Final = 32
_LONGEST: Final = 1024
"""Characters of a value. A routing key has at most 255 bytes; more is refused."""
_NO_LEVEL: Final = frozenset("/+\0")
"""No MQTT topic has these in a level of its routing key."""


class InvalidQuestion(Exception):
    """Something that is no question of RabbitMQ."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One question; `client_id` is that of an MQTT client, None for others.

    `kind` and `name` say which resource it is about, `key` which routing key.
    """

    subject: Subject
    user: str
    password: str = ""
    vhost: str = ""
    kind: str = ""
    name: str = ""
    permission: str = ""
    key: str = ""
    client_id: str | None = None

    @classmethod
    def parse(cls, subject: str, body: bytes) -> Self:
        """Return the question in a form (application/x-www-form-urlencoded).

        Raises InvalidQuestion.
        """
        if subject not in SUBJECTS:
            raise InvalidQuestion(subject)
        fields = _fields(body)
        return cls(
            subject=cast(Subject, subject),
            user=fields.get("username", ""),
            password=fields.get("password", ""),
            vhost=fields.get("vhost", ""),
            kind=fields.get("resource", ""),
            name=fields.get("name", ""),
            permission=fields.get("permission", ""),
            key=fields.get("routing_key", ""),
            client_id=fields.get("client_id", fields.get("variable_map.client_id")),
        )

    @property
    def session(self) -> str | None:
        """The session or queue of the user's own that is asked about, None if it is no such one.

        A session has the client id that one connects with, so that an MQTT client cannot reach
        another session of its own token either. A queue needs the separator in its name: a token
        may be called `builds`.
        """
        if self.kind != "queue":
            return None
        if self.client_id is None:
            is_own = self.name.startswith(f"{self.user}{permissions.SEPARATOR}")
            return self.name if is_own else None
        is_own = permissions.is_own_session(self.user, self.client_id)
        named = {f"{_MQTT_QUEUE}{self.client_id}{end}" for end in _MQTT_ENDS}
        return self.client_id if is_own and self.name in named else None

    @property
    def makes_session(self) -> bool:
        """Whether the session or queue may be made by what is asked for."""
        return self.permission == "configure" and self.session is not None


def allows(question: Question, grants: Grants, vhost: str) -> bool:
    """Tell whether grants allow what is asked about, but for the login itself.

    `vhost` is the virtual host of the builds.
    """
    if question.vhost != vhost:
        return False
    if question.subject == "vhost":
        return True
    if question.subject == "topic":
        return question.name == _EXCHANGE and _topic(question, grants)
    return question.subject == "resource" and _resource(question, grants)


def may_bind(grants: Grants, exchange: str, key: str) -> bool:
    """Tell whether grants allow to read from an exchange by a routing key."""
    topic = _topic_of(key)
    return exchange == _EXCHANGE and topic is not None and permissions.may_read(grants, topic)


def session_of(queue: str) -> str:
    """Return the client id of the queue of an MQTT session, and the name of any other queue."""
    if queue.startswith(_MQTT_QUEUE) and queue.endswith(_MQTT_ENDS):
        return queue[len(_MQTT_QUEUE) : -len(_MQTT_ENDS[0])]
    return queue


def pattern_of(user: str) -> str:
    """Return a regular expression for the queues of a user, also those of MQTT sessions."""
    ends = "|".join(_MQTT_ENDS)
    return f"^({_MQTT_QUEUE}{user}({ends})|({_MQTT_QUEUE})?{user}{permissions.SEPARATOR}.*)$"


def _resource(question: Question, grants: Grants) -> bool:
    by_mqtt = question.client_id is not None
    if question.kind == "exchange" and question.name == _EXCHANGE:
        if question.permission == "read":
            return bool(grants.areas("read"))
        return question.permission == "write" and by_mqtt and bool(grants.areas("publish"))
    if question.kind == "queue" and question.name == STREAM:
        return question.permission == "read" and not by_mqtt and grants.may("read")
    return question.session is not None


def _topic(question: Question, grants: Grants) -> bool:
    topic = _topic_of(question.key)
    if topic is None:
        return False
    if question.permission == "read":
        return permissions.may_read(grants, topic)
    by_mqtt = question.client_id is not None
    is_write = question.permission == "write" and by_mqtt
    return is_write and permissions.may_publish(question.user, grants, topic)


def _topic_of(key: str) -> str | None:
    """Return the MQTT topic or filter of a routing key, None if no such has that key."""
    if not _NO_LEVEL.isdisjoint(key):
        return None
    return key.replace(".", "/").replace("*", "+")


def _fields(body: bytes) -> dict[str, str]:
    """Return the fields of a form; raise InvalidQuestion, also for one that has two values."""
    try:
        pairs: Iterable[tuple[str, str]] = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError as exc:
        raise InvalidQuestion(str(exc)) from exc
    found: dict[str, str] = {}
    for name, value in pairs:
        if len(value) > _LONGEST or found.setdefault(name, value) != value:
            raise InvalidQuestion(name)
    return found
