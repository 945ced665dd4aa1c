"""The composition root: makes the parts of a gateway process and joins them.

The only module that knows all the others. Read `_running` as the map: sources fill `live`, `live`
sends events to the transports, and the API sends commands. Links open before the parts run, and
close after them.
"""

import asyncio
import contextlib
import functools
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from buildfeed.activity import Activity
from buildfeed.broker.amqp.link import AmqpLink
from buildfeed.history.store import Store
from gateway.access.access import Access
from gateway.commands.commands import Commands
from gateway.commands.publisher import AmqpPublisher, MqttPublisher, Publisher
from gateway.commands.rate_limit import RateLimit
from gateway.drain import Drain
from gateway.engine.server import Limits, Server
from gateway.http import failures
from gateway.http.api import Api
from gateway.http.guard import Guard
from gateway.http.pages import pages
from gateway.operations.loop_lag import HANG_SECONDS, LoopLag
from gateway.operations.metrics import Metrics, Vitals
from gateway.operations.queue_lengths import QueueLengths
from gateway.operations.routes import Operations
from gateway.parts import Part, kept_running
from gateway.queries.builds import Builds
from gateway.queries.snapshot import Snapshot
from gateway.settings import MAX_MESSAGE_BYTES, Settings
from gateway.sources.catch_up import CatchUp
from gateway.sources.feed import Feed
from gateway.sources.subscriber import Subscriber
from gateway.state.counters import Counters
from gateway.state.event import Event
from gateway.state.live import Live
from gateway.transports.polling import PollingTransport
from gateway.transports.sse import SseTransport
from gateway.transports.subscriptions import Subscriptions
from gateway.transports.transport import Newest, Transport
from gateway.transports.websocket import WebSocketTransport

CLOSE_SECONDS = 3.0
READY_SECONDS = 3.0

log = logging.getLogger(__name__)


def create(settings: Settings) -> Starlette:
    """Return the ASGI application of one gateway process."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[Mapping[str, object]]:
        drain = Drain(settings.drain_seconds)
        drain.heed_signals()
        async with _running(settings, app, drain) as server:
            # For `transports/upgrade.py`, which stands below the application.
            yield {"drain": drain, "access": access, "server": server}

    access = Access(settings.origins, settings.host)

    return Starlette(
        lifespan=lifespan,
        middleware=[
            Middleware(Guard, access=access),
            Middleware(
                CORSMiddleware,
                allow_origins=settings.origins,
                allow_methods=["GET", "POST"],
                allow_headers=["Content-Type", "Idempotency-Key", "Prefer"],
                expose_headers=["Location", "Retry-After"],
            ),
        ],
        exception_handlers=dict.fromkeys(failures.EXCEPTIONS, failures.answer),
    )


@contextlib.asynccontextmanager
async def _running(settings: Settings, app: Starlette, drain: Drain) -> AsyncIterator[Server]:
    loop = asyncio.get_running_loop()
    store = await asyncio.to_thread(Store, settings.database_url)

    def send(event: Event) -> None:
        for transport in transports:
            transport.deliver(event)

    live = Live(send, loop.time)
    catch_up = CatchUp(store, live)
    counters = Counters()
    loop_lag = LoopLag(HANG_SECONDS if settings.workers > 1 else None)

    def receive(activity: Activity) -> None:
        counters.receive(activity, live.board)
        state = live.receive(activity)
        if state and state.stop:
            commands.insist(activity, state)

    def up() -> None:
        live.reconnected()
        catch_up.subscribed()

    subscriber = Subscriber(
        settings.mqtt_url,
        on_activity=receive,
        on_presence=live.hear,
        on_up=up,
        on_down=catch_up.unsubscribed,
    )
    amqp = AmqpLink(settings.amqp_url, name="gateway") if settings.amqp_url else None
    publisher = AmqpPublisher(amqp) if amqp else MqttPublisher(subscriber.link)
    builds = Builds(live, store)
    commands = Commands(live, builds, store, publisher, RateLimit(settings.starts_per_minute))
    feed = Feed(subscriber, live, send)
    snapshot, newest = Snapshot(live, store), Newest(live, builds.find, feed.body)
    server, transports = _transports(settings, live, snapshot, newest)

    not_ready = functools.partial(_missing, subscriber, publisher, catch_up)

    vitals = functools.partial(_vitals, not_ready, subscriber, loop_lag, transports)
    api = Api(live, builds, commands, store, counters=counters, drain=drain, not_ready=not_ready)
    operations = Operations(
        live,
        Metrics(live, counters, vitals),
        QueueLengths(amqp) if amqp else None,
        settings.shared,
    )
    app.router.routes.extend(
        [
            *api.routes(),
            *operations.routes(),
            *pages(),
            *(route for transport in transports for route in transport.routes()),
        ]
    )
    links: list[Subscriber | AmqpLink] = [subscriber, *([amqp] if amqp else [])]
    for link in links:
        link.start()
    parts: list[Part] = [catch_up, feed, *transports, loop_lag, *operations.siblings]
    try:
        async with kept_running(parts):
            if settings.workers > 1:  # other processes serve until this one has caught up
                await _until_ready(not_ready)
            log.info("gateway.started", extra={"host": settings.host, "port": settings.port})
            yield server
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(*(transport.close() for transport in transports))
        await commands.close()
        await asyncio.gather(*(asyncio.to_thread(link.stop) for link in links))
        store.close()
        log.info("gateway.stopped")


def _transports(
    settings: Settings, live: Live, snapshot: Snapshot, newest: Newest
) -> tuple[Server, list[Transport]]:
    """Return every transport, and the server of the connections that begin as a WebSocket."""
    subscriptions = Subscriptions(live, snapshot)
    backlog_bytes, stuck = settings.backlog_kib * 1024, settings.stuck_seconds
    limits = Limits(stuck=stuck, max_bytes=MAX_MESSAGE_BYTES)
    websocket = WebSocketTransport(
        subscriptions, newest, backlog_bytes=backlog_bytes, limits=limits
    )
    alone = settings.workers == 1
    return websocket.server, [
        websocket,
        PollingTransport(subscriptions, newest, backlog_bytes=backlog_bytes, polling=alone),
        SseTransport(live, snapshot, newest, backlog_bytes=backlog_bytes, stuck_seconds=stuck),
    ]


def _vitals(
    not_ready: Callable[[], str | None],
    subscriber: Subscriber,
    loop_lag: LoopLag,
    transports: Sequence[Transport],
) -> Vitals:
    watchers: Counter[str] = Counter()
    for each in transports:
        watchers[each.label] += each.watchers
    return Vitals(
        ready=not_ready() is None,
        broker_up=subscriber.alive,
        broker_lag=subscriber.lag,
        loop_lag=loop_lag.worst,
        watchers=watchers,
        events_sent=sum(each.sent for each in transports),
        states_merged=sum(each.merged for each in transports),
        watchers_stuck=sum(each.stuck for each in transports),
        activities_refused=subscriber.refused,
    )


def _missing(subscriber: Subscriber, publisher: Publisher, catch_up: CatchUp) -> str | None:
    """Return what is missing until the process is ready, None when nothing is missing."""
    if not subscriber.alive:
        return "The broker does not answer."
    if not publisher.up:
        return "The broker takes no commands yet."
    return None if catch_up.ready else "Catching up with history."


async def _until_ready(missing: Callable[[], str | None]) -> None:
    """Wait until nothing is missing, for READY_SECONDS at most: an old picture beats no page."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_SECONDS):
            while missing():  # noqa: ASYNC110 - it has many parts, and this ends soon
                await asyncio.sleep(0.02)
