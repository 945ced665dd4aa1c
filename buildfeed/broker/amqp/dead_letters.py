"""Dead letters: starts that were given up, in `builds.dead`, for an operator to retry or drop.

AMQP cannot read a queue without taking from it. So every message is taken, and all that are not
acknowledged are handed back at the end. The queue counts each time as a delivery; `DEAD_ARGUMENTS`
allows a million of them.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import BasicProperties

from buildfeed import command, names
from buildfeed.activity import Build, decode
from buildfeed.broker.amqp.topology import BUILDS_DEAD, DELIVERY_LIMIT, publish
from buildfeed.errors import InvalidActivity, InvalidTopic

_REASONS: Final = {
    "rejected": "a worker gave up",
    "delivery_limit": "no worker finished it",
}


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One start in `builds.dead`.

    `project` and `build` come from its topic and may be invalid names. `start` is None when the
    payload is not an activity. `reason`: why it was given up. `attempts` is None when a worker gave
    it up: RabbitMQ counts deliveries in a queue, and the message does not take the number along.
    """

    project: str
    build: str
    start: Build | None
    reason: str
    attempts: int | None = None
    died: datetime | None = None


class _Death(msgspec.Struct, frozen=True, rename="kebab"):
    """One entry of the header `x-death`, which RabbitMQ adds to a dead letter."""

    reason: str = ""
    time: Annotated[datetime, Meta(tz=True)] | None = None
    routing_keys: list[str] = []


def read(channel: BlockingChannel, most: int | None = None) -> list[DeadLetter]:
    """Return the dead letters, the first `most` of them if it is given; they stay in the queue."""
    letters = [letter for _, letter in islice(_take(channel), most)]
    _hand_back(channel)
    return letters


def drop(channel: BlockingChannel, wanted: Callable[[DeadLetter], bool]) -> list[DeadLetter]:
    """Remove the letters that are `wanted` and return them."""
    dropped = []
    for tag, letter in _take(channel):
        if wanted(letter):
            channel.basic_ack(tag)
            dropped.append(letter)
    _hand_back(channel)
    return dropped


def retry(
    channel: BlockingChannel,
    wanted: Callable[[DeadLetter], bool],
    new_build: Callable[[int], str],
    now: datetime,
) -> list[tuple[DeadLetter, Build | None]]:
    """Start each `wanted` build again as a new one, and remove its letters.

    `new_build` returns the id of a build that is newer than one of a Unix time in milliseconds.
    Returns the letters with their new builds. A letter that is not an activity stays in the queue,
    and is returned with None. Several letters of one build, e.g. of a start that was published
    twice, make one new build. A letter is removed only after the broker has confirmed the new
    start. Raises BrokerUnavailable.
    """
    retried: list[tuple[DeadLetter, Build | None]] = []
    started: dict[str, Build] = {}
    for tag, letter in _take(channel):
        if not wanted(letter):
            continue
        if letter.start is None:
            retried.append((letter, None))
            continue
        if letter.start.id not in started:
            build = new_build(names.time_to_follow(letter.start.build))
            start = command.again(letter.start, build, now)
            publish(channel, start)
            started[letter.start.id] = start.object
            retried.append((letter, start.object))
        channel.basic_ack(tag)
    _hand_back(channel)
    return retried


def _take(channel: BlockingChannel) -> Iterator[tuple[int, DeadLetter]]:
    """Yield delivery tags and letters until the queue is empty; `_hand_back` has to follow."""
    while True:
        method, properties, body = channel.basic_get(BUILDS_DEAD)
        if method is None or properties is None or body is None:
            return
        yield method.delivery_tag or 0, _letter(method.routing_key or "", properties, body)


def _hand_back(channel: BlockingChannel) -> None:
    """Put back all letters that are not acknowledged, and wait until the broker has done it."""
    channel.basic_nack(0, multiple=True, requeue=True)
    channel.basic_qos(prefetch_count=0)  # waits: it is answered after the nack


def _letter(routing_key: str, properties: BasicProperties, body: bytes) -> DeadLetter:
    death = _death(properties.headers or {})
    topic = (death.routing_keys or [routing_key])[0].replace(".", "/")
    _, project, build, *_ = [*topic.split("/"), "", ""]
    start = None
    try:
        start = decode(topic, body).object
        reason = _REASONS.get(death.reason, death.reason or "unknown")
    except (InvalidTopic, InvalidActivity) as exc:
        reason = f"not an activity: {exc.reason}"
    return DeadLetter(
        project=project,
        build=build,
        start=start,
        reason=reason,
        attempts=DELIVERY_LIMIT + 1 if death.reason == "delivery_limit" else None,
        died=death.time,
    )


def _death(headers: Mapping[str, Any]) -> _Death:
    """Return the newest entry of `x-death`, an empty one if a person put the message here."""
    try:
        return msgspec.convert(headers.get("x-death", []), list[_Death])[0]
    except (msgspec.ValidationError, IndexError):
        return _Death()
