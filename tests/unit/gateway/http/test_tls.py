"""Connections with TLS: a real server, and clients that do it right, wrong, late or not at all."""

import asyncio
import logging
import os
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gateway.access.access import Access
from gateway.access.clients import Clients
from gateway.access.proxies import Proxies
from gateway.access.refusals import Refusals
from gateway.drain import Drain
from gateway.handover import Handover
from gateway.http import certificate as module
from gateway.http import tls
from gateway.http.certificate import Certificate, CertificateUnusable
from gateway.http.entrance import Entrance, patience
from support import wired
from support.certificates import certificate
from support.site import EchoSite

REQUEST = b"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
CLOSING = b"Connection: close\r\n\r\n"
MOST = 3


class Secure:
    """A site with TLS; `context` is that of a client who trusts it."""

    def __init__(self, file: Path, port: int) -> None:
        self.port = port
        self.certificate = Certificate(file, file.with_suffix(".key"))
        self.clients = Clients(Proxies(()), MOST, 0)
        self.behind = wired.Site(backlog_bytes=8_000_000)
        self.context = ssl.create_default_context(cafile=str(file))
        self.state: dict[str, Any] = {
            "clients": self.clients,
            "patience": patience(stuck=0.5),
            "refusals": Refusals(Access([], has_tls=True)),
            "drain": Drain(0),
            "server": self.behind.transport.server,
            "polling": self.behind.transport.polling,
            "handover": Handover(None),
            "certificate": self.certificate,
        }
        self.site: EchoSite

    async def connect(self, **more: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("localhost", self.port, ssl=self.context, **more)

    def connected(self) -> ssl.SSLSocket:
        """Return a socket that takes an end without `close_notify` for an error."""
        bare = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        return self.context.wrap_socket(
            bare, server_hostname="localhost", suppress_ragged_eofs=False
        )

    async def ask(self, *pieces: bytes) -> bytes:
        """Return what is answered until the server closes."""
        reader, writer = await self.connect()
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)  # a record each
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
        return answer


@pytest.fixture
async def secure(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Secure]:
    made = Secure(certificate(tmp_path), free_port())
    async with EchoSite.served(made.port, Entrance, made.state) as made.site:
        yield made


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - any condition
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("size", [1, 20, 1000])
async def test_a_request_is_answered_in_whatever_pieces_it_comes(secure: Secure, size: int) -> None:
    whole = REQUEST + CLOSING + b"hi"
    answer = await secure.ask(*(whole[n : n + size] for n in range(0, len(whole), size)))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"POST /a hi")
    assert set(secure.site.clients) <= {"127.0.0.1", "::1"}


async def test_several_requests_share_a_connection(secure: Secure) -> None:
    reader, writer = await secure.connect()
    for _ in range(3):
        writer.write(REQUEST + b"\r\nhi")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert await reader.readexactly(len("POST /a hi")) == b"POST /a hi"
    writer.close()
    await until(lambda: not secure.clients.open)


async def test_what_is_no_http_is_refused_with_a_last_word(secure: Secure) -> None:
    answer = await secure.ask(b"NONSENSE\r\n\r\n")
    assert b"bad-http" in answer
    assert b"x-content-type-options: nosniff" in answer


async def test_plain_http_is_told_to_come_by_https(secure: Secure) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", secure.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    assert b"needs-https" in answer
    assert b"content-security-policy" in answer


@pytest.mark.filterwarnings("ignore:.*TLSv1_1 is deprecated:DeprecationWarning")
async def test_old_versions_of_tls_are_refused_and_logged(
    secure: Secure, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    secure.context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    secure.context.maximum_version = ssl.TLSVersion.TLSv1_1
    secure.context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await secure.connect()
    await until(lambda: [each for each in caplog.records if each.msg == "http.no_tls"])
    await until(lambda: not secure.clients.open)


@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01"])
async def test_a_handshake_has_its_time(
    secure: Secure, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", secure.port)
    writer.write(begun)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    await until(lambda: not secure.clients.open)


async def test_garbage_ends_its_own_connection_and_no_other(secure: Secure) -> None:
    for garbage in (b"\x00" * 100, b"\x16\x03\x01\xff\xff" + b"x" * 70_000):
        reader, writer = await asyncio.open_connection("127.0.0.1", secure.port)
        writer.write(garbage)
        async with asyncio.timeout(5):
            await reader.read()
        writer.close()
    await asyncio.to_thread(_break, secure)
    assert (await secure.ask(REQUEST + CLOSING + b"hi")).endswith(b"hi")


async def test_a_handshake_counts_as_a_connection(secure: Secure) -> None:
    waiting = [await asyncio.open_connection("127.0.0.1", secure.port) for _ in range(MOST)]
    for _, writer in waiting:
        writer.write(b"\x16")
    await until(lambda: secure.clients.open == MOST)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await secure.connect()
    assert secure.clients.refused["total"] == 1
    for _, writer in waiting:
        writer.close()
    await until(lambda: not secure.clients.open)
    assert (await secure.ask(REQUEST + CLOSING + b"hi")).endswith(b"hi")


async def test_a_large_answer_arrives_whole_at_a_slow_reader(secure: Secure) -> None:
    size = 3_000_000
    head = b"POST /%b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % (b"big", size)
    reader, writer = await secure.connect(limit=1024)
    body = b"".join(b"%08d" % n for n in range(size // 8))
    writer.write(head + CLOSING + body)
    answer = b""
    async with asyncio.timeout(20):
        while piece := await reader.read(10_000):
            answer += piece
            if len(answer) < 100_000:
                await asyncio.sleep(0.01)
    writer.close()
    assert answer.partition(b"\r\n\r\n")[2] == b"POST /big " + body


async def test_one_that_takes_nothing_of_its_answer_is_given_up(secure: Secure) -> None:
    size = 16_000_000  # the kernel may hold 10 MB of it (tcp(7), `tcp_rmem` and `tcp_wmem`)
    head = b"POST /big HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size
    _, writer = await secure.connect(limit=1024)
    writer.write(head + b"x" * size)
    writer.transport.pause_reading()  # type: ignore[attr-defined] # of a stream it can
    await until(lambda: secure.site.seen)
    await until(lambda: not secure.clients.open)
    writer.transport.abort()


async def test_the_end_is_said_so_that_nobody_takes_a_part_for_the_whole(secure: Secure) -> None:
    def ask() -> bytes:
        with secure.connected() as sock:
            sock.sendall(REQUEST + CLOSING + b"hi")
            answer = b""
            while piece := sock.recv(4096):
                answer += piece
            return answer

    assert (await asyncio.to_thread(ask)).endswith(b"POST /a hi")


@pytest.mark.parametrize("by_tls", [False, True])
async def test_one_that_has_asked_and_says_nothing_more_is_answered(
    secure: Secure, *, by_tls: bool
) -> None:
    def ask() -> bytes:
        with secure.connected() as sock, socket.socket(fileno=os.dup(sock.fileno())) as bare:
            sock.sendall(REQUEST.replace(b"/a", b"/held") + CLOSING + b"hi")
            if by_tls:
                sock.settimeout(0.05)
                with suppress(TimeoutError, ssl.SSLError):
                    sock.unwrap()  # says it, and waits for an answer to that
                sock.settimeout(5)
            bare.shutdown(socket.SHUT_WR)
            loop.call_soon_threadsafe(secure.site.hold.set)
            bare.settimeout(5)
            answer = b""
            while piece := bare.recv(4096) if by_tls else sock.recv(4096):
                answer += piece
            return answer

    loop = asyncio.get_running_loop()
    answer = await asyncio.to_thread(ask)
    assert secure.site.seen == ["POST /held hi"]
    assert len(answer) > 100 if by_tls else answer.endswith(b"POST /held hi")


def _break(secure: Secure) -> None:
    """Send what is no record of TLS, after a handshake."""
    with secure.connected() as sock, socket.socket(fileno=os.dup(sock.fileno())) as bare:
        bare.sendall(b"no record of TLS")
        with suppress(ssl.SSLError, ConnectionError):  # or it is closed behind the alert
            assert sock.recv(1) == b""


# The files.


def test_a_new_certificate_is_for_new_connections(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    served = certificate(tmp_path)
    key = served.with_suffix(".key")
    found = Certificate(served, key)
    other = certificate(tmp_path, "other")
    served.write_bytes(other.read_bytes())  # at first without its key
    found.look()
    assert [each.msg for each in caplog.records] == ["http.certificate_unusable"]
    found.look()
    assert len(caplog.records) == 1
    key.write_bytes(other.with_suffix(".key").read_bytes())
    found.look()
    assert caplog.records[-1].msg == "http.certificate_read"
    key.unlink()
    found.look()
    assert caplog.records[-1].msg == "http.certificate_unusable"


@pytest.mark.parametrize("wrong", ["missing", "garbage", "another", "encrypted"])
def test_files_that_are_unusable_are_told_in_one_sentence(tmp_path: Path, wrong: str) -> None:
    served = certificate(tmp_path)
    key = served.with_suffix(".key")
    if wrong == "missing":
        key.unlink()
    elif wrong == "garbage":
        key.write_text("no key")
    elif wrong == "another":
        key = certificate(tmp_path, "other").with_suffix(".key")
    else:
        _encrypt(key)
    with pytest.raises(CertificateUnusable, match=r"^TLS is impossible with .+: [a-z].+\.$"):
        module.Certificate(served, key)


def _encrypt(key: Path) -> None:

    command = ["openssl", "ec", "-aes256", "-passout", "pass:secret", "-in", key, "-out", key]
    subprocess.run(command, check=True, capture_output=True)
