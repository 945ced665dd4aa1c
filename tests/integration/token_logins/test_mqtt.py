"""People and apps log in at RabbitMQ by MQTT with a token, and do there what its grants say."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from support.documented_phone import mosquitto_sub, mqtt_js
from support.service import until
from support.token_scene import Connect, Scene


@pytest.fixture(params=["mqtt", "ws"])
def door(request: pytest.FixtureRequest) -> str:
    """Every right is the same by MQTT and by MQTT over WebSocket."""
    return str(request.param)


# Reading by MQTT.


def test_one_reads_ones_own_project_and_hears_nothing_of_others(
    scene: Scene, connect: Connect, eventually: Callable[..., None]
) -> None:
    phone = connect("ada", "ada:phone")
    assert phone.subscribe("builds/acme/#")
    worker = connect("worker", "worker-1")
    assert worker.publish("builds/other/b1/status")
    assert worker.publish("builds/acme/b1/status")
    eventually(lambda: phone.received == ["builds/acme/b1/status"])


@pytest.mark.parametrize(
    ("name", "filter_"),
    [
        *(("ada", each) for each in ("builds/acme/+/status", "builds/acme/b1/log")),
        ("ada", "projects/acme/latest"),
        *(("eva", each) for each in ("builds/#", "builds/+/+/error", "builds/other/#")),
        *(("kim", each) for each in ("builds/+/+/status", "builds/acme/+/status")),
    ],
)
def test_one_subscribes_to_what_grants_cover(connect: Connect, name: str, filter_: str) -> None:
    assert connect(name).subscribe(filter_)


@pytest.mark.parametrize(
    ("name", "filter_"),
    [
        *(("ada", each) for each in ("builds/other/#", "builds/other/b1/status")),
        *(("ada", each) for each in ("#", "+/#", "builds/#", "builds/+/+/status", "builds/+/b1/#")),
        *(("ada", each) for each in ("builds/other.acme/#", "builds/ac*/#", "builds/*/#")),
        *(("ada", each) for each in ("projects/other/latest", "projects/#", "workers/+/status")),
        *(("eva", each) for each in ("#", "gateways/#", "recorders/#", "workers/+/status")),
        *(("kim", each) for each in ("builds/#", "builds/acme/#", "builds/+/+/error")),
    ],
)
def test_a_filter_that_reaches_further_is_refused(
    connect: Connect, name: str, filter_: str
) -> None:
    assert not connect(name).subscribe(filter_)


# Publishing by MQTT.


@pytest.mark.parametrize(
    "topic",
    [
        *(f"builds/acme/b1/{kind}" for kind in ("status", "progress", "error", "log")),
        *("workers/rina/status", "workers/rina-laptop/status"),
    ],
)
def test_a_runner_publishes_its_builds_and_its_presence(connect: Connect, topic: str) -> None:
    assert connect("rina").publish(topic)


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        *(("rina", f"builds/acme/b1/{kind}") for kind in ("start", "stop", "x")),
        *(("rina", f"builds/other/b1/{kind}") for kind in ("status", "start")),
        *(("rina", each) for each in ("builds/acme.x/b1/status", "builds/*/b1/status")),
        *(("rina", each) for each in ("workers/ada/status", "workers/rinax/status")),
        *(("rina", each) for each in ("projects/acme/latest", "gateways/0123456789abcdef/probe")),
        *(("ada", each) for each in ("builds/acme/b1/status", "workers/ada/status")),
    ],
)
def test_nobody_publishes_anything_else(connect: Connect, name: str, topic: str) -> None:
    assert not connect(name).publish(topic)


def test_a_last_will_on_a_foreign_topic_is_not_published(
    scene: Scene, connect: Connect, eventually: Callable[..., None], door: str
) -> None:
    server = scene.broker.server
    port = server.web_socket_port if door == "ws" else server.mqtt_port
    reader = connect("eva")
    assert reader.subscribe("builds/#")
    for topic in ("builds/other/b1/status", "builds/acme/b1/status"):
        transport = "websockets" if door == "ws" else "tcp"
        runner = Client(
            CallbackAPIVersion.VERSION2,
            "rina:will",
            transport=transport,
            reconnect_on_failure=False,
        )
        runner.username_pw_set("rina", scene.secrets["rina"])
        runner.will_set(topic, b"{}", 1)
        connected = threading.Event()
        runner.on_connect = lambda *_, connected=connected: connected.set()
        runner.connect("127.0.0.1", port)
        runner.loop_start()
        assert connected.wait(10)
        below = getattr(runner.socket(), "_socket", runner.socket())
        below.shutdown(socket.SHUT_RDWR)  # without a DISCONNECT
        runner.loop_stop()
    eventually(lambda: reader.received == ["builds/acme/b1/status"])


# Sessions by MQTT.


def test_a_session_keeps_what_comes_while_its_client_is_away(
    connect: Connect, eventually: Callable[..., None]
) -> None:
    phone = connect("ada", "ada:kept", clean=False)
    assert phone.subscribe("builds/acme/+/status")
    phone.close()
    assert connect("worker", "worker-1").publish("builds/acme/b2/status")
    again = connect("ada", "ada:kept", clean=False)
    eventually(lambda: again.received == ["builds/acme/b2/status"])


@pytest.mark.parametrize("client_id", ["eva", "eva:phone", "adam", "ada-1", "recorder", "worker-1"])
@pytest.mark.parametrize("clean", [True, False])
def test_a_session_of_others_is_refused_and_goes_on(
    connect: Connect, client_id: str, *, clean: bool
) -> None:
    owner = client_id.partition(":")[0].partition("-")[0]
    mine = connect(owner, client_id) if owner in ("eva", "recorder", "worker") else None
    assert not connect("ada", client_id, clean=clean).accepted
    assert not (mine and mine._refused)


def test_strangers_and_wrong_tokens_are_refused(scene: Scene, connect: Connect) -> None:
    for name, password in [
        ("ada", "wrong"),
        ("ada", ""),
        ("ada", scene.secrets["eva"]),
        ("nobody", scene.secrets["ada"]),
        ("bf_instead-of-the-name", "ada"),
        ("closer", scene.secrets["ada"]),
    ]:
        assert not connect(name, "ada", password).accepted
    assert not connect("/:ada", "ada", scene.secrets["ada"] + "x").accepted


# What docs/phones.md gives to copy.


@pytest.mark.parametrize("door", ["mqtt", "mqtts"])
def test_mosquitto_sub_reads_as_documented(scene: Scene, connect: Connect, door: str) -> None:
    port, file = scene.broker.server.mqtt_port, None
    if door == "mqtts":
        port, file = scene.mqtts_port, scene.certificate
    with mosquitto_sub(scene.secrets["ada"], port, file) as heard:
        until_heard(connect, heard)
    assert set(heard) == {"builds/acme/b1/status {}\n"}


@pytest.mark.parametrize("door", ["mqtt", "ws", "mqtts", "wss"])
def test_mqtt_js_reads_as_documented(
    scene: Scene, connect: Connect, door: str, tmp_path: Path
) -> None:
    server = scene.broker.server
    url = {
        "mqtt": f"mqtt://localhost:{server.mqtt_port}",
        "ws": f"ws://localhost:{server.web_socket_port}/mqtt",
        "mqtts": f"mqtts://localhost:{scene.mqtts_port}",
        "wss": f"wss://localhost:{scene.wss_port}/mqtt",
    }
    with mqtt_js(scene.secrets["ada"], url[door], tmp_path, scene.certificate) as heard:
        until_heard(connect, heard)
    assert set(heard) == {"builds/acme/b1/status {}\n"}


def until_heard(connect: Connect, heard: list[str]) -> None:
    """Publish in a project that ada may read and in another, until something is heard."""
    worker = connect("worker", "worker-1", by="mqtt")

    def is_heard() -> bool:
        assert worker.publish("builds/other/b1/status")
        assert worker.publish("builds/acme/b1/status")
        return len(heard) > 0

    until(is_heard, "it is heard")
