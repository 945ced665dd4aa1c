"""`buildfeed up`: broker, recorder, gateway and a worker on one machine, by one command.

The worker has the same name at every start, so that it takes up at once what it left.
"""

import asyncio
import logging
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import click
import msgspec

from buildfeed import names
from buildfeed.broker.amqp.link import AmqpLink
from buildfeed.broker.local import ports
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from buildfeed.broker.options import LEVELS, check_url
from buildfeed.cli.process import Process
from buildfeed.errors import BuildfeedError
from buildfeed.history.options import data_dir, database_url, keep
from buildfeed.history.recorder import Recorder
from buildfeed.history.retention import Keep, Retention
from buildfeed.history.store import Store
from buildfeed.log import configure
from gateway import options
from gateway.access.anonymous import Anonymous

USER = "buildfeed"
MQTT_PORT = 1883
RECORDER_ID = "recorder"

log = logging.getLogger(__name__)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `buildfeed up`; without `mqtt_url` it starts a broker of its own."""

    broker: str
    mqtt_url: str | None
    amqp_url: str | None
    database_url: str
    data_dir: Path
    keep_days: int
    keep_builds: int
    host: str
    port: int
    origins: tuple[str, ...]
    workers: int
    mqtt_port: int | None
    no_worker: bool
    log_level: str


class Urls(msgspec.Struct, frozen=True):
    """Where the broker is. Without `amqp` commands travel by MQTT and history is the queue."""

    mqtt: str
    amqp: str | None


@click.command("up")
@click.option(
    "--broker",
    envvar="BUILDFEED_BROKER",
    type=click.Choice(["embedded", "rabbitmq"]),
    default="embedded",
    show_default=True,
    help="The broker to start when --mqtt-url names none that runs.",
)
@click.option(
    "--mqtt-url",
    envvar="BUILDFEED_MQTT_URL",
    callback=check_url,
    help="A running broker's MQTT URL.",
)
@click.option(
    "--amqp-url",
    envvar="BUILDFEED_AMQP_URL",
    callback=check_url,
    help="The same broker's AMQP URL.",
)
@database_url
@keep
@options.host
@options.anonymous
@click.option(
    "--port",
    envvar="BUILDFEED_PORT",
    type=click.IntRange(1, 65535),
    default=8000,
    show_default=True,
    help="Port of the page.",
)
@options.origins
@click.option(
    "--workers",
    envvar="BUILDFEED_WORKERS",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Gateway processes that share the port.",
)
@click.option(
    "--mqtt-port",
    envvar="BUILDFEED_MQTT_PORT",
    type=click.IntRange(1, 65535),
    help=f"Port of the embedded broker.  [default: {MQTT_PORT}, another when it is taken]",
)
@click.option(
    "--no-worker",
    envvar="BUILDFEED_NO_WORKER",
    is_flag=True,
    help="Start no worker of fake builds: you bring workers, or builds, of your own.",
)
@click.option(
    "--log-level",
    envvar="BUILDFEED_LOG_LEVEL",
    type=click.Choice(LEVELS),
    default="warning",
    show_default=True,
    help="The least important log lines to write.",
)
def main(log_level: str, anonymous: Anonymous | None, **given: Any) -> None:  # noqa: ANN401 - click names and types them
    """Run everything here: broker, recorder, gateway and a worker of fake builds."""
    configure(log_level)
    settings = Settings(data_dir=data_dir(), log_level=log_level, **given)
    options.check(settings.host, anonymous)
    if settings.amqp_url and not settings.mqtt_url:
        raise click.UsageError("--amqp-url names a running broker: give its --mqtt-url too.")
    if not ports.is_free(settings.port):
        raise click.ClickException(
            f"Port {settings.port} is taken: choose another with --port or PORT=."
        )
    try:
        asyncio.run(_up(settings))
    except BuildfeedError as exc:
        raise click.ClickException(str(exc)) from exc


async def _up(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        urls = await stack.enter_async_context(_broker(settings))
        if urls.amqp:
            await _declare_queues(urls.amqp)
        await stack.enter_async_context(_recorder(settings, urls))
        environment = _environment(settings, urls)
        if not settings.no_worker:
            await stack.enter_async_context(_process("fakebuild", environment))
        await stack.enter_async_context(_process("gateway", environment))
        ready = asyncio.create_task(_announce(settings, urls))
        await stop.wait()
        ready.cancel()
        click.echo("Stopping …")


@asynccontextmanager
async def _broker(settings: Settings) -> AsyncIterator[Urls]:
    """Give the URLs of the broker that runs already, or of one that runs as long as we do."""
    if settings.mqtt_url:
        yield Urls(settings.mqtt_url, settings.amqp_url)
    elif settings.broker == "rabbitmq":
        rabbitmq = PrivateRabbitMQ(settings.data_dir / "rabbitmq")
        try:
            await asyncio.to_thread(rabbitmq.start)
            yield Urls(rabbitmq.mqtt_url, rabbitmq.amqp_url)
        finally:
            await asyncio.to_thread(rabbitmq.stop)
    else:
        # Imported here: it takes half a second that the other ways to start need not wait for.
        from buildfeed.broker.local.embedded import EmbeddedBroker  # noqa: PLC0415

        embedded = EmbeddedBroker(
            host=settings.host,
            port=_mqtt_port(settings),
            user=USER,
            password=_kept(settings.data_dir / "mqtt-password", secrets.token_urlsafe(12)),
        )
        try:
            await embedded.start()
        except OSError as exc:
            reason = f"MQTT cannot listen on {settings.host}: {exc.strerror or exc}."
            raise click.ClickException(reason) from exc
        try:
            yield Urls(embedded.url, None)
        finally:
            await embedded.stop()


async def _declare_queues(amqp_url: str) -> None:
    """Make the queues before the worker looks for them; the gateway would, a moment later."""
    link = AmqpLink(amqp_url, name="up")
    link.start()
    try:
        await asyncio.wait([asyncio.wrap_future(link.call(lambda _channel: None))], timeout=5)
    finally:
        await asyncio.to_thread(link.stop)


@asynccontextmanager
async def _recorder(settings: Settings, urls: Urls) -> AsyncIterator[None]:
    store = Store(settings.database_url)
    # The embedded broker ends with us, and its sessions with it.
    keeps_sessions = settings.mqtt_url or urls.amqp
    recorder = Recorder(store, urls.mqtt, recorder_id=RECORDER_ID if keeps_sessions else None)
    retention = Retention(settings.database_url, Keep(settings.keep_days, settings.keep_builds))
    recorder.start()
    retention.start()
    try:
        yield
    finally:
        await asyncio.to_thread(retention.stop)
        await asyncio.to_thread(recorder.stop)
        store.close()


@asynccontextmanager
async def _process(module: str, environment: Mapping[str, str]) -> AsyncIterator[None]:
    process = Process(module, environment)
    running = asyncio.create_task(process.run())
    try:
        yield
    finally:
        await process.stop()
        await running


def _environment(settings: Settings, urls: Urls) -> dict[str, str]:
    """Return the environment of the processes: ours, with what was settled here."""
    settled = {
        "BUILDFEED_MQTT_URL": urls.mqtt,
        "BUILDFEED_AMQP_URL": urls.amqp,
        "BUILDFEED_DATABASE_URL": settings.database_url,
        # What a stopping worker hands back begins again at the next start: no need to wait long.
        "BUILDFEED_DRAIN_SECONDS": "2",
        "BUILDFEED_NAME": os.environ.get("BUILDFEED_NAME") or _worker_name(settings),
        "BUILDFEED_HOST": settings.host,
        "BUILDFEED_ANONYMOUS": "all",  # as is decided here already
        "BUILDFEED_PORT": str(settings.port),
        "BUILDFEED_ORIGINS": " ".join(settings.origins) or None,
        "BUILDFEED_WORKERS": str(settings.workers),
        "BUILDFEED_LOG_LEVEL": settings.log_level,
    }
    environment = {key: value for key, value in os.environ.items() if key not in settled}
    return environment | {key: value for key, value in settled.items() if value is not None}


async def _announce(settings: Settings, urls: Urls) -> None:
    """Print the addresses once the gateway is ready."""
    host = _reachable(settings.host)
    page = f"http://{ports.in_url(host)}:{settings.port}"
    while True:
        if await asyncio.to_thread(_ready, host, settings.port):
            break
        await asyncio.sleep(0.05)
    click.echo(f"Buildfeed is ready: {page}")
    mqtt = urls.mqtt.replace("@0.0.0.0:", "@127.0.0.1:").replace("@[::]:", "@[::1]:")
    click.echo(f"MQTT clients:       {mqtt}")
    if urls.amqp:
        click.echo(f"AMQP clients:       {urls.amqp}")
    if settings.no_worker:
        click.echo("No worker:          started builds wait until one of your own takes them.")
        click.echo("Ctrl-C stops it.")
    else:
        click.echo("Ctrl-C stops it; builds that run then go on at the next start.")


def _ready(host: str, port: int) -> bool:
    """Ask our own gateway, directly: `urllib` would ask the proxy that the environment names."""
    try:
        with closing(HTTPConnection(host, port, timeout=2)) as gateway:
            gateway.request("GET", "/readyz")
            return gateway.getresponse().status == HTTPStatus.OK
    except (HTTPException, OSError):
        return False


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


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - a comparison


def _worker_name(settings: Settings) -> str:
    made_up = names.worker_name(socket.gethostname(), secrets.token_hex(4))
    return _kept(settings.data_dir / "worker-name", made_up)


def _kept(path: Path, new: str) -> str:
    """Return the text kept in `path`: `new` from the first start on. Clients may keep it too."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.with_suffix(".new")
        written.touch(mode=0o600)
        written.write_text(new)
        written.rename(path)  # whole or not at all
    return path.read_text().strip()


if __name__ == "__main__":
    main()
