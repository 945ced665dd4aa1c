"""Who may do what on the embedded broker, and how much of it."""

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import pytest

from buildfeed.broker.local import embedded as module
from buildfeed.broker.local import embedded_session, embedded_stream, users
from support.brokers import Embedded
from support.peers import Connect
from support.raw_mqtt import ACCEPTED, REJECTED_ID, UNAVAILABLE, Raw, text


@pytest.fixture
def raw(embedded: Embedded) -> Iterator[Callable[..., Raw]]:
    """A function that connects a bare client, as the owner or as the reader."""
    made: list[Raw] = []

    def connect(client_id: str, *, reader: bool = False, **options: object) -> Raw:
        url = embedded.reader_url if reader else embedded.url
        made.append(Raw(url, client_id, **options))  # type: ignore[arg-type]  # of any test
        return made[-1]

    yield connect
    for each in made:
        each.close()


Connecting = Callable[..., Raw]


@pytest.mark.parametrize("before", ["clean", "durable"])
@pytest.mark.parametrize("after", ["clean", "durable"])
def test_the_newer_connection_of_a_client_id_stays_and_the_older_is_closed(
    raw: Connecting, root: str, before: str, after: str
) -> None:
    older = raw(root, clean=before == "clean")
    assert older.subscribe(f"{root}/#") == 1
    newer = raw(root, clean=after == "clean")
    assert newer.connack[::3] == ACCEPTED[::3]
    assert older.receive(1) == b""
    assert newer.subscribe(f"{root}/#") == 1
    raw(f"{root}-publisher").send(0x30, text(f"{root}/a") + b"heard")
    assert newer.receive(100).endswith(b"heard")
    assert newer.is_open()


def test_of_many_connections_with_one_client_id_one_stays(raw: Connecting, root: str) -> None:
    several = [raw(root, clean=bool(n % 3)) for n in range(20)]
    assert several[-1].is_open()
    assert all(each.receive(1) == b"" for each in several[:-1])


def test_the_will_of_a_connection_that_was_taken_over_is_published(
    embedded: Embedded, raw: Connecting, connect: Connect, root: str
) -> None:
    watcher = connect(embedded.url, subscriptions=[(f"{root}/gone", 1)])
    raw(root, will=(f"{root}/gone", "will"))
    raw(root)
    watcher.until(lambda: watcher.payloads == [b"will"])


def test_what_is_said_right_before_the_end_counts(
    embedded: Embedded, raw: Connecting, connect: Connect, root: str
) -> None:
    watcher = connect(embedded.url, subscriptions=[(f"{root}/#", 1)])
    for number in range(50):
        leaving = raw(f"{root}-{number}", will=(f"{root}/will", "will"))
        message = text(f"{root}/last") + b"%d" % number
        leaving.say(b"\x30" + bytes([len(message)]) + message + b"\xe0\x00")  # at QoS 0; DISCONNECT
        leaving.close()
    watcher.until(lambda: len(watcher.messages) == 50)
    assert sorted(map(int, watcher.payloads)) == list(range(50))


def test_the_reader_reads_and_publishes_nothing(
    embedded: Embedded, raw: Connecting, connect: Connect, root: str
) -> None:
    topic = f"builds/{root}/b1/status"
    watcher = connect(embedded.url, subscriptions=[("builds/#", 1)])
    phone = connect(embedded.reader_url, subscriptions=[("builds/#", 1)])
    for first, packet_id in ((0x30, b""), (0x32, b"\x00\x01"), (0x33, b"\x00\x02")):
        forger = raw(f"{root}-forger", reader=True)
        forger.send(first, text(topic) + packet_id + b"forged")
        assert forger.receive(1) == b""  # as RabbitMQ refuses
    watcher.link.publish(topic, b"true", qos=1).result(5)
    phone.until(lambda: phone.payloads == [b"true"])
    watcher.until(lambda: watcher.payloads == [b"true"])
    late = connect(embedded.url, subscriptions=[(f"builds/{root}/+/status", 1)])
    assert late.payloads == []  # nothing was retained


def test_the_will_of_a_reader_is_not_published(
    embedded: Embedded, raw: Connecting, connect: Connect, root: str
) -> None:
    watcher = connect(embedded.url, subscriptions=[(f"workers/{root}/status", 1)])
    dying = raw(root, reader=True, will=(f"workers/{root}/status", "offline"))
    assert dying.is_open()
    dying.close()
    watcher.link.publish(f"workers/{root}/status", b"online", qos=1).result(5)
    watcher.until(lambda: watcher.messages)
    assert watcher.payloads == [b"online"]


@pytest.mark.parametrize(
    ("filter_", "granted"),
    [
        ("builds/#", True),
        ("builds/+/+/error", True),
        ("projects/acme/latest", True),
        ("workers/+/status", True),
        ("#", False),
        ("+/#", False),
        ("gateways/#", False),
        ("builds", False),
        ("$SYS/#", False),
    ],
)
def test_the_reader_subscribes_to_what_is_promised(
    raw: Connecting, root: str, filter_: str, *, granted: bool
) -> None:
    assert raw(root, reader=True).subscribe(filter_) == (1 if granted else 0x80)


@pytest.mark.parametrize("clean", [True, False])
def test_a_reader_does_not_take_the_session_of_another_user(
    raw: Connecting, root: str, *, clean: bool
) -> None:
    owner = raw(root)
    assert raw(root, reader=True, clean=clean).connack == REJECTED_ID
    assert owner.is_open()


def test_a_reader_has_a_limited_number_of_durable_sessions(
    raw: Connecting, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "READER_SESSIONS", 3)
    answers = {}
    for n in range(10):
        phone = raw(f"{root}-{n}", reader=True, clean=False)
        answers[n] = phone.connack
        phone.close()
    assert set(answers.values()) >= {UNAVAILABLE}
    assert list(answers.values()).count(ACCEPTED) <= 3
    assert raw(f"{root}-10", reader=True).connack == ACCEPTED  # a clean one leaves nothing
    assert raw(f"{root}-11", clean=False).connack == ACCEPTED  # the owner has no such limit
    known = next((n for n, answer in answers.items() if answer == ACCEPTED), None)
    if known is not None:
        assert raw(f"{root}-{known}", reader=True, clean=False).connack[3] == 0


@pytest.mark.parametrize("first", [0x32, 0x82, 0xA2, 0x40], ids=lambda first: f"{first:#x}")
def test_a_packet_that_is_too_large_ends_its_connection_before_it_is_read(
    raw: Connecting, root: str, first: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client = raw(root)
    client.send(first, b"\x00\x01a", length=150 * 1024 * 1024)
    assert client.receive(1) == b""
    assert [each.bytes for each in caplog.records if each.msg == "embedded.packet_too_large"]  # type: ignore[attr-defined]
    assert raw(root).is_open()


def test_packets_up_to_the_limit_pass(
    embedded: Embedded, raw: Connecting, connect: Connect, root: str
) -> None:
    watcher = connect(embedded.url, subscriptions=[(root, 1)])
    body = text(root) + b"\x00\x01"
    body += b"x" * (embedded_stream.MAX_PACKET_BYTES - len(body))
    client = raw(root)
    client.send(0x32, body)
    assert client.receive(4) == b"\x40\x02\x00\x01"
    watcher.until(lambda: watcher.messages)
    client.send(0x32, body + b"x")
    assert client.receive(1) == b""


def test_a_connect_that_is_not_finished_is_closed_in_time(
    embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CONNECT_SECONDS", 0.2)
    address = urlsplit(embedded.url)
    for begun in (b"", b"\x10", b"\x10\x80\x80", b"\x10\x20\x00\x04MQTT"):
        with socket.create_connection((address.hostname, address.port), timeout=5) as stranger:
            stranger.sendall(begun)
            assert stranger.recv(1) == b""


def test_strangers_fill_nothing_but_the_place_of_strangers(
    embedded: Embedded,
    raw: Connecting,
    root: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "MAX_STRANGERS", 5)
    inside = raw(root)
    address = urlsplit(embedded.url)
    strangers = [socket.create_connection((address.hostname, address.port)) for _ in range(20)]
    try:
        for beyond in strangers[5:]:
            beyond.settimeout(3)  # less than a CONNECT may take
            with suppress(ConnectionError):
                assert beyond.recv(1) == b""
        assert inside.is_open()
    finally:
        for stranger in strangers:
            stranger.close()
    logged = [each for each in caplog.records if each.msg == "embedded.too_many_connections"]
    assert len(logged) == 1


def test_messages_of_qos_2_that_are_never_released_fill_nothing(
    embedded: Embedded, raw: Connecting, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_session, "MAX_UNRELEASED", 3)
    client = raw(root, reader=True)
    for number in (1, 2, 3, 3):  # the last is a repetition
        client.send(0x34, text(f"{root}/any") + bytes([0, number]) + b"x" * 1000)
        assert client.receive(4) == bytes([0x50, 2, 0, number])
    client.send(0x34, text(f"{root}/any") + b"\x00\x04x")
    assert client.receive(1) == b""


def test_strangers_of_one_address_keep_nobody_else_out(
    embedded: Embedded, raw: Connecting, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_STRANGERS_OF_ONE", 5)
    address = urlsplit(embedded.url)
    place, source = (address.hostname, address.port), ("127.0.0.2", 0)
    with ExitStack() as stack:
        for _ in range(20):
            stranger = socket.create_connection(place, source_address=source)
            stack.enter_context(stranger)
        stranger.settimeout(3)  # less than a CONNECT may take
        with suppress(ConnectionError):
            assert stranger.recv(1) == b""
        assert raw(root).connack == ACCEPTED


def test_a_session_keeps_so_many_bytes_and_drops_the_oldest(
    embedded: Embedded, connect: Connect, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_session, "SESSION_MAX_BYTES", 10 * (1000 + len(root)))
    app = {"subscriptions": [(root, 1)], "durable_id": f"{root}-app"}
    connect(embedded.url, **app).link.stop()
    publisher = connect(embedded.url)
    for n in range(30):
        publisher.link.publish(root, b"%1000d" % n, qos=1).result(5)
    back = connect(embedded.url, **app)
    back.until(lambda: len(back.messages) == 10)
    assert [int(each) for each in back.payloads] == list(range(20, 30))
