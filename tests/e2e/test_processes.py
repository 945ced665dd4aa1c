"""Several gateway processes on one port, on the real RabbitMQ."""

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import socketio
from prometheus_client.parser import text_string_to_metric_families

from buildfeed.broker.local import ports
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from support.rabbitmq import purge_builds
from support.service import HTTP, Service, Web, until

PROCESSES = 3
LONG = {"seconds": 60, "steps": 600, "errors": []}
FAST = {"seconds": 0.5, "steps": 5, "errors": [60]}


class Watcher:
    """A socket.io client that asks for the snapshot whenever it connects."""

    def __init__(self, url: str, transports: Sequence[str] = ("websocket",)) -> None:
        self.pid = 0
        self.connects = 0
        self.picture: dict[str, dict[str, Any]] = {}
        self.client = socketio.Client(reconnection_delay=0.2, reconnection_delay_max=1)
        self.client.on("connect", self._count)
        self.client.on("disconnect", lambda *_: setattr(self, "pid", 0))
        self.client.on("feed", lambda feed: setattr(self, "pid", feed["pid"]))
        self.client.on("build", self._fold)
        watch = {"watch": "builds/processes/#"}
        self.client.connect(url, auth=watch, transports=list(transports))

    def _count(self) -> None:
        self.connects += 1

    def _fold(self, state: dict[str, Any]) -> None:
        known = self.picture.setdefault(state["build"], state)
        if not known["ended"] and (state["attempt"], state["seq"]) >= (
            known["attempt"],
            known["seq"],
        ):
            self.picture[state["build"]] = state

    def sees(self, build: str, status: str) -> bool:
        return self.pid != 0 and self.picture.get(build, {}).get("status") == status


@pytest.fixture(scope="module")
def web(rabbitmq: PrivateRabbitMQ, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A gateway of three processes, a recorder and a worker."""
    directory = tmp_path_factory.mktemp("processes")
    purge_builds(rabbitmq)
    urls = {"mqtt_url": rabbitmq.mqtt_url, "amqp_url": rabbitmq.amqp_url}
    port = ports.free_block(1, os.getpid())
    with (
        Service("recorder", directory, mqtt_url=rabbitmq.mqtt_url, recorder_id="processes"),
        Service("fakebuild", directory, **urls, name="processes-w", concurrency=4, drain_seconds=0),
        Web("gateway", directory, port=port, workers=PROCESSES, **urls) as web,
    ):
        until(lambda: started(web) == PROCESSES, "all processes", 60)
        yield web


@pytest.fixture
def watchers(web: Web) -> Iterator[list[Watcher]]:
    """Watchers on several processes."""
    found: list[Watcher] = []

    def on_several() -> bool:
        if len(found) > PROCESSES and len({watcher.pid for watcher in found} - {0}) > 1:
            return True
        found.append(Watcher(web.url))
        return False

    until(on_several, "watchers on several processes")
    yield found
    for watcher in found:
        watcher.client.disconnect()


def told(web: Web, name: str, **labels: str) -> dict[int, int]:
    """What each process tells of itself, by its id."""
    try:
        text = HTTP.get(f"{web.url}/metrics", timeout=5).text
    except httpx.TransportError:
        return {}
    return {
        int(sample.labels["process"]): int(sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"buildfeed_{name}" and labels.items() <= sample.labels.items()
    }


def started(web: Web) -> int:
    """How many processes have started since the test run began."""
    return web.text.count("gateway.started")


def test_one_is_killed_and_its_watchers_see_the_right_picture(
    web: Web, watchers: list[Watcher]
) -> None:
    running = web.press_start("processes", script=LONG)["build"]
    until(lambda: all(each.sees(running, "running") for each in watchers), "all see it run")
    victim = watchers[0].pid
    struck = [each for each in watchers if each.pid == victim]

    os.kill(victim, signal.SIGKILL)
    until(lambda: not any(each.pid == victim for each in struck), "they have lost it")
    ended = until(lambda: start(web), "a start")

    until(lambda: all(each.sees(ended, "failed") for each in watchers), "the end", 5)
    assert all(each.sees(running, "running") for each in watchers)
    assert {each.connects for each in struck} == {2}
    assert {each.connects for each in watchers if each not in struck} == {1}
    until(lambda: started(web) == PROCESSES + 1, "another one", 60)
    assert f"gateway.process_died pid={victim}" in web.text
    web.press_stop("processes", running)


def start(web: Web, project: str = "processes") -> str | None:
    """Press start; None when it went to the process that was just killed."""
    try:
        return str(web.press_start(project, script=FAST)["build"])
    except httpx.TransportError:
        return None


def test_one_is_stopped_and_says_goodbye(web: Web, watchers: list[Watcher]) -> None:
    leaving = watchers[0].pid
    reasons: list[str] = []
    for watcher in watchers:
        watcher.client.on("disconnect", reasons.append)

    os.kill(leaving, signal.SIGTERM)

    until(lambda: leaving not in {each.pid for each in watchers}, "they were sent away")
    struck = len(reasons)
    assert 0 < struck < len(watchers)


def test_the_official_client_with_default_options_watches(web: Web) -> None:
    command = ["node", "tests/support/official_client.mjs", web.url, "builds/default/#"]
    root = Path(__file__).parents[2]
    for _ in range(PROCESSES):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as client:
            assert client.stdout
            said = map(json.loads, client.stdout)
            transports: list[str] = []
            for each in said:
                assert each["what"] != "connect_error", each
                transports += [each["value"]] * (each["what"] == "transport")
                if each["what"] == "watch":
                    build = start(web, "default")
                if each["what"] == "build" and each["value"]["ended"]:
                    assert each["value"]["build"] == build
                    break
            client.terminate()
        assert transports == ["polling", "websocket"]


def test_pollers_see_the_right_picture_also_after_one_process_is_killed(web: Web) -> None:
    pollers = [Watcher(web.url, ["polling"]) for _ in range(3 * PROCESSES)]
    until(lambda: all(each.pid for each in pollers), "all poll")
    assert len({each.pid for each in pollers}) > 1
    before = start(web)
    until(lambda: all(each.sees(before, "failed") for each in pollers), "all see it end", 30)

    victim = pollers[0].pid
    os.kill(victim, signal.SIGKILL)
    until(lambda: pollers[0].connects > 1 and pollers[0].pid not in (0, victim), "back", 30)
    after = until(lambda: start(web), "a start")

    until(lambda: all(each.sees(after, "failed") for each in pollers), "all see it end", 30)
    for each in pollers:
        each.client.disconnect()


def test_any_process_tells_of_all(web: Web, watchers: list[Watcher]) -> None:
    counted = Counter(each.pid for each in watchers)
    # A process that serves nobody says 0, which a Counter takes for absent.
    until(lambda: Counter(told(web, "watchers", transport="socketio")) == counted, "the same")


def test_none_is_left_when_the_first_is_killed(
    run: Callable[..., Web], rabbitmq: PrivateRabbitMQ
) -> None:
    web = run("gateway", workers=2, mqtt_url=rabbitmq.mqtt_url, amqp_url=rabbitmq.amqp_url)
    until(lambda: started(web) == 2, "both", 60)

    web.kill()

    until(lambda: ports.is_free(int(web.options["port"])), "the port is free")


def test_all_are_stopped_and_answer_who_waits(web: Web, watchers: list[Watcher]) -> None:
    def wait_for_the_end() -> httpx.Response:
        path = f"{web.url}/api/projects/waiting/builds"
        return HTTP.post(path, json={"script": LONG}, headers={"Prefer": "wait=60"}, timeout=30)

    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(wait_for_the_end) for _ in range(4)]
        builds = f"{web.url}/api/builds?project=waiting"
        until(lambda: len(HTTP.get(builds).json()["builds"]) == len(waiting), "all wait")
        assert web.stop() < 8
        answers = [each.result() for each in waiting]
    assert [answer.status_code for answer in answers] == [202] * len(answers)
    assert not any(each.pid for each in watchers)
    assert "Traceback" not in web.text
