"""What docs/running.md says was decided about the settings of libraries is what the code sets."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from buildfeed import documents
from buildfeed.broker.amqp.link import AmqpLink
from buildfeed.broker.local import embedded, embedded_web_socket
from buildfeed.broker.local.embedded_stream import MAX_PACKET_BYTES
from buildfeed.broker.mqtt.connection import Connection
from buildfeed.broker.mqtt.session import Address, Session
from buildfeed.broker.mqtt.version import V311
from gateway import app, server
from gateway.http import protocol
from gateway.oidc.jwt import ALGORITHMS
from gateway.oidc.provider import Provider
from gateway.settings import Settings
from support.jwts import SETTINGS as SETTINGS_OF_PROVIDER
from support.packages import ROOT

RUNNING = (ROOT / "docs/running.md").read_text()
SETTINGS = Settings(
    mqtt_url="mqtt://127.0.0.1:9", amqp_url=None, database_url="sqlite://", host="::1", port=1
)
ELSEWHERE = {
    ("uvicorn", "h11_max_incomplete_event_size"),
    ("uvicorn", "ws_max_size, ws_ping_interval and the like"),
    ("uvloop", "TCP_NODELAY"),
    ("starlette", "max_age of CORS"),
    ("anyio", "threads for the files of the page"),
    ("asyncio", "threads for the history"),
    ("amqtt", "max_connections"),
    ("websockets", "compression"),
    ("msgspec", "fields that are not known"),
    ("joserfc", "fields of a header that are not known"),
    ("prometheus-client", "format by Accept"),
}
"""What is left as it is, not used, or tested where it belongs."""
CODE: dict[tuple[str, str], Callable[[], str]] = {
    ("uvicorn", "timeout_keep_alive"): lambda: of_uvicorn("timeout_keep_alive"),
    ("uvicorn", "timeout_graceful_shutdown"): lambda: of_uvicorn("timeout_graceful_shutdown"),
    ("uvicorn", "timeout_worker_healthcheck"): lambda: of_uvicorn("timeout_worker_healthcheck"),
    ("uvicorn", "limit_concurrency"): lambda: of_uvicorn("limit_concurrency"),
    ("uvicorn", "backlog"): lambda: of_uvicorn("backlog"),
    ("uvicorn", "lifespan"): lambda: of_uvicorn("lifespan"),
    ("uvicorn", "loop"): lambda: of_uvicorn("loop"),
    ("uvicorn", "proxy_headers"): lambda: of_uvicorn("proxy_headers"),
    ("uvicorn", "access_log"): lambda: of_uvicorn("access_log"),
    ("uvicorn", "server_header"): lambda: of_uvicorn("server_header"),
    ("httptools", "size of a head"): lambda: f"{protocol.HEAD_BYTES // 1024} KiB",
    ("httptools", "time for a head, for a body"): lambda: seconds(
        SETTINGS.head_seconds, SETTINGS.body_seconds
    ),
    ("httptools", "requests that wait (pipelining)"): lambda: str(protocol._MOST_WAITING),
    ("starlette", "debug"): lambda: debug(),  # noqa: PLW0108 - made below
    ("pika", "heartbeat"): lambda: of_pika("heartbeat"),
    ("pika", "socket_timeout, stack_timeout"): lambda: of_pika("socket_timeout", "stack_timeout"),
    ("pika", "blocked_connection_timeout"): lambda: of_pika("blocked_connection_timeout"),
    ("amqtt", "time for a CONNECT"): lambda: (
        f"{seconds(embedded._CONNECT_SECONDS)}, with TLS and WebSocket"
    ),
    ("websockets", "max_size of a message"): lambda: (
        f"{MAX_PACKET_BYTES // 1024} KiB and {embedded_web_socket._MAX_MESSAGE_BYTES % 1024} bytes"
    ),
    ("httpx", "follow_redirects"): lambda: on(of_httpx().follow_redirects),
    ("httpx", "trust_env"): lambda: on(of_httpx().trust_env),
    ("httpx", "timeout"): lambda: seconds(of_httpx().timeout.read),
    ("httpx", "max_connections, max_keepalive_connections"): lambda: pool_of_httpx(),  # noqa: PLW0108 - made below
    ("joserfc", "algorithms"): lambda: ", ".join(ALGORITHMS),
    ("msgspec", "levels inside each other"): lambda: str(documents.MAX_DEPTH),
}


def documented() -> dict[tuple[str, str], tuple[str, str]]:
    """Return default and decision by library and setting."""
    table = RUNNING.partition("### Settings of libraries")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    cells = [[cell.strip().replace("`", "") for cell in row] for row in rows[2:]]
    return {(row[0], row[1]): (row[2], row[3]) for row in cells}


def seconds(*values: float | None) -> str:
    return ", ".join("none" if value is None else f"{value:g} s" for value in values)


def of_uvicorn(name: str) -> str:
    config = server._config(SETTINGS, "info")
    value = getattr(config, name)
    if isinstance(value, bool):
        return on(value)
    if name.startswith("timeout"):
        return seconds(value)
    return "none" if value is None else str(value)


def of_pika(*names: str) -> str:
    link = AmqpLink("amqp://127.0.0.1:9/?heartbeat=60", name="gateway")
    return seconds(*(getattr(link._parameters, name) for name in names))


def of_httpx() -> httpx.AsyncClient:
    return Provider(SETTINGS_OF_PROVIDER)._client


def pool_of_httpx() -> str:
    pool: Any = of_httpx()._transport
    return f"{pool._pool._max_connections}, {pool._pool._max_keepalive_connections}"


def debug() -> str:
    inner: Any = app.create(SETTINGS)
    while not isinstance(inner, Starlette):
        inner = inner._app
    return on(inner.debug)


def on(value: object) -> str:
    return "on" if value else "off"


@pytest.fixture
def paho() -> Iterator[Connection]:
    """A connection of ours to something that listens."""
    waker, other = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as listener, waker, other:
        host, port = listener.getsockname()
        connection = Connection(
            Address.parse(f"mqtt://{host}:{port}"),
            V311,
            Session(connection=1, client_id="test", durable=False, will=None),
            waker=waker,
            subscriptions=list,
            on_message=lambda _: None,
            on_puback=lambda *_: None,
        )
        yield connection
        connection.close("over")


@pytest.mark.parametrize(("library", "setting"), CODE)
def test_what_was_decided_is_set(library: str, setting: str) -> None:
    _, decided = documented()[library, setting]
    assert decided == CODE[library, setting]()


def test_what_was_decided_for_mqtt_is_set(paho: Connection) -> None:
    client = paho._client
    documented_ = {setting: here for (_, setting), (_, here) in documented().items()}
    assert documented_["keepalive"] == seconds(client.keepalive)
    assert documented_["connect_timeout"] == seconds(client.connect_timeout)
    assert (documented_["max_inflight_messages"], client.max_inflight_messages) == ("no limit", 0)
    assert (documented_["reconnect_on_failure"], client._reconnect_on_failure) == ("off", False)


def test_every_decision_has_its_test() -> None:
    of_mqtt = {key for key in documented() if key[0] == "paho-mqtt"}
    assert documented().keys() == CODE.keys() | of_mqtt | ELSEWHERE
