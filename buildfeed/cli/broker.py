"""The broker of `buildfeed up`: one that runs already, or one that runs as long as `up` does."""

import asyncio
import contextlib
import logging
import secrets
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click
import msgspec

from buildfeed import listeners
from buildfeed.broker.amqp.link import AmqpLink
from buildfeed.broker.local import ports
from buildfeed.broker.local.listener import Listener
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ, RabbitMQFailed
from buildfeed.broker.local.users import User
from buildfeed.cli.logins import Logins
from buildfeed.cli.settings import USUAL_PORTS, Settings
from buildfeed.errors import BuildfeedError, CannotListen
from buildfeed.history.audit import AuditLog
from buildfeed.history.database import Database
from buildfeed.history.tokens import Tokens
from buildfeed.keep_running import keep_running
from buildfeed.machine.folder import kept
from buildfeed.machine.output import say
from gateway.access.audit import Audit
from gateway.access.token_file import TokenFile
from gateway.http.certificate import Certificate

_USER: Final = "buildfeed"

_DECLARE_SECONDS: Final = 5.0
"""Seconds that the worker waits for the queues; then it starts without, and tries until it can."""

_LOOK_SECONDS: Final = 0.5
"""Seconds between two looks whether the private RabbitMQ still runs."""
_AGAIN_SECONDS: Final = 5.0
"""Seconds until one that does not start is tried again."""

log = logging.getLogger(__name__)


class Urls(msgspec.Struct, frozen=True):
    """Where the broker is. Without `amqp` commands travel by MQTT and history is the queue.

    `mqtt` and `amqp` are for our own processes. Subscribers are told `shown_mqtt`,
    `shown_web_socket` and `shown_amqp`, with which nobody can publish. Phones reach it at the
    `public` addresses. `password_file` has the password of `user`, who can publish. With `by_token`
    one logs in with a token only, so that no login is shown. `logins` is the environment with which
    a gateway lets people in at RabbitMQ by their tokens.
    """

    mqtt: str
    amqp: str | None
    shown_mqtt: str
    shown_web_socket: str | None = None
    shown_amqp: str | None = None
    public: tuple[str, ...] = ()
    user: str = _USER
    password_file: Path | None = None
    by_token: bool = False
    logins: Mapping[str, str] = {}


@asynccontextmanager
async def broker(settings: Settings, rabbitmq: PrivateRabbitMQ | None) -> AsyncIterator[Urls]:
    """Give the URLs of the broker, with its queues declared; end a broker that was started here.

    Raises click.ClickException, CannotListen, RabbitMQMissing or RabbitMQFailed when it cannot be
    started.
    """
    if settings.mqtt_url:
        context = _running(settings.mqtt_url, settings.amqp_url)
    elif rabbitmq:
        context = _private_rabbitmq(rabbitmq)
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
async def _private_rabbitmq(rabbitmq: PrivateRabbitMQ) -> AsyncIterator[Urls]:
    say("Starting RabbitMQ, which takes 5 to 20 seconds …")
    try:
        await _start(rabbitmq)
        watching = asyncio.create_task(_keep_running(rabbitmq))
        try:
            yield Urls(
                rabbitmq.mqtt_url,
                rabbitmq.amqp_url,
                rabbitmq.reader_mqtt_url,
                rabbitmq.reader_web_socket_url,
                rabbitmq.reader_amqp_url,
                public=rabbitmq.public_urls,
                password_file=rabbitmq.password_file,
                logins={
                    "BUILDFEED_BROKER_AUTH": rabbitmq.broker_auth,
                    "BUILDFEED_BROKER_AUTH_SECRET": rabbitmq.broker_auth_secret,
                    "BUILDFEED_MANAGEMENT_URL": rabbitmq.management_url,
                },
            )
        finally:
            watching.cancel()
            await asyncio.wait([watching])
    finally:
        await asyncio.to_thread(rabbitmq.stop)


async def _start(rabbitmq: PrivateRabbitMQ) -> None:
    """Start it in a thread, which has ended when this returns, raises or is cancelled."""
    starting = asyncio.create_task(asyncio.to_thread(rabbitmq.start))
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        rabbitmq.give_up()
        with contextlib.suppress(BuildfeedError):
            await starting
        raise


async def _keep_running(rabbitmq: PrivateRabbitMQ) -> None:
    """Start it again, on the same ports, whenever it has died."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        if not rabbitmq.alive:
            log.warning("process.died", extra={"command": "rabbitmq"})
            try:
                await _start(rabbitmq)
            except BuildfeedError as exc:
                reason = exc.reason if isinstance(exc, RabbitMQFailed) else str(exc)
                log.warning("rabbitmq.down", extra={"reason": reason})
                await asyncio.sleep(_AGAIN_SECONDS)


@asynccontextmanager
async def _embedded(settings: Settings) -> AsyncIterator[Urls]:
    # Imported here: it takes half a second that the other ways to start need not wait for.
    try:
        from buildfeed.broker.local.embedded import EmbeddedBroker  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        raise click.ClickException(
            "The embedded broker is not installed here: pip install 'buildfeed[embedded]', or name "
            "a broker that runs with --mqtt-url."
        ) from exc

    password_file = settings.data_dir / "mqtt-password"
    owner = User(_USER, kept(password_file, secrets.token_urlsafe(12)))
    reader = _reader(settings)
    users = [owner, reader] if reader else [owner]
    certificate = _certificate(settings)
    mine, *others = _listeners(settings, certificate.context if certificate else None)
    shown = [each for each in (mine, *others) if bool(each.tls) == bool(certificate)]
    database = Database(settings.database_url)
    audit = Audit(AuditLog(database).append)
    logins = Logins(Tokens(database), audit, TokenFile(settings.tokens))
    embedded = EmbeddedBroker(at=[mine, *others], users=users, logins=logins)
    await embedded.start()
    running = [asyncio.create_task(keep_running(logins.run, log, "embedded.logins_failed"))]
    if certificate:
        running.append(asyncio.create_task(certificate.run()))
    shown_mqtt, shown_web_socket = (each.url(reader) for each in shown)
    try:
        yield Urls(
            mine.url(owner),
            None,
            shown_mqtt,
            shown_web_socket,
            public=tuple(each.public_url() for each in shown),
            password_file=password_file,
            by_token=reader is None,
        )
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        await embedded.stop()
        database.close()


def _certificate(settings: Settings) -> Certificate | None:
    """Return the certificate, None without TLS; raises CertificateUnusable."""
    if settings.tls_cert and settings.tls_key:
        return Certificate(settings.tls_cert, settings.tls_key)
    return None


def _listeners(settings: Settings, tls: ssl.SSLContext | None) -> list[Listener]:
    """Return where the embedded broker listens: first for our own processes.

    With TLS these are on the loopback, and everybody else comes encrypted.
    """
    choice = _Ports(settings)
    clear = listeners.LOOPBACK if tls else settings.host
    found = [Listener(clear, choice.port("mqtt", clear))]
    if tls:
        found.append(Listener(settings.host, choice.port("mqtts", settings.host), tls=tls))
    port = choice.port("mqtt-ws", settings.host)
    return [*found, Listener(settings.host, port, web_socket=True, tls=tls)]


def _reader(settings: Settings) -> User | None:
    """Return the user of everybody who has no token, None if nothing is granted to them."""
    if not settings.anonymous.areas("read"):
        return None
    password = kept(settings.data_dir / "mqtt-reader-password", secrets.token_urlsafe(12))
    reads_all = settings.anonymous.may("read")
    return User.reader(password, None if reads_all else settings.anonymous)


def _without_login(url: str) -> str:
    """Return a URL without user and password: what is printed may be read by others."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


class _Ports:
    """The ports of the embedded broker: those that were chosen, the usual ones, or free ones."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._taken = {settings.port, *filter(None, map(self._chosen, USUAL_PORTS))}

    def port(self, name: str, host: str) -> int:
        """Return the port of a listener on a host; raises click.ClickException if none is free."""
        port = self._chosen(name)
        if port is not None:
            if not _is_free(host, port):
                raise click.ClickException(
                    f"Port {port} is taken: choose another with --{name}-port."
                )
            return port
        for each in self._candidates(name):
            if each and each not in self._taken and _is_free(host, each):
                self._taken.add(each)
                return each
        raise click.ClickException("No port is free for the broker: end something that listens.")

    def _candidates(self, name: str) -> Iterator[int | None]:
        yield USUAL_PORTS[name]
        for number in range(len(self._taken) + 1):  # so many may not be bound yet
            yield ports.free_block(1, self._settings.port + number)

    def _chosen(self, name: str) -> int | None:
        port: int | None = getattr(self._settings, f"{name.replace('-', '_')}_port")
        return port


def _is_free(host: str, port: int) -> bool:
    try:
        listeners.check(host, port)
    except CannotListen as exc:
        return not exc.taken
    return True


async def _declare_queues(amqp_url: str) -> None:
    """Declare the queues before the worker consumes them; the gateway does it a moment later."""
    link = AmqpLink(amqp_url, name="up")
    link.start()
    try:
        declared = asyncio.wrap_future(link.call(lambda _channel: None))
        await asyncio.wait([declared], timeout=_DECLARE_SECONDS)
    finally:
        await asyncio.to_thread(link.stop)
