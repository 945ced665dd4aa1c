"""`buildfeed up`: broker, recorder, gateway and a worker on one machine, by one command.

Each part is a context that ends it, so that they end in the reverse of the order in which they
began. The worker has the same name at every start: it resumes its own builds at once, where another
worker would first wait until it counts as lost.
"""

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any

import click

from buildfeed import names
from buildfeed.broker.local import ports
from buildfeed.cli.broker import Urls, broker
from buildfeed.cli.kept_text import kept
from buildfeed.cli.process import Process
from buildfeed.cli.settings import Settings, settings_of, takes_settings
from buildfeed.errors import BuildfeedError
from buildfeed.history.recorder import Recorder
from buildfeed.history.retention import Keep, Retention
from buildfeed.history.store import Store
from buildfeed.log import configure


@click.command("up")
@takes_settings
def main(log_level: str, **given: Any) -> None:  # noqa: ANN401 - click names and types them
    """Run everything here: broker, recorder, gateway and a worker of fake builds."""
    configure(log_level)
    settings = settings_of(log_level=log_level, **given)
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
        urls = await stack.enter_async_context(broker(settings))
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
async def _recorder(settings: Settings, urls: Urls) -> AsyncIterator[None]:
    store = Store(settings.database_url)
    # The embedded broker ends with this process, and loses its sessions.
    keeps_sessions = settings.mqtt_url or urls.amqp
    recorder = Recorder(
        store, urls.mqtt, recorder_id=_recorder_id(settings) if keeps_sessions else None
    )
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
    """Return the environment of the processes: that of this one, with the settings in it."""
    settled = {
        "BUILDFEED_MQTT_URL": urls.mqtt,
        "BUILDFEED_AMQP_URL": urls.amqp,
        "BUILDFEED_DATABASE_URL": settings.database_url,
        # Builds of a stopping worker begin again at the next start: no need to wait long.
        "BUILDFEED_DRAIN_SECONDS": "2",
        "BUILDFEED_NAME": os.environ.get("BUILDFEED_NAME") or _worker_name(settings),
        "BUILDFEED_HOST": settings.host,
        "BUILDFEED_ANONYMOUS": "all",  # `settings_of` has checked it
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
    mqtt = urls.shown_mqtt.replace("@0.0.0.0:", "@127.0.0.1:").replace("@[::]:", "@[::1]:")
    click.echo(f"MQTT clients:       {mqtt}")
    if urls.shown_amqp:
        click.echo(f"AMQP clients:       {urls.shown_amqp}")
    if urls.password_file:
        click.echo(f"To publish:         as {urls.user}, its password is in {urls.password_file}")
    if settings.no_worker:
        click.echo("No worker:          started builds wait until one of your own takes them.")
        click.echo("Ctrl-C stops it.")
    else:
        click.echo("Ctrl-C stops it; builds that run then go on at the next start.")


def _ready(host: str, port: int) -> bool:
    """Ask our own gateway whether it is ready.

    Not by `urllib`, which would ask the proxy that the environment names.
    """
    try:
        with closing(HTTPConnection(host, port, timeout=2)) as gateway:
            gateway.request("GET", "/readyz")
            return gateway.getresponse().status == HTTPStatus.OK
    except (HTTPException, OSError):
        return False


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - a comparison


def _recorder_id(settings: Settings) -> str:
    """Return an id that no other `up` on the same broker has, and that nobody can guess."""
    return kept(settings.data_dir / "recorder-id", f"recorder-{secrets.token_hex(8)}")


def _worker_name(settings: Settings) -> str:
    made_up = names.worker_name(socket.gethostname(), secrets.token_hex(4))
    return kept(settings.data_dir / "worker-name", made_up)


if __name__ == "__main__":
    main()
