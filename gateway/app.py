"""The composition root: makes the parts of a gateway process and joins them.

The only module that knows all the others. Read `Gateway` as the map: sources fill `live`, `live`
sends events to the transports, and the API sends commands. Links open before the parts run, and
close after them.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from buildfeed.activity import Activity
from buildfeed.awake_clock import AwakeClock
from buildfeed.broker.amqp.link import AmqpLink
from buildfeed.history.store import Store
from gateway.access.access import Access
from gateway.access.audit import Audit
from gateway.access.clients import Clients
from gateway.access.directory import Directory
from gateway.access.paths import Paths
from gateway.access.proxies import Proxies
from gateway.access.refusals import Refusals
from gateway.access.token_file import TokenFile
from gateway.asyncapi import document as asyncapi
from gateway.broker_auth.broker_auth import BrokerAuth
from gateway.broker_auth.listener import Address
from gateway.commands.admission import Admission, Most
from gateway.commands.commands import Commands
from gateway.commands.publisher import AmqpPublisher, MqttPublisher
from gateway.drain import Drain
from gateway.engine.limits import Limits
from gateway.handover import Handover
from gateway.http import failures
from gateway.http.api import Api
from gateway.http.badges import Badges
from gateway.http.certificate import Certificate
from gateway.http.cors import Cors
from gateway.http.description import ASYNCAPI, Description
from gateway.http.entrance import patience
from gateway.http.errors import Errors
from gateway.http.guard import Guard
from gateway.http.health import Health
from gateway.http.jobs import Jobs
from gateway.http.links import Links
from gateway.http.logs import Logs
from gateway.http.openapi import OpenApi
from gateway.http.pages import pages
from gateway.http.phone import Phone
from gateway.http.projects import ProjectList
from gateway.http.proxied_streams import ProxiedStreams
from gateway.http.sessions import Sessions
from gateway.http.sign_in import SignIn
from gateway.http.spelling import Spelling
from gateway.http.strict_transport import StrictTransport
from gateway.oidc.settings import Oidc
from gateway.operations.dead_letter_routes import DeadLetterRoutes
from gateway.operations.dead_letters import DeadLetters
from gateway.operations.loop_lag import HANG_SECONDS, LoopLag
from gateway.operations.metrics import Metrics, Vitals
from gateway.operations.queues import Queues
from gateway.operations.routes import Operations
from gateway.parts import Part, kept_running
from gateway.queries.builds import Builds
from gateway.queries.outputs import Outputs
from gateway.queries.projects import Projects
from gateway.queries.snapshot import Snapshot
from gateway.settings import MAX_MESSAGE_BYTES, Settings
from gateway.sources.catch_up import CatchUp
from gateway.sources.feed import Feed
from gateway.sources.subscriber import Subscriber
from gateway.state.counters import Counters
from gateway.state.event import Event
from gateway.state.live import Live
from gateway.transports.socket_io import SocketIoTransport
from gateway.transports.sse import SseTransport
from gateway.transports.subscriptions import Subscriptions
from gateway.transports.transport import Newest, Transport

if TYPE_CHECKING:
    from gateway.oidc.issuer import Issuer

CLOSE_SECONDS = 3.0
READY_SECONDS = 3.0
STUCK_MORE_SECONDS = 5.0
STARTS_OF_ONE, STARTS_IN_ALL = 2, 10
"""By how much the limits of starts are higher than that of a project, unless they are given."""
LAGGING_SECONDS = 10.0
"""Seconds of lag from which history counts as behind; the page says so from then on, too."""

log = logging.getLogger(__name__)


def create(settings: Settings) -> ASGIApp:
    """Return the ASGI application of one gateway process."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[Mapping[str, object]]:
        drain = Drain(settings.drain_seconds)
        drain.heed_signals()
        store = await asyncio.to_thread(Store, settings.database_url)
        gateway = Gateway(
            settings, store, drain, clients, access, paths=paths, certificate=certificate
        )
        drain.on_begin = gateway.handover.leave
        app.router.routes.extend(gateway.routes())
        app.router.redirect_slashes = False  # `Spelling` knows one spelling only
        async with gateway.running():
            # For `http/entrance.py` and `transports/websocket.py`, below the application.
            yield {
                "drain": drain,
                "refusals": refusals,
                "clients": clients,
                "paths": paths,
                "patience": gateway.patience,
                "server": gateway.socket_io.server,
                "handover": gateway.handover,
                "polling": gateway.socket_io.polling,
                "directory": gateway.directory,
                "certificate": certificate,
            }

    certificate = _certificate(settings)
    access = Access(settings.origins, settings.host, has_tls=certificate is not None)
    refusals, paths = Refusals(access), Paths(settings.root_path)
    proxies = Proxies(settings.trusted_proxies)
    clients = Clients(proxies, settings.max_connections, settings.max_per_address)

    app = Starlette(
        lifespan=lifespan,
        middleware=[
            Middleware(Guard, refusals=refusals),
            Middleware(ProxiedStreams, clients=clients),
            Middleware(SignIn),
        ],
        exception_handlers=dict.fromkeys(failures.EXCEPTIONS, failures.answer),
    )
    # Outside of all, as the answer to a bug passes no other middleware.
    return StrictTransport(Spelling(Cors(app, refusals), paths), refusals)


class Gateway:
    """The parts of one gateway process. It closes the `store` at its end."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        drain: Drain,
        clients: Clients,
        access: Access,
        *,
        paths: Paths,
        certificate: Certificate | None = None,
    ) -> None:
        self._settings = settings
        self._certificate = certificate
        self._clients = clients
        # The streams give up their watchers themselves, and say so.
        self.patience = patience(
            settings.head_seconds,
            settings.body_seconds,
            settings.stuck_seconds + STUCK_MORE_SECONDS,
        )
        self._store = store
        links = Links(access, paths)
        # The state, and the sources that fill it.
        self._clock = AwakeClock()
        self._live = live = Live(self._send, self._clock.time)
        self._counters = Counters()
        self._catch_up = CatchUp(store, live)
        self._subscriber = Subscriber(
            settings.mqtt_url,
            self._clock,
            on_activity=self._receive,
            on_presence=live.hear,
            on_removed=live.left,
            on_up=self._up,
            on_down=self._catch_up.unsubscribed,
        )
        self._feed = Feed(
            self._subscriber,
            live,
            self._send,
            takes_commands=self._takes_commands,
            history_up=lambda: self._catch_up.trouble is None,
        )
        # Reads and commands.
        builds = Builds(live, store)
        self._amqp = AmqpLink(settings.amqp_url, name="gateway") if settings.amqp_url else None
        self._publisher = (
            AmqpPublisher(self._amqp) if self._amqp else MqttPublisher(self._subscriber.link)
        )
        self._admission = Admission(_most(settings))
        self._commands = Commands(
            live,
            builds,
            store,
            self._publisher,
            self._admission,
            takes_commands=self._takes_commands,
        )
        # The ways to watchers.
        newest = Newest(live, builds.find, self._feed.body)
        self._audit = Audit(store.audit().append)
        self._issuer = _issuer(settings.oidc)
        self.directory = Directory(
            store.tokens(),
            settings.anonymous,
            self._audit,
            TokenFile(settings.tokens),
            max_per_principal=settings.max_per_principal,
            is_private=lambda host: settings.tokens_by_http or access.is_private(host),
            issuer=self._issuer,
        )
        self._snapshot = Snapshot(live, store, settings.snapshot_queries)
        self.handover = Handover(settings.shared)
        self.socket_io, self._transports = _transports(
            settings,
            live,
            self._snapshot,
            newest,
            self.directory,
            new_session=self.handover.new_session,
        )
        self.socket_io.server.admission = clients
        self._broker_auth = _broker_auth(settings, store, self.directory)
        # For operators.
        self._loop_lag = LoopLag(HANG_SECONDS if settings.workers > 1 else None)
        metrics = Metrics(live, self._counters, self._vitals)
        queues = Queues(self._amqp) if self._amqp else None
        self._operations = Operations(live, metrics, queues, settings.shared)
        dead_letters = DeadLetters(settings.amqp_url) if settings.amqp_url else None
        self._dead_letters = DeadLetterRoutes(dead_letters, links)
        self._health = Health(self._missing)
        self._phone = Phone(live, settings.mqtt_public_urls)
        self._jobs = Jobs(live)
        self._links_to_us = links
        provider = settings.oidc.label if settings.oidc else ""
        self._sessions = Sessions(self.directory, links, provider)
        self._badges = Badges(builds, links)
        self._logs = Logs(builds, Outputs(store.output()), links)
        self._errors = Errors(builds)
        self._projects = ProjectList(live, Projects(live, store.statistics()))
        self._api = Api(live, builds, self._commands, self._counters, drain, links=links)

    def routes(self) -> Iterator[BaseRoute]:
        """Yield the routing table."""
        api = [
            *self._api.routes(),
            *self._logs.routes(),
            *self._errors.routes(),
            *self._projects.routes(),
            *self._badges.routes(),
            *self._jobs.routes(),
            *self._sessions.routes(),
            *self._phone.routes(),
            *self._health.routes(),
            *self._operations.routes(),
            *self._dead_letters.routes(),
        ]
        transports = [route for each in self._transports for route in each.routes()]
        root = self._settings.root_path
        if self._issuer:
            from gateway.http.oidc import OidcSignIn  # noqa: PLC0415 - needs libraries of an extra

            api += OidcSignIn(self._issuer, self.directory, self._links_to_us, root).routes()
        api += Description(ASYNCAPI, root, lambda: asyncapi.document(root)).routes()
        yield from api
        yield from OpenApi([*api, *filter(_is_in_api, transports)], root).routes()
        yield from pages(root)
        yield from transports

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run all parts beside the body, and close them at its end."""
        settings = self._settings
        sources: list[Part] = [self._clock, self._catch_up, self._feed]
        access: list[Part] = [self.directory, self._audit]
        access += [self._issuer] if self._issuer else []
        siblings: list[Part] = [self.handover] if settings.shared else []
        operations: list[Part] = [self._loop_lag, *self._operations.siblings]
        files: list[Part] = [self._certificate] if self._certificate else []
        logins = self._broker_auth.parts if self._broker_auth else ()
        parts = [*sources, *access, *self._transports, *operations, *siblings, *files, *logins]
        for link in self._links():
            link.start()
        try:
            async with kept_running(parts):
                if settings.workers > 1:  # other processes serve until this one has caught up
                    await self._until_ready()
                log.info("gateway.started", extra={"host": settings.host, "port": settings.port})
                yield
        finally:
            await self._close()
            log.info("gateway.stopped")

    async def _close(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(*(transport.close() for transport in self._transports))
        await self._commands.close()
        await self._audit.close()
        await asyncio.gather(*(asyncio.to_thread(link.stop) for link in self._links()))
        self._store.close()

    def _links(self) -> list[Subscriber | AmqpLink]:
        return [self._subscriber, self._amqp] if self._amqp else [self._subscriber]

    def _send(self, event: Event) -> None:
        for transport in self._transports:
            transport.deliver(event)

    def _receive(self, activity: Activity) -> None:
        self._counters.receive(activity, self._live.board)
        state = self._live.receive(activity)
        if state and (state.stop or state.ended):
            self._commands.insist(activity, state)

    def _up(self) -> None:
        self._live.reconnected()
        self._catch_up.subscribed()

    def _takes_commands(self) -> bool:
        """Tell whether the broker takes commands, as far as is known."""
        return self._subscriber.alive and self._publisher.up

    def _missing(self) -> str | None:
        """Return the reason why the process is not ready yet, None when it is."""
        if not self._subscriber.alive:
            return "The broker does not answer."
        if not self._publisher.up:
            return "The broker takes no commands yet."
        if not self._catch_up.ready:
            return "Catching up with history."
        lag = self._live.recorder_lag()
        if lag > LAGGING_SECONDS:
            return f"History has been behind for {lag:.0f} s: recorder and gateway log why."
        return None

    async def _until_ready(self) -> None:
        """Wait until ready, for READY_SECONDS at most: an old picture beats no page."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_SECONDS):
                while self._missing():  # noqa: ASYNC110 - it has many parts, and this ends soon
                    await asyncio.sleep(0.02)

    def _vitals(self) -> Vitals:
        watchers: Counter[str] = Counter()
        for each in self._transports:
            watchers[each.label] += each.watchers
        return Vitals(
            ready=self._missing() is None,
            broker_up=self._subscriber.alive,
            broker_lag=self._subscriber.lag,
            loop_lag=self._loop_lag.worst,
            watchers=watchers,
            events_sent=sum(each.sent for each in self._transports),
            states_merged=sum(each.merged for each in self._transports),
            watchers_stuck=sum(each.stuck for each in self._transports),
            activities_refused=self._subscriber.refused,
            connections=self._clients.open,
            connections_refused={
                **self._clients.refused,
                "principal": self.directory.visitors.refused,
            },
            limits_reached={
                **self._admission.reached,
                **self.socket_io.server.limited,
                **self.patience.refused,
            },
            snapshots_waiting=self._snapshot.waiting,
            sign_ins=self.directory.sign_ins,
            tokens_known={
                "history": self.directory.remembered,
                "file": self.directory.in_file,
            },
            audit_waiting=self._audit.waiting,
            audit_lost=self._audit.lost,
            broker_auth=self._broker_auth.counts() if self._broker_auth else {},
            provider=self._issuer.counts() if self._issuer else {},
        )


def _certificate(settings: Settings) -> Certificate | None:
    """Return the certificate, None without TLS; raises CertificateUnusable."""
    if settings.tls_cert and settings.tls_key:
        return Certificate(settings.tls_cert, settings.tls_key)
    return None


def _issuer(oidc: Oidc | None) -> "Issuer | None":
    """Return what verifies the tokens of the OpenID provider, None without one."""
    if oidc is None:
        return None
    from gateway.oidc.issuer import Issuer  # noqa: PLC0415 - needs libraries of an extra

    return Issuer(oidc)


def _is_in_api(route: BaseRoute) -> bool:
    """Tell whether a route is one of the API; that of socket.io is one of its clients."""
    return isinstance(route, Route) and route.path.startswith("/api/")


def _most(settings: Settings) -> Most:
    """Return the limits of commands; unless they are given they grow with that of a project."""
    project = settings.starts_per_minute
    address, in_all = settings.starts_per_address, settings.starts_in_all
    principal = settings.starts_per_principal
    return Most(
        project=project,
        address=STARTS_OF_ONE * project if address is None else address,
        principal=STARTS_OF_ONE * project if principal is None else principal,
        in_all=STARTS_IN_ALL * project if in_all is None else in_all,
        unfinished=settings.max_unfinished,
    )


def _broker_auth(settings: Settings, store: Store, directory: Directory) -> BrokerAuth | None:
    """Return the parts that answer RabbitMQ, None if it does not ask here."""
    if settings.broker_auth is None:
        return None
    host, port = settings.broker_auth
    return BrokerAuth(
        store.tokens(),
        directory,
        Address(host, port, settings.broker_auth_secret, shared=settings.workers > 1),
        management_url=settings.management_url,
        vhost=unquote(urlsplit(settings.amqp_url or "").path[1:]) or "/",
    )


def _transports(
    settings: Settings,
    live: Live,
    snapshot: Snapshot,
    newest: Newest,
    directory: Directory,
    *,
    new_session: Callable[[], str],
) -> tuple[SocketIoTransport, list[Transport]]:
    """Return the transport of socket.io, and all of them."""
    subscriptions = Subscriptions(live, snapshot)
    backlog_bytes, stuck = settings.backlog_kib * 1024, settings.stuck_seconds
    frame_seconds = settings.frame_ms / 1000
    limits = Limits(
        stuck=stuck,
        max_bytes=MAX_MESSAGE_BYTES,
        messages_per_second=settings.messages_per_second,
        unfetched_bytes=settings.unfetched_kib * 1024,
    )
    socket_io = SocketIoTransport(
        subscriptions,
        newest,
        directory,
        new_session,
        backlog_bytes=backlog_bytes,
        frame_seconds=frame_seconds,
        questions_bytes=settings.questions_kib * 1024,
        limits=limits,
    )
    return socket_io, [
        socket_io,
        SseTransport(
            live,
            snapshot,
            newest,
            backlog_bytes=backlog_bytes,
            frame_seconds=frame_seconds,
            stuck_seconds=stuck,
        ),
    ]
