"""`buildfeed up`: the whole thing by one command, on both brokers."""

import signal
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import paho.mqtt.client as paho
import pytest
from service import Service, Web, until

from broker import ports

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
    up.until_logged("MQTT clients:")
    line = next(line for line in up.text.splitlines() if line.startswith("MQTT clients:"))
    address = urlsplit(line.split()[-1])
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


def test_a_taken_port_is_told_in_one_sentence(run: Run, up: Web) -> None:
    second = run("up", port=up.options["port"])
    second.until_logged("choose another with --port or PORT=")
    assert "Traceback" not in second.text


def test_it_asks_its_own_gateway_and_no_proxy(
    run: Run, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    served = run("up", mqtt_port=free_port())
    served.until_logged("Buildfeed is ready")
    served.until_logged("MQTT clients:")


def test_an_origin_that_matches_nothing_is_refused(run: Run) -> None:
    for origin in ("x", "*", "null", "https://x/ci", "https://a,https://b"):
        served = run("up", origins=origin)
        served.until_logged("is no web origin")
        assert "Traceback" not in served.text


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
