"""Frames: a flood of progress is merged for every kind of watcher, and nothing else is."""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as paho
import pytest
import socketio

from buildfeed.activity import Activity, encode
from buildfeed.broker.local import ports
from support.brokers import Mosquitto
from support.builders import accept, ending, error, progress, start
from support.service import Web, until
from support.sse import metric, watching

BUILDS = [f"b{number:02}" for number in range(20)]
STEPS = 100
ERRORS = range(7, STEPS, 31)
PAUSE_SECONDS = 0.01
FRAME_MS = 250
"""Long enough that a slow machine publishes several steps in a frame, so that there is something to
merge."""
AHEAD = 8
"""Steps that the load may be ahead of a watcher: fewer bytes than make a connection slow."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def gateway(broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    directory = tmp_path_factory.mktemp("frames")
    port = ports.free_block(1, os.getpid())
    with Web("gateway", directory, mqtt_url=broker.url, port=port, frame_ms=FRAME_MS) as gateway:
        yield gateway.until_ready()


def told(activity: Activity) -> tuple[str, str, int, int]:
    build = activity.object
    return build.build, activity.kind, build.attempt, build.seq


def heard(body: dict[str, Any]) -> tuple[str, str, int, int]:
    return body["build"], body["kind"], body["attempt"], body["seq"]


def has_come_to(step: int, bodies: Callable[[], list[dict[str, Any]]]) -> bool:
    """Tell whether a watcher has heard of a step, or a later one."""
    return step <= max((body["seq"] for body in bodies()), default=0)


def flood() -> Iterator[list[Activity]]:
    """The activities of all builds, those of a step together; each step at once."""
    yield [start(build) for build in BUILDS]
    yield [accept(build=build) for build in BUILDS]
    for step in range(1, STEPS + 1):
        yield [progress(step, build=build) for build in BUILDS]
        if step in ERRORS:
            yield [error("it breaks", step, build=build) for build in BUILDS]
    yield [ending("failed", build=build) for build in BUILDS]


def test_errors_beginnings_and_endings_are_never_merged(broker: Mosquitto, gateway: Web) -> None:
    publisher = paho.Client(paho.CallbackAPIVersion.VERSION2)
    address = urlsplit(broker.url)
    publisher.username_pw_set(address.username or "", address.password)
    publisher.connect("127.0.0.1", address.port or 0)
    publisher.loop_start()
    seen: dict[str, list[dict[str, Any]]] = {"websocket": [], "polling": []}
    clients = []
    for transport, bodies in seen.items():
        client = socketio.Client()
        client.on("build", bodies.append)
        client.connect(gateway.url, auth={"watch": "builds/acme/#"}, transports=[transport])
        clients.append(client)

    with watching(gateway, "builds/acme/#") as stream:
        following: dict[str, Callable[[], list[Any]]]
        following = {name: partial(list, bodies) for name, bodies in seen.items()}
        following["SSE"] = stream.bodies
        published: list[Activity] = []
        for number, step in enumerate(flood()):
            for activity in step:
                publisher.publish(str(activity.topic), encode(activity), qos=1)
            published += step
            time.sleep(PAUSE_SECONDS)  # the pace of the load
            for name, bodies in following.items():  # for who is slow, errors are merged too
                until(partial(has_come_to, number - AHEAD, bodies), f"{name} follows")

        def ended(bodies: list[dict[str, Any]]) -> bool:
            return sum(body["status"] == "failed" for body in list(bodies)) >= len(BUILDS)

        for name, bodies in seen.items():
            until(lambda bodies=bodies: ended(bodies), f"every ending by {name}", 30)
        until(lambda: ended(stream.bodies()), "every ending by SSE", 30)
        seen["SSE"] = stream.bodies()
    lasting = {told(activity) for activity in published if activity.kind != "progress"}
    steps = {told(activity) for activity in published if activity.kind == "progress"}
    merged = metric(gateway, "buildfeed_states_merged_total")
    for name, bodies in seen.items():
        got = [heard(body) for body in bodies]
        assert len(got) == len(set(got)), f"{name}: nothing twice"
        assert lasting <= set(got) <= lasting | steps, name
        assert len(got) < 0.8 * len(published), f"{name}: progress is merged"
    assert merged == sum(len(published) - len(bodies) for bodies in seen.values())
    for client in clients:
        client.disconnect()
    publisher.disconnect()
    publisher.loop_stop()
