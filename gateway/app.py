"""Composition root: opens the edges in the order of the flow, closes them in reverse.

The only module that knows all the others.
"""

import asyncio
import contextlib
import functools
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount

from buildfeed.activity import Activity
from buildfeed.broker.amqp.link import AmqpLink
from buildfeed.errors import HistoryUnavailable
from buildfeed.history.store import Store
from gateway import problems
from gateway.access.access import SOCKETS, Access
from gateway.commands.commands import Commands
from gateway.commands.publisher import AmqpPublisher, MqttPublisher, Publisher
from gateway.commands.rate_limit import RateLimit
from gateway.drain import Drain
from gateway.engine.server import Limits, Server
from gateway.http.api import Api
from gateway.http.guard import Guard
from gateway.http.pages import pages
from gateway.operations.loop_lag import HANG_SECONDS, LoopLag
from gateway.operations.metrics import Metrics, Vitals
from gateway.operations.queue_lengths import QueueLengths
from gateway.operations.routes import Operations
from gateway.problems import Problem
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
            # For `watcher_socket`, which stands below the application.
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
        exception_handlers=dict.fromkeys(
            (Problem, HTTPException, HistoryUnavailable, Exception), _answer
        ),
    )


@contextlib.asynccontextmanager
async def _running(settings: Settings, app: Starlette, drain: Drain) -> AsyncIterator[Server]:
    loop = asyncio.get_running_loop()
    store = await asyncio.to_thread(Store, settings.database_url)

    def send(event: Event) -> None:
        for edge in (websocket, sockets, events):
            edge.deliver(event)

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
    snapshot, polling = Snapshot(live, store), settings.workers == 1
    watching = Subscriptions(live, snapshot)
    sockets = PollingTransport(
        live,
        watching,
        builds.find,
        feed.body,
        backlog_bytes=settings.backlog_kib * 1024,
        polling=polling,
    )
    websocket = WebSocketTransport(
        live,
        watching,
        builds.find,
        feed.body,
        backlog_bytes=settings.backlog_kib * 1024,
        limits=Limits(stuck=settings.stuck_seconds, max_bytes=MAX_MESSAGE_BYTES),
    )
    events = SseTransport(
        live,
        snapshot,
        builds.find,
        feed.body,
        backlog_bytes=settings.backlog_kib * 1024,
        stuck_seconds=settings.stuck_seconds,
    )

    not_ready = functools.partial(_missing, subscriber, publisher, catch_up)

    def vitals() -> Vitals:
        return Vitals(
            ready=not_ready() is None,
            broker_up=subscriber.alive,
            broker_lag=subscriber.lag,
            loop_lag=loop_lag.worst,
            watchers={"socketio": websocket.watchers + sockets.watchers, "sse": events.watchers},
            events_sent=websocket.sent + sockets.sent + events.sent,
            states_merged=websocket.merged + sockets.merged + events.merged,
            watchers_stuck=websocket.stuck + events.stuck,
            activities_refused=subscriber.refused,
        )

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
            *events.routes(),
            *operations.routes(),
            *pages(),
            Mount(SOCKETS, sockets.app),
        ]
    )
    links: list[Subscriber | AmqpLink] = [subscriber, *([amqp] if amqp else [])]
    for link in links:
        link.start()
    parts: list[Part] = [catch_up, feed, websocket, sockets, events, loop_lag, *operations.siblings]
    try:
        async with _kept_running(parts):
            if settings.workers > 1:  # the others serve until this one knows what they know
                await _until_ready(not_ready)
            log.info("gateway.started", extra={"host": settings.host, "port": settings.port})
            yield websocket.server
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await sockets.close()
        await commands.close()
        await asyncio.gather(*(asyncio.to_thread(link.stop) for link in links))
        store.close()
        log.info("gateway.stopped")


def _missing(subscriber: Subscriber, publisher: Publisher, catch_up: CatchUp) -> str | None:
    """Return what is missing until the process is ready, None when nothing is."""
    if not subscriber.alive:
        return "The broker does not answer."
    if not publisher.up:
        return "The broker takes no commands yet."
    return None if catch_up.ready else "Catching up with history."


async def _until_ready(missing: Callable[[], str | None]) -> None:
    """Wait until nothing is missing, but not for long: an old picture is better than no page."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_SECONDS):
            while missing():  # noqa: ASYNC110 - it has many parts, and this ends soon
                await asyncio.sleep(0.02)


class Part(Protocol):
    """Something that runs as long as the gateway does."""

    async def run(self) -> None:
        """Run until cancelled."""


@contextlib.asynccontextmanager
async def _kept_running(parts: Iterable[Part]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(_keep_running(part)) for part in parts]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_running(part: Part) -> None:
    """Run `part` again when a fault of ours ends it: a page that goes stale in silence is worse."""
    while True:
        try:
            await part.run()
        except Exception:
            log.exception("gateway.part_failed", extra={"part": type(part).__name__})
            await asyncio.sleep(1)


async def _answer(request: Request, exc: Exception) -> Response:
    """Return the problem that tells what went wrong; only a bug of ours gives a 500."""
    match exc:
        case Problem():
            problem = exc
        case HTTPException():
            status = HTTPStatus(exc.status_code)
            slug = status.phrase.lower().replace(" ", "-")
            detail = f"{request.method} {request.url.path[:200]}: {status.phrase}."
            problem = Problem(status, slug, detail, headers=dict(exc.headers or {}))
        case HistoryUnavailable():
            status = HTTPStatus.SERVICE_UNAVAILABLE
            detail = f"{exc} Live builds go on; try again in a few seconds."
            headers = {"Retry-After": "5"}
            problem = Problem(status, "history-unavailable", detail, headers=headers)
        case _:
            log.error("http.failed", exc_info=exc, extra={"path": request.url.path[:200]})
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            problem = Problem(status, "internal", "The gateway failed; its log says why.")
    return problems.answer(problem)
