"""What a running system publishes and answers is what its two documents describe."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import unquote, urlsplit

import httpx
import paho.mqtt.client as paho
import pytest
import socketio

from support.described import AsyncApi, OpenApi, wrong
from support.own_builds import publishing_url
from support.packages import ROOT
from support.programs import lines
from support.service import HTTP, Web, until
from support.sse import watching

FAST = {"seconds": 1, "steps": 10, "errors": [40]}
SLOW = {"seconds": 60, "steps": 60, "errors": []}
PROJECT = "described"
COMMAND = """
for n in 1 2 3; do echo "[$n/3] Building x$n.o"; done
echo "src/a.c:3:5: error: no such type" >&2
exit 2
"""
PROBLEM = "application/problem+json"
MAY_LACK = {"Set-Cookie", "Retry-After"}
"""Headers that an answer has where there is reason to."""
USED = "used"
"""An idempotency key."""
REFUSED: tuple[dict[str, Any], ...] = {"token": "bf_unknown"}, {"watch": "no/such/filter"}
"""The auth of connects that are refused."""
BUILDS = "/api/projects/{project}/builds"
BUILD = f"{BUILDS}/{{build}}"
DEAD = "/api/dead/{project}/{build}"


class Told(NamedTuple):
    """A message of MQTT."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class Listener:
    """Hears all that one may subscribe to at the broker of `up`."""

    def __init__(self, url: str) -> None:
        self.told: list[Told] = []
        self._ready = threading.Event()
        place = urlsplit(url)
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.username_pw_set(unquote(place.username or ""), unquote(place.password or ""))
        filters = [(f"{each}/#", 1) for each in ("builds", "workers", "projects")]
        self._client.on_connect = lambda *_: self._client.subscribe(filters)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _client, _data, message: self.told.append(
            Told(message.topic, message.payload, message.qos, message.retain)
        )
        self._client.connect(place.hostname or "", place.port or 1883)

    def __enter__(self) -> Self:
        self._client.loop_start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def ended(self, build: str) -> bool:
        return any(
            build in each.topic and json.loads(each.payload)["object"].get("endTime")
            for each in list(self.told)
            if each.topic.endswith("/status") and each.topic.startswith("builds/")
        )


class Scene(NamedTuple):
    """A running system, its documents, and what was heard of it."""

    up: Web
    asyncapi: AsyncApi
    openapi: OpenApi
    build: str
    stopped: str
    token: str
    told: list[Told]
    retained: list[Told]
    events: list[tuple[str, Any]]
    acks: list[tuple[str, Any]]
    streamed: list[tuple[str, Any]]


def document(up: Web, name: str) -> dict[str, Any]:
    return dict(HTTP.get(f"{up.url}/api/{name}.json").json())


def ran(up: Web, folder: Path) -> None:
    """Run a command as a build that fails."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("BUILDFEED_")}
    words = ["run", "--project", PROJECT, "--title", "nightly", "--url", "https://ci.example/7"]
    done = subprocess.run(
        [sys.executable, "-m", "buildfeed", *words, "--", "sh", "-c", COMMAND],
        cwd=folder,
        env=own | {"PYTHONPATH": str(ROOT), "BUILDFEED_MQTT_URL": publishing_url(up)},
        capture_output=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 2, done.stderr


def new_token(up: Web) -> str:
    data = ["--data-dir", str(up.options["data_dir"])]
    words = ["token", "add", "describer", "operator", *data]
    command = [sys.executable, "-m", "buildfeed", *words]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    (token,) = set(re.findall(r"bf_[0-9A-Za-z]+", made.stdout))
    return token


def refused(up: Web, auth: dict[str, Any]) -> Any:
    """Return what a client is told that connects and is sent away."""
    told: list[Any] = []
    client = socketio.Client(reconnection=False)
    client.on("connect_error", told.append)
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(up.url, auth=auth, transports=["websocket"])
    client.disconnect()
    return told[0]


@pytest.fixture(scope="module")
def scene(up: Web, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """What is heard by MQTT, socket.io and Server-Sent Events of three builds."""
    token, filter_ = new_token(up), f"builds/{PROJECT}/#"
    asyncapi, openapi = AsyncApi(document(up, "asyncapi")), OpenApi(document(up, "openapi"))
    events: list[tuple[str, Any]] = []
    acks: list[tuple[str, Any]] = []
    client = socketio.Client()
    for name in ("build", "log", "feed"):
        client.on(name, lambda body, name=name: events.append((name, body)))
    with Listener(publishing_url(up)) as listener, watching(up, filter_) as reader:
        client.connect(up.url, auth={"token": token, "watch": [filter_]}, transports=["websocket"])
        build = up.press_start(PROJECT, script=FAST, by="ada", priority="high")["build"]
        path = f"{up.url}{BUILDS.format(project=PROJECT)}"
        HTTP.post(path, json={"script": FAST}, headers={"Idempotency-Key": USED})
        stopped = up.press_start(PROJECT, script=SLOW)["build"]
        acks.append(("watched", client.call("watch", f"builds/{PROJECT}/{stopped}/log")))
        until(lambda: "log" in {name for name, _ in list(events)}, "output", 60)
        up.press_stop(PROJECT, stopped)
        ran(up, tmp_path_factory.mktemp("described"))
        until(lambda: listener.ended(build) and listener.ended(stopped), "the builds end", 60)
        acks.append(("refused", client.call("watch", "no/such/filter")))
        acks.append(("unwatched", client.call("unwatch", filter_)))
        acks.append(("renewed", client.call("auth", token)))
        acks.append(("refused", client.call("auth", "bf_unknown")))
        reader.until("build", status="failed", title="nightly")
        until(lambda: any("/latest" in each.topic for each in list(listener.told)), "latest", 60)
        client.disconnect()
    acks += [("connectRefused", refused(up, auth)) for auth in REFUSED]
    with Listener(publishing_url(up)) as late:
        topics = {f"projects/{PROJECT}/latest"}
        until(lambda: topics <= {each.topic for each in list(late.told)}, "what is retained", 60)
    retained = [each for each in late.told if each.retain]
    return Scene(
        up,
        asyncapi,
        openapi,
        build,
        stopped,
        token,
        listener.told,
        retained,
        events,
        acks,
        reader.events,
    )


def test_the_official_parsers_accept_both_documents(up: Web, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.json" for name in ("asyncapi", "openapi")]
    for path in paths:
        path.write_text(json.dumps(document(up, path.stem)))
    with lines("node", "tests/support/parsers.mjs", *paths) as said:
        until(lambda: said, "the parsers", 100)
    found = json.loads(said[0])
    grave = [each for each in found["asyncapi"]["diagnostics"] if each["severity"] < 2]
    assert grave == []
    assert found["asyncapi"]["version"] == "3.0.0"
    assert found["asyncapi"]["channels"] > 15
    assert found["openapi"]["error"] is None
    assert found["openapi"]["version"].startswith("3.1")


def test_every_message_on_a_topic_is_described(scene: Scene) -> None:
    flaws = []
    for each in scene.told:
        if each.topic.endswith("/hello") or not each.payload:  # not for apps; a presence removed
            continue
        channel = scene.asyncapi.channel(each.topic)
        flaws += [
            f"{each.topic}: {flaw}"
            for flaw in scene.asyncapi.in_channel(channel, json.loads(each.payload))
        ]
        (operation,) = scene.asyncapi.operations(channel)
        least = operation["bindings"]["mqtt"]["qos"]
        of_worker = scene.build in each.topic or scene.stopped in each.topic
        if each.qos < least or (of_worker and each.qos > least):
            flaws.append(f"{each.topic} came by QoS {each.qos}")
    assert flaws == []
    heard = {
        scene.asyncapi.channel(each.topic)
        for each in scene.told
        if not each.topic.endswith("/hello")
    }
    assert heard == {id_ for id_, _ in scene.asyncapi.channels("mqtt")}


def test_what_is_retained_is_described_as_such(scene: Scene) -> None:
    assert scene.retained
    for each in scene.retained:
        (operation,) = scene.asyncapi.operations(scene.asyncapi.channel(each.topic))
        assert operation["bindings"]["mqtt"]["retain"], each.topic


def test_every_event_is_described(scene: Scene) -> None:
    for name, body in [*scene.events, *scene.streamed]:
        assert scene.asyncapi.message(f"{name}Event", body) == []
    assert {name for name, _ in scene.events} == {"build", "log", "feed"}
    assert {name for name, _ in scene.streamed} == {"build", "feed"}


def test_every_answer_to_a_watcher_is_described(scene: Scene) -> None:
    for message, body in scene.acks:
        assert scene.asyncapi.message(message, body) == [], message


def test_a_wrong_member_of_what_was_sent_is_a_flaw(scene: Scene) -> None:
    """One message of each form counts: of a build of a command, an error with its place, …"""
    forms: dict[tuple[str, frozenset[str]], Any] = {}
    for each in scene.told:
        if each.payload and not each.topic.endswith("/hello"):
            value = json.loads(each.payload)
            members = frozenset({*value, *value.get("object", ())})
            forms[scene.asyncapi.channel(each.topic), members] = value
    assert any("source" in members for _, members in forms)
    for (channel, _), value in forms.items():
        for name, other in wrong(value):
            assert scene.asyncapi.in_channel(channel, other), f"{channel}: {name}"
    for kind, body in dict(scene.events).items():
        for name, other in wrong(body):
            assert scene.asyncapi.message(f"{kind}Event", other), f"{kind}: {name}"


def asked(scene: Scene, method: str, path: str, **more: Any) -> tuple[httpx.Response, list[str]]:
    """Ask at a path with parameters; return the answer and what is wrong with it."""
    query = more.pop("query", "")
    names = {"project": PROJECT, "build": scene.build} | more.pop("names", {})
    address = f"{scene.up.url}{path.format(**names)}{query}"
    with HTTP.stream(method, address, follow_redirects=False, **more) as answer:
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        if media_type != "text/event-stream":
            answer.read()
        body = answer.json() if media_type.endswith("json") else None
    HTTP.cookies.clear()  # others use this client too
    place = method.lower(), path, answer.status_code
    told = scene.openapi.answer(*place, media_type, body)
    had, described = scene.openapi.headers(*place, {each.lower() for each in answer.headers})
    told += [f"{name} is not described" for name in had - described]
    told += [f"{name} did not come" for name in described - had - MAY_LACK]
    return answer, told


GOOD: list[tuple[str, str, int, dict[str, Any]]] = [
    ("GET", "/api/builds", 200, {"query": f"?project={PROJECT}&limit=2"}),
    (
        "POST",
        BUILDS,
        202,
        {"json": {"script": {"seconds": 0.5}}, "headers": {"Idempotency-Key": "a"}},
    ),
    (
        "POST",
        BUILDS,
        200,
        {"json": {"script": {"seconds": 0.5}}, "headers": {"Prefer": "wait=60"}, "timeout": 90},
    ),
    ("GET", BUILD, 200, {}),
    ("GET", BUILD, 200, {"names": {"build": "latest"}}),
    ("GET", f"{BUILD}/activities", 200, {}),
    ("GET", f"{BUILD}/activities", 200, {"query": "?after=0"}),
    ("GET", f"{BUILD}/activities", 200, {"query": "?after=0&kind=error,log"}),
    ("GET", f"{BUILD}/log", 200, {}),
    ("GET", f"{BUILD}/log", 206, {"headers": {"Range": "bytes=0-3"}}),
    ("GET", f"{BUILD}/log", 304, {"headers": {"If-None-Match": "*"}}),
    ("GET", f"{BUILD}/errors", 200, {}),
    ("GET", "/api/session", 200, {}),
    ("DELETE", "/api/session", 204, {}),
    ("GET", "/badge/{project}.svg", 200, {"query": "?job=default"}),
    ("GET", "/api/projects", 200, {"query": "?limit=10"}),
    ("GET", "/badge/{project}.svg", 304, {"headers": {"If-None-Match": "*"}}),
    ("GET", "/api/events", 200, {"query": "?watch=builds/%23"}),
    ("GET", "/api/jobs", 200, {}),
    ("GET", "/api/phone", 200, {}),
    ("GET", "/api/overview", 200, {}),
    ("GET", "/api/operations", 200, {}),
    ("GET", "/api/dead", 200, {}),
    ("GET", "/metrics", 200, {}),
    ("GET", "/healthz", 200, {}),
    ("GET", "/readyz", 200, {}),
    ("GET", "/api/openapi.json", 200, {}),
    ("GET", "/api/openapi.json", 304, {"headers": {"If-None-Match": "*"}}),
    ("GET", "/api/asyncapi.json", 200, {}),
    ("GET", "/api/asyncapi.json", 304, {"headers": {"If-None-Match": "*"}}),
]
BAD: list[tuple[str, str, str, dict[str, Any]]] = [
    ("GET", "/api/builds", "bad-query", {"query": "?limit=0"}),
    ("GET", "/api/asyncapi.json", "bad-query", {"query": "?a=1"}),
    ("GET", "/api/projects", "bad-query", {"query": "?limit=0"}),
    ("GET", f"{BUILD}/log", "bad-query", {"query": "?attempt=0"}),
    ("GET", f"{BUILD}/log", "no-such-range", {"headers": {"Range": "bytes=99999999-"}}),
    ("GET", f"{BUILD}/errors", "bad-query", {"query": "?limit=101"}),
    ("GET", "/api/events", "bad-filter", {"query": "?watch=nothing"}),
    ("GET", "/api/events", "bad-query", {}),
    ("POST", BUILDS, "bad-name", {"names": {"project": "No.Name"}}),
    ("POST", BUILDS, "not-json", {"content": b"{"}),
    ("POST", BUILDS, "bad-field", {"json": {"priority": "low"}}),
    ("POST", BUILDS, "too-large", {"content": b" " * 20_000}),
    ("POST", BUILDS, "bad-encoding", {"content": b"{}", "headers": {"Content-Encoding": "gzip"}}),
    ("POST", BUILDS, "bad-key", {"headers": {"Idempotency-Key": "a b"}}),
    ("POST", BUILDS, "key-reused", {"json": {"by": "x"}, "headers": {"Idempotency-Key": USED}}),
    ("POST", BUILDS, "foreign-origin", {"headers": {"Origin": "https://evil.example"}}),
    ("POST", BUILDS, "bad-expectation", {"headers": {"Expect": "x"}, "json": {}}),
    ("GET", BUILD, "unknown-build", {"names": {"build": "nope"}}),
    ("GET", BUILD, "foreign-host", {"headers": {"Host": "evil.example"}}),
    ("GET", BUILD, "not-signed-in", {"headers": {"Authorization": "Bearer bf_" + "a" * 32}}),
    ("GET", BUILD, "head-too-large", {"headers": {"X-Long": "x" * 40_000}}),
    ("POST", f"{BUILD}/stop", "already-ended", {}),
    ("POST", f"{DEAD}/retry", "unknown-dead-letter", {}),
    ("DELETE", DEAD, "unknown-dead-letter", {}),
    ("POST", "/api/session", "bad-field", {"json": {}}),
    ("POST", "/api/session", "not-signed-in", {"json": {"token": "bf_" + "b" * 32}}),
    ("POST", f"{BUILD}/share", "bad-field", {"json": {"hours": 0}}),
]


@pytest.mark.parametrize(("method", "path", "status", "more"), GOOD)
def test_an_answer_is_described(
    scene: Scene, method: str, path: str, status: int, more: dict[str, Any]
) -> None:
    answer, flaws = asked(scene, method, path, **more)
    assert answer.status_code == status, answer.text
    assert flaws == []


@pytest.mark.parametrize(("method", "path", "slug", "more"), BAD, ids=lambda each: str(each)[:40])
def test_a_problem_is_described(
    scene: Scene, method: str, path: str, slug: str, more: dict[str, Any]
) -> None:
    answer, flaws = asked(scene, method, path, **more)
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["type"] == f"urn:buildfeed:problem:{slug}", answer.text
    assert flaws == []


def test_signing_in_stopping_and_sharing_are_described(scene: Scene) -> None:
    build = scene.up.press_start(PROJECT, script=SLOW)["build"]
    stop, flaws = asked(scene, "POST", f"{BUILD}/stop", names={"build": build})
    assert (stop.status_code, flaws) == (202, [])
    session, flaws = asked(scene, "POST", "/api/session", json={"token": scene.token})
    assert (session.status_code, flaws) == (200, [])
    assert "buildfeed=" in session.headers["set-cookie"]
    share, flaws = asked(scene, "POST", f"{BUILD}/share", json={"hours": 1})
    assert (share.status_code, flaws) == (201, [])
    secret = share.json()["url"].rpartition("/")[2]
    follow, flaws = asked(scene, "GET", "/s/{secret}", names={"secret": secret})
    assert (follow.status_code, flaws) == (303, [])


def test_every_path_is_asked_here(scene: Scene) -> None:
    here = {(method.lower(), path) for method, path, *_ in [*GOOD, *BAD]}
    here |= {("get", "/s/{secret}")}
    described = {
        (method, path)
        for path, item in scene.openapi.document["paths"].items()
        for method in item
        if not path.startswith("/login/oidc")
    }
    assert here == described
