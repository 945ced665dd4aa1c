"""The body of a request counts: behind an upgrade that is ignored, and without a length."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.http import heads, protocol
from gateway.http.protocol import Protocol
from support.site import EchoSite

BODY = b'{"by":"ada"}'
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (BODY[:5], len(BODY) - 5, BODY[5:])
HANDSHAKE = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

UPGRADES = {
    "curl": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n",
    "TLS": b"connection: upgrade\r\nupgrade: TLS/1.0\r\n",
    "several": b"CONNECTION: keep-alive, UPGRADE\r\nUPGRADE: foo, bar/2\r\n",
    "websocket": b"Connection: Upgrade\r\nUpgrade: websocket\r\n" + HANDSHAKE,
}


@pytest.fixture
async def site(free_port: Callable[[], int]) -> AsyncIterator[EchoSite]:
    async with EchoSite.served(free_port(), Protocol) as site:
        yield site


def post(*fields: bytes, version: bytes = b"1.1", path: bytes = b"/start") -> bytes:
    head = b"POST %b HTTP/%b\r\nHost: localhost\r\n" % (path, version)
    return head + b"".join(fields) + b"\r\n"


@pytest.mark.parametrize("framed", [(LENGTH, BODY), (CHUNKED, CHUNKS)], ids=["length", "chunked"])
@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES.keys())
async def test_a_body_counts_behind_an_upgrade_that_is_ignored(
    site: EchoSite, upgrade: bytes, framed: tuple[bytes, bytes]
) -> None:
    length, body = framed
    whole = post(upgrade, length) + body + LAST
    wanted = [f"POST /start {BODY.decode()}", "GET /last"]
    for parts in ([whole], [whole[:60], whole[60:]], [post(upgrade, length), body, LAST]):
        site.seen.clear()
        answer = await site.ask(*parts)
        assert site.seen == wanted
        assert answer.count("HTTP/1.1 200 OK") == 2


async def test_it_counts_wherever_the_segments_end(site: EchoSite) -> None:
    whole = post(UPGRADES["curl"], CHUNKED) + CHUNKS + LAST
    for cut in range(1, len(whole)):
        site.seen.clear()
        await site.ask(whole[:cut], whole[cut:])
        assert site.seen == [f"POST /start {BODY.decode()}", "GET /last"], cut


async def test_several_upgrades_on_one_connection_are_ignored(site: EchoSite) -> None:
    get = b"GET /a HTTP/1.1\r\nHost: localhost\r\n" + UPGRADES["curl"] + b"\r\n"
    await site.ask(get + get + post(UPGRADES["TLS"], LENGTH) + BODY + LAST)
    assert site.seen == ["GET /a", "GET /a", f"POST /start {BODY.decode()}", "GET /last"]


async def test_a_websocket_is_ignored_where_there_is_none(site: EchoSite) -> None:
    handshake = b"GET /a HTTP/1.1\r\nHost: localhost\r\n" + UPGRADES["websocket"] + b"\r\n"
    await site.ask(handshake + LAST)
    await site.ask(post(UPGRADES["websocket"], LENGTH, path=b"/socket.io/") + BODY + LAST)
    sent = f"POST /socket.io/ {BODY.decode()}"
    assert site.seen == ["GET /a", "GET /last", sent, "GET /last"]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(LENGTH + CHUNKED, id="both lengths"),
        pytest.param(b"Content-Length: 3\r\n" + LENGTH, id="two lengths"),
        pytest.param(b"Transfer-Encoding: gzip\r\n", id="a coding without an end"),
        pytest.param(b"Transfer-Encoding: chunked, identity\r\n", id="chunked is not the last"),
    ],
)
async def test_an_upgrade_smuggles_nothing(site: EchoSite, fields: bytes) -> None:
    for upgrade in (b"", UPGRADES["curl"]):
        answer = await site.ask(post(upgrade, fields) + CHUNKS + LAST)
        assert answer.startswith("HTTP/1.1 400 Bad Request")
        assert site.seen == []


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param(post(version=b"1.0"), 411, id="HTTP/1.0"),
        pytest.param(post(b"Connection: close\r\n"), 411, id="close"),
        pytest.param(post(), 400, id="kept alive"),
        pytest.param(post(b"Content-Length: 0\r\n"), 400, id="a length of 0"),
        pytest.param(post(UPGRADES["curl"]), 400, id="an upgrade"),
    ],
)
async def test_a_body_without_a_length_is_no_empty_body(
    site: EchoSite, head: bytes, status: int
) -> None:
    answer = await site.ask(head + BODY)
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert "application/problem+json" in answer
    assert "content-security-policy" in answer
    assert site.seen == []


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_no_body_is_an_empty_body(site: EchoSite, version: bytes) -> None:
    whole = post(b"Connection: close\r\n", version=version)
    for parts in ([whole], [whole + b"\r\n"], [whole[:-1], whole[-1:]], [whole[:-3], whole[-3:]]):
        site.seen.clear()
        await site.ask(*parts)
        assert site.seen == ["POST /start"]


@pytest.mark.parametrize("cut", [-2, 0])
async def test_a_body_without_a_length_is_noticed_wherever_it_begins(
    site: EchoSite, cut: int
) -> None:
    head, body = post(b"Connection: close\r\n"), BODY + b"\r\n\r\n"
    parts = [head[:cut], head[cut:] + body] if cut else [head + body]
    assert (await site.ask(*parts)).startswith("HTTP/1.1 411 ")


async def test_a_body_without_a_length_is_noticed_until_the_answer(site: EchoSite) -> None:
    head, body = post(b"Connection: close\r\n", path=b"/held"), BODY + b"\r\n\r\n"
    assert (await site.ask(head, body)).startswith("HTTP/1.1 411 ")
    site.hold.set()


@pytest.mark.parametrize("split", [False, True])
async def test_what_is_whole_is_answered_though_noise_follows(
    site: EchoSite, *, split: bool
) -> None:
    whole = [post(LENGTH) + BODY, post(LENGTH) + BODY]
    noise = b"\x00\x01 what\r\n\r\n"
    answer = await site.ask(*whole, noise) if split else await site.ask(b"".join(whole) + noise)
    assert answer.count("HTTP/1.1 200 OK") == len(site.seen) == 2
    assert split or " 400 " not in answer


async def test_what_is_not_whole_before_noise_is_not_begun(site: EchoSite) -> None:
    answer = await site.ask(post(LENGTH) + BODY + post() + BODY)
    assert site.seen == [f"POST /start {BODY.decode()}"]
    assert answer.count("HTTP/1.1 200 OK") == 1


async def test_trailers_are_no_headers(site: EchoSite) -> None:
    trailed = CHUNKS[:-2] + b"Host: evil.example\r\nX: 1\r\n\r\n"
    await site.ask(post(CHUNKED), trailed + LAST)
    assert site.seen == [f"POST /start {BODY.decode()}", "GET /last"]


async def test_a_body_in_small_chunks_is_no_head(site: EchoSite) -> None:
    small = b"1;some=extension\r\na\r\n" * 4000
    await site.ask(post(CHUNKED), small + b"0\r\n\r\n" + LAST)
    assert site.seen == ["POST /start " + "a" * 4000, "GET /last"]


async def test_few_requests_wait_for_an_answer(site: EchoSite) -> None:
    get = b"GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n"
    site.hold.set()
    answer = await site.ask(get.replace(b"/a", b"/held") + get * 10_000)
    assert answer.count("HTTP/1.1 200 OK") == len(site.seen) == 17


async def test_a_handshake_is_a_get(site: EchoSite) -> None:
    fields = (UPGRADES["websocket"], b"Content-Length: 0\r\n")
    await site.ask(post(*fields, path=b"/socket.io/") + LAST)
    assert site.seen == ["POST /socket.io/", "GET /last"]


async def test_a_handshake_is_of_http_1_1(site: EchoSite) -> None:
    get = b"GET /socket.io/ HTTP/1.0\r\nHost: localhost\r\n"
    answer = await site.ask(get + UPGRADES["websocket"] + b"\r\n")
    assert answer.startswith("HTTP/1.1 200 OK")
    assert site.seen == ["GET /socket.io/"]


@pytest.mark.parametrize(
    ("head", "status", "slug"),
    [
        pytest.param(
            post(b"Transfer-Encoding: gzip, chunked\r\n"), 501, "bad-coding", id="a coding"
        ),
        pytest.param(
            post(b"Transfer-Encoding: gzip\r\n", CHUNKED), 501, "bad-coding", id="in two lines"
        ),
        pytest.param(post(b"Expect: 200-ok\r\n", LENGTH), 417, "bad-expectation", id="unknown"),
        pytest.param(
            post(b"Expect: 100-continue, x\r\n", LENGTH), 417, "bad-expectation", id="one of two"
        ),
        pytest.param(post(LENGTH, version=b"2.0"), 505, "bad-version", id="HTTP/2.0"),
        pytest.param(post(LENGTH, version=b"0.9"), 505, "bad-version", id="HTTP/0.9"),
    ],
)
async def test_what_is_not_known_here_is_no_default(
    site: EchoSite, head: bytes, status: int, slug: str
) -> None:
    for parts in ([head + BODY + LAST], [head, BODY], [head[:30], head[30:] + BODY]):
        answer = await site.ask(*parts)
        assert answer.startswith(f"HTTP/1.1 {status} ")
        assert f"urn:buildfeed:problem:{slug}" in answer
        assert "content-security-policy" in answer
    assert site.seen == []


@pytest.mark.parametrize("field", [b"expect: 100-Continue", b"Expect: ,100-continue,"])
async def test_a_client_that_waits_with_its_body_is_told_to_go_on(
    site: EchoSite, field: bytes
) -> None:
    close = b"Connection: close\r\n"
    answer = await site.ask(post(field + b"\r\n", LENGTH, close), BODY)
    assert answer.startswith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
    old = await site.ask(post(field + b"\r\n", LENGTH, version=b"1.0"), BODY)
    assert old.startswith("HTTP/1.1 200 OK")
    assert site.seen == [f"POST /start {BODY.decode()}"] * 2


@pytest.mark.parametrize("held", [False, True])
async def test_a_client_that_has_ended_its_side_is_answered(site: EchoSite, *, held: bool) -> None:
    reader, writer = await site.connect()
    requests = [b"GET /held" if held else b"GET /a", b"GET /b", b"GET /c"]
    writer.write(b"".join(line + b" HTTP/1.1\r\nHost: localhost\r\n\r\n" for line in requests))
    writer.write_eof()
    if held:
        await asyncio.sleep(0.05)  # it reads the end meanwhile
        site.hold.set()
    async with asyncio.timeout(5):
        answer = await reader.read()
    assert answer.count(b"HTTP/1.1 200 OK") == len(site.seen) == 3


@pytest.mark.parametrize("cut", [30, -5])
async def test_half_a_request_at_the_end_is_none(site: EchoSite, cut: int) -> None:
    reader, writer = await site.connect()
    writer.write((post(LENGTH) + BODY)[:cut])
    writer.write_eof()
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    assert site.seen == []


async def test_a_client_that_has_ended_its_side_is_not_waited_for_long(
    site: EchoSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "_HALF_CLOSED_SECONDS", 0.05)
    reader, writer = await site.connect()
    writer.write(b"GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n")
    writer.write_eof()
    async with asyncio.timeout(5):
        assert await reader.read() == b""


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (b"http://builds.example/a", "builds.example"),
        (b"http://[::1]:8000/a?b", "[::1]:8000"),
        (b"http://Evil.example:80/a", "Evil.example:80"),
    ],
)
def test_the_host_of_an_absolute_target_counts(target: bytes, host: str) -> None:
    fields = [(b"accept", b"*/*"), (b"host", b"localhost")]
    assert heads.with_host_of(target, fields) == [(b"host", host.encode()), (b"accept", b"*/*")]
