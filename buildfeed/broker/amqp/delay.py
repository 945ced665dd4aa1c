"""Delayed starts: a ladder of queues, each of which holds a start for 2ⁿ seconds.

    builds.start ──delay: yes──▶ builds.delay.16 ──seconds-65536: yes──▶ queue builds.delay.16
                                       └──all else──▶ builds.delay.15 ◀──expired──┘
                                                          ┆ … down to builds.delay.0
                                                          ▼
                        builds.delayed ──after: high──▶ queue builds.high
                             └──all else──▶ builds.start.normal ──▶ queue builds

A message expires only at the head of its queue, so every message of a queue has the same time to
live: a long delay never stands in front of a short one. The delay is the sum of the queues that
the headers name, in whole seconds. A start passes each queue once at most and never comes back to
`builds.start`. The bindings are by headers because an expired message keeps its headers and its
routing key, which is its topic. Quorum queues, at-least-once: a start leaves one rung only when
the next has it.
"""

import math
from typing import Any, Final

from msgspec import UnsetType
from pika.adapters.blocking_connection import BlockingChannel
from pika.exchange_type import ExchangeType

from buildfeed.activity import Build

DELAYED: Final = "builds.delayed"
RUNGS: Final = range(17)
"""2¹⁷ seconds are more than the day that a start may be delayed."""

RUNG_QUEUES: Final = tuple(f"builds.delay.{rung}" for rung in RUNGS)
"""Where delayed starts wait, by rung; the exchange of a rung has the name of its queue."""

LADDER: Final = RUNG_QUEUES[-1]
"""The exchange where a delayed start goes in."""


def headers(start: Build) -> dict[str, str]:
    """Return the headers that bring `start` to its work queue, at once or later.

    A delayed one has no `priority` until it comes out, so that only the ladder takes it.
    """
    if isinstance(start.not_before, UnsetType) or isinstance(start.queued_time, UnsetType):
        return {"priority": start.priority}
    seconds = math.ceil((start.not_before - start.queued_time).total_seconds())
    seconds = min(max(seconds, 0), 2 ** len(RUNGS) - 1)
    rungs = {_header(rung): "yes" for rung in RUNGS if seconds & 2**rung}
    return {"delay": "yes", "after": start.priority, **rungs}


def assert_ladder(channel: BlockingChannel, *, high: str, normal: str) -> None:
    """Declare it from its end on: queue `high` and exchange `normal` take what comes out."""
    _exchange(channel, DELAYED, otherwise=normal)
    channel.queue_bind(high, DELAYED, arguments={"x-match": "all", "after": "high"})
    below = DELAYED
    for rung, name in zip(RUNGS, RUNG_QUEUES, strict=True):
        _exchange(channel, name, otherwise=below)
        arguments: dict[str, Any] = {
            "x-queue-type": "quorum",
            "x-message-ttl": 1000 * 2**rung,
            "x-dead-letter-exchange": below,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }
        channel.queue_declare(name, durable=True, arguments=arguments)
        channel.queue_bind(name, name, arguments={"x-match": "all", _header(rung): "yes"})
        below = name


def _exchange(channel: BlockingChannel, name: str, *, otherwise: str) -> None:
    arguments = {"alternate-exchange": otherwise}
    channel.exchange_declare(name, ExchangeType.headers, durable=True, arguments=arguments)


def _header(rung: int) -> str:
    return f"seconds-{2**rung}"
