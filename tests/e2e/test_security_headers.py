"""Every answer of a gateway has the security headers, whoever in it gives the answer."""

import asyncio
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx
import pytest

from buildfeed.broker.local import ports
from buildfeed.history.store import Store
from gateway.access.access import Access
from gateway.access.clients import Clients
from gateway.access.paths import Paths
from gateway.access.proxies import Proxies
from gateway.app import Gateway
from gateway.drain import Drain
from gateway.http.pages import EMBED_HEADERS
from gateway.problems import SECURITY_HEADERS, STRICT_TRANSPORT
from gateway.settings import Settings
from support.service import HTTP, Web

HOST: Final = "builds.example"
"""A host that browsers reach by https."""
EMBEDDED: Final = "GET /badge/x1.svg", "HEAD /badge/x1.svg"
"""What pages of other sites may show, at the address that was named."""
FRAMED: Final = "GET /embed/x1", "HEAD /embed/x1"
"""What pages of other sites may frame."""
UPGRADE: Final = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
KEY: Final = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
SOCKET: Final = "/socket.io/?EIO=4&transport=websocket"
POLL: Final = "/socket.io/?EIO=4&transport=polling"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    directory = tmp_path_factory.mktemp("headers")
    port = ports.free_block(2, 77)
    assert port
    origins = f"https://{HOST} https://other.example"
    options = {"origins": origins, "no_worker": True, "max_per_address": 20, "head_seconds": 2}
    with Web("up", directory, port=port, mqtt_port=port + 1, **options) as web:
        yield web.until_ready()


async def routes(tmp_path: Path) -> set[tuple[str, str]]:
    """Return method and path of all that a gateway has."""
    settings = Settings(
        mqtt_url="mqtt://127.0.0.1:1",
        amqp_url=None,
        database_url=f"sqlite:///{tmp_path}/history.db",
        host="127.0.0.1",
        port=1,
    )
    clients, access = Clients(Proxies(()), 0, 0), Access([])
    store = Store(settings.database_url)
    gateway = Gateway(settings, store, Drain(0), clients, access, paths=Paths())
    return {
        (method, re.sub(r"\{(\w+)(:\w+)?\}", "x1", getattr(route, "path", "")) or "/")
        for route in gateway.routes()
        for method in getattr(route, "methods", None) or {"GET"}
    }


def expect(status: int, headers: httpx.Headers, what: str, *, secure: bool) -> None:
    own = EMBED_HEADERS if what in FRAMED and status < 400 else {}
    for name, value in (SECURITY_HEADERS | own).items():
        if name == "content-security-policy":  # a page may have styles of its own
            assert headers.get(name, "").startswith(value), (what, status, name)
        elif name == "cache-control":
            assert name in headers, (what, status, name)
        elif (
            name == "cross-origin-resource-policy" and what in EMBEDDED and secure and status < 400
        ):
            assert headers.get_list(name) == ["cross-origin"], (what, status, name)
        else:
            assert headers.get_list(name) == [value], (what, status, name)
    name, value = STRICT_TRANSPORT
    assert headers.get_list(name) == ([value] if secure else []), (what, status, name)


@pytest.mark.parametrize("host", [HOST, "localhost"])
@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_of_every_route_and_method(web: Web, tmp_path: Path, host: str, accept: str) -> None:
    with ThreadPoolExecutor() as thread:  # a browser of other tests may have a loop in this one
        found = thread.submit(lambda: asyncio.run(routes(tmp_path))).result()
    asked = {
        *found,
        ("GET", "/nowhere"),
        ("PUT", "/"),
        ("GET", "/.git/config"),
    }
    asked |= {(method, path) for _, path in asked for method in ("POST", "DELETE", "HEAD")}
    seen = set()
    for method, path in sorted(asked):
        with HTTP.stream(
            method, f"{web.url}{path}", headers={"Host": host, "Accept": accept}
        ) as answer:  # a stream of events does not end
            seen.add(answer.status_code)
            expect(answer.status_code, answer.headers, f"{method} {path}", secure=host == HOST)
    assert {200, 404, 405} <= seen


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.test"},
        {"Host": HOST, "Origin": "https://evil.test"},
        {"Host": HOST, "Authorization": "Bearer bf_nobody"},
        {"Host": HOST, "Cookie": "buildfeed=bs_nobody"},
        {"Host": HOST, "Origin": "https://other.example"},
        {"Host": HOST, "Content-Encoding": "gzip"},
        {"Host": HOST, "Idempotency-Key": "\u00e9"},
    ],
    ids=str,
)
def test_of_refusals(web: Web, headers: dict[str, str]) -> None:
    url = f"{web.url}/api/projects/acme/builds"
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = HTTP.post(url, headers=raw, json={"by": 1})
    assert answer.is_client_error
    expect(answer.status_code, answer.headers, str(headers), secure=headers["Host"] == HOST)


def test_of_preflights(web: Web) -> None:
    for origin in ("https://other.example", "https://evil.test"):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST", "Host": HOST}
        answer = HTTP.options(f"{web.url}/api/projects/acme/builds", headers=headers)
        expect(answer.status_code, answer.headers, origin, secure=True)


def spoken(web: Web, *pieces: bytes) -> tuple[int, httpx.Headers]:
    """Return status and headers of the answer to some bytes."""
    address = "127.0.0.1", int(str(web.options["port"]))
    with socket.create_connection(address, timeout=10) as client:
        for piece in pieces:
            client.sendall(piece)
        head = b""
        while b"\r\n\r\n" not in head and (data := client.recv(65536)):
            head += data
    first, *lines = head.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert first.startswith("HTTP/1.1 "), head
    return int(first.split()[1]), httpx.Headers([tuple(line.split(": ", 1)) for line in lines])


def request(
    target: str, more: str = "", *, host: str = HOST, method: str = "GET", body: str = ""
) -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n{body}".encode()


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 40_000 + b"\r\n\r\n", 431),
        (b"POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nbody", 411),
        (b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: ", 408),
    ],
    ids=lambda value: str(value)[:50],
)
def test_of_the_parsers(web: Web, said: bytes, status: int) -> None:
    answered, headers = spoken(web, said)
    assert answered in (status, 421)
    expect(answered, headers, str(said[:50]), secure=False)


@pytest.mark.parametrize(
    ("target", "more", "status"),
    [
        (SOCKET, f"{UPGRADE}{KEY}Origin: https://evil.test\r\n", 403),
        (SOCKET, f"{UPGRADE}Sec-WebSocket-Version: 12\r\n", 400),
        ("/socket.io/?EIO=3&transport=websocket", f"{UPGRADE}{KEY}", 400),
        (POLL, "", 200),
        (POLL, "Connection: close\r\n", 200),
        ("/api/builds", "Authorization: Bearer bf_nobody\r\n", 401),
        (f"{POLL}&sid=unknown", "", 400),
        (f"{POLL}&sid=unknown", "Connection: close\r\n", 400),
        (POLL, "X-Unusual: 1\r\nTE: trailers\r\n", 200),
    ],
)
def test_of_socket_io(web: Web, target: str, more: str, status: int) -> None:
    for host in (HOST, "localhost"):
        answered, headers = spoken(web, request(target, more, host=host))
        assert answered in (status, 429)  # the address has failed to sign in, above
        expect(answered, headers, f"{target} {more}", secure=host == HOST)


def test_of_a_connection_too_many(web: Web) -> None:
    address = "127.0.0.1", int(str(web.options["port"]))
    many = [socket.create_connection(address) for _ in range(60)]
    try:
        for each in many:
            each.sendall(b"G")
        answered, headers = spoken(web, request("/api/builds"))
        assert answered == 503
        expect(answered, headers, "too many", secure=False)
    finally:
        for each in many:
            each.close()
