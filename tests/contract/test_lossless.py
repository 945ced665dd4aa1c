"""What a broker has acknowledged arrives, however often connections break in between."""

import itertools
import sys
import threading

import pytest

from buildfeed.broker.mqtt.link import Message, MqttLink
from buildfeed.errors import BrokerUnavailable
from support.brokers import Broker, Embedded
from support.peers import Client, Connect, Proxy


def acknowledge(link: MqttLink, message: Message) -> None:
    link.ack(message)


def durable(connect: Connect, url: str, root: str) -> Client:
    return connect(url, subscriptions=[(root, 1)], durable_id=f"{root}-app", handle=acknowledge)


def numbers(client: Client) -> set[int]:
    return {int(payload) for payload in client.payloads}


def test_a_publisher_that_leaves_at_once_loses_nothing(
    broker_url: str, connect: Connect, root: str
) -> None:
    watchers = [connect(broker_url, subscriptions=[(root, 1)]) for _ in range(3)]
    for burst in range(5):
        publisher = connect(broker_url)
        for number in range(200):
            publisher.link.publish(root, b"%d" % (200 * burst + number), qos=1)
        publisher.link.stop()
    for watcher in watchers:
        watcher.until(lambda watcher=watcher: len(watcher.messages) >= 1000)
        assert [int(payload) for payload in watcher.payloads] == list(range(1000))


def test_what_waits_for_an_app_that_is_away_comes_when_it_is_back_in_order(
    broker_url: str, connect: Connect, root: str
) -> None:
    app = durable(connect, broker_url, root)
    app.link.stop()
    publisher = connect(broker_url)
    sent = [publisher.link.publish(root, b"%d" % number, qos=1) for number in range(500)]
    for future in sent:
        future.result(10)
    back = durable(connect, broker_url, root)
    back.until(lambda: len(back.messages) >= 500)
    assert [int(payload) for payload in back.payloads] == list(range(500))


def test_what_an_app_has_not_acknowledged_comes_again(
    broker_url: str, connect: Connect, root: str
) -> None:
    silent = connect(broker_url, subscriptions=[(root, 1)], durable_id=f"{root}-app")
    publisher = connect(broker_url)
    for number in range(20):
        publisher.link.publish(root, b"%d" % number, qos=1).result(10)
    silent.until(lambda: len(silent.messages) >= 20)
    silent.link.stop()
    back = durable(connect, broker_url, root)
    back.until(lambda: numbers(back) == set(range(20)))


def burst(broker: Broker, connect: Connect, root: str, *, messages: int, cuts: int) -> str:
    """Publish to an app while both connections are cut; return what was counted."""
    proxies = [Proxy(broker.url) for _ in range(2)]
    try:
        app = durable(connect, proxies[0].url, root)
        publisher = connect(proxies[1].url)
        sent = [publisher.link.publish(root, b"%d" % n, qos=1) for n in range(messages)]
        for cut in range(1, cuts + 1):
            mark = messages * cut // (cuts + 1)
            app.until(lambda mark=mark: len(app.messages) >= mark, seconds=60)
            for proxy in proxies:
                proxy.cut()
        acknowledged = set()
        for number, future in enumerate(sent):
            try:
                future.result(60)
            except BrokerUnavailable:
                continue
            acknowledged.add(number)
        app.until(lambda: len(app.messages) >= messages and numbers(app) >= acknowledged, 60)
        assert acknowledged == set(range(messages))
        return (
            f"{messages} sent, {len(acknowledged)} acknowledged, {len(numbers(app))} arrived, "
            f"{len(app.messages) - len(numbers(app))} of them again, {app.ups} connections"
        )
    finally:
        for proxy in proxies:
            proxy.end()


def test_what_is_acknowledged_arrives_though_connections_are_cut(
    broker: Broker, connect: Connect, root: str
) -> None:
    burst(broker, connect, root, messages=1000, cuts=3)


@pytest.mark.timeout(180)
def test_ten_thousand_messages_and_ten_cuts_lose_nothing(
    embedded: Embedded, connect: Connect, root: str, capsys: pytest.CaptureFixture[str]
) -> None:
    counted = burst(embedded, connect, root, messages=10_000, cuts=10)
    with capsys.disabled():
        sys.stdout.write(f"\n{counted}\n")


def test_an_app_whose_old_connection_still_stands_gets_all_on_the_new_one(
    broker: Broker, connect: Connect, root: str
) -> None:
    proxy = Proxy(broker.url)
    try:
        durable(connect, proxy.url, root)
        proxy.freeze()  # the broker believes that the app is still there
        publisher = connect(broker.url)
        counter = itertools.count()
        for _ in range(50):
            publisher.link.publish(root, b"%d" % next(counter), qos=1).result(10)
        back = durable(connect, broker.url, root)
        for _ in range(50):
            publisher.link.publish(root, b"%d" % next(counter), qos=1).result(10)
        back.until(lambda: numbers(back) == set(range(100)))
    finally:
        proxy.end()


def test_one_that_reads_nothing_holds_up_nobody(
    broker_url: str, connect: Connect, root: str
) -> None:
    reading = threading.Event()
    stuck = connect(broker_url, subscriptions=[(root, 1)], handle=lambda *_: reading.wait(60))
    watcher = connect(broker_url, subscriptions=[(root, 1)])
    publisher = connect(broker_url)
    payload = b"x" * 50_000
    for _ in range(300):
        publisher.link.publish(root, payload, qos=1).result(20)
    watcher.until(lambda: len(watcher.messages) >= 300)
    reading.set()
    stuck.until(lambda: len(stuck.messages) >= 300, seconds=30)
