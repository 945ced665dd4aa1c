"""The settings of a worker. Pure."""

import msgspec

from buildfeed.worker.limits import Limits


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One worker, with a `name` that no other has.

    It runs `slots` builds at a time. With an `amqp_url` its starts come from RabbitMQ, and
    `database_url` is None when the worker cannot reach the history. Without, they come by MQTT, and
    the history is the queue. When the worker stops, its builds have `drain_seconds` to end.
    """

    name: str
    mqtt_url: str
    amqp_url: str | None
    database_url: str | None
    slots: int
    limits: Limits
    drain_seconds: float
