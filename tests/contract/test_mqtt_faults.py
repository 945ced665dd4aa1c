"""What a link does about brokers that misbehave: scripted ones, and RabbitMQ's own habits."""

import logging
import os
import re
import struct
import time
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from buildfeed.broker.mqtt import connection, link
from buildfeed.errors import BrokerUnavailable
from support.peers import DISCONNECT, PUBACK, V5, V311, Connect, Peer, StartScript
from support.rabbitmq import ControlledRabbitMQ


def serve(peer: Peer) -> None:
    """Accept, and acknowledge every publish."""
    peer.accept()
    for _, packet_id in peer.publishes():
        peer.send(PUBACK, packet_id)


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link tries again after 0.2 s at most: how long it waits is not the point."""
    monkeypatch.setattr(link, "MAX_DELAY_SECONDS", 0.2)


def failure(future: Future[None]) -> BrokerUnavailable:
    error = future.exception(10)
    assert isinstance(error, BrokerUnavailable)
    return error


def test_mqtt_311_follows_at_once_when_mqtt_5_is_dropped_and_is_kept(
    scripted: StartScript, connect: Connect
) -> None:
    def script(peer: Peer) -> None:
        if peer.version == V311 and peer.number < 2:
            peer.accept()
            time.sleep(0.1)
        elif peer.version == V311:
            serve(peer)

    broker = scripted(script)
    client = connect(broker.url)
    assert client.downs == []
    client.until(lambda: client.ups == 2)
    assert [peer.version for peer in broker.peers] == [V5, V311, V311]
    assert client.downs == ["the broker closed the connection"]


def test_a_drop_while_the_broker_boots_does_not_settle_the_version(
    scripted: StartScript, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "buildfeed.broker.mqtt.link")
    broker = scripted(lambda peer: serve(peer) if peer.number == 2 else None)
    client = connect(broker.url)
    assert [peer.version for peer in broker.peers] == [V5, V311, V5]
    assert client.ups == 1


def test_every_connection_has_a_client_id_of_its_own(
    scripted: StartScript, connect: Connect
) -> None:
    broker = scripted(lambda peer: serve(peer) if peer.number == 2 else peer.accept())
    client = connect(broker.url, name="Worker_1")
    client.until(lambda: len(broker.peers) == 3)
    ids = {peer.client_id for peer in broker.peers}
    assert len(ids) == 3
    assert all(re.fullmatch(r"worker-1-[a-z0-9]{8}", client_id) for client_id in ids)
    assert all(peer.clean for peer in broker.peers)


@pytest.mark.parametrize("version", [V311, V5])
def test_a_durable_session_keeps_its_id_for_seven_days(
    scripted: StartScript, connect: Connect, version: int
) -> None:
    broker = scripted(lambda peer: serve(peer) if peer.version == version else None)
    connect(broker.url, durable_id="recorder")
    peer = broker.peers[-1]
    assert (peer.version, peer.client_id, peer.clean) == (version, "recorder", False)
    if version == V5:
        assert peer.properties == b"\x11" + struct.pack("!I", 7 * 24 * 3600)


def test_a_refused_publish_does_not_block_the_next_and_is_tried_again(
    scripted: StartScript, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    def script(peer: Peer) -> None:
        peer.accept()
        for topic, packet_id in peer.publishes():
            full = topic == "full" and seen.count("full") < 2
            seen.append(topic)
            peer.send(PUBACK, packet_id, b"\x83\0" if full else b"")

    client = connect(scripted(script).url)
    refused = client.link.publish("full", b"", qos=1)
    client.link.publish("other", b"", qos=1).result(5)
    assert not refused.done()
    refused.result(5)
    assert seen == ["full", "other", "full", "full"]
    assert [record.reason for record in caplog.records] == ["Implementation specific error"]
    assert client.ups == 1


def test_a_publish_that_is_not_authorized_fails_at_once(
    scripted: StartScript, connect: Connect
) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        for topic, packet_id in peer.publishes():
            peer.send(PUBACK, packet_id, b"\x87\0" if topic == "forbidden" else b"")

    client = connect(scripted(script).url)
    forbidden = client.link.publish("forbidden", b"", qos=1)
    failure(forbidden)
    client.link.publish("allowed", b"", qos=1).result(5)


@pytest.mark.usefixtures("_hasty")
def test_the_one_publish_that_the_broker_closes_over_is_given_up(
    scripted: StartScript, connect: Connect
) -> None:
    acknowledged: list[str] = []

    def script(peer: Peer) -> None:
        peer.accept()
        unacknowledged = []
        for topic, packet_id in peer.publishes():
            if topic == "poison":
                return  # and what came just before it is not acknowledged either
            unacknowledged.append((topic, packet_id))
            time.sleep(0.02)
            for one, its_id in unacknowledged:
                acknowledged.append(one)
                peer.send(PUBACK, its_id)
            unacknowledged.clear()

    client = connect(scripted(script).url)
    topics = ["a", "b", "poison", "c", "d"]
    futures = {topic: client.link.publish(topic, b"", qos=1) for topic in topics}
    assert failure(futures.pop("poison")).sent
    for future in futures.values():
        future.result(10)
    assert list(dict.fromkeys(acknowledged)) == ["a", "b", "c", "d"]


def test_no_more_is_sent_than_the_broker_wants_to_receive(
    scripted: StartScript, connect: Connect
) -> None:
    counts: list[int] = []

    def script(peer: Peer) -> None:
        peer.accept(b"\x21\0\x03")  # Receive Maximum 3
        waiting: list[bytes] = []
        for _, packet_id in peer.publishes():
            waiting.append(packet_id)
            counts.append(len(waiting))
            if len(waiting) == 3:
                for one in waiting:
                    peer.send(PUBACK, one)
                waiting.clear()

    client = connect(scripted(script).url)
    futures = [client.link.publish("a", b"", qos=1) for _ in range(30)]
    for future in futures:
        future.result(5)
    assert max(counts) == 3


def test_a_broker_that_never_answers_is_left(
    scripted: StartScript, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.2)
    broker = scripted(lambda peer: peer.read() and None)
    client = connect(broker.url, up=False)
    client.until(lambda: client.downs)
    assert client.downs == ["no CONNACK"]
    assert [peer.version for peer in broker.peers] == [V5, V311]


def test_a_suback_that_never_comes_is_not_up(
    scripted: StartScript, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.2)

    def script(peer: Peer) -> None:
        peer.accept()
        if peer.number:
            peer.grant()
        peer.read()
        peer.read()

    client = connect(scripted(script).url, subscriptions=[("a", 1)])
    assert client.downs == ["no SUBACK"]


def test_a_refused_subscription_is_never_up(
    scripted: StartScript, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        peer.grant(0x80)
        peer.read()

    client = connect(scripted(script).url, subscriptions=[("secret/#", 1)], up=False)
    client.until(lambda: client.downs)
    assert client.downs == ["subscription refused: secret/#"]
    assert client.ups == 0
    assert "mqtt.subscribe_refused" in caplog.text


def test_a_subscription_that_is_refused_later_takes_the_link_down(
    scripted: StartScript, connect: Connect
) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        peer.grant(1)
        peer.grant(0x87)
        peer.read()

    client = connect(scripted(script).url, subscriptions=[("a", 1)])
    client.link.subscribe("secret/#", 1)
    client.until(lambda: client.downs)
    assert client.downs == ["subscription refused: secret/#"]


def test_what_was_not_asked_for_is_ignored_and_acknowledged(
    scripted: StartScript, connect: Connect
) -> None:
    acknowledged: list[bytes] = []

    def script(peer: Peer) -> None:
        peer.accept()
        peer.grant()
        peer.message(b"builds/\xff", b"no UTF-8", b"\0\1")
        peer.message(b"leak/a", b"not asked for", b"\0\2")
        peer.message(b"builds/a", b"asked for", b"\0\3")
        while True:
            acknowledged.append(peer.read()[1])

    client = connect(scripted(script).url, subscriptions=[("builds/#", 1)], durable_id="recorder")
    client.until(lambda: len(acknowledged) == 2)
    assert acknowledged == [b"\0\1", b"\0\2"]
    assert client.payloads == [b"asked for"]


def test_the_reason_of_a_disconnect_by_the_broker_is_reported(
    scripted: StartScript, connect: Connect
) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        time.sleep(0.1)
        peer.send(DISCONNECT, b"\x8e\0")

    client = connect(scripted(script).url)
    client.until(lambda: client.downs)
    assert client.downs[0] == "Session taken over"


@pytest.mark.parametrize(
    "garbage", [b"\xff" * 40, b"\x20\x00", b"\x30\x05\xff\xff", b"HTTP/1.1 4"], ids=range(4)
)
def test_garbage_does_not_end_the_link(
    scripted: StartScript, connect: Connect, garbage: bytes
) -> None:
    def script(peer: Peer) -> None:
        if peer.number < 4:
            peer.send_raw(garbage)
            peer.send_raw(os.urandom(50))
        else:
            serve(peer)

    client = connect(scripted(script).url)
    client.link.publish("a", b"", qos=1).result(5)


@pytest.fixture(scope="module")
def restricted(rabbitmq: ControlledRabbitMQ) -> Iterator[str]:
    """Return the URL of a user who may use topics below `builds/` only."""
    rabbitmq.manage("PUT", "users/restricted", {"password": "secret", "tags": ""})
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    rabbitmq.manage("PUT", "permissions/%2F/restricted", everything)
    below = {"exchange": "amq.topic", "write": r"^builds\..*", "read": r"^builds\..*"}
    rabbitmq.manage("PUT", "topic-permissions/%2F/restricted", below)
    yield re.sub("//.*@", "//restricted:secret@", rabbitmq.mqtt_url)
    rabbitmq.manage("DELETE", "users/restricted")


@pytest.mark.usefixtures("_hasty")
def test_a_publish_that_rabbitmq_does_not_permit_is_given_up(
    restricted: str, connect: Connect, root: str
) -> None:
    client = connect(restricted, subscriptions=[(f"builds/{root}", 1)])
    before = client.link.publish(f"builds/{root}", b"before", qos=1)
    forbidden = client.link.publish(f"secret/{root}", b"", qos=1)
    after = client.link.publish(f"builds/{root}", b"after", qos=1)
    assert failure(forbidden).sent
    before.result(5)
    after.result(5)
    client.until(lambda: client.link.up)


def test_a_subscription_that_rabbitmq_does_not_permit_is_never_up(
    restricted: str, connect: Connect
) -> None:
    client = connect(restricted, subscriptions=[("secret/#", 1)], up=False)
    client.until(lambda: client.downs)
    assert client.ups == 0
    assert "SUBACK" in client.downs[0] or "refused" in client.downs[0]
