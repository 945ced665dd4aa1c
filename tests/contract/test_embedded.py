"""What the embedded broker does beside the contract."""

import asyncio
import secrets
import socket
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from amqtt.session import OutgoingApplicationMessage

from buildfeed.broker.local.embedded import EmbeddedBroker
from buildfeed.broker.local.listener import Listener
from buildfeed.broker.local.users import User
from buildfeed.errors import CannotListen
from support.brokers import Embedded, free_port
from support.peers import Connect

OWNER = User("u", "p")
READER = User.reader("secret")


@pytest.fixture
async def started() -> AsyncIterator[EmbeddedBroker]:
    broker = EmbeddedBroker(at=[Listener("127.0.0.1", free_port())], users=[OWNER, READER])
    await broker.start()
    yield broker
    await broker.stop()


def url(broker: EmbeddedBroker) -> str:
    return broker._listeners[0].url(OWNER)


def raw(url: str) -> socket.socket:
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port), timeout=5)


async def test_it_starts_and_stops_in_a_moment_even_with_clients(connect: Connect) -> None:
    broker = EmbeddedBroker(at=[Listener("127.0.0.1", free_port())], users=[OWNER, READER])
    began = time.monotonic()
    await broker.start()
    assert time.monotonic() - began < 0.5
    clients = [await asyncio.to_thread(connect, url(broker)) for _ in range(5)]
    silent = raw(url(broker))
    began = time.monotonic()
    await broker.stop()
    assert time.monotonic() - began < 1
    for client in clients:
        await asyncio.to_thread(client.until, lambda client=client: client.downs)
    silent.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert not others


async def test_a_taken_port_is_told_and_leaves_nothing_behind(
    started: EmbeddedBroker,
) -> None:
    port = urlsplit(url(started)).port
    assert port
    before = asyncio.all_tasks()
    second = EmbeddedBroker(at=[Listener("127.0.0.1", port)], users=[OWNER, READER])
    with pytest.raises(CannotListen, match="address already in use"):
        await second.start()
    assert asyncio.all_tasks() == before


def test_a_client_that_speaks_mqtt_5_is_told_so(embedded: Embedded) -> None:
    with raw(embedded.url) as sock:
        # With a session expiry: amqtt itself would take it for the client id and wait for ever.
        sock.sendall(b"\x10\x13\x00\x04MQTT\x05\x02\x00\x05\x05\x11\x00\x00\x00\x0a\x00\x01a")
        assert sock.recv(100) == b"\x20\x03\x00\x84\x00"
        assert sock.recv(100) == b""


def test_nobody_gets_in_without_the_password(embedded: Embedded) -> None:
    with raw(embedded.url) as sock:
        sock.sendall(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x05\x00\x01a")
        assert sock.recv(100)[3] in (4, 5)  # bad user name or password, not authorized


def test_garbage_leaves_it_serving(embedded: Embedded, connect: Connect, root: str) -> None:
    for data in (b"", b"\x10", b"\xff" * 100, b"GET / HTTP/1.1\r\n\r\n", secrets.token_bytes(999)):
        with raw(embedded.url) as sock:
            sock.sendall(data)
    client = connect(embedded.url, subscriptions=[(root, 1)])
    client.link.publish(root, b"1", qos=1).result(5)
    client.until(lambda: client.messages)


def test_a_new_client_gets_no_retained_messages_that_others_asked_for(
    embedded: Embedded, connect: Connect, root: str
) -> None:
    watcher = connect(embedded.url, subscriptions=[(f"{root}/#", 1)])
    watcher.link.publish(f"{root}/a", b"retained", qos=1, retain=True).result(5)
    with raw(embedded.url) as sock:
        login = b"\x00\x05us er\x00\x09p@ss/w:rd"
        body = b"\x00\x04MQTT\x04\xc2\x00\x05\x00\x05leaky" + login
        sock.sendall(bytes((0x10, len(body))) + body)
        assert sock.recv(4) == b"\x20\x02\x00\x00"
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(1)
    watcher.link.publish(f"{root}/a", b"", qos=1, retain=True).result(5)


def _connect(sock: socket.socket, client_id: bytes, *, clean: bool) -> bytes:
    """Send a CONNECT without a login; return the CONNACK."""
    flags = b"\x02" if clean else b"\x00"
    body = b"\x00\x04MQTT\x04" + flags + b"\x00\x05\x00" + bytes([len(client_id)]) + client_id
    sock.sendall(bytes((0x10, len(body))) + body)
    return sock.recv(4)


@pytest.mark.parametrize("clean", [True, False])
def test_who_has_no_login_touches_no_session(
    embedded: Embedded, connect: Connect, root: str, *, clean: bool
) -> None:
    app_id = f"{root}-app"
    away = connect(embedded.url, subscriptions=[(f"{root}/away", 1)], durable_id=f"{app_id}-away")
    away.link.stop()
    here = connect(embedded.url, subscriptions=[(f"{root}/here", 1)], durable_id=app_id)
    publisher = connect(embedded.url)
    publisher.link.publish(f"{root}/away", b"1", qos=1).result(5)
    for client_id in (app_id, f"{app_id}-away"):
        with raw(embedded.url) as sock:
            assert _connect(sock, client_id.encode(), clean=clean) == b"\x20\x02\x00\x05"
            assert sock.recv(1) == b""
    publisher.link.publish(f"{root}/here", b"2", qos=1).result(5)
    here.until(lambda: here.payloads == [b"2"])
    assert not here.downs
    back = connect(embedded.url, subscriptions=[(f"{root}/away", 1)], durable_id=f"{app_id}-away")
    back.until(lambda: back.payloads == [b"1"])


async def test_a_message_comes_with_the_lower_qos_and_only_qos_1_is_kept(
    started: EmbeddedBroker, connect: Connect, root: str
) -> None:
    app = {"subscriptions": [(root, 1)], "durable_id": f"{root}-app"}
    session = lambda: started._broker.sessions[app["durable_id"]][0]  # noqa: E731

    def publish(payload: str) -> None:
        for qos in (0, 1):
            publisher.link.publish(root, f"{payload} {qos}".encode(), qos=qos).result(5)

    here = await asyncio.to_thread(connect, url(started), **app)
    publisher = await asyncio.to_thread(connect, url(started))
    await asyncio.to_thread(publish, "here")
    await asyncio.to_thread(here.until, lambda: len(here.messages) == 2)
    assert [(each.payload, each.qos) for each in here.messages] == [(b"here 0", 0), (b"here 1", 1)]
    here.link.ack(*here.messages)
    await asyncio.to_thread(here.link.stop)
    await asyncio.to_thread(here.until, lambda: session().transitions.state == "disconnected")
    await asyncio.to_thread(publish, "away")
    back = await asyncio.to_thread(connect, url(started), **app)
    await asyncio.to_thread(back.until, lambda: back.payloads == [b"away 1"])


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(b"\x30\x05\x00\x01ax1", id="a PUBLISH"),
        pytest.param(b"\x10\xff\xff\xff\x7f", id="256 MiB"),
        pytest.param(b"\x10\x0a\x00\x04MQTT\x04\xc2\x00\x05", id="without its payload"),
    ],
)
def test_what_is_no_connect_is_closed(embedded: Embedded, first: bytes) -> None:
    with raw(embedded.url) as sock:
        sock.sendall(first)
        assert sock.recv(4) in (b"", b"\x20\x02\x00\x05")


async def test_a_message_that_cannot_be_sent_holds_up_no_other(
    started: EmbeddedBroker, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = OutgoingApplicationMessage.build_publish_packet

    def build(message: OutgoingApplicationMessage, **given: bool) -> object:
        if message.data == b"poison":
            raise TypeError("odd")
        return real(message, **given)

    monkeypatch.setattr(OutgoingApplicationMessage, "build_publish_packet", build)
    listener = await asyncio.to_thread(connect, url(started), subscriptions=[("a/#", 1)])
    sender = await asyncio.to_thread(connect, url(started))
    for payload in (b"one", b"poison", b"two"):
        sender.link.publish("a/b", payload, qos=1)
    await asyncio.to_thread(listener.until, lambda: listener.payloads == [b"one", b"two"])
