"""Two projects, two tokens, every door of a gateway on the real RabbitMQ: nothing leaks.

Each door is tried with a token for another project: to read, start, stop, list and count what is
there, and to tell by the time of an answer whether it is.
"""

import json
import random
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import socketio
from playwright.sync_api import Page, expect

from buildfeed.activity import Activity, Script
from buildfeed.broker.local import ports
from buildfeed.command import start as start_of
from buildfeed.grants import Grants
from buildfeed.history.store import Store
from support.builders import ending
from support.rabbitmq import ControlledRabbitMQ, purge_builds
from support.samples import NOW
from support.service import HTTP, Service, Web, until

SLOW = {"seconds": 60, "steps": 60, "errors": []}
FAST = {"seconds": 0.3, "steps": 3, "errors": [60]}
HIDDEN = "acme-hidden"
OWN = "other-own"
OLD = 3000
"""Builds of HIDDEN that are in the history alone."""
ROUNDS = 300


class World:
    """A gateway where nobody is anonymous, and the headers of who may do what."""

    def __init__(self, web: Web, secrets: dict[str, str]) -> None:
        self.web = web
        self.url = web.url
        self.secrets = secrets
        self.running = self.started(HIDDEN, SLOW)
        self.own = self.started(OWN, FAST)
        path = f"{self.url}/api/projects/{HIDDEN}/builds/{self.running}"
        status = lambda: HTTP.get(path, headers=self.of("ada")).json()["status"]  # noqa: E731
        until(lambda: status() == "running", "the hidden build runs")

    def of(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secrets[name]}"}

    def started(self, project: str, script: dict[str, Any], name: str = "operator") -> str:
        url = f"{self.url}/api/projects/{project}/builds"
        answer = HTTP.post(url, json={"script": script}, headers=self.of(name))
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return str(answer.json()["build"])


def old_builds() -> Iterator[Activity]:
    for number in range(OLD):
        build = f"0001-{number:05}"
        start = start_of(HIDDEN, build, NOW, by="ada", script=Script(), priority="normal")
        yield start
        yield ending(build=build, project=HIDDEN)


@pytest.fixture(scope="module")
def world(
    rabbitmq: ControlledRabbitMQ, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("two-projects")
    grants = {"ada": f"builder@{HIDDEN}", "bob": f"builder@{OWN}", "operator": "operator"}
    with closing(Store(f"sqlite:///{directory}/history.db")) as store:
        store.append(list(old_builds()))
        known = store.tokens()
        secrets = {name: known.add(name, Grants.parse([text]))[1] for name, text in grants.items()}
    purge_builds(rabbitmq)
    urls = {"mqtt_url": rabbitmq.mqtt_url, "amqp_url": rabbitmq.amqp_url}
    port = ports.free_block(1, random.randrange(100_000))
    with (
        Service("recorder", directory, mqtt_url=rabbitmq.mqtt_url),
        Service("fakebuild", directory, **urls, name="two", concurrency=4, drain_seconds=0),
        Web("gateway", directory, port=port, **urls, anonymous="none") as web,
    ):
        yield World(web.until_ready(), secrets)


def assert_nothing_of_it(world: World, text: str) -> None:
    for secret in (HIDDEN, world.running, '"ada"'):
        assert secret not in text


# --- read, list, count, start, stop over HTTP


def test_the_api_answers_as_if_there_were_nothing(world: World) -> None:
    path = "/api/projects/{}/builds/{}"
    for build in (world.running, "0001-00000", "latest"):
        for method, rest in (
            *(("GET", each) for each in ("", "/activities", "/activities?after=0")),
            *(("POST", each) for each in ("/stop", "/share")),
        ):
            for name in ("bob", None):
                headers = world.of(name) if name else {}
                said = []
                for project, asked in ((HIDDEN, build), ("nowhere", "b0")):
                    url = world.url + path.format(project, asked) + rest
                    answer = HTTP.request(method, url, headers=headers)
                    text = answer.text.replace(project, "P").replace(asked, "B")
                    said.append((answer.status_code, text))
                assert said[0] == said[1], (method, rest)
                assert said[0][0] in ((401,) if name is None else (403, 404))


def test_a_list_holds_and_counts_ones_own_only(world: World) -> None:
    for query in ("", "?limit=200", f"?project={HIDDEN}", "?status=running", "?before=0001-00001"):
        answer = HTTP.get(f"{world.url}/api/builds{query}", headers=world.of("bob"))
        assert answer.status_code == httpx.codes.OK
        assert_nothing_of_it(world, answer.text)
        assert {each["project"] for each in answer.json()["builds"]} <= {OWN}
    assert HTTP.get(f"{world.url}/api/builds").status_code == httpx.codes.UNAUTHORIZED
    for path in ("/api/overview", "/metrics"):
        answer = HTTP.get(world.url + path, headers=world.of("bob"))
        assert (answer.status_code, answer.json()["grant"]) == (403, "operate")


def test_a_badge_is_answered_as_if_there_were_no_project(world: World) -> None:
    for name, status in (("bob", 404), (None, 401)):
        headers = world.of(name) if name else {}
        hidden, nothing = (
            HTTP.get(f"{world.url}/badge/{project}.svg", headers=headers)
            for project in (HIDDEN, "nowhere")
        )
        assert hidden.status_code == nothing.status_code == status
        assert hidden.text.replace(HIDDEN, "nowhere") == nothing.text
        for answer in (hidden, nothing):
            for field in ("date", "content-length"):  # the body names the project that was asked
                del answer.headers[field]
        assert hidden.headers.multi_items() == nothing.headers.multi_items()
    shown = HTTP.get(f"{world.url}/badge/{HIDDEN}.svg", headers=world.of("ada"))
    assert f"<title>{HIDDEN}: succeeded</title>" in shown.text


def test_nothing_is_started_or_stopped_in_another_project(world: World) -> None:
    url = f"{world.url}/api/projects/{HIDDEN}/builds"
    before = HTTP.get(f"{world.url}/api/builds?project={HIDDEN}", headers=world.of("ada")).json()
    for headers in (world.of("bob"), {}, {**world.of("bob"), "Idempotency-Key": "k"}):
        for path in (url, f"{url}/{world.running}/stop"):
            assert HTTP.post(path, headers=headers).status_code in (401, 403)
    after = HTTP.get(f"{world.url}/api/builds?project={HIDDEN}", headers=world.of("ada")).json()
    ids = [[each["build"] for each in body["builds"]] for body in (before, after)]
    assert ids[0] == ids[1]
    state = HTTP.get(f"{url}/{world.running}", headers=world.of("ada")).json()
    assert (state["status"], state["stopping"]) == ("running", False)


def test_a_key_of_somebody_else_gives_nothing_away(world: World) -> None:
    url = f"{world.url}/api/projects/{OWN}/builds"
    key = {"Idempotency-Key": "the-key"}
    mine = HTTP.post(url, json={"script": FAST}, headers=world.of("bob") | key)
    theirs = HTTP.post(url, json={"script": SLOW}, headers=world.of("operator") | key)
    assert (mine.status_code, theirs.status_code) == (202, 202)
    assert mine.json()["build"] != theirs.json()["build"]
    path = f"{url}/{theirs.json()['build']}/stop"
    assert HTTP.post(path, headers=world.of("bob")).status_code == httpx.codes.ACCEPTED


# --- live events


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_socket_io_tells_of_ones_own_only(world: World, transport: str) -> None:
    heard: list[Any] = []
    client = socketio.Client()
    client.on("build", heard.append)
    client.on("log", heard.append)
    client.connect(
        world.url,
        auth={"token": world.secrets["bob"], "watch": "builds/#"},
        transports=[transport],
    )
    try:
        answer = client.call("watch", ["builds/#", "#"])
        assert answer["watching"] == [f"builds/{OWN}/#"]
        for filter_ in (f"builds/{HIDDEN}/#", f"builds/{HIDDEN}/{world.running}/log"):
            refused = client.call("watch", filter_)
            assert refused["error"]["code"] == "not-allowed"
        hidden, own = world.started(HIDDEN, FAST), world.started(OWN, FAST)
        until(lambda: "failed" in [e["status"] for e in heard if e["build"] == own], "its end")
        assert {each["project"] for each in [*heard, *answer["builds"]]} == {OWN}
        assert hidden not in json.dumps(heard)
        assert_nothing_of_it(world, json.dumps(heard))
    finally:
        client.disconnect()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_socket_io_lets_nobody_in_without_a_token(world: World, transport: str) -> None:
    for auth in ({"watch": "builds/#"}, {"token": "bf_" + "x" * 32}):
        refused: list[Any] = []
        client = socketio.Client()
        client.on("connect_error", refused.append)
        with pytest.raises(socketio.exceptions.ConnectionError):
            client.connect(world.url, auth=auth, transports=[transport])
        assert refused[0]["data"]["code"] == "not-signed-in"


def test_server_sent_events_tell_of_ones_own_only(world: World) -> None:
    url = f"{world.url}/api/events"
    for filter_ in (f"builds/{HIDDEN}/#", "builds/nowhere/#"):
        answer = HTTP.get(url, params={"watch": filter_}, headers=world.of("bob"))
        assert (answer.status_code, answer.json()["grant"]) == (403, f"read:{filter_}")
    assert HTTP.get(url, params={"watch": "#"}).status_code == httpx.codes.UNAUTHORIZED
    lines: list[str] = []
    with httpx.stream(
        "GET", url, params={"watch": "#"}, headers=world.of("bob"), timeout=20
    ) as stream:
        hidden, own = world.started(HIDDEN, FAST), world.started(OWN, FAST)
        for line in stream.iter_lines():
            lines.append(line)
            if own in line and '"failed"' in line:
                break
    assert_nothing_of_it(world, "\n".join(lines))
    assert hidden not in "\n".join(lines)


# --- the page


def test_the_page_shows_ones_own_only(world: World, new_page: Callable[..., Page]) -> None:
    answer = HTTP.post(f"{world.url}/api/session", json={"token": world.secrets["bob"]})
    page = new_page()
    cookie = {"name": "buildfeed", "value": answer.cookies["buildfeed"], "url": world.url}
    page.context.add_cookies([cookie])  # type: ignore[list-item]
    page.goto(world.url)
    expect(page.get_by_role("link", name=OWN).first).to_be_visible()
    assert_nothing_of_it(world, page.content())
    page.goto(f"{world.url}/projects/{HIDDEN}/builds/{world.running}")
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    assert "Running" not in page.locator("main").inner_text()


# --- time


class Timed:
    """One connection; `seconds` is how long an answer takes, from the last byte of a request."""

    def __init__(self, world: World) -> None:
        self._socket = socket.create_connection(
            ("127.0.0.1", int(str(world.web.options["port"]))), timeout=10
        )
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._authorization = world.of("bob")["Authorization"]

    def close(self) -> None:
        self._socket.close()

    def seconds(self, path: str) -> float:
        fields = f"Host: 127.0.0.1\r\nAuthorization: {self._authorization}"
        request = f"GET {path} HTTP/1.1\r\n{fields}\r\n\r\n"
        began = time.perf_counter()
        self._socket.sendall(request.encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._socket.recv(1 << 16)
        head, _, body = answer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += self._socket.recv(1 << 16)
        return time.perf_counter() - began


def rank_sum(a: list[float], b: list[float]) -> float:
    """Return how many standard deviations the ranks of `a` are from those of chance.

    Mann and Whitney's U, by its normal approximation: it compares whole distributions.
    """
    ranked = sorted([(value, 0) for value in a] + [(value, 1) for value in b])
    ranks = sum(rank for rank, (_, which) in enumerate(ranked, 1) if which == 0)
    n, m = len(a), len(b)
    expected = n * (n + m + 1) / 2
    return float((ranks - expected) / (n * m * (n + m + 1) / 12) ** 0.5)


PATHS = {
    "a build": "/api/projects/{project}/builds/{build}",
    "its activities": "/api/projects/{project}/builds/{build}/activities",
    "the newest": "/api/projects/{project}/builds/latest",
    "a list": "/api/builds?project={project}",
    "a badge": "/badge/{project}.svg",
    "events": "/api/events?watch=" + quote("builds/") + "{project}" + quote("/#"),
}


CASES = "on the board", "in history", "no build", "no project", "no project again"
TIMES = 3
"""Measurements that have to show the same: on a busy machine a single one may be off."""


def measured(world: World, what: str, chance: random.Random) -> dict[str, list[float]]:
    """Return the seconds of answers to somebody who may know none of CASES.

    Rounds in a random order, one request of each kind, so that the machine treats all alike.
    """
    hidden, nothing, gone = HIDDEN, "n" + HIDDEN[1:], world.running[:-1] + "_"  # as long
    builds = world.running, "0001-00042", gone, gone, world.running[:-2] + "__"
    projects = hidden, hidden, hidden, nothing, nothing
    cases = dict(zip(CASES, zip(projects, builds, strict=True), strict=True))
    times: dict[str, list[float]] = {case: [] for case in cases}
    with closing(Timed(world)) as timed:
        for number in range(ROUNDS + 20):
            for case in chance.sample(CASES, len(CASES)):
                project, build = cases[case]
                took = timed.seconds(PATHS[what].format(project=project, build=build))
                if number >= 20:
                    times[case].append(took)
    return times


@pytest.mark.parametrize("what", PATHS)
def test_no_time_tells_whether_something_is_there(
    world: World, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    for _ in range(TIMES):
        times = measured(world, what, chance)
        nothing_there = times["no project"]
        scores = {case: rank_sum(each, nothing_there) for case, each in times.items()}
        medians = {case: statistics.median(each) * 1e6 for case, each in times.items()}
        with capsys.disabled():
            told = ", ".join(f"{c}: {medians[c]:.0f} µs, z {scores[c]:+.1f}" for c in CASES)
            print(f"\n{what} ({ROUNDS} rounds): {told}")  # noqa: T201
        # By chance a score is over 5 once in a million runs; a look-up of the history is over 20.
        off = [
            case
            for case in ("on the board", "in history", "no build")
            if abs(scores[case]) > 5
            or abs(medians[case] - medians["no project"]) > 0.1 * medians["no project"]
        ]
        if not off:
            return
    pytest.fail(f"seed {seed}, each of {TIMES} times: {what}: {off}, {scores}, {medians}")


def test_a_look_up_would_be_told_by_its_time(world: World) -> None:
    """The yardstick: with a grant, what is there and what is not differ."""
    scores = []
    for _ in range(TIMES):
        with closing(Timed(world)) as timed:
            timed._authorization = world.of("ada")["Authorization"]
            path = f"/api/projects/{HIDDEN}/builds/{{}}"
            there = [timed.seconds(path.format(world.running)) for _ in range(ROUNDS)]
            gone = [timed.seconds(path.format(world.running[:-1] + "_")) for _ in range(ROUNDS)]
        scores.append(abs(rank_sum(there, gone)))
        if scores[-1] > 10:
            return
    pytest.fail(f"it does not tell: {scores}")
