"""People and apps log in at RabbitMQ by AMQP with a token, and read there what its grants say."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import (
    ChannelClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from buildfeed.broker.amqp.stream import STREAM
from buildfeed.broker.amqp.topology import BUILDS, TOPIC_EXCHANGE
from support.token_scene import Connect, Scene


@pytest.mark.parametrize("arguments", [{}, {"x-queue-type": "quorum"}], ids=["classic", "quorum"])
def test_an_app_reads_by_amqp_from_a_queue_of_its_own(
    scene: Scene, connect: Connect, arguments: dict[str, Any]
) -> None:
    with scene.channel("ada") as channel:
        channel.queue_declare("ada:reports", durable=True, arguments=arguments)
        channel.queue_bind("ada:reports", TOPIC_EXCHANGE, "builds.acme.#")
        worker = connect("worker", "worker-1")
        assert worker.publish("builds/other/b1/status")
        assert worker.publish("builds/acme/b1/status")
        method, _, _ = next(channel.consume("ada:reports", inactivity_timeout=10))
        assert method.routing_key == "builds.acme.b1.status"
        channel.basic_ack(method.delivery_tag)
        channel.cancel()
        channel.queue_delete("ada:reports")


@pytest.mark.parametrize(
    "key",
    [
        *("builds.other.#", "builds.#", "builds.*.*.status", "#", "builds.#.status", "*.acme.#"),
        *("builds.acme.#.status", "projects.#", "workers.*.status", "builds/other.#", ""),
    ],
)
@pytest.mark.parametrize("by", ["queue", "mqtt queue"])
def test_a_queue_is_not_bound_to_more_than_one_may_read(
    scene: Scene, connect: Connect, key: str, by: str
) -> None:
    queue = "ada:bound" if by == "queue" else "mqtt-subscription-adaqos1"
    if by == "mqtt queue":
        assert connect("ada").subscribe("builds/acme/#")
    with scene.channel("ada") as channel:
        if by == "queue":
            channel.queue_declare(queue, exclusive=True)
        with pytest.raises(ChannelClosedByBroker, match="403"):
            channel.queue_bind(queue, TOPIC_EXCHANGE, key)


@pytest.mark.parametrize("name", ["ada", "eva", "rina"])
@pytest.mark.parametrize(
    ("exchange", "key"),
    [
        (TOPIC_EXCHANGE, "builds.acme.b1.status"),
        (TOPIC_EXCHANGE, "builds.acme.b1.start"),
        ("builds.start", "builds.acme.b1.start"),
        ("", BUILDS),
        ("", "ada:x"),
    ],
)
def test_nobody_publishes_by_amqp(scene: Scene, name: str, exchange: str, key: str) -> None:
    with scene.channel(name) as channel, pytest.raises(ChannelClosedByBroker, match="403"):
        channel.basic_publish(exchange, key, b"{}")


@pytest.mark.parametrize("exchange", [TOPIC_EXCHANGE, "", "builds.start"])
def test_a_queue_does_not_publish_what_its_owner_may_not_as_dead_letters(
    scene: Scene, exchange: str
) -> None:
    arguments = {
        "x-message-ttl": 0,
        "x-dead-letter-exchange": exchange,
        "x-dead-letter-routing-key": "builds.other.b1.start",
    }
    with scene.channel("rina") as channel, pytest.raises(ChannelClosedByBroker, match="403"):
        channel.queue_declare("rina:trap", arguments=arguments)


@pytest.mark.parametrize(
    "request_",
    [
        lambda channel: channel.queue_declare("reports"),
        lambda channel: channel.queue_declare("eva:reports"),
        lambda channel: channel.queue_declare("", exclusive=True),
        lambda channel: channel.queue_declare("mqtt-subscription-ada:xqos1"),
        lambda channel: channel.exchange_declare("ada:exchange"),
        lambda channel: channel.exchange_bind(TOPIC_EXCHANGE, TOPIC_EXCHANGE, "builds.acme.#"),
        lambda channel: channel.exchange_bind("builds.start", TOPIC_EXCHANGE, "builds.acme.#"),
        lambda channel: channel.queue_bind(BUILDS, TOPIC_EXCHANGE, "builds.acme.#"),
        lambda channel: channel.queue_purge(BUILDS),
        lambda channel: channel.queue_delete(BUILDS),
        lambda channel: channel.basic_get(BUILDS),
        lambda channel: channel.basic_get("builds.dead"),
        lambda channel: channel.queue_delete(STREAM),
    ],
)
def test_what_is_others_is_left_alone(
    scene: Scene, request_: Callable[[BlockingChannel], object]
) -> None:
    with scene.channel("ada") as channel, pytest.raises(ChannelClosedByBroker, match="403"):
        request_(channel)


def test_the_stream_is_for_those_who_may_read_everything(scene: Scene, connect: Connect) -> None:
    assert connect("worker", "worker-1").publish("builds/other/b1/log")
    for name in ("ada", "kim", "rina"):
        with scene.channel(name) as channel:
            channel.basic_qos(prefetch_count=1)
            with pytest.raises(ChannelClosedByBroker, match="403"):
                next(channel.consume(STREAM, inactivity_timeout=5))
    with scene.channel("eva") as channel:
        channel.basic_qos(prefetch_count=1)
        offset = {"x-stream-offset": "last"}
        method, _, _ = next(channel.consume(STREAM, arguments=offset, inactivity_timeout=10))
        assert method.routing_key.startswith("builds.")


def test_wrong_tokens_do_not_log_in_by_amqp(scene: Scene) -> None:
    url = f"127.0.0.1:{scene.broker.server.amqp_port}"
    for login in ("ada:wrong", f"eva:{scene.secrets['ada']}", f"nobody:{scene.secrets['ada']}"):
        with pytest.raises(ProbableAuthenticationError):
            pika.BlockingConnection(pika.URLParameters(f"amqp://{login}@{url}/"))
    scene.broker.server.ctl("add_vhost", "private")
    login = f"eva:{scene.secrets['eva']}"
    with pytest.raises(ProbableAccessDeniedError):
        pika.BlockingConnection(pika.URLParameters(f"amqp://{login}@{url}/private"))


def test_who_has_a_token_manages_nothing(scene: Scene) -> None:
    server = scene.broker.server
    url = f"{server.management_url.partition('@')[2]}/api/connections"
    done = subprocess.run(
        ["curl", "-s", "-u", f"eva:{scene.secrets['eva']}", f"http://{url}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["error"] == "not_authorised"
