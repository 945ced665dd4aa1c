"""The settings of a gateway process; built once, in `__main__`."""

from pathlib import Path
from typing import Final

import msgspec

from buildfeed.grants import EVERYTHING, Grants
from gateway.broker_address import BrokerAddress
from gateway.oidc.settings import Oidc

MAX_MESSAGE_BYTES: Final = 64 * 1024
"""Largest socket.io message of a watcher, in bytes."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `buildfeed gateway`.

    Without `amqp_url` commands travel by MQTT, as in the embedded default. `anonymous` are the
    grants of those who are not signed in; `tokens` is a file of tokens. `origins` are the web
    origins allowed besides the gateway's own. `root_path`, empty or as `/ci`, is the path below
    which a proxy has the gateway. A minute, each project may start `starts_per_minute`
    builds, each address `starts_per_address`, each principal `starts_per_principal` and all
    together `starts_in_all` (0: no limit; None: twice, twice and ten times as many as a project);
    as many may be stopped. At most `max_unfinished` are
    queued or running.

    `workers` processes share the port and, if they are several, the directory `shared`. At most
    `backlog_kib` KiB wait for one watcher; one that takes nothing for `stuck_seconds` is closed. A
    watcher gets one write in `frame_ms` milliseconds, 0 for one in each turn of the event loop.

    A process has at most `max_connections`, of which `max_per_address` from one address and
    `max_per_principal` of one who is signed in (0: no limit). A client may send
    `messages_per_second` over socket.io; `questions_kib` KiB of what it asks may wait for answers,
    and `unfetched_kib` KiB of answers until it polls. `snapshot_queries` of the history run at a
    time. A request has `head_seconds` for its head and `body_seconds` for its body.
    `trusted_proxies` are addresses and networks of proxies that say who their clients are. A
    connection is kept for `idle_seconds` after an answer. With `tls_cert` and `tls_key` the only
    process speaks TLS itself. With `tokens_by_http` tokens are also taken from other machines by
    http.

    RabbitMQ asks at `broker_auth`, a host and a port, about those who log in there with a token, by
    paths with `broker_auth_secret` in them, and its management API at `management_url` closes their
    connections. All three are given, or none. Phones reach the broker at `mqtt_public_urls`. People
    may come by the OpenID provider `oidc`.
    """

    mqtt_url: str
    amqp_url: str | None
    database_url: str
    host: str
    port: int
    anonymous: Grants = EVERYTHING
    tokens: Path | None = None
    origins: tuple[str, ...] = ()
    root_path: str = ""
    starts_per_minute: int = 600
    starts_per_address: int | None = None
    starts_per_principal: int | None = None
    starts_in_all: int | None = None
    max_unfinished: int = 10_000
    workers: int = 1
    drain_seconds: float = 3.0
    shared: Path | None = None
    backlog_kib: int = 256
    stuck_seconds: int = 30
    frame_ms: int = 40
    max_connections: int = 10_000
    max_per_address: int = 1000
    max_per_principal: int = 1000
    messages_per_second: int = 20
    questions_kib: int = 256
    unfetched_kib: int = 256
    snapshot_queries: int = 4
    head_seconds: int = 10
    body_seconds: int = 30
    trusted_proxies: tuple[str, ...] = ()
    idle_seconds: int = 125
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tokens_by_http: bool = False
    broker_auth: tuple[str, int] | None = None
    broker_auth_secret: str = ""
    management_url: str = ""
    mqtt_public_urls: tuple[BrokerAddress, ...] = ()
    oidc: Oidc | None = None
