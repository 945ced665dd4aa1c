"""`buildfeed up`: broker, recorder, gateway and a worker on one machine, by one command.

Each part is a context that ends it, so that they end in the reverse of the order in which they
began. The worker has the same name at every start: it resumes its own builds at once, where another
worker would first wait until it counts as lost.
"""

import asyncio
import os
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final

import click

from buildfeed import listeners, names
from buildfeed.broker.local import ports
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from buildfeed.cli import here
from buildfeed.cli.alone import Alone
from buildfeed.cli.broker import Urls, broker
from buildfeed.cli.commands import main as buildfeed
from buildfeed.cli.here import Here
from buildfeed.cli.process import STOP_SECONDS, Process
from buildfeed.cli.settings import Settings, settings_of, takes_settings
from buildfeed.errors import BuildfeedError, CannotListen
from buildfeed.history.kept_output import GIB, MIB, Bounds
from buildfeed.history.recorder import Recorder
from buildfeed.history.retention import Keep, Retention
from buildfeed.history.store import Store
from buildfeed.log import configure
from buildfeed.machine import core_dumps, signals
from buildfeed.machine.folder import kept, temporary
from buildfeed.machine.open_files import raise_limit
from buildfeed.machine.output import say
from buildfeed.runner import job_file
from buildfeed.runner.command import KILL_AFTER
from gateway import options
from gateway.access import anonymous
from gateway.oidc import options as oidc

_DRAIN_SECONDS: Final = 2
_LAST_OF_JOBS: Final = 13.0
"""Seconds that a worker needs at most for what it does beside draining and killing."""


@click.command("up")
@takes_settings
def main(log_level: str, **given: Any) -> None:  # noqa: ANN401 - click names and types them
    """Run everything here: broker, recorder, gateway and a worker, which fakes builds.

    With --projects it runs the jobs of a file.
    """
    configure(log_level)
    settings = settings_of(log_level=log_level, **given)
    _check_environment(settings)
    try:
        if settings.projects:
            job_file.read(settings.projects)  # the worker would end, and be started again, for ever
        _alone(settings)
    except CannotListen as exc:
        raise options.cannot_listen(exc) from exc
    except BuildfeedError as exc:
        raise click.ClickException(str(exc)) from exc


def _check_environment(settings: Settings) -> None:
    """Raise click.UsageError for a variable that one of the processes would end with."""
    context = click.get_current_context()
    own = {option.envvar for option in context.command.params if isinstance(option, click.Option)}
    if all(name in own for name in os.environ if name.startswith("BUILDFEED_")):
        return
    worker = ("worker", ["--projects", str(settings.projects)])
    for name, given in (("gateway", []), worker if settings.projects else ("fakebuild", [])):
        command = buildfeed.get_command(context, name)
        try:
            if command:
                command.make_context(name, given)
        except click.UsageError as exc:
            raise click.UsageError(exc.format_message()) from exc


def _alone(settings: Settings) -> None:
    """Run it as the only one in its folder, and leave nothing behind that it started."""
    core_dumps.forbid()
    raise_limit()
    if settings.workers > 1:
        temporary()  # else every gateway that is started would end
    rabbitmq = None
    if settings.broker == "rabbitmq" and not settings.mqtt_url:
        rabbitmq = PrivateRabbitMQ(settings.data_dir / "rabbitmq")
    with Alone(settings, rabbitmq.mark if rabbitmq else None) as alone:
        # Only now: a run that was killed a moment ago may have had it.
        listeners.check(settings.host, settings.port)
        asyncio.run(_until_stopped(settings, rabbitmq, alone))


async def _until_stopped(
    settings: Settings, rabbitmq: PrivateRabbitMQ | None, alone: Alone
) -> None:
    stop = asyncio.Event()
    for number in signals.ending():
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    serving = asyncio.create_task(_serve(settings, rabbitmq, alone))
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not serving.done():
        say("Stopping …")
        serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving


async def _serve(settings: Settings, rabbitmq: PrivateRabbitMQ | None, alone: Alone) -> None:
    """Serve until cancelled; raises BuildfeedError if that is impossible."""
    async with AsyncExitStack() as stack:
        running = [asyncio.create_task(alone.look_after())]
        stack.callback(running[0].cancel)
        urls = await stack.enter_async_context(broker(settings, rabbitmq))
        stack.enter_context(here.told(settings.data_dir, Here(urls.mqtt, _page(settings))))
        await stack.enter_async_context(_recorder(settings, urls))
        environment = _environment(settings, urls, alone.mark)
        ready = asyncio.create_task(_announce(settings, urls))
        stack.callback(ready.cancel)
        if not settings.no_worker:
            command = "worker" if settings.projects else "fakebuild"
            worker = _process(command, _of_worker(environment, urls), _seconds_to_stop(command))
            running.append(await stack.enter_async_context(worker))
        running.append(await stack.enter_async_context(_process("gateway", environment)))
        for ended in (await asyncio.wait(running, return_when=asyncio.FIRST_EXCEPTION))[0]:
            ended.result()


@asynccontextmanager
async def _recorder(settings: Settings, urls: Urls) -> AsyncIterator[None]:
    store = Store(settings.database_url, Bounds(settings.keep_log_mib * MIB))
    # The embedded broker ends with this process, and loses its sessions.
    keeps_sessions = settings.mqtt_url or urls.amqp
    recorder = Recorder(
        store,
        urls.mqtt,
        recorder_id=_recorder_id(settings) if keeps_sessions else None,
        abandon_after=settings.abandon_after,
    )
    keep = Keep(settings.keep_days, settings.keep_builds, int(settings.keep_logs_gib * GIB))
    retention = Retention(settings.database_url, keep)
    recorder.start()
    retention.start()
    try:
        yield
    finally:
        await asyncio.to_thread(retention.stop)
        await asyncio.to_thread(recorder.stop)
        store.close()


@asynccontextmanager
async def _process(
    command: str, environment: Mapping[str, str], stop_seconds: float = STOP_SECONDS
) -> AsyncIterator["asyncio.Task[None]"]:
    process = Process(command, environment, stop_seconds)
    running = asyncio.create_task(process.run())
    try:
        yield running
    finally:
        await process.stop()
        await asyncio.wait([running])


def _environment(settings: Settings, urls: Urls, mark: str) -> dict[str, str]:
    """Return the environment of the processes: that of this one, with the settings in it."""
    name, _, token = mark.partition("=")
    settled = {
        name: token,
        "BUILDFEED_MQTT_URL": urls.mqtt,
        "BUILDFEED_AMQP_URL": urls.amqp,
        "BUILDFEED_DATABASE_URL": settings.database_url,
        # Builds of a stopping worker begin again at the next start: no need to wait long.
        "BUILDFEED_DRAIN_SECONDS": str(_DRAIN_SECONDS),
        "BUILDFEED_NAME": os.environ.get("BUILDFEED_NAME") or _worker_name(settings),
        "BUILDFEED_HOST": settings.host,
        "BUILDFEED_ANONYMOUS": anonymous.written(settings.anonymous),
        "BUILDFEED_TOKENS": str(settings.tokens) if settings.tokens else None,
        "BUILDFEED_PORT": str(settings.port),
        "BUILDFEED_ORIGINS": " ".join(settings.origins) or None,
        "BUILDFEED_ROOT_PATH": settings.root_path or None,
        "BUILDFEED_TRUSTED_PROXIES": " ".join(settings.trusted_proxies) or None,
        "BUILDFEED_TLS_CERT": str(settings.tls_cert or "") or None,
        "BUILDFEED_TLS_KEY": str(settings.tls_key or "") or None,
        "BUILDFEED_TOKENS_BY_HTTP": "1" if settings.tokens_by_http else None,
        "BUILDFEED_MQTT_PUBLIC_URLS": " ".join(_public(settings, urls)) or None,
        **oidc.environment(settings.oidc),
        "BUILDFEED_PROJECTS": str(settings.projects or "") or None,
        "BUILDFEED_WORKERS": str(settings.workers),
        "BUILDFEED_LOG_LEVEL": settings.log_level,
        **urls.logins,
    }
    environment = {key: value for key, value in os.environ.items() if key not in settled}
    return environment | {key: value for key, value in settled.items() if value is not None}


def _seconds_to_stop(command: str) -> float:
    """Return how long a worker may take to end: one of jobs leaves no process of them behind."""
    if command != "worker":
        return STOP_SECONDS
    kill_after = float(os.environ.get("BUILDFEED_KILL_AFTER") or KILL_AFTER)
    return _DRAIN_SECONDS + kill_after + _LAST_OF_JOBS


def _public(settings: Settings, urls: Urls) -> Iterable[str]:
    """Return the addresses at which phones reach the broker: those that were said, or its own."""
    return map(str, settings.mqtt_public_urls) if settings.mqtt_public_urls else urls.public


def _of_worker(environment: Mapping[str, str], urls: Urls) -> dict[str, str]:
    """Return an environment without what is for the gateway alone: secrets are in it."""
    return {
        name: text
        for name, text in environment.items()
        if not (name.startswith(oidc.VARIABLE) or name in urls.logins)
    }


async def _announce(settings: Settings, urls: Urls) -> None:
    """Print the addresses once the gateway is ready."""
    host = listeners.reachable(settings.host)
    asking = _trusting() if settings.tls_cert else None
    while True:
        if await asyncio.to_thread(_ready, host, settings.port, asking):
            break
        await asyncio.sleep(0.05)
    say(f"Buildfeed is ready: {_page(settings)}")
    say(f"MQTT clients:       {urls.shown_mqtt}")
    if urls.shown_web_socket:
        say(f"In a WebSocket:     {urls.shown_web_socket}")
    if urls.by_token:
        say("Log in there:       with the name of a token, and the token for a password")
    if urls.shown_amqp:
        say(f"AMQP clients:       {urls.shown_amqp}")
    if urls.password_file:
        say(f"To publish:         as {urls.user}, its password is in {urls.password_file}")
    if settings.no_worker:
        say("No worker:          started builds wait until one of your own takes them.")
        say("Ctrl-C stops it.")
    else:
        say("Ctrl-C stops it; builds that run then begin again at the next start.")


def _page(settings: Settings) -> str:
    """Return the address of the page, as this machine reaches it."""
    scheme = "https" if settings.tls_cert else "http"
    host = ports.in_url(listeners.reachable(settings.host))
    return f"{scheme}://{host}:{settings.port}{settings.root_path}"


def _trusting() -> ssl.SSLContext:
    """Return what asks our own gateway by TLS: its certificate is for a name, not this address."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _ready(host: str, port: int, tls: ssl.SSLContext | None) -> bool:
    """Ask our own gateway whether it is ready.

    Not by `urllib`, which would ask the proxy that the environment names.
    """
    asked = HTTPConnection(host, port, timeout=2)
    if tls:
        asked = HTTPSConnection(host, port, timeout=2, context=tls)
    try:
        with closing(asked) as gateway:
            gateway.request("GET", "/readyz")
            return gateway.getresponse().status == HTTPStatus.OK
    except (HTTPException, OSError):
        return False


def _recorder_id(settings: Settings) -> str:
    """Return an id that no other `up` on the same broker has, and that nobody can guess."""
    return kept(settings.data_dir / "recorder-id", f"recorder-{secrets.token_hex(8)}")


def _worker_name(settings: Settings) -> str:
    made_up = names.worker_name(socket.gethostname(), secrets.token_hex(4))
    return kept(settings.data_dir / "worker-name", made_up)


if __name__ == "__main__":
    main()
