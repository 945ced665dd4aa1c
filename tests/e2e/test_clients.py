"""Separate processes on one RabbitMQ: every kind of client sees the same builds."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as paho
import pika
import socketio

from buildfeed import activity
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from support.programs import lines
from support.service import Web, until

FAST = {"seconds": 1, "steps": 10, "errors": [70]}


class Seen(list[tuple[str, bytes]]):
    """Topics and payloads of one client, in the order they came."""

    def has_ended(self, build: str) -> bool:
        return any(
            build in topic and activity.decode(topic, payload).object.ended
            for topic, payload in list(self)
        )


@contextmanager
def paho_client(rabbitmq: PrivateRabbitMQ, filter_: str) -> Iterator[Seen]:
    seen, subscribed = Seen(), threading.Event()
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.username_pw_set(rabbitmq.user, rabbitmq.password)
    client.on_connect = lambda *_: client.subscribe(filter_, qos=1)
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _client, _data, m: seen.append((m.topic, m.payload))
    client.connect("127.0.0.1", rabbitmq.mqtt_port)
    client.loop_start()
    assert subscribed.wait(10)
    yield seen
    client.disconnect()
    client.loop_stop()


@contextmanager
def pika_client(rabbitmq: PrivateRabbitMQ, key: str) -> Iterator[Callable[[], Seen]]:
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq.amqp_url))
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, "amq.topic", key)
    seen = Seen()

    def drain() -> Seen:
        while True:
            method, _, payload = channel.basic_get(queue, auto_ack=True)
            if method is None:
                return seen
            seen.append((method.routing_key.replace(".", "/"), payload))

    yield drain
    connection.close()


def test_mqtt_and_amqp_clients_see_the_same_activities(
    gateway: Web, rabbitmq: PrivateRabbitMQ
) -> None:
    login = ["-u", rabbitmq.user, "-P", rabbitmq.password]
    mosquitto = [
        "stdbuf",
        "-oL",
        "mosquitto_sub",
        "-p",
        rabbitmq.mqtt_port,
        *login,
        "-t",
        "builds/same/#",
        "-q",
        1,
    ]
    with (
        paho_client(rabbitmq, "builds/same/#") as by_paho,
        pika_client(rabbitmq, "builds.same.#") as drain_pika,
        lines(*mosquitto, "-F", "%t %p", "-d") as by_mosquitto,
    ):
        until(lambda: any("Subscribed" in line for line in by_mosquitto), "mosquitto_sub is there")
        build = gateway.press_start("same", script=FAST)["build"]
        until(lambda: by_paho.has_ended(build), "paho sees the end")
        until(lambda: drain_pika().has_ended(build), "pika sees the end")
        by_pika = drain_pika()
        ending = by_paho[-1][1].decode()
        until(lambda: any(ending in line for line in by_mosquitto), "mosquitto_sub sees the end")
    assert sorted(by_paho) == sorted(by_pika)
    printed = [line for line in by_mosquitto if line.startswith("builds/same/")]
    assert sorted(printed) == sorted(f"{topic} {payload.decode()}\n" for topic, payload in by_paho)
    kinds = {topic.rpartition("/")[2] for topic, _ in by_paho}
    assert {"start", "status", "progress", "error"} <= kinds


def test_the_official_client_with_default_options_watches(gateway: Web) -> None:
    client = ["node", "tests/support/official_client.mjs", gateway.url, "builds/node/#"]
    with lines(*client) as printed:

        def said(what: str) -> list[Any]:
            things = [json.loads(line) for line in list(printed)]
            return [thing["value"] for thing in things if thing["what"] == what]

        until(lambda: said("watch"), "the watch is acknowledged")
        build = gateway.press_start("node", script=FAST)["build"]
        until(lambda: [b for b in said("build") if b["status"] == "failed"], "the end")
        assert said("transport") == ["polling", "websocket"]
        assert said("watch") == [{"watching": ["builds/node/#"], "builds": [], "more": False}]
        assert {b["build"] for b in said("build")} == {build}
        assert [b["progress"] for b in said("build") if b["kind"] == "error"] == [70]
        assert said("feed")[-1]["broker"] == "up"


def test_python_socketio_watches(gateway: Web) -> None:
    seen: list[dict[str, Any]] = []
    with socketio.SimpleClient() as client:
        client.connect(gateway.url)
        assert client.call("watch", ["builds/py/+/status", "builds/py/+/start"]) == {
            "watching": ["builds/py/+/start", "builds/py/+/status"],
            "builds": [],
            "more": False,
        }
        gateway.press_start("py", by="ada", script=FAST | {"errors": []})
        while not seen or seen[-1]["status"] != "succeeded":
            name, body = client.receive(timeout=10)
            if name == "build":
                seen.append(body)
    assert [body["kind"] for body in seen] == ["start", "status", "status"]
    assert [body["status"] for body in seen] == ["queued", "running", "succeeded"]
    assert {body["by"] for body in seen} == {"ada"}


def test_watching_while_connecting_sends_the_snapshot_as_events(gateway: Web) -> None:
    build = gateway.press_start("auth", script=FAST)["build"]
    with socketio.SimpleClient() as client:
        client.connect(gateway.url, auth={"watch": f"builds/auth/{build}/#"})
        found: list[str] = []
        while "failed" not in found:
            name, body = client.receive(timeout=10)
            if name == "build":
                assert body["build"] == build
                found.append(body["status"])


def test_a_polling_client_gets_a_large_snapshot_in_answers_that_it_takes(gateway: Web) -> None:
    script = {"seconds": 0.01, "steps": 1, "errors": []}
    started = {gateway.press_start("poll", script=script)["build"] for _ in range(30)}
    with socketio.SimpleClient() as client:
        client.connect(gateway.url, auth={"watch": "builds/poll/#"}, transports=["polling"])
        seen: dict[str, str] = {}
        while set(seen) != started or set(seen.values()) != {"succeeded"}:
            name, body = client.receive(timeout=20)
            # Each event has a thread of its own in the client: one may overtake another.
            if name == "build" and seen.get(body["build"]) != "succeeded":
                seen[body["build"]] = body["status"]
