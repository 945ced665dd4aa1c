"""No watcher of one project ever sees a build of another, whatever is thrown at the broker."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import paho.mqtt.client as paho
import pika
import pytest
import socketio

from buildfeed import activity, command
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from support import sse
from support.service import Web, until

FAST = {"seconds": 0.5, "steps": 5, "errors": []}
PROJECT = "acme-apart"

# RabbitMQ reads "." as "/" and "*" as "+": these arrive on, or near, topics of the project.
TOPICS = [
    f"builds/{PROJECT}.secret/b1/progress",
    f"builds/{PROJECT}/secret.b1/progress",
    f"builds/{PROJECT}/secret.progress",
    f"builds/{PROJECT}.b1.progress",
    f"builds.{PROJECT}/b1/progress",
    f"builds/{PROJECT}/*/progress",
    "builds/*/b1/progress",
    f"builds/{PROJECT}/b1/progress/x",
    f"builds//{PROJECT}/b1/progress",
    f"builds/{PROJECT}/b1/progress",
]
KEYS = [topic.replace("/", ".") for topic in TOPICS]


def payload(project: str, build: str) -> bytes:
    """Return an activity of another project, as somebody without our publisher could send it."""
    now = datetime.now(UTC)
    offer = command.start("x", "y", now, by="eve", script=activity.Script(), priority="normal")
    text = activity.encode(offer).decode()
    text = text.replace("urn:buildfeed:x:y", f"urn:buildfeed:{project}:{build}")
    text = text.replace('"project":"x"', f'"project":"{project}"')
    return text.replace('"build":"y"', f'"build":"{build}"').encode()


@pytest.fixture
def eve(rabbitmq: PrivateRabbitMQ) -> Iterator[paho.Client]:
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.username_pw_set(rabbitmq.user, rabbitmq.password)
    client.connect("127.0.0.1", rabbitmq.mqtt_port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def test_no_watcher_of_a_project_sees_another_project(
    gateway: Web, rabbitmq: PrivateRabbitMQ, eve: paho.Client
) -> None:
    watch_mine = watching(gateway, f"builds/{PROJECT}/#")
    watch_everything = watching(gateway, "builds/#")
    with (
        watch_mine as mine,
        watch_everything as everything,
        sse.watching(gateway, f"builds/{PROJECT}/#") as by_sse,
    ):
        others = [("secret", "b1"), (f"{PROJECT}.secret", "b1"), (PROJECT + "x", "b1"), ("*", "b1")]
        connection = pika.BlockingConnection(pika.URLParameters(rabbitmq.amqp_url))
        for project, build in others:
            for topic in TOPICS:
                eve.publish(topic, payload(project, build), qos=1).wait_for_publish(5)
            for key in KEYS:
                connection.channel().basic_publish("amq.topic", key, payload(project, build))
        connection.close()
        foreign = gateway.press_start("secret", script=FAST)["build"]
        own = gateway.press_start(PROJECT, script=FAST)["build"]
        for build in (foreign, own):
            until(lambda b=build: ended(everything, b), "the operator sees the end of both")
        by_sse.until("build", build=own, status="succeeded")

    assert {build["project"] for build in mine} == {PROJECT}
    assert {build["build"] for build in mine} == {own}
    assert ended(mine, own)
    assert {build["build"] for build in by_sse.bodies()} == {own}
    assert foreign in {build["build"] for build in everything}


@contextmanager
def watching(gateway: Web, filter_: str) -> Iterator[list[dict[str, Any]]]:
    """Collect the `build` events of a watcher."""
    seen: list[dict[str, Any]] = []
    client = socketio.Client()
    client.on("build", seen.append)
    client.connect(gateway.url, transports=["websocket"])
    assert client.call("watch", filter_)["watching"] == [filter_]
    yield seen
    client.disconnect()


def ended(seen: list[dict[str, Any]], build: str) -> bool:
    return any(b["build"] == build and b["status"] == "succeeded" for b in list(seen))


def test_the_payload_is_what_it_should_be() -> None:
    """The test above proves nothing if its payload were refused for a slip of its own."""
    decoded = activity.decode("builds/secret/b1/start", payload("secret", "b1"))
    assert msgspec.structs.asdict(decoded.object)["project"] == "secret"
