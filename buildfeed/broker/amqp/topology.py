"""The exchanges and queues that carry commands to workers, and how a command is published.

    amq.topic ──builds.*.*.start──▶ builds.start (headers) ──priority: high──▶ queue builds.high
                                       ├──delay: yes──▶ a ladder of queues, see delay.py
                                       └──all else──▶ builds.start.normal ──▶ queue builds
    rejected by a worker, or delivered 31 times ──▶ queue builds.dead

A start is published once, on the topic of its build. The queues, every watcher and the recorder
get it from there. A start without a priority, e.g. of an MQTT client, goes to `builds`.
"""

from typing import Any, Final

from pika import BasicProperties, DeliveryMode
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import NackError
from pika.exchange_type import ExchangeType

from buildfeed.activity import MEDIA_TYPE, Activity, encode
from buildfeed.broker.amqp.confirms import Message
from buildfeed.broker.amqp.delay import LADDER, assert_ladder, headers
from buildfeed.errors import BrokerUnavailable

TOPIC_EXCHANGE: Final = "amq.topic"
"""The exchange of MQTT: RabbitMQ publishes to it for MQTT clients, and binds their queues to it."""

START_EXCHANGE: Final = "builds.start"
NORMAL_EXCHANGE: Final = "builds.start.normal"
_START_BINDING_KEY: Final = "builds.*.*.start"

BUILDS_HIGH: Final = "builds.high"
BUILDS: Final = "builds"
BUILDS_DEAD: Final = "builds.dead"

DELIVERY_LIMIT: Final = 30
"""Deliveries after the first, without an acknowledgement, before a start is a dead letter."""

WORK_ARGUMENTS: Final[dict[str, Any]] = {
    "x-queue-type": "quorum",
    "x-delivery-limit": DELIVERY_LIMIT,
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": BUILDS_DEAD,
    # A dead letter leaves the queue only when builds.dead has it. RabbitMQ does that only for
    # queues with reject-publish.
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
}
"""Arguments of `builds` and `builds.high`. RabbitMQ refuses to declare an existing queue with other
ones."""

DEAD_ARGUMENTS: Final[dict[str, Any]] = {
    "x-queue-type": "quorum",
    # Each listing delivers all dead letters and takes them back. RabbitMQ 4 drops a message after
    # 20 deliveries unless the queue has another limit.
    "x-delivery-limit": 1_000_000,
}

SESSION_MAX_LENGTH: Final = 100_000
"""Messages kept in a session for a subscriber that is away; the oldest are dropped first."""

SESSION_MAX_BYTES: Final = 64 * 1024 * 1024
"""Bytes of their payloads, likewise."""

_SESSION_MILLISECONDS: Final = 7 * 24 * 3600 * 1000
"""For how long the session of a subscriber that is away is kept."""

SESSION_POLICY: Final[dict[str, Any]] = {
    "vhost": "/",
    "name": "mqtt-sessions",
    "pattern": "^mqtt-subscription-(?!recorder)",
    "apply-to": "queues",
    "priority": 0,
    "definition": {
        "max-length": SESSION_MAX_LENGTH,
        "max-length-bytes": SESSION_MAX_BYTES,
        "overflow": "drop-head",
        "expires": _SESSION_MILLISECONDS,
    },
}
"""A policy, as definitions.json has it. Sessions of recorders have no limit: they must not lose a
message."""

TOKEN_POLICY: Final[dict[str, Any]] = SESSION_POLICY | {
    "name": "token-queues",
    "pattern": "^[a-z0-9_-]+:",
}
"""The same for queues that people and apps with a token make by AMQP: they begin with its name and
a colon."""

SUBSCRIBER_PERMISSIONS: Final = {
    "configure": r"^mqtt-subscription-(?!gateway|worker|recorder)[A-Za-z0-9._:-]{1,64}qos[01]\z",
    "write": r"^mqtt-subscription-(?!gateway|worker|recorder)[A-Za-z0-9._:-]{1,64}qos[01]\z",
    "read": r"^(amq\.topic|builds\.stream"
    r"|mqtt-subscription-(?!gateway|worker|recorder)[A-Za-z0-9._:-]{1,64}qos[01])\z",
}
SUBSCRIBER_TOPICS: Final = {
    "exchange": TOPIC_EXCHANGE,
    "write": "^$",
    "read": r"^(builds|projects|workers)\.[a-z0-9_#*.-]{1,200}\z",
}
"""Permissions of a user for subscribers, as of `mobile` in definitions.json: to read activities and
the stream, and to publish nothing."""


def queue_limit(queues: int) -> dict[str, Any]:
    """Return the parameter that bounds the number of queues, and so of sessions, on the broker."""
    value = {"max-queues": queues}
    return {"component": "vhost-limits", "name": "limits", "vhost": "/", "value": value}


def assert_topology(channel: BlockingChannel) -> None:
    """Declare all exchanges, queues and bindings; existing ones are not changed.

    Raises pika's ChannelClosedByBroker when one exists with other arguments.
    """
    channel.queue_declare(BUILDS_DEAD, durable=True, arguments=DEAD_ARGUMENTS)
    for queue in (BUILDS, BUILDS_HIGH):
        channel.queue_declare(queue, durable=True, arguments=WORK_ARGUMENTS)
    channel.exchange_declare(NORMAL_EXCHANGE, ExchangeType.fanout, durable=True)
    channel.queue_bind(BUILDS, NORMAL_EXCHANGE)
    channel.exchange_declare(
        START_EXCHANGE,
        ExchangeType.headers,
        durable=True,
        arguments={"alternate-exchange": NORMAL_EXCHANGE},
    )
    channel.queue_bind(
        BUILDS_HIGH, START_EXCHANGE, arguments={"x-match": "all", "priority": "high"}
    )
    assert_ladder(channel, high=BUILDS_HIGH, normal=NORMAL_EXCHANGE)
    channel.exchange_bind(LADDER, START_EXCHANGE, arguments={"x-match": "all", "delay": "yes"})
    # The last one: with it starts arrive, and by now every queue can take them.
    channel.exchange_bind(START_EXCHANGE, TOPIC_EXCHANGE, _START_BINDING_KEY)


def publish(channel: BlockingChannel, activity: Activity) -> None:
    """Publish a command, and return once the broker has confirmed it.

    `channel` must be in confirm mode. Raises BrokerUnavailable(sent=True) when a queue refused the
    command (another queue may have it), and InvalidActivity, before anything is sent, when the
    command is too long.
    """
    try:
        channel.basic_publish(*message(activity))
    except NackError as exc:
        raise BrokerUnavailable(sent=True) from exc


def message(activity: Activity) -> Message:
    """Return the message of a command; raise InvalidActivity when it is too long."""
    properties = BasicProperties(
        content_type=MEDIA_TYPE,
        delivery_mode=DeliveryMode.Persistent,
        message_id=activity.id,
        headers=dict(headers(activity.object)),
    )
    return TOPIC_EXCHANGE, activity.topic.routing_key, encode(activity), properties
