"""MQTT over WebSocket at the embedded broker (MQTT 3.1.1 §6, RFC 6455), and who breaks it."""

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import websocket
from websocket import ABNF, WebSocket

from buildfeed.broker.local import embedded as embedded_broker
from buildfeed.broker.local.embedded_stream import MAX_PACKET_BYTES
from gateway.http.certificate import Certificate
from support.brokers import Embedded
from support.certificates import certificate as make_certificate
from support.raw_mqtt import ACCEPTED, NOT_AUTHORIZED, text
from support.service import until

OWNER = "us er", "p@ss/w:rd"
CONNECT = b"\x00\x04MQTT\x04\xc2\x00\x3c" + text("page") + text(OWNER[0]) + text(OWNER[1])
CONNECT = bytes([0x10, len(CONNECT)]) + CONNECT
PING, PONG = b"\xc0\x00", b"\xd0\x00"
NORMAL_CLOSURE, PROTOCOL_ERROR, UNSUPPORTED_DATA, MESSAGE_TOO_BIG = 1000, 1002, 1003, 1009


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def broker(certificate: Path) -> Iterator[Embedded]:
    broker = Embedded(certificate=Certificate(certificate, certificate.with_suffix(".key")))
    broker.start()
    yield broker
    broker.stop()
    broker.end()


def place(broker: Embedded, scheme: str = "ws") -> str:
    """The URL without the login."""
    address = urlsplit(broker.url_of(*OWNER, scheme))
    return f"{scheme}://{address.netloc.rpartition('@')[2]}{address.path}"


@pytest.fixture
def opened(broker: Embedded) -> Iterator[Callable[..., WebSocket]]:
    """A function that opens a WebSocket, until the test ends."""
    with contextlib.ExitStack() as stack:

        def connect(scheme: str = "ws", **options: object) -> WebSocket:
            given = {"timeout": 5, "subprotocols": ["mqtt"], **options}
            made = websocket.create_connection(place(broker, scheme), **given)
            stack.callback(made.shutdown)
            return made

        yield connect


Opened = Callable[..., WebSocket]


def bytes_of(web_socket: WebSocket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        code, data = web_socket.recv_data()
        assert code == ABNF.OPCODE_BINARY
        found += data
    return found


def closed_with(web_socket: WebSocket) -> int:
    frame = web_socket.recv_frame()  # no answer: the other side does not wait for one
    assert frame.opcode == ABNF.OPCODE_CLOSE
    return int.from_bytes(frame.data[:2])


def is_open(web_socket: WebSocket) -> bool:
    web_socket.send_binary(PING)
    return bytes_of(web_socket, 2) == PONG


def test_the_borders_of_messages_mean_nothing(opened: Opened) -> None:
    page = opened()
    for at in range(len(CONNECT)):
        page.send_binary(CONNECT[at : at + 1])
    assert bytes_of(page, 4) == ACCEPTED
    page.send_binary(PING * 3)
    assert bytes_of(page, 6) == PONG * 3
    page.send_frame(ABNF.create_frame(PING[:1], ABNF.OPCODE_BINARY, 0))
    page.ping("are you there?")
    page.send_frame(ABNF.create_frame(PING[1:], ABNF.OPCODE_CONT, 1))
    assert page.recv_data(control_frame=True) == (ABNF.OPCODE_PONG, b"are you there?")
    assert bytes_of(page, 2) == PONG


def test_a_large_message_passes_in_both_directions(opened: Opened) -> None:
    page = opened()
    page.send_binary(CONNECT)
    assert bytes_of(page, 4) == ACCEPTED
    page.send_binary(b"\x82\x08\x00\x01" + text("a/#") + b"\x00")
    assert bytes_of(page, 5)[4] == 0
    body = text("a/b") + bytes(MAX_PACKET_BYTES - 5)
    publish = b"\x30\x80\x80\x20" + body  # 512 KiB remain
    page.send_binary(publish)
    assert bytes_of(page, len(publish)) == publish


def test_it_agrees_on_mqtt_and_on_no_compression(opened: Opened) -> None:
    offered = ["Sec-WebSocket-Extensions: permessage-deflate"]
    page = opened(subprotocols=["mqttv3.1", "mqtt"], header=offered)
    assert page.getsubprotocol() == "mqtt"
    assert "sec-websocket-extensions" not in (page.getheaders() or {})


@pytest.mark.parametrize(
    ("path", "subprotocols", "status"),
    [("/", ["mqtt"], 404), ("/ws", ["mqtt"], 404), ("/mqtt", ["chat"], 400), ("/mqtt", None, 400)],
)
def test_what_is_no_mqtt_is_told_why(
    broker: Embedded, path: str, subprotocols: list[str] | None, status: int
) -> None:
    url = place(broker).replace("/mqtt", path)
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        websocket.create_connection(url, timeout=5, subprotocols=subprotocols)
    assert caught.value.status_code == status
    assert caught.value.resp_body


def test_a_browser_is_told_that_it_needs_a_websocket(broker: Embedded) -> None:
    assert b"426 Upgrade Required" in answer(broker, b"GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:8000"])
def test_a_page_of_any_origin_may_come_and_needs_a_login(opened: Opened, origin: str) -> None:
    page = opened(origin=origin)
    page.send_binary(CONNECT.replace(b"p@ss", b"pass"))
    assert bytes_of(page, 4) == NOT_AUTHORIZED
    page = opened(origin=origin)
    page.send_binary(CONNECT)
    assert bytes_of(page, 4) == ACCEPTED


def test_text_is_no_mqtt(opened: Opened) -> None:
    page = opened()
    page.send_binary(CONNECT)
    assert bytes_of(page, 4) == ACCEPTED
    page.send_text("hello")
    assert closed_with(page) == UNSUPPORTED_DATA


@pytest.mark.parametrize("in_pieces", [False, True])
def test_a_message_too_large_is_not_read(opened: Opened, *, in_pieces: bool) -> None:
    page = opened()
    if in_pieces:
        begin = b"\x10\x80\x80\x20" + bytes(MAX_PACKET_BYTES - 4)  # of 512 KiB and 4 bytes
        page.send_frame(ABNF.create_frame(begin, ABNF.OPCODE_BINARY, 0))
        page.send_frame(ABNF.create_frame(bytes(6), ABNF.OPCODE_CONT, 1))
    else:
        page.sock.sendall(b"\x82\xff" + (MAX_PACKET_BYTES + 6).to_bytes(8) + bytes(4))
    assert closed_with(page) == MESSAGE_TOO_BIG


def test_a_frame_without_a_mask_ends_it(opened: Opened) -> None:
    page = opened()
    page.sock.sendall(b"\x82\x02" + PING)
    assert closed_with(page) == PROTOCOL_ERROR


def test_it_says_goodbye_when_a_login_is_refused(opened: Opened) -> None:
    page = opened()
    page.send_binary(CONNECT.replace(b"p@ss", b"pass"))
    assert bytes_of(page, 4) == NOT_AUTHORIZED
    assert closed_with(page) == NORMAL_CLOSURE
    assert page.sock.recv(1) == b""


@pytest.mark.parametrize("scheme", ["ws", "mqtts", "wss"])
@pytest.mark.parametrize("said", [b"", b"GET /mqtt HTT", b"\x16\x03\x01\x02\x00\x01"])
def test_who_says_too_little_is_closed(
    broker: Embedded, scheme: str, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_broker, "_CONNECT_SECONDS", 0.3)
    began = time.monotonic()
    assert b"101" not in answer(broker, said, scheme)
    assert time.monotonic() - began < 4


def test_garbage_harms_nobody(
    broker: Embedded, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_broker, "_CONNECT_SECONDS", 0.3)
    page = opened()
    page.send_binary(CONNECT)
    assert bytes_of(page, 4) == ACCEPTED
    for garbage in (b"\x00" * 100, b"\xff" * 70_000, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000):
        for scheme in ("ws", "mqtts", "wss"):
            with contextlib.suppress(OSError):
                answer(broker, garbage, scheme)
    assert is_open(page)


def test_strangers_are_limited_at_all_listeners_together(
    broker: Embedded, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_broker, "MAX_STRANGERS", 3)
    strangers = [connected(broker, scheme) for scheme in ("ws", "wss", "mqtt")]
    until(lambda: broker._broker._strangers.total() >= len(strangers), "they are there")
    with pytest.raises((OSError, websocket.WebSocketException)):
        opened()
    for stranger in strangers:
        stranger.close()
    until(lambda: not broker._broker._strangers, "they are gone")
    assert opened()


@pytest.mark.parametrize("scheme", ["mqtts", "wss"])
def test_by_tls_one_logs_in(broker: Embedded, certificate: Path, scheme: str) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    address = urlsplit(place(broker, scheme))
    if scheme == "wss":
        options = {"sslopt": {"ca_certs": str(certificate)}, "subprotocols": ["mqtt"]}
        page = websocket.create_connection(place(broker, "wss"), timeout=5, **options)
        page.send_binary(CONNECT)
        assert bytes_of(page, 4) == ACCEPTED
        page.close()
        return
    plain = socket.create_connection((address.hostname, address.port), timeout=5)
    with trusting.wrap_socket(plain, server_hostname="localhost") as phone:
        assert phone.version() == "TLSv1.3"
        phone.sendall(CONNECT)
        assert phone.recv(4) == ACCEPTED


def connected(broker: Embedded, scheme: str) -> socket.socket:
    address = urlsplit(broker.url_of(*OWNER, scheme))
    return socket.create_connection((address.hostname, address.port), timeout=5)


def answer(broker: Embedded, said: bytes, scheme: str = "ws") -> bytes:
    """Say something at a listener; return all that comes back until it is closed."""
    found = b""
    with connected(broker, scheme) as sock:
        sock.sendall(said)
        with contextlib.suppress(ConnectionError):
            while data := sock.recv(4096):
                found += data
    return found
