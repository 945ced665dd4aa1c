"""The settings of a worker. Pure."""

import msgspec

from buildfeed.worker.limits import Limits


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One worker, by the name that it alone has.

    It runs `slots` builds at a time. With an `amqp_url` its starts come from RabbitMQ, and
    `database_url` is None when it has no history to ask; else they come by MQTT, and the history is
    the queue. When it stops, its builds have `drain_seconds` to end.
    """

    name: str
    mqtt_url: str
    amqp_url: str | None
    database_url: str | None
    slots: int
    limits: Limits
    drain_seconds: float
