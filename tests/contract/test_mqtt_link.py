"""What a link promises, on every broker; `not_embedded` marks what the embedded one lacks."""

import logging
import socket
import time
from concurrent.futures import wait
from itertools import pairwise
from typing import Any

import pytest

from buildfeed.broker.mqtt import connection, link
from buildfeed.broker.mqtt.link import Message, MqttLink, Will
from buildfeed.errors import BrokerUnavailable, InvalidActivity, InvalidTopic
from support.brokers import Broker
from support.peers import Connect, Proxy

not_embedded = pytest.mark.parametrize("broker", ["mosquitto", "rabbitmq"], indirect=True)


def up_events(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record for record in caplog.records if record.getMessage() == "mqtt.up"]


@pytest.mark.parametrize("qos", [0, 1])
def test_a_publish_reaches_every_subscriber(
    broker_url: str, connect: Connect, root: str, qos: int
) -> None:
    watchers = [connect(broker_url, subscriptions=[(f"{root}/#", 1)]) for _ in range(2)]
    publisher = connect(broker_url)
    publisher.link.publish(f"{root}/a", b"hello", qos=qos).result(5)
    for watcher in watchers:
        watcher.until(lambda watcher=watcher: watcher.messages)
        (message,) = watcher.messages
        assert (message.topic, message.payload, message.retain) == (f"{root}/a", b"hello", False)


@pytest.mark.parametrize("broker", ["mosquitto"], indirect=True)
def test_messages_that_come_fast_are_read_several_at_a_time(
    broker_url: str, connect: Connect, root: str
) -> None:
    count, arrived = 300, []
    watcher = connect(
        broker_url,
        subscriptions=[(f"{root}/#", 0)],
        handle=lambda _link, _message: arrived.append(time.monotonic()),
    )
    publisher = connect(broker_url)
    for _ in range(count):
        publisher.link.publish(f"{root}/a", b"a" * 200, qos=0)
        time.sleep(0.001)  # their pace
    watcher.until(lambda: len(arrived) == count)
    reads = sum(later - before > 0.001 for before, later in pairwise(arrived))
    assert reads < count / 2


def test_wildcards_match_as_the_standard_says(broker_url: str, connect: Connect, root: str) -> None:
    watcher = connect(broker_url, subscriptions=[(f"{root}/+/+/stop", 1), (f"{root}/x/#", 1)])
    for topic in ("a/b/stop", "a/stop", "a/b/c/stop", "a/b/start", "x", "x/y/z"):
        watcher.link.publish(f"{root}/{topic}", topic.encode(), qos=1).result(5)
    watcher.until(lambda: b"x/y/z" in watcher.payloads)
    assert watcher.payloads == [b"a/b/stop", b"x", b"x/y/z"]


def test_a_message_that_two_subscriptions_match_is_handed_over(
    broker_url: str, connect: Connect, root: str
) -> None:
    watcher = connect(broker_url, subscriptions=[(f"{root}/#", 1), (f"{root}/+", 1)])
    watcher.link.publish(f"{root}/a", b"1", qos=1).result(5)
    watcher.until(lambda: watcher.messages)


def test_the_newest_version_that_the_broker_answers_is_spoken(
    broker: Broker, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "buildfeed.broker.mqtt.link")
    client = connect(broker.url)
    assert client.downs == []
    assert [record.protocol for record in up_events(caplog)] == [broker.protocol]


def test_a_burst_arrives_in_order(broker_url: str, connect: Connect, root: str) -> None:
    watcher = connect(broker_url, subscriptions=[(root, 1)])
    publisher = connect(broker_url)
    sent = [b"%d" % number for number in range(2_000)]
    for payload in sent:
        publisher.link.publish(root, payload, qos=1)
    watcher.until(lambda: len(watcher.messages) >= len(sent), 30)
    assert watcher.payloads == sent


def test_a_retained_message_waits_for_who_subscribes_to_its_topic(
    broker_url: str, connect: Connect, root: str
) -> None:
    publisher = connect(broker_url)
    publisher.link.publish(f"{root}/latest", b"newest", qos=1, retain=True).result(5)
    watcher = connect(broker_url, subscriptions=[(f"{root}/latest", 1)])
    watcher.until(lambda: watcher.messages)
    assert watcher.payloads == [b"newest"]
    publisher.link.publish(f"{root}/latest", b"", qos=1, retain=True).result(5)


def test_a_lost_connection_is_made_again_with_its_subscriptions(
    proxy: Proxy, broker_url: str, connect: Connect, root: str
) -> None:
    watcher = connect(proxy.url, subscriptions=[(f"{root}/static", 1)])
    watcher.link.subscribe(f"{root}/dynamic", 1)
    proxy.cut()
    watcher.until(lambda: watcher.ups == 2)
    assert len(watcher.downs) == 1
    publisher = connect(broker_url)
    publisher.link.publish(f"{root}/static", b"1", qos=1).result(5)
    publisher.link.publish(f"{root}/dynamic", b"2", qos=1).result(5)
    watcher.until(lambda: len(watcher.messages) == 2)
    assert {message.connection for message in watcher.messages} != {1}


def test_what_is_published_while_down_arrives_in_order(
    proxy: Proxy, broker_url: str, connect: Connect, root: str
) -> None:
    watcher = connect(broker_url, subscriptions=[(root, 1)])
    publisher = connect(proxy.url)
    proxy.close()
    publisher.until(lambda: publisher.downs)
    futures = [publisher.link.publish(root, b"%d" % number, qos=1) for number in range(300)]
    assert not publisher.link.up
    proxy.open()
    assert not wait(futures, 10).not_done
    watcher.until(lambda: len(watcher.messages) == 300)
    assert watcher.payloads == [b"%d" % number for number in range(300)]


def test_order_is_kept_over_a_connection_that_breaks(
    proxy: Proxy, broker_url: str, connect: Connect, root: str
) -> None:
    watcher = connect(broker_url, subscriptions=[(root, 1)])
    publisher = connect(proxy.url)
    sent = [b"%d" % number for number in range(1_500)]
    futures = [publisher.link.publish(root, payload, qos=1) for payload in sent]
    watcher.until(lambda: len(watcher.messages) > 100)
    proxy.cut()
    assert not wait(futures, 20).not_done
    watcher.until(lambda: sent[-1] in watcher.payloads)
    assert list(dict.fromkeys(watcher.payloads)) == sent


def test_the_outbox_survives_a_restart_of_the_broker(
    broker: Broker, connect: Connect, root: str
) -> None:
    watcher = connect(broker.url, subscriptions=[(root, 1)])
    broker.stop()
    try:
        watcher.until(lambda: watcher.downs)
        futures = [watcher.link.publish(root, b"%d" % number, qos=1) for number in range(50)]
    finally:
        broker.start()
    watcher.until(lambda: watcher.ups == 2, 30)
    assert not wait(futures, 10).not_done
    watcher.until(lambda: len(watcher.messages) == 50)
    assert watcher.payloads == [b"%d" % number for number in range(50)]


def test_qos_0_is_dropped_while_down(proxy: Proxy, connect: Connect, root: str) -> None:
    publisher = connect(proxy.url)
    proxy.close()
    publisher.until(lambda: publisher.downs)
    with pytest.raises(BrokerUnavailable) as caught:
        publisher.link.publish(root, b"tick", qos=0).result(1)
    assert not caught.value.sent


def test_a_publish_that_was_never_sent_can_be_cancelled(
    proxy: Proxy, broker_url: str, connect: Connect, root: str
) -> None:
    watcher = connect(broker_url, subscriptions=[(root, 1)])
    publisher = connect(proxy.url)
    proxy.close()
    publisher.until(lambda: publisher.downs)
    cancelled = publisher.link.publish(root, b"cancelled", qos=1)
    kept = publisher.link.publish(root, b"kept", qos=1)
    assert cancelled.cancel()
    proxy.open()
    kept.result(10)
    assert not kept.cancel()
    watcher.until(lambda: watcher.messages)
    assert watcher.payloads == [b"kept"]


def test_a_publish_that_was_sent_cannot_be_cancelled(
    proxy: Proxy, connect: Connect, root: str
) -> None:
    publisher = connect(proxy.url)
    proxy.freeze()
    future = publisher.link.publish(root, b"sent", qos=1)
    publisher.until(future.running)
    assert not future.cancel()
    proxy.thaw()
    future.result(5)


def test_what_no_broker_would_take_is_refused_and_holds_up_nothing(
    broker_url: str, connect: Connect, root: str
) -> None:
    publisher = connect(broker_url, subscriptions=[(root, 1)])
    for topic in ("", "a/+/b", "a/#", "a\0b", "x" * 256, "\ud800"):
        with pytest.raises(InvalidTopic):
            publisher.link.publish(topic, b"", qos=1)
    with pytest.raises(InvalidActivity):
        publisher.link.publish(root, bytes(64 * 1024 + 1), qos=1)
    largest = bytes(64 * 1024)
    publisher.link.publish(root, largest, qos=1).result(5)
    publisher.until(lambda: publisher.payloads == [largest])


def test_a_subscription_can_be_added_and_removed(
    broker_url: str, connect: Connect, root: str
) -> None:
    watcher = connect(broker_url, subscriptions=[(f"{root}/end", 1)])
    watcher.link.subscribe(f"{root}/a", 1)
    watcher.link.publish(f"{root}/a", b"1", qos=1).result(5)
    watcher.until(lambda: watcher.payloads == [b"1"])
    watcher.link.unsubscribe(f"{root}/a")
    watcher.link.publish(f"{root}/a", b"2", qos=1).result(5)
    watcher.link.publish(f"{root}/end", b"3", qos=1).result(5)
    watcher.until(lambda: b"3" in watcher.payloads)
    assert watcher.payloads == [b"1", b"3"]


def test_a_subscription_added_while_down_is_made_on_the_next_connection(
    proxy: Proxy, broker_url: str, connect: Connect, root: str
) -> None:
    watcher = connect(proxy.url)
    proxy.close()
    watcher.until(lambda: watcher.downs)
    watcher.link.subscribe(root, 1)
    proxy.open()
    watcher.until(lambda: watcher.ups == 2)
    connect(broker_url).link.publish(root, b"1", qos=1)
    watcher.until(lambda: watcher.payloads == [b"1"])


def test_the_will_is_published_when_the_connection_is_lost(
    proxy: Proxy, broker_url: str, connect: Connect, root: str
) -> None:
    watcher = connect(broker_url, subscriptions=[(root, 1)])
    connect(proxy.url, will=Will(root, b"offline"))
    proxy.close()
    watcher.until(lambda: watcher.payloads == [b"offline"])


def test_a_retained_will_stays(proxy: Proxy, broker_url: str, connect: Connect, root: str) -> None:
    watcher = connect(broker_url, subscriptions=[(root, 1)])
    connect(proxy.url, will=Will(root, b"offline", retain=True))
    proxy.close()
    watcher.until(lambda: watcher.payloads == [b"offline"])
    late = connect(broker_url, subscriptions=[(root, 1)])
    late.until(lambda: late.payloads == [b"offline"])
    late.link.publish(root, b"", qos=1, retain=True).result(5)


def test_no_will_is_published_after_stop(broker_url: str, connect: Connect, root: str) -> None:
    watcher = connect(broker_url, subscriptions=[(root, 1)])
    connect(broker_url, will=Will(root, b"offline")).link.stop()
    watcher.link.publish(root, b"later", qos=1)
    watcher.until(lambda: b"later" in watcher.payloads)
    assert watcher.payloads == [b"later"]


def test_stop_waits_for_what_is_unacknowledged(
    broker_url: str, connect: Connect, root: str
) -> None:
    watcher = connect(broker_url, subscriptions=[(root, 1)])
    publisher = connect(broker_url)
    futures = [publisher.link.publish(root, b"%d" % number, qos=1) for number in range(500)]
    publisher.link.stop()
    assert all(future.done() and not future.exception() for future in futures)
    watcher.until(lambda: len(watcher.messages) == 500)


def test_stop_waits_even_for_the_first_connection(
    broker_url: str, connect: Connect, root: str
) -> None:
    publisher = connect(broker_url, up=False)
    future = publisher.link.publish(root, b"1", qos=1)
    publisher.link.stop()
    assert future.result(0) is None


def test_a_link_that_was_never_started_can_be_stopped(root: str) -> None:
    link = MqttLink("mqtt://broker", name="test")
    future = link.publish(root, b"1", qos=1)
    link.stop()
    error = future.exception(0)
    assert isinstance(error, BrokerUnavailable)
    assert not error.sent


def test_stop_gives_up_after_its_timeout_and_says_what_was_sent(
    proxy: Proxy, connect: Connect, root: str
) -> None:
    publisher = connect(proxy.url)
    proxy.freeze()
    sent = publisher.link.publish(root, b"1", qos=1)
    publisher.until(sent.running)
    began = time.monotonic()
    publisher.link.stop(timeout=0.3)
    assert time.monotonic() - began < 2
    error = sent.exception(0)
    assert isinstance(error, BrokerUnavailable)
    assert error.sent
    late = publisher.link.publish(root, b"2", qos=1).exception(0)
    assert isinstance(late, BrokerUnavailable)
    assert not late.sent
    assert not publisher.link.up


def test_a_durable_session_keeps_messages_while_its_client_is_away(
    broker_url: str, connect: Connect, root: str
) -> None:
    session = {"durable_id": root, "subscriptions": [(f"{root}/#", 1)]}
    first = connect(broker_url, **session)
    first.link.stop()
    publisher = connect(broker_url)
    sent = [b"%d" % number for number in range(100)]
    assert not wait([publisher.link.publish(f"{root}/a", one, qos=1) for one in sent], 5).not_done
    second = connect(broker_url, **session, handle=MqttLink.ack)
    second.until(lambda: len(second.messages) == 100)
    assert second.payloads == sent


@not_embedded
def test_only_what_was_not_acknowledged_comes_again(
    proxy: Proxy, broker_url: str, connect: Connect, root: str
) -> None:
    def acknowledge(link: MqttLink, message: Message) -> None:
        if message.payload == b"acknowledged":
            link.ack(message)

    session = {"durable_id": root, "subscriptions": [(root, 1)], "handle": acknowledge}
    recorder = connect(proxy.url, **session)
    publisher = connect(broker_url)
    publisher.link.publish(root, b"acknowledged", qos=1).result(5)
    publisher.link.publish(root, b"open", qos=1).result(5)
    recorder.until(lambda: recorder.payloads == [b"acknowledged", b"open"])
    recorder.link.publish(f"{root}/after", b"", qos=1).result(5)  # the broker has seen the ack
    before = recorder.messages[1]
    proxy.cut()
    recorder.until(lambda: len(recorder.messages) == 3)
    again = recorder.messages[2]
    assert again.payload == b"open"
    recorder.link.ack(before)  # of the connection before: does nothing
    assert again.connection != before.connection
    recorder.link.ack(again)
    publisher.link.publish(root, b"acknowledged", qos=1).result(5)
    recorder.until(lambda: len(recorder.messages) == 4)
    recorder.until(lambda: recorder.link.up)
    assert len(recorder.downs) == 1


def test_a_wrong_password_is_reported_once_and_tried_again(
    broker_url: str, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    login, _, place = broker_url.rpartition("@")
    client = connect(f"{login.rpartition(':')[0]}:wrong@{place}", up=False)
    client.until(lambda: client.downs)
    attempts = client.link._connections
    client.until(lambda: client.link._connections >= attempts + 2)
    assert client.ups == 0
    (refusal,) = [record for record in caplog.records if record.getMessage() == "mqtt.refused"]
    assert client.downs == [refusal.reason]
    assert refusal.reason in ("Not authorized", "Bad user name or password")
    assert "wrong" not in caplog.text


def test_a_handler_that_raises_is_logged_and_the_link_goes_on(
    broker_url: str, connect: Connect, root: str, caplog: pytest.LogCaptureFixture
) -> None:
    def handle(_link: MqttLink, message: Message) -> None:
        if message.payload == b"bad":
            raise ValueError(message.topic)

    watcher = connect(broker_url, subscriptions=[(root, 1)], handle=handle)
    watcher.link.publish(root, b"bad", qos=1).result(5)
    watcher.link.publish(root, b"good", qos=1).result(5)
    watcher.until(lambda: watcher.payloads == [b"bad", b"good"])
    assert watcher.ups == 1
    assert [record.getMessage() for record in caplog.records] == ["mqtt.handler_failed"]


def test_a_frozen_broker_is_noticed(
    proxy: Proxy, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "KEEP_ALIVE_SECONDS", 1)
    client = connect(proxy.url)
    proxy.freeze()
    client.until(lambda: client.downs, 5)
    assert client.downs == ["Keep alive timeout"]
    assert not client.link.up
    proxy.thaw()
    client.until(lambda: client.ups == 2)


def test_a_publish_that_is_not_acknowledged_in_time_is_sent_again(
    proxy: Proxy, connect: Connect, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "PUBACK_SECONDS", 0.5)
    client = connect(proxy.url)
    proxy.freeze()
    future = client.link.publish(root, b"1", qos=1)
    client.until(lambda: client.downs, 5)
    assert client.downs[0] == "no PUBACK"
    proxy.thaw()
    future.result(10)


def test_a_link_works_beside_more_than_1024_sockets(
    broker_url: str, connect: Connect, root: str
) -> None:
    others = [socket.socket() for _ in range(1_100)]
    try:
        client = connect(broker_url, subscriptions=[(root, 1)])
        client.link.publish(root, b"1", qos=1).result(5)
        client.until(lambda: client.messages)
    finally:
        for sock in others:
            sock.close()
