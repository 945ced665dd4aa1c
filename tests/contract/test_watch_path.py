"""Worker, recorder, gateway and a browser on Mosquitto: watching needs no RabbitMQ."""

import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import socketio

from buildfeed.broker.mqtt.link import MqttLink
from buildfeed.history.recorder import Recorder
from buildfeed.history.store import Store
from support.brokers import Mosquitto, free_port
from support.service import Service, Web, until

RUNNING = Path(__file__).parents[2] / "docs" / "running.md"

Eventually = Callable[..., None]
Body = dict[str, Any]


class Site:
    """Every part, each of them on the same Mosquitto."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        settings = re.search(r"^```conf\n(.*?)^```", RUNNING.read_text(), re.DOTALL | re.MULTILINE)
        assert settings, "docs/running.md says what Mosquitto has to be told"
        place = f"persistence_location {directory}/"
        self.broker = Mosquitto(directory, *settings[1].splitlines(), place)
        self.broker.start()
        stack.callback(self.broker.stop)
        url = self.broker.url
        self.worker = stack.enter_context(Service("fakebuild", directory, mqtt_url=url, name="w1"))
        self.gateway = stack.enter_context(
            Web("gateway", directory, mqtt_url=url, port=free_port())
        )
        store = Store(f"sqlite:///{directory / 'history.db'}")
        recorder = Recorder(store, url, recorder_id="recorder")
        recorder.start()
        stack.callback(recorder.stop)
        self.gateway.until_ready()
        self.worker.until_logged("worker.ready")
        until(lambda: recorder.up, "the recorder records")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path_factory.mktemp("site"), stack)


class Browser:
    """Everything that a watcher of all builds hears."""

    def __init__(self, url: str) -> None:
        self.heard: list[Body] = []
        self.broker = ""
        self.client = socketio.Client()
        self.client.on("build", self.heard.append)
        self.client.on("feed", self._feed)
        self.client.connect(url, transports=["websocket"])
        self.client.call("watch", "builds/#")

    def _feed(self, body: Body) -> None:
        self.broker = body["broker"]

    def of(self, build: str) -> list[Body]:
        return [body for body in list(self.heard) if body["build"] == build]

    def newest(self, build: str) -> Body:
        return self.of(build)[-1] if self.of(build) else {"status": None, "progress": 0}


@pytest.fixture
def browser(site: Site) -> Iterator[Browser]:
    browser = Browser(site.gateway.url)
    yield browser
    browser.client.disconnect()


def test_a_build_is_seen_across_a_restart_of_the_broker(
    site: Site, browser: Browser, eventually: Eventually
) -> None:
    script = {"seconds": 1.5, "steps": 15, "errors": [20]}
    build = site.gateway.press_start("acme", script=script)["build"]
    eventually(lambda: browser.newest(build)["progress"] >= 30)
    ends = time.monotonic() + 1.5
    site.broker.stop(signal.SIGTERM)
    eventually(lambda: browser.broker == "down")
    eventually(lambda: time.monotonic() > ends)
    site.broker.start()
    eventually(lambda: browser.newest(build)["status"] == "failed", 20)
    eventually(lambda: browser.broker == "up")
    eventually(lambda: site.gateway.build("acme", build)["status"] == "failed")

    seen = browser.of(build)
    assert {"start", "status", "progress", "error"} <= {body["kind"] for body in seen}
    assert [body["status"] for body in seen].count("failed") == 1
    assert (seen[-1]["errors"], seen[-1]["attempt"]) == (1, 1)


def test_a_build_of_others_ends_for_page_and_api_though_its_ending_is_odd(
    site: Site, browser: Browser, eventually: Eventually
) -> None:
    key = {"project": "theirs", "build": "01a1"}
    build = {"id": "urn:buildfeed:theirs:01a1", **key, "progress": 40, "errors": 0, "error": None}

    def say(seq: int, type_: str, **state: Any) -> bytes:
        said = {"id": f"{build['id']}:1.{seq}", "type": type_, "published": "2026-11-21 10:15:03z"}
        actor = {"type": "Service", "name": "theirs", "id": None}
        state |= build | {"attempt": 1.0, "seq": float(seq)}
        return json.dumps(said | {"actor": actor, "object": state, "content": None}).encode()

    theirs = MqttLink(site.broker.url, name="theirs")
    theirs.start()
    eventually(lambda: theirs.up)
    topic = "builds/theirs/01a1/status"
    theirs.publish(topic, say(0, "Accept", status="running"), qos=1)
    eventually(lambda: browser.newest("01a1")["status"] == "running")
    build |= {"progress": 100.0, "error": "cut \ud83d", "endTime": "0001-01-01T00:00:00Z", "by": 5}
    theirs.publish(topic, b"\xef\xbb\xbf" + say(1, "Update", status="failed"), qos=1)
    eventually(lambda: browser.newest("01a1")["status"] == "failed")
    theirs.stop()

    shown = browser.newest("01a1")
    assert (shown["progress"], shown["error"], shown["by"]) == (100, "cut �", None)
    eventually(lambda: site.gateway.build("theirs", "01a1")["status"] == "failed")

    def recorded() -> list[str]:
        said = f"{site.gateway.url}/api/projects/theirs/builds/01a1/activities?after=0"
        steps = httpx.get(said, trust_env=False).json()["orderedItems"]
        return [step["object"]["status"] for step in steps]

    eventually(lambda: recorded() == ["running", "failed"])


def test_a_killed_worker_is_told_by_its_will_and_its_build_begins_again(
    site: Site, browser: Browser, eventually: Eventually
) -> None:
    script = {"seconds": 1, "steps": 10, "errors": []}
    build = site.gateway.press_start("acme", script=script)["build"]
    eventually(lambda: browser.newest(build)["progress"] >= 20)
    site.worker.kill()
    eventually(lambda: browser.newest(build)["lost"])
    site.worker.start()
    eventually(lambda: browser.newest(build)["status"] == "succeeded")
    assert (browser.newest(build)["attempt"], browser.newest(build)["lost"]) == (2, False)
