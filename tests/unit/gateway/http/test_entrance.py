"""What strangers cannot do: send endless or slow requests, or open connections without end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import pytest

from gateway.access.access import Access
from gateway.access.clients import RESERVE_OF_ONE, Clients
from gateway.access.proxies import Proxies
from gateway.access.refusals import Refusals
from gateway.drain import Drain
from gateway.http.entrance import Entrance, patience
from gateway.http.protocol import HEAD_BYTES
from support import wired
from support.site import EchoSite

CHUNKED = b"Transfer-Encoding: chunked\r\n"
POST = b"POST /start HTTP/1.1\r\nHost: localhost\r\n"
FIRST = b"GET /first HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
WEBSOCKET = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n" + UPGRADE + b"\r\n"
)

Serve = Callable[..., AbstractAsyncContextManager[EchoSite]]


@pytest.fixture
def serve(free_port: Callable[[], int]) -> Serve:
    """Serves with limits: connections, `head` and `body` in seconds, `proxies`."""

    @asynccontextmanager
    async def served(
        most: int = 0,
        of_one: int = 0,
        *,
        head: float = 60.0,
        body: float = 60.0,
        stuck: float = 60.0,
        proxies: tuple[str, ...] = (),
    ) -> AsyncIterator[EchoSite]:
        clients = Clients(Proxies(proxies), most, of_one)
        server = wired.Site().transport.server
        server.admission = clients
        state = {
            "clients": clients,
            "patience": patience(head, body, stuck),
            "refusals": Refusals(Access([])),
            "drain": Drain(0),
            "server": server,
        }
        async with EchoSite.served(free_port(), Entrance, state) as site:
            yield site

    return served


@pytest.fixture
async def site(serve: Serve) -> AsyncIterator[EchoSite]:
    async with serve() as site:
        yield site


# --- heads


def head_of(size: int, *fields: bytes) -> bytes:
    """The head of a GET of so many bytes."""
    head = b"GET /a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + b"".join(fields)
    filler = size - len(head) - len(b"\r\n")
    count = filler // 100
    head += b"".join(b"x-%03d: %b\r\n" % (i, b"v" * 91) for i in range(count - 1))
    rest = size - len(head) - len(b"y: \r\n\r\n")
    return head + b"y: %b\r\n\r\n" % (b"v" * rest)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1000, 5000, 1 << 20])
async def test_a_head_may_have_32_kib(site: EchoSite, size: int) -> None:
    head = head_of(HEAD_BYTES)
    assert len(head) == HEAD_BYTES
    assert (await site.ask(*cut(head, size))).startswith("HTTP/1.1 200 OK")
    assert site.seen == ["GET /a"]


@pytest.mark.parametrize("size", [1000, 5000, 1 << 20])
async def test_a_larger_head_is_refused(site: EchoSite, size: int) -> None:
    answer = await site.ask(*cut(head_of(HEAD_BYTES + 1), size))
    assert answer.startswith("HTTP/1.1 431 Request Header Fields Too Large")
    assert "head-too-large" in answer
    assert "content-security-policy" in answer
    assert site.seen == []


async def test_what_is_whole_is_answered_before(site: EchoSite) -> None:
    answer = await site.ask(FIRST + head_of(HEAD_BYTES + 1))
    assert site.seen == ["GET /first"]
    assert answer.count("HTTP/1.1 ") == 1


ENDLESS = {
    "one header": (b"GET /a HTTP/1.1\r\nx: ", b"v" * 1000),
    "many headers": (b"GET /a HTTP/1.1\r\n", b"x: v\r\n" * 200),
    "the name of a header": (b"GET /a HTTP/1.1\r\n", b"v" * 1000),
    "the first line": (b"GET /", b"v" * 1000),
    "empty lines": (b"", b"\r\n" * 500),
    "trailers": (POST + CHUNKED + b"\r\n5\r\nabcde\r\n0\r\n", b"x: v\r\n" * 200),
    "one trailer": (POST + CHUNKED + b"\r\n5\r\nabcde\r\n0\r\n" + b"x: ", b"v" * 1000),
    "an extension of a chunk": (POST + CHUNKED + b"\r\n5;", b"v" * 1000),
    "a WebSocket": (b"GET /socket.io/ HTTP/1.1\r\n" + UPGRADE, b"x: v\r\n" * 200),
}


@pytest.mark.parametrize(("begin", "more"), ENDLESS.values(), ids=ENDLESS.keys())
async def test_an_endless_head_ends(site: EchoSite, begin: bytes, more: bytes) -> None:
    answer = await site.ask(begin, *[more] * (HEAD_BYTES // 1000 + 10))
    assert answer.startswith("HTTP/1.1 431 ")
    assert site.seen == []


async def test_nothing_is_kept_of_what_follows(site: EchoSite) -> None:
    reader, writer = await site.connect()
    writer.write(b"GET /a HTTP/1.1\r\n" + b"x: v\r\n" * 100_000)
    assert (await reader.readline()).startswith(b"HTTP/1.1 431 ")
    for connection in site.connections:
        assert len(connection.headers) <= (HEAD_BYTES + 2 * 4096) / 6
    writer.close()


# --- time


async def rest_of(reader: asyncio.StreamReader) -> str:
    """What comes until the server closes."""
    async with asyncio.timeout(5):
        return (await reader.read()).decode()


async def test_a_connection_that_says_nothing_is_closed(serve: Serve) -> None:
    async with serve(head=0.05) as site:
        reader, writer = await site.connect()
        assert await rest_of(reader) == ""
        writer.close()


SLOW = {
    "a head": FIRST[:-2],
    "one byte": b"G",
    "a first line that may be another process's": b"GET /socket.io/?sid=a",
    "a body": POST + b"Content-Length: 5\r\n\r\n1234",
    "chunks": POST + CHUNKED + b"\r\n5\r\nabcde\r\n",
    "trailers": POST + CHUNKED + b"\r\n0\r\nx: y\r\n",
    "a body behind an upgrade": POST + b"Connection: upgrade\r\nUpgrade: h2c\r\n"
    b"Content-Length: 5\r\n\r\n1234",
}


@pytest.mark.parametrize("before", [b"", FIRST], ids=["first", "second"])
@pytest.mark.parametrize("part", SLOW.values(), ids=SLOW.keys())
async def test_a_request_that_is_not_whole_in_time_is_refused(
    serve: Serve, before: bytes, part: bytes
) -> None:
    async with serve(head=0.1, body=0.1) as site:
        reader, writer = await site.connect()
        if before:
            writer.write(before)
            await reader.readuntil(b"GET /first")
        writer.write(part)
        answer = await rest_of(reader)
        assert answer.startswith("HTTP/1.1 408 Request Timeout")
        assert "too-slow" in answer
        writer.close()
    assert site.seen == (["GET /first"] if before else [])


async def test_bytes_that_come_slowly_gain_no_time(serve: Serve) -> None:
    async with serve(head=0.2) as site:
        reader, writer = await site.connect()
        answer = asyncio.create_task(rest_of(reader))
        while not answer.done():
            writer.write(b"GET / HTTP/1.1\r\n"[:1] if site.seen else b"G")
            await asyncio.sleep(0.01)
        assert "HTTP/1.1 4" in answer.result()
        writer.close()


async def test_a_long_answer_is_not_late(serve: Serve) -> None:
    async with serve(head=0.05, body=0.05) as site:
        reader, writer = await site.connect()
        writer.write(POST.replace(b"/start", b"/held") + b"Content-Length: 2\r\n\r\nab")
        late = await asyncio.wait([asyncio.create_task(reader.read(1))], timeout=0.3)
        assert not late[0]
        site.hold.set()
        await asyncio.sleep(0)
        writer.close()


async def test_between_requests_there_is_time(serve: Serve) -> None:
    async with serve(head=0.05, body=0.05) as site:
        reader, writer = await site.connect()
        writer.write(FIRST)
        await reader.readuntil(b"GET /first")
        late = await asyncio.wait([asyncio.create_task(reader.read(1))], timeout=0.3)
        assert not late[0]
        writer.close()


async def test_a_websocket_has_no_deadline_of_a_request(serve: Serve) -> None:
    async with serve(head=0.05, body=0.05) as site:
        reader, writer = await site.connect()
        writer.write(WEBSOCKET)
        assert b"101" in await reader.readuntil(b"\r\n\r\n")
        await reader.readuntil(b"}")
        late = await asyncio.wait([asyncio.create_task(reader.read(1))], timeout=0.3)
        assert not late[0]
        writer.close()


async def test_a_websocket_is_not_stuck_by_what_came_before(serve: Serve) -> None:
    async with serve(stuck=0.1) as site:
        reader, writer = await site.connect()
        size = 16 << 20
        writer.write(POST + b"Content-Length: %d\r\n\r\n" % size + bytes(size))
        await until(lambda: site.seen)
        writer.write(WEBSOCKET)
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(size + len(b"POST /start "))
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        await reader.readuntil(b"}")
        late = await asyncio.wait([asyncio.create_task(reader.read(1))], timeout=0.3)
        assert not late[0]


async def test_a_refused_client_that_goes_on_sending_is_cut_off(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.http.entrance.LINGER_SECONDS", 0.1)
    async with serve() as site:
        reader, writer = await site.connect()
        writer.write(b"v" * 1000)
        assert b" 400 " in await reader.readline()
        assert site.connections
        with suppress(ConnectionError):
            while True:
                writer.write(b"v" * 1000)
                await writer.drain()
                await asyncio.sleep(0.001)
        assert not site.connections


async def begin_large_answer(site: EchoSite) -> asyncio.StreamReader:
    """Ask for 16 MiB, of which nothing is read before the reader is asked for it."""
    reader, writer = await site.connect()
    writer.write(POST + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % (16 << 20))
    writer.write(bytes(16 << 20))
    await until(lambda: site.seen)
    return reader


async def test_a_client_that_takes_nothing_of_its_answer_is_cut_off(serve: Serve) -> None:
    async with serve(stuck=0.1) as site:
        await begin_large_answer(site)
        await until(lambda: not site.connections)


async def test_a_client_that_takes_its_answer_slowly_gets_it(serve: Serve) -> None:
    async with serve(stuck=0.2) as site:
        reader = await begin_large_answer(site)
        size = 0
        while data := await reader.read(1 << 19):
            size += len(data)
            await asyncio.sleep(0.01)
        assert size > 16 << 20


# --- number


async def asked(site: EchoSite, *parts: bytes, host: str = "") -> str:
    """What is answered until the server closes, to a client of the address `host`."""
    reader, writer = await site.connect(host)
    writer.writelines(parts)
    with suppress(ConnectionError):
        return await rest_of(reader)
    return "reset"


async def crowd(site: EchoSite, size: int, host: str = "") -> list[asyncio.StreamWriter]:
    """Connections that are open and have been answered."""
    writers = []
    for _ in range(size):
        reader, writer = await site.connect(host)
        writer.write(FIRST)
        await reader.readuntil(b"GET /first")
        writers.append(writer)
    return writers


async def test_a_connection_beyond_the_total_is_refused(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(most=3) as site:
        writers = await crowd(site, 3)
        for _ in range(3):
            answer = await asked(site, LAST)
            assert answer.startswith("HTTP/1.1 503 Service Unavailable")
            assert "too-many-connections" in answer
            assert "retry-after: 10" in answer
            assert "content-security-policy" in answer
        writers.pop().close()
        await until(lambda: len(site.connections) == 2)
        assert "200 OK" in await asked(site, LAST)
    logged = [each for each in caplog.records if each.message == "http.too_many_connections"]
    assert [(each.reason, each.client) for each in logged] == [("total", "127.0.0.1")]  # type: ignore[attr-defined]


async def test_a_connection_beyond_those_of_its_address_is_refused(serve: Serve) -> None:
    async with serve(most=100, of_one=2) as site:
        await crowd(site, 2, "127.0.0.2")
        assert " 503 " in await asked(site, LAST, host="127.0.0.2")
        assert " 503 " in await asked(site, WEBSOCKET, host="127.0.0.2")
        assert " 200 " in await asked(site, LAST, host="127.0.0.3")


async def test_a_websocket_stays_an_open_connection(serve: Serve) -> None:
    async with serve(most=1) as site:
        reader, writer = await site.connect()
        writer.write(WEBSOCKET)
        await reader.readuntil(b"}")
        assert " 503 " in await asked(site, LAST)
        writer.close()
        await until(lambda: not site.connections)
        assert " 200 " in await asked(site, LAST)


@pytest.mark.parametrize("limits", [(2, 0), (100, 2)], ids=["total", "address"])
async def test_health_is_told_beyond_the_limits(serve: Serve, limits: tuple[int, int]) -> None:
    async with serve(*limits) as site:
        await crowd(site, 2)
        for path in (b"/healthz", b"/readyz", b"/metrics"):
            asks = HEALTH.replace(b"/healthz", path)
            answer = await asked(site, asks[:7], asks[7:])
            assert answer.startswith("HTTP/1.1 200 OK")
            assert "connection: close" in answer
        assert " 503 " in await asked(site, HEALTH.replace(b"/healthz", b"/healthz2"))
        assert " 503 " in await asked(site, b"GET /" + b"v" * 10_000)
        once = await asked(site, HEALTH + LAST)
        assert once.count("HTTP/1.1") == 1
        assert site.seen[2:] == ["GET /healthz", "GET /readyz", "GET /metrics", "GET /healthz"]


async def test_the_reserve_has_an_end(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.http.entrance.SPARE_SECONDS", 0.5)
    async with serve(1) as site:
        await crowd(site, 1)
        silent = [await site.connect("127.0.0.2") for _ in range(RESERVE_OF_ONE)]
        await until(lambda: len(site.connections) == RESERVE_OF_ONE + 1)
        assert (await asked(site, HEALTH, host="127.0.0.2"))[:12] in ("HTTP/1.1 503", "reset")
        assert " 200 " in await asked(site, HEALTH, host="127.0.0.3")
        for reader, _ in silent:
            with suppress(ConnectionError):
                assert await rest_of(reader) == ""
        assert " 200 " in await asked(site, HEALTH, host="127.0.0.2")


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0.01)


# --- behind a proxy


def from_(client: str, request: bytes = LAST) -> bytes:
    """A request that a proxy passes on."""
    head, _, rest = request.partition(b"\r\n")
    return head + b"\r\nX-Forwarded-For: %b\r\n" % client.encode() + rest


async def test_a_client_is_the_one_that_a_trusted_proxy_names(serve: Serve) -> None:
    async with serve(proxies=("127.0.0.1",)) as site:
        await asked(site, from_("203.0.113.9, 198.51.100.7"))
        await asked(site, LAST)
        await asked(site, from_("203.0.113.9"), host="127.0.0.2")
        assert site.clients == ["198.51.100.7", "127.0.0.1", "127.0.0.2"]


async def test_loopback_is_not_trusted_by_itself(serve: Serve) -> None:
    async with serve() as site:
        await asked(site, from_("203.0.113.9"))
        assert site.clients == ["127.0.0.1"]


async def test_behind_a_proxy_the_address_of_the_client_counts(serve: Serve) -> None:
    async with serve(100, 2, proxies=("127.0.0.1",)) as site:
        await crowd(site, 5)  # connections of the proxy
        for _ in range(2):
            reader, writer = await site.connect()
            writer.write(from_("198.51.100.7", WEBSOCKET))
            await reader.readuntil(b"}")
        answer = await asked(site, from_("198.51.100.7", WEBSOCKET))
        assert " 503 " in answer
        assert "198.51.100.7" in answer
        assert " 200 " in await asked(site, from_("198.51.100.7"))
        other = await site.connect()
        other[1].write(from_("198.51.100.8", WEBSOCKET))
        assert b" 101 " in await other[0].readline()
        writer.close()
        await until(lambda: len(site.connections) == 7)
        again = await site.connect()
        again[1].write(from_("198.51.100.7", WEBSOCKET))
        assert b" 101 " in await again[0].readline()
