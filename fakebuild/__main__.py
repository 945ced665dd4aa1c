"""`buildfeed fakebuild`: options → queue → worker; signals."""

import asyncio
import secrets
import signal
import socket
from typing import Final

import click

from buildfeed import names
from buildfeed.broker.options import amqp_url, log_level, mqtt_url
from buildfeed.errors import HistoryUnavailable, InvalidName
from buildfeed.history.options import database_url
from buildfeed.history.store import Store
from buildfeed.log import configure
from buildfeed.worker.limits import Limits
from buildfeed.worker.queues.amqp import AmqpQueue
from buildfeed.worker.queues.embedded import EmbeddedQueue
from buildfeed.worker.queues.past import Past
from buildfeed.worker.queues.queue import Queue
from buildfeed.worker.worker import Worker
from fakebuild.runner import FakeRunner

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def _name(_context: click.Context, _option: click.Parameter, name: str | None) -> str:
    """Return `name`, or one of this process alone when there is none."""
    if name is None:
        return names.worker_name(socket.gethostname(), secrets.token_hex(4))
    try:
        return names.check("worker", name)
    except InvalidName as exc:
        raise click.BadParameter(str(exc)) from exc


@click.command("fakebuild")
@mqtt_url
@amqp_url
@database_url
@click.option(
    "--name",
    envvar="BUILDFEED_NAME",
    callback=_name,
    help="Name of this worker, its own. [default: host name and random digits]",
)
@click.option(
    "--concurrency",
    envvar="BUILDFEED_CONCURRENCY",
    default=2,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Builds at a time.",
)
@click.option(
    "--max-attempts",
    envvar="BUILDFEED_MAX_ATTEMPTS",
    default=10,
    show_default=True,
    type=click.IntRange(1),
    help="A build fails when it is begun once more than this.",
)
@click.option(
    "--max-seconds",
    envvar="BUILDFEED_MAX_SECONDS",
    default=86_400.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="A build fails when it takes longer.",
)
@click.option(
    "--max-lag",
    envvar="BUILDFEED_MAX_LAG",
    default=0.5,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Takes no further build while its event loop is late by more seconds.",
)
@click.option(
    "--drain-seconds",
    envvar="BUILDFEED_DRAIN_SECONDS",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0),
    help="How long a stopping worker lets its builds end before it hands them back. "
    "Without RabbitMQ it does not wait: it takes them up again when it starts.",
)
@log_level
def main(
    *,
    mqtt_url: str,
    amqp_url: str | None,
    database_url: str,
    name: str,
    concurrency: int,
    max_attempts: int,
    max_seconds: float,
    max_lag: float,
    drain_seconds: float,
    log_level: str,
) -> None:
    """Take starts from the queue, pretend to build, publish the progress."""
    configure(log_level)
    queue: Queue
    if amqp_url:
        # Only where it was told to: most installations let workers reach the broker alone.
        past = Past(_store(database_url).get) if _was_given("database_url") else None
        queue = AmqpQueue(amqp_url, past, name=name, slots=concurrency)
    else:
        store = _store(database_url)
        past = Past(store.get)
        queue = EmbeddedQueue(mqtt_url, store.offered, past, name=name, slots=concurrency)
        drain_seconds = 0

    worker = Worker(
        name,
        mqtt_url=mqtt_url,
        queue=queue,
        runner=FakeRunner(),
        slots=concurrency,
        limits=Limits(max_attempts=max_attempts, max_seconds=max_seconds, max_lag=max_lag),
        drain_seconds=drain_seconds,
    )

    async def serve() -> None:
        await worker.run(_stop_signal())

    asyncio.run(serve())


def _was_given(option: str) -> bool:
    source = click.get_current_context().get_parameter_source(option)
    return source is not click.core.ParameterSource.DEFAULT


def _store(database_url: str) -> Store:
    try:
        return Store(database_url)
    except HistoryUnavailable as exc:
        raise click.ClickException(str(exc)) from exc


def _stop_signal() -> asyncio.Event:
    """Return an event that the first signal sets; the second ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def first() -> None:
        stop.set()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in _SIGNALS:
        loop.add_signal_handler(number, first)
    return stop


if __name__ == "__main__":
    main()
