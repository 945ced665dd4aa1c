"""The process of a worker: queue, runner and signals."""

import asyncio
import signal

from msgspec.structs import replace

from buildfeed.history.store import Store
from buildfeed.machine import core_dumps, signals
from buildfeed.machine.open_files import raise_limit
from buildfeed.worker.queues.amqp import AmqpQueue
from buildfeed.worker.queues.embedded import EmbeddedQueue
from buildfeed.worker.queues.past import Past
from buildfeed.worker.queues.queue import Queue
from buildfeed.worker.runner import Runner
from buildfeed.worker.settings import Settings
from buildfeed.worker.worker import Worker


def serve(settings: Settings, runner: Runner) -> None:
    """Take starts and run them by `runner` until a signal ends it.

    Raises HistoryUnavailable when the history cannot be opened, NameTaken when another worker has
    the name, and TooFewOpenFiles.
    """
    core_dumps.forbid()
    raise_limit()
    store = Store(settings.database_url) if settings.database_url else None
    past = Past(store.get) if store else None
    queue: Queue
    if settings.amqp_url:
        queue = AmqpQueue(settings.amqp_url, past, name=settings.name, slots=settings.slots)
    elif store and past:
        queue = EmbeddedQueue(
            settings.mqtt_url, store.offered, past, name=settings.name, slots=settings.slots
        )
        settings = replace(settings, drain_seconds=0)  # its builds begin again when it starts again
    else:
        raise ValueError("without RabbitMQ a worker needs the history")
    asyncio.run(_serve(Worker(settings, queue, runner)))


async def _serve(worker: Worker) -> None:
    await worker.run(_stop_signal())


def _stop_signal() -> asyncio.Event:
    """Return an event that the first signal sets; the second ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    ending = signals.ending()

    def first() -> None:
        stop.set()
        for number in ending:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in ending:
        loop.add_signal_handler(number, first)
    return stop
