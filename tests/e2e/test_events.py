"""Server-Sent Events of a gateway on the real RabbitMQ."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import socketio
from playwright.sync_api import Page

from buildfeed.broker.local import ports
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from support.loud import speaking
from support.programs import lines
from support.service import HTTP, Service, Web, until
from support.sse import metric, stalled_reader, watching

FAST = {"seconds": 0.5, "steps": 5, "errors": [60]}
STUCK_SECONDS = 2
ORIGIN = "https://ci.example"
MIB = 1024 * 1024
SSE_WATCHERS = 'buildfeed_watchers{transport="sse"}'
BUILD = "event: build\n"


def test_curl_shows_a_build_from_beginning_to_end(gateway: Web) -> None:
    curl = ["curl", "-sN", "-G", f"{gateway.url}/api/events"]
    with lines(*curl, "--data-urlencode", "watch=builds/curl/#") as printed:
        until(lambda: "event: feed\n" in printed, "the snapshot")
        # Delayed, as a state that is not yet written may be replaced by the next.
        build = gateway.press_start("curl", script=FAST, delay=1)["build"]
        until(lambda: [line for line in list(printed) if '"failed"' in line], "the end")
    assert printed[0].startswith("retry: ")
    data = [line for line, before in zip(printed[1:], printed, strict=False) if before == BUILD]
    bodies = [json.loads(line.removeprefix("data: ")) for line in data]
    assert {body["build"] for body in bodies} == {build}
    assert [body["progress"] for body in bodies if body["kind"] == "error"] == [60]
    assert [bodies[0]["status"], bodies[-1]["status"]] == ["queued", "failed"]


def test_the_snapshot_is_complete_with_the_first_feed(gateway: Web) -> None:
    builds = [gateway.press_start("first", script=FAST)["build"] for _ in range(2)]
    for build in builds:
        gateway.until_status("first", build, "failed")

    with watching(gateway, "builds/first/#") as reader:
        pass

    assert [name for name, _ in reader.events] == ["build", "build", "feed"]
    assert set(reader.picture) == set(builds)
    assert reader.bodies("feed")[0]["broker"] == "up"


def test_every_event_has_the_body_of_the_one_over_socket_io(gateway: Web) -> None:
    over_sockets: list[Any] = []
    client = socketio.Client()
    client.on("build", over_sockets.append)
    client.connect(gateway.url, transports=["websocket"])
    filters = ["builds/same-sse/+/status", "builds/same-sse/+/error"]
    client.call("watch", filters)
    with watching(gateway, *filters) as reader:
        gateway.press_start("same-sse", script=FAST)
        until(lambda: [body for body in list(over_sockets) if body["ended"]], "the end")
        reader.until("build", status="failed")
    client.disconnect()

    assert [body["kind"] for body in reader.bodies()] == ["status", "error", "status"]
    assert reader.bodies() == over_sockets


def test_a_log_comes_to_those_who_name_its_build(gateway: Web) -> None:
    build = gateway.press_start("log-sse", script={"seconds": 3, "steps": 6})["build"]
    with (
        watching(gateway, f"builds/log-sse/{build}/log") as of_the_log,
        watching(gateway, "builds/log-sse/#") as of_the_build,
    ):
        assert of_the_log.until("log")["build"] == build
        of_the_build.until("build", status="running")
    assert not of_the_build.bodies("log")
    gateway.press_stop("log-sse", build)


def test_proxies_are_told_to_hand_it_on_at_once(gateway: Web) -> None:
    with watching(gateway, "builds/#") as reader:
        assert reader.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert reader.headers["cache-control"] == "no-cache, no-transform"
        assert reader.headers["x-accel-buffering"] == "no"
        assert reader.others[0].startswith("retry: ")


@pytest.mark.parametrize(
    ("query", "slug"),
    [
        ("", "bad-query"),
        ("?wach=builds/%23", "bad-query"),
        ("?watch=builds/%23&limit=3", "bad-query"),
        ("?watch=", "bad-filter"),
        ("?watch=builds/acme.secret/%23", "bad-filter"),
        ("?watch=builds/+/+/status", "bad-filter"),
        ("?watch=builds/%2B/%2B/log", "bad-filter"),
        ("?watch=builds/%23&watch=workers/%23", "bad-filter"),
        ("?" + "&".join(f"watch=builds/p{number}/%23" for number in range(101)), "bad-filter"),
    ],
)
def test_what_cannot_be_watched_is_a_problem(gateway: Web, query: str, slug: str) -> None:
    answer = HTTP.get(f"{gateway.url}/api/events{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:buildfeed:problem:{slug}"
    assert ("%2B" in answer.json()["detail"]) == (slug == "bad-filter")


# --- slow readers, and a gateway that stops


@pytest.fixture(scope="module")
def own(rabbitmq: PrivateRabbitMQ, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A gateway that may be stopped, and gives readers up soon."""
    directory = tmp_path_factory.mktemp("events")
    options = {"mqtt_url": rabbitmq.mqtt_url, "amqp_url": rabbitmq.amqp_url}
    options |= {"stuck_seconds": STUCK_SECONDS, "origins": ORIGIN}
    port = ports.free_block(1, os.getpid())
    with (
        Service("recorder", directory, mqtt_url=rabbitmq.mqtt_url, recorder_id="recorder-events"),
        Web("gateway", directory, port=port, **options) as web,
    ):
        yield web.until_ready()


def test_pages_of_allowed_origins_may_read_it_and_no_others(own: Web) -> None:
    address = f"{own.url}/api/events?watch=builds/%23"
    for origin, allowed in ((ORIGIN, ORIGIN), ("http://evil.example", None)):
        answer = httpx.head(address, headers={"Origin": origin})
        assert answer.headers.get("access-control-allow-origin") == allowed
    assert httpx.head(address, headers={"Host": "evil.example"}).status_code == 421


@pytest.fixture
def speak(rabbitmq: PrivateRabbitMQ) -> Iterator[Callable[[str, int, str], None]]:
    with speaking(rabbitmq) as speak:
        yield speak


def test_readers_that_stop_harm_nobody_and_are_given_up(
    own: Web, speak: Callable[[str, int, str], None]
) -> None:
    builds = {f"b{number}" for number in range(300)}
    stalled = [stalled_reader(own, "builds/loud/#") for _ in range(20)]
    with watching(own, "builds/loud/#") as quick, watching(own, "builds/loud/#") as slow:
        memory = metric(own, "process_resident_memory_bytes")
        slow.slowness = 0.002
        for seq in range(10):
            for build in builds:
                speak(build, seq, "running")
        until(lambda: [body for body in quick.bodies() if body["seq"] == 9], "the last round")
        for build in builds:
            speak(build, 10, "failed")
        slow.slowness = 0

        for reader in (quick, slow):
            until(lambda r=reader: all_failed(r.picture, builds), "all endings")
        assert slow.picture == quick.picture
        assert metric(own, "process_resident_memory_bytes") - memory < 10 * MIB
        assert metric(own, "buildfeed_states_merged_total") > len(builds)
        until(lambda: metric(own, SSE_WATCHERS) == 2, "the others are closed")
        assert metric(own, "buildfeed_watchers_stuck_total") == len(stalled)
        assert not quick.ended
        assert not slow.ended
    assert all(map(was_reset, stalled))
    until(lambda: metric(own, SSE_WATCHERS) == 0, "nobody is left")


def was_reset(reader: socket.socket) -> bool:
    """Read the rest; tell whether it was cut off."""
    try:
        while reader.recv(MIB):
            pass
    except ConnectionResetError:
        return True
    return False


def all_failed(picture: dict[str, Any], builds: set[str]) -> bool:
    return {build for build, body in picture.items() if body["status"] == "failed"} == builds


def test_a_browser_comes_back_by_itself_and_gets_the_snapshot_again(
    own: Web, gateway: Web, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    page.goto(f"{own.url}/healthz")
    page.evaluate(
        """() => {
            window.opened = 0;
            window.heard = [];
            const events = new EventSource("/api/events?watch=builds/eventsource/%23");
            events.addEventListener("open", () => { window.opened += 1; window.heard = []; });
            events.addEventListener("build", ({ data }) => window.heard.push(JSON.parse(data)));
        }"""
    )
    until(lambda: page.evaluate("window.opened") == 1, "the stream is open")
    build = own.press_start("eventsource", script=FAST)["build"]
    heard = lambda: page.evaluate("window.heard.map(({ build, status }) => [build, status])")  # noqa: E731
    until(lambda: [build, "failed"] in heard(), "the end")

    stalled = stalled_reader(own, "builds/loud/#")
    own.stop()
    assert "timeout graceful shutdown exceeded" not in own.text, "it waits for no stream"
    stalled.close()
    own.start()
    own.until_ready()

    until(lambda: page.evaluate("window.opened") == 2, "it is open again")
    until(heard, "the snapshot")
    # A state that is in the snapshot may come as an event too: it folds away.
    assert {(*each,) for each in heard()} == {(build, "failed")}
