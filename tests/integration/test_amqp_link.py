"""AmqpLink against a real RabbitMQ that cuts, dies, freezes and comes back."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from datetime import UTC, datetime

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from buildfeed import command
from buildfeed.activity import Activity, Script
from buildfeed.broker.amqp import link as module
from buildfeed.broker.amqp.confirms import WINDOW
from buildfeed.broker.amqp.link import AmqpLink
from buildfeed.broker.amqp.topology import BUILDS, TOPIC_EXCHANGE
from buildfeed.errors import BrokerUnavailable
from support.rabbitmq import ControlledRabbitMQ


def start(build: str) -> Activity:
    now = datetime.now(UTC)
    return command.start("acme", build, now, by="ada", script=Script(), priority="normal")


START = start("b1")
Eventually = Callable[..., None]
Link = Callable[..., AmqpLink]


def depth(channel: BlockingChannel) -> int:
    """Return how many starts wait in `builds`; it is also a round trip."""
    return channel.queue_declare(BUILDS, passive=True).method.message_count


def test_it_publishes_and_returns_what_a_call_returns(
    channel: BlockingChannel, link: Link, eventually: Eventually
) -> None:
    amqp = link()
    amqp.publish(START).result(5)
    eventually(lambda: amqp.call(depth).result(5) == 1)


def test_more_than_may_be_unconfirmed_is_published_in_order(
    channel: BlockingChannel, link: Link
) -> None:
    amqp = link()
    builds = [f"b{number}" for number in range(3 * WINDOW)]
    for publishing in [amqp.publish(start(build)) for build in builds]:
        publishing.result(5)
    arrived = [channel.basic_get(BUILDS, auto_ack=True) for _ in builds]
    assert [method.routing_key.split(".")[2] for method, _, _ in arrived] == builds


def test_a_publish_that_a_queue_refuses_fails_and_the_next_does_not(
    channel: BlockingChannel, link: Link
) -> None:
    full = {"x-max-length": 1, "x-overflow": "reject-publish"}
    queue = channel.queue_declare("", exclusive=True, arguments=full).method.queue
    channel.queue_bind(queue, TOPIC_EXCHANGE, "builds.acme.full.#")
    amqp = link()
    taken, refused, other = map(amqp.publish, [start("full"), start("full"), start("b1")])
    taken.result(5)
    with pytest.raises(BrokerUnavailable) as refusal:
        refused.result(5)
    assert refusal.value.sent
    other.result(5)


def test_a_call_runs_at_once(link: Link, eventually: Eventually) -> None:
    amqp = link()
    eventually(lambda: amqp.up)
    began = time.monotonic()
    for _ in range(20):
        amqp.call(depth).result(5)
    assert time.monotonic() - began < 1


def test_calls_run_in_the_order_they_were_made(link: Link) -> None:
    amqp = link()
    order: list[int] = []
    for i in range(100):
        last = amqp.call(lambda _channel, i=i: order.append(i))
    last.result(5)
    assert order == list(range(100))


def test_what_a_call_raises_goes_to_its_caller_only(channel: BlockingChannel, link: Link) -> None:
    downs: list[str] = []
    amqp = link(on_down=downs.append)
    with pytest.raises(KeyError):
        amqp.call(lambda _channel: {}["absent"]).result(5)
    assert amqp.call(depth).result(5) == 0
    assert not downs


def test_consumers_started_on_up_get_deliveries_between_calls(
    channel: BlockingChannel, link: Link, eventually: Eventually
) -> None:
    taken: list[bytes] = []

    def deliver(channel: BlockingChannel, method: pika.spec.Basic.Deliver, *rest: object) -> None:
        taken.append(rest[1])
        channel.basic_ack(method.delivery_tag)

    amqp = link(on_up=lambda channel: channel.basic_consume(BUILDS, deliver))
    for _ in range(3):
        amqp.publish(START).result(5)
    eventually(lambda: len(taken) == 3)


def test_a_call_that_loses_its_channel_may_have_been_sent_and_the_next_one_works(
    link: Link,
) -> None:
    downs: list[str] = []
    amqp = link(on_down=downs.append)
    with pytest.raises(BrokerUnavailable) as broken:
        amqp.call(lambda channel: channel.queue_declare("absent", passive=True)).result(5)
    assert broken.value.sent
    assert "404" in str(broken.value.__cause__)
    amqp.call(depth).result(5)
    assert "404" in downs[0]


def test_a_channel_that_the_broker_closes_is_a_broken_connection(
    channel: BlockingChannel, link: Link, eventually: Eventually
) -> None:
    downs: list[str] = []
    amqp = link(on_down=downs.append)
    # An unknown delivery tag: the broker's answer comes later and closes the channel only.
    amqp.call(lambda channel: channel.basic_ack(12345)).result(5)
    eventually(lambda: downs)
    eventually(lambda: amqp.up)


def test_a_consumer_whose_queue_is_deleted_comes_back(
    channel: BlockingChannel, link: Link, eventually: Eventually
) -> None:
    ups: list[BlockingChannel] = []

    def on_up(channel: BlockingChannel) -> None:
        channel.queue_declare("test.deleted")
        channel.basic_consume("test.deleted", lambda *_: None)
        ups.append(channel)

    amqp = link(on_up=on_up)
    eventually(lambda: amqp.up)
    channel.queue_delete("test.deleted")
    eventually(lambda: len(ups) == 2)
    eventually(lambda: amqp.up)
    channel.queue_delete("test.deleted")


def test_a_refusal_that_stays_is_told_once(link: Link, eventually: Eventually) -> None:
    ups: list[BlockingChannel] = []
    downs: list[str] = []

    def on_up(channel: BlockingChannel) -> None:
        ups.append(channel)
        channel.basic_consume("absent", lambda *_: None)

    link(on_up=on_up, on_down=downs.append)
    eventually(lambda: len(ups) == 4)
    (reason,) = downs
    assert "no queue 'absent'" in reason


def test_it_survives_that_the_broker_closes_all_connections(
    rabbitmq: ControlledRabbitMQ, link: Link, eventually: Eventually
) -> None:
    ups: list[BlockingChannel] = []
    downs: list[str] = []
    amqp = link(on_up=ups.append, on_down=downs.append)
    eventually(lambda: amqp.up)
    rabbitmq.ctl("close_all_connections", "by the test")
    eventually(lambda: len(ups) == 2)
    amqp.call(depth).result(5)
    assert len(downs) == 1
    assert "by the test" in downs[0]


def test_a_handler_that_fails_does_not_end_the_link(link: Link, eventually: Eventually) -> None:
    tries: list[BlockingChannel] = []

    def on_up(channel: BlockingChannel) -> None:
        tries.append(channel)
        if len(tries) == 1:
            raise LookupError

    def on_down(_reason: str) -> None:
        raise LookupError

    amqp = link(on_up=on_up, on_down=on_down)
    eventually(lambda: amqp.up)
    assert len(tries) == 2


def test_the_broker_knows_it_by_name(rabbitmq: ControlledRabbitMQ, link: Link) -> None:
    link().call(depth).result(5)
    assert '"connection_name","test"' in rabbitmq.ctl("list_connections", "client_properties")


def test_stop_is_quick_and_refuses_what_comes_later(link: Link, eventually: Eventually) -> None:
    downs: list[str] = []
    amqp = link(on_down=downs.append)
    eventually(lambda: amqp.up)
    began = time.monotonic()
    amqp.stop()
    assert time.monotonic() - began < 1
    assert not amqp.up
    assert not downs
    with pytest.raises(BrokerUnavailable) as refused:
        amqp.call(depth).result(0)
    assert not refused.value.sent


def test_without_a_broker_a_call_waits_until_it_is_cancelled_or_the_link_stops(
    link: Link, free_port: Callable[[], int], eventually: Eventually
) -> None:
    downs: list[str] = []
    amqp = link(f"amqp://127.0.0.1:{free_port()}/", on_down=downs.append)
    cancelled, waiting = amqp.call(depth), amqp.call(depth)
    eventually(lambda: downs)
    assert cancelled.cancel()
    assert not waiting.done()
    began = time.monotonic()
    amqp.stop()
    assert time.monotonic() - began < 1
    with pytest.raises(CancelledError):
        cancelled.result(0)
    with pytest.raises(BrokerUnavailable) as refused:
        waiting.result(0)
    assert not refused.value.sent
    assert len(downs) == 1, "an outage is reported once"


def test_a_frozen_broker_does_not_hold_up_stop(
    rabbitmq: ControlledRabbitMQ,
    link: Link,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_STOP_SECONDS", 0.5)
    amqp = link()
    eventually(lambda: amqp.up)
    rabbitmq.freeze()
    try:
        call = amqp.call(depth)
        eventually(call.running)
        began = time.monotonic()
        amqp.stop()
        assert time.monotonic() - began < 1
    finally:
        rabbitmq.thaw()
    call.result(5)


def test_what_was_sent_to_a_broker_that_dies_may_have_arrived_and_the_rest_waits_for_its_return(
    rabbitmq: ControlledRabbitMQ, link: Link, eventually: Eventually
) -> None:
    amqp = link()
    amqp.call(lambda channel: channel.queue_purge(BUILDS)).result(5)
    rabbitmq.freeze()
    sent = [amqp.publish(START) for _ in range(WINDOW)]
    waiting, cancelled = amqp.publish(START), amqp.publish(START)
    eventually(lambda: all(each.running() for each in sent))
    rabbitmq.kill()
    for each in sent:
        with pytest.raises(BrokerUnavailable) as broken:
            each.result(5)
        assert broken.value.sent
    threading.Timer(0.5, cancelled.cancel).start()
    rabbitmq.start()
    waiting.result(10)
    assert cancelled.cancelled()
    eventually(lambda: amqp.call(depth).result(5) == 1)
