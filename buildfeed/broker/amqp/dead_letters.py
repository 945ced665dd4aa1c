"""Dead letters: the starts in `builds.dead`, read, tried again and dropped by the operator.

To read one is to take it and hand it back, which the queue counts as a delivery; DEAD_ARGUMENTS
says how many it allows.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import BasicProperties

from buildfeed import command
from buildfeed.activity import Build, decode
from buildfeed.broker.amqp.topology import BUILDS_DEAD, DELIVERY_LIMIT, publish
from buildfeed.errors import InvalidActivity, InvalidTopic

_REASONS: Final = {
    "rejected": "a worker gave up",
    "delivery_limit": "no worker finished it",
}


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One start in `builds.dead`.

    `project` and `build` are those of its topic, which need not be names; `start` is None when the
    payload is not an activity. `attempts` is None when only a worker knew: RabbitMQ keeps the
    number of deliveries with a queue, not with a message.
    """

    project: str
    build: str
    start: Build | None
    reason: str
    attempts: int | None = None
    died: datetime | None = None


class _Death(msgspec.Struct, frozen=True, rename="kebab"):
    """The newest entry of the header `x-death`, as RabbitMQ writes it."""

    reason: str = ""
    time: Annotated[datetime, Meta(tz=True)] | None = None
    routing_keys: list[str] = []


def read(channel: BlockingChannel) -> list[DeadLetter]:
    """Return all dead letters and leave them where they are."""
    letters = [letter for _, letter in _take(channel)]
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
    new_build: Callable[[], str],
    now: datetime,
) -> list[tuple[DeadLetter, Build | None]]:
    """Start each `wanted` build again as a new one and remove its letters.

    Returns the letters with their new builds, None for one that is not an activity: it stays.
    Letters of the same build, e.g. of a start that was published twice, make one new build. A
    letter goes only after the broker has confirmed the start; raises BrokerUnavailable.
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
            start = command.again(letter.start, new_build(), now)
            publish(channel, start)
            started[letter.start.id] = start.object
            retried.append((letter, start.object))
        channel.basic_ack(tag)
    _hand_back(channel)
    return retried


def _take(channel: BlockingChannel) -> Iterator[tuple[int, DeadLetter]]:
    """Yield delivery tag and letter until the queue is empty: what is handed back comes later."""
    while True:
        method, properties, body = channel.basic_get(BUILDS_DEAD)
        if method is None or properties is None or body is None:
            return
        yield method.delivery_tag or 0, _letter(method.routing_key or "", properties, body)


def _hand_back(channel: BlockingChannel) -> None:
    """Put back what was taken and not acknowledged, and wait until the broker has done so."""
    channel.basic_nack(0, multiple=True, requeue=True)
    channel.basic_qos(prefetch_count=0)  # any method with an answer


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
    """Return the newest death; an empty one for a message that was put here by hand."""
    try:
        return msgspec.convert(headers.get("x-death", []), list[_Death])[0]
    except (msgspec.ValidationError, IndexError):
        return _Death()
