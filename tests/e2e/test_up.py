"""`buildfeed up`: the whole thing by one command, on both brokers."""

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import paho.mqtt.client as paho
import pytest

from buildfeed.broker.local import ports
from buildfeed.errors import BrokerUnavailable
from buildfeed.machine import marked
from support.own_builds import Own, mqtt_url, publishing_url
from support.service import HTTP, Service, Web, until
from support.workshop import by_another, start

Run = Callable[..., Service]
FAST = {"seconds": 1, "steps": 10, "errors": [70]}
SLOW = {"seconds": 6, "steps": 60, "errors": []}


@pytest.fixture(scope="module", params=["embedded", "rabbitmq"])
def up(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    directory = tmp_path_factory.mktemp(request.param)
    port = ports.free_block(2, 0)
    options = {"broker": request.param, "port": port, "mqtt_port": port + 1}
    with Web("up", directory, **options) as web:
        yield web.until_ready()


def test_a_build_runs_fails_and_can_be_stopped(up: Web) -> None:
    first = up.press_start("first", script=FAST, by="ada")
    assert first["status"] in ("queued", "running")  # the worker may be that quick
    assert first["by"] == "ada"
    up.until_status("first", first["build"], "failed")
    ended = up.build("first", "latest")
    assert (ended["build"], ended["errors"], ended["progress"]) == (first["build"], 1, 100)

    second = up.press_start("acme", script=SLOW)["build"]
    up.until_status("acme", second, "running")
    asked = up.press_stop("acme", second)
    assert asked["stopping"] or asked["status"] == "stopped"  # the worker may be that quick
    up.until_status("acme", second, "stopped", seconds=5)
    assert up.build("acme", second)["stoppedBy"] == "bob"


def test_a_phone_logs_in_with_what_was_printed(up: Web) -> None:
    address = urlsplit(mqtt_url(up))
    topics: list[str] = []
    subscribed = threading.Event()
    phone = paho.Client(paho.CallbackAPIVersion.VERSION2)
    phone.username_pw_set(address.username, address.password)
    phone.on_connect = lambda *_: phone.subscribe("builds/+/+/error", qos=1)
    phone.on_subscribe = lambda *_: subscribed.set()
    phone.on_message = lambda _client, _data, message: topics.append(message.topic)
    phone.connect(address.hostname or "", address.port or 0)
    phone.loop_start()
    assert subscribed.wait(10)
    build = up.press_start("acme", script=FAST)["build"]
    until(lambda: topics, "the error arrives")
    phone.disconnect()
    phone.loop_stop()
    assert topics == [f"builds/acme/{build}/error"]


def test_what_was_printed_publishes_nothing_and_the_file_is_for_its_owner_alone(up: Web) -> None:
    build = start()
    with Own(mqtt_url(up)) as reader:
        with pytest.raises(BrokerUnavailable):
            reader.send(build)
        assert HTTP.get(f"{up.url}/api/projects/acme/builds/{build.object.build}").is_client_error
    password = urlsplit(publishing_url(up)).password
    assert password
    assert password not in up.text
    (file,) = re.findall("its password is in (.+)$", up.text, re.MULTILINE)
    assert Path(file).stat().st_mode & 0o777 == 0o600


def test_a_build_of_ones_own_is_left_alone_beside_it(up: Web) -> None:
    own = start()
    project, build = own.object.project, own.object.build
    with Own(publishing_url(up)) as somebody:
        somebody.send(by_another(own))
        somebody.send(by_another(own, "Update", seq=1, progress=40))
        up.until_status(project, build, "running")
        fake = up.press_start(project, script=SLOW)["build"]  # meanwhile the worker looks around
        up.until_status(project, fake, "succeeded", seconds=30)
        shown = up.build(project, build)
        assert (shown["status"], shown["progress"], shown["errors"]) == ("running", 40, 0)
        somebody.send(by_another(own, "Update", seq=2, status="succeeded", progress=100))
        up.until_status(project, build, "succeeded")
        shown = up.build(project, build)
        assert (shown["worker"], shown["attempt"], shown["errors"]) == ("another", 1, 0)
        until(lambda: len(somebody.of(build)) == 3, "all of it is heard")
        assert {activity.worker for activity in somebody.of(build)} == {"another"}


def test_without_a_worker_builds_wait_and_can_be_stopped(
    run: Run, free_port: Callable[[], int]
) -> None:
    up = run("up", mqtt_port=free_port(), no_worker=True)
    up.until_ready()
    up.until_logged("No worker:")
    first, second = (up.press_start("acme", script=FAST)["build"] for _ in range(2))
    up.press_stop("acme", first)
    up.until_status("acme", first, "stopped")
    overview = HTTP.get(f"{up.url}/api/overview").json()
    assert (overview["queued"]["normal"], overview["workers"]) == (1, [])
    assert up.build("acme", second)["status"] == "queued"
    assert up.stop(signal.SIGINT) < 15
    assert "builds that run" not in up.text
    up.options["no_worker"] = False
    up.start()
    up.until_ready()
    up.until_status("acme", second, "failed", seconds=30)
    assert up.build("acme", second)["attempt"] == 1
    assert up.build("acme", first)["worker"] is None


def test_a_taken_port_is_told_in_one_sentence(run: Run, up: Web) -> None:
    second = run("up", port=up.options["port"])
    second.until_logged("choose another with --port or PORT=")
    assert "Traceback" not in second.text


def test_it_asks_its_own_gateway_and_no_proxy(
    run: Run, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    served = run("up", mqtt_port=free_port(), no_worker=True)
    served.until_logged("Buildfeed is ready")
    served.until_logged("MQTT clients:")


def test_an_origin_that_matches_nothing_is_refused(run: Run) -> None:
    for origin in ("x", "*", "null", "https://x/ci", "https://a,https://b"):
        served = run("up", origins=origin)
        served.until_logged("is no web origin")
        assert "Traceback" not in served.text


def test_a_private_rabbitmq_that_dies_is_started_again(up: Web) -> None:
    if up.options["broker"] != "rabbitmq":
        return  # the embedded broker is in the process of `up`
    before = up.press_start("acme", script=SLOW)["build"]
    up.until_status("acme", before, "running")
    for pid in marked.processes(f"BUILDFEED_RABBITMQ={up.options['data_dir']}/rabbitmq"):
        os.kill(pid, signal.SIGKILL)
    up.until_logged("process.died command=rabbitmq")
    up.until_status("acme", before, "succeeded", seconds=60)
    up.until_ready()
    after = up.press_start("acme", script=FAST)["build"]
    up.until_status("acme", after, "failed", seconds=30)


def test_everything_stopped_during_a_build_goes_on_where_it_was(up: Web) -> None:
    ended = up.press_start("acme", script=FAST)["build"]
    up.until_status("acme", ended, "failed")
    running = up.press_start("acme", script=SLOW)["build"]
    up.until_status("acme", running, "running")
    assert up.stop(signal.SIGINT) < 15
    up.start()
    up.until_ready()
    assert up.build("acme", ended)["status"] == "failed"
    up.until_status("acme", running, "succeeded", seconds=30)
    assert up.build("acme", running)["attempt"] == 2
