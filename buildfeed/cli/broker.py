"""The broker of `buildfeed up`: one that runs already, or one that runs as long as `up` does."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click
import msgspec

from buildfeed.broker.amqp.link import AmqpLink
from buildfeed.broker.local import ports
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from buildfeed.broker.local.users import User
from buildfeed.cli.kept_text import kept
from buildfeed.cli.settings import MQTT_PORT, Settings

_USER: Final = "buildfeed"

_DECLARE_SECONDS: Final = 5.0
"""Seconds that the worker waits for the queues; then it starts without, and tries until it can."""


class Urls(msgspec.Struct, frozen=True):
    """Where the broker is. Without `amqp` commands travel by MQTT and history is the queue.

    `mqtt` and `amqp` are for our own processes. Subscribers are told `shown_mqtt` and `shown_amqp`,
    with which nobody can publish. `password_file` has the password of `user`, who can.
    """

    mqtt: str
    amqp: str | None
    shown_mqtt: str
    shown_amqp: str | None = None
    user: str = _USER
    password_file: Path | None = None


@asynccontextmanager
async def broker(settings: Settings) -> AsyncIterator[Urls]:
    """Give the URLs of the broker, with its queues declared; end a broker that was started here.

    Raises click.ClickException, RabbitMQMissing or RabbitMQFailed when it cannot be started.
    """
    if settings.mqtt_url:
        context = _running(settings.mqtt_url, settings.amqp_url)
    elif settings.broker == "rabbitmq":
        context = _private_rabbitmq(settings)
    else:
        context = _embedded(settings)
    async with context as urls:
        if urls.amqp:
            await _declare_queues(urls.amqp)
        yield urls


@asynccontextmanager
async def _running(mqtt_url: str, amqp_url: str | None) -> AsyncIterator[Urls]:
    shown = _without_login(amqp_url) if amqp_url else None
    yield Urls(mqtt_url, amqp_url, _without_login(mqtt_url), shown)


@asynccontextmanager
async def _private_rabbitmq(settings: Settings) -> AsyncIterator[Urls]:
    rabbitmq = PrivateRabbitMQ(settings.data_dir / "rabbitmq")
    try:
        await asyncio.to_thread(rabbitmq.start)
        yield Urls(
            rabbitmq.mqtt_url,
            rabbitmq.amqp_url,
            rabbitmq.reader_mqtt_url,
            rabbitmq.reader_amqp_url,
            password_file=rabbitmq.password_file,
        )
    finally:
        await asyncio.to_thread(rabbitmq.stop)


@asynccontextmanager
async def _embedded(settings: Settings) -> AsyncIterator[Urls]:
    # Imported here: it takes half a second that the other ways to start need not wait for.
    from buildfeed.broker.local.embedded import EmbeddedBroker  # noqa: PLC0415

    password_file = settings.data_dir / "mqtt-password"
    owner = User(_USER, kept(password_file, secrets.token_urlsafe(12)))
    reader_file = settings.data_dir / "mqtt-reader-password"
    reader = User.reader(kept(reader_file, secrets.token_urlsafe(12)))
    embedded = EmbeddedBroker(host=settings.host, port=_mqtt_port(settings), users=(owner, reader))
    try:
        await embedded.start()
    except OSError as exc:
        reason = f"MQTT cannot listen on {settings.host}: {exc.strerror or exc}."
        raise click.ClickException(reason) from exc
    try:
        url, shown = embedded.url(owner), embedded.url(reader)
        yield Urls(url, None, shown, password_file=password_file)
    finally:
        await embedded.stop()


def _without_login(url: str) -> str:
    """Return a URL without user and password: what is printed may be read by others."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _mqtt_port(settings: Settings) -> int:
    if settings.mqtt_port is not None:
        if not ports.is_free(settings.mqtt_port):
            raise click.ClickException(
                f"Port {settings.mqtt_port} is taken: choose another with --mqtt-port."
            )
        return settings.mqtt_port
    port = MQTT_PORT if ports.is_free(MQTT_PORT) else ports.free_block(1, settings.port)
    if port is None:
        raise click.ClickException("No port is free for the broker: end something that listens.")
    return port


async def _declare_queues(amqp_url: str) -> None:
    """Declare the queues before the worker consumes them; the gateway does it a moment later."""
    link = AmqpLink(amqp_url, name="up")
    link.start()
    try:
        declared = asyncio.wrap_future(link.call(lambda _channel: None))
        await asyncio.wait([declared], timeout=_DECLARE_SECONDS)
    finally:
        await asyncio.to_thread(link.stop)
