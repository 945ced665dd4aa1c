"""Delayed starts: a ladder of queues, each of which holds a start for 2ⁿ seconds.

    builds.start ──delay: yes──▶ builds.delay.16 ──seconds-65536: yes──▶ queue builds.delay.16
                                       └──all else──▶ builds.delay.15 ◀──expired──┘
                                                          ┆ … down to builds.delay.0
                                                          ▼
                        builds.delayed ──after: high──▶ queue builds.high
                             └──all else──▶ builds.start.normal ──▶ queue builds

RabbitMQ cannot delay a message by itself. A queue can give its messages a time to live, and pass
expired ones to an exchange; but a message expires only at the head of its queue. So all messages of
a queue need the same time to live, else a long delay would stand in front of a short one.

Therefore a rung is one bit of the delay in whole seconds. The headers of a start name the queues it
waits in, whose times add up to its delay; at all other rungs it passes. It waits in each queue once
at most, and never comes back to `builds.start`. The bindings look at headers because an expired
message keeps them; its routing key must stay its topic. The queues are quorum queues that dead
letter at least once: a start leaves one rung only when the next has it.
"""

import math
from typing import Any, Final

from msgspec import UnsetType
from pika.adapters.blocking_connection import BlockingChannel
from pika.exchange_type import ExchangeType

from buildfeed.activity import Build

_DELAYED_EXCHANGE: Final = "builds.delayed"
_RUNGS: Final = range(17)
"""The rungs: together 2¹⁷ - 1 seconds (36 hours), more than the day that a start may be delayed."""

RUNG_QUEUES: Final = tuple(f"builds.delay.{rung}" for rung in _RUNGS)
"""The queues of delayed starts, by rung; the exchange of a rung has the same name."""

LADDER: Final = RUNG_QUEUES[-1]
"""The exchange at the top, which takes delayed starts."""


def headers(start: Build) -> dict[str, str]:
    """Return the headers that route `start` to its work queue, at once or later.

    A delayed start has its priority in `after`, not in `priority`: so only the ladder takes it.
    """
    if isinstance(start.not_before, UnsetType) or isinstance(start.queued_time, UnsetType):
        return {"priority": start.priority}
    seconds = math.ceil((start.not_before - start.queued_time).total_seconds())
    seconds = min(max(seconds, 0), 2 ** len(_RUNGS) - 1)
    rungs = {_header_name(rung): "yes" for rung in _RUNGS if seconds & 2**rung}
    return {"delay": "yes", "after": start.priority, **rungs}


def assert_ladder(channel: BlockingChannel, *, high: str, normal: str) -> None:
    """Declare the ladder, from its end up; queue `high` and exchange `normal` take its starts."""
    _declare_exchange(channel, _DELAYED_EXCHANGE, otherwise=normal)
    channel.queue_bind(high, _DELAYED_EXCHANGE, arguments={"x-match": "all", "after": "high"})
    below = _DELAYED_EXCHANGE
    for rung, name in zip(_RUNGS, RUNG_QUEUES, strict=True):
        _declare_exchange(channel, name, otherwise=below)
        arguments: dict[str, Any] = {
            "x-queue-type": "quorum",
            "x-message-ttl": 1000 * 2**rung,
            "x-dead-letter-exchange": below,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }
        channel.queue_declare(name, durable=True, arguments=arguments)
        channel.queue_bind(name, name, arguments={"x-match": "all", _header_name(rung): "yes"})
        below = name


def _declare_exchange(channel: BlockingChannel, name: str, *, otherwise: str) -> None:
    arguments = {"alternate-exchange": otherwise}
    channel.exchange_declare(name, ExchangeType.headers, durable=True, arguments=arguments)


def _header_name(rung: int) -> str:
    return f"seconds-{2**rung}"
