"""What the HTTP API promises, on the real RabbitMQ."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from buildfeed import activity
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from support.service import HTTP, Web, until

FAST = {"seconds": 0.5, "steps": 5, "errors": [70]}
SLOW = {"seconds": 30, "steps": 30, "errors": []}


@pytest.fixture(scope="module")
def api(gateway: Web) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, timeout=30) as client:
        yield client


def until_idle(gateway: Web) -> dict[str, Any]:
    """Return the overview once the worker has built what other tests started."""

    def idle() -> dict[str, Any] | None:
        now: dict[str, Any] = HTTP.get(f"{gateway.url}/api/overview").json()
        loads = {each["worker"]: each["running"] for each in now["workers"]}
        return now if loads.get("w1") == 0 else None

    return until(idle, "the worker is idle")


def test_a_start_says_where_the_build_is(api: httpx.Client) -> None:
    answer = api.post("/api/projects/where/builds", json={"script": FAST, "by": "ada"})
    assert answer.status_code == 202
    build = api.get(answer.headers["location"]).json()
    assert build["build"] == answer.json()["build"]
    assert (build["project"], build["by"], build["script"]) == ("where", "ada", FAST)


def test_prefer_wait_answers_with_the_ended_build(api: httpx.Client) -> None:
    answer = api.post(
        "/api/projects/wait/builds", json={"script": FAST}, headers={"Prefer": "wait=20"}
    )
    assert answer.status_code == 200
    assert answer.json()["status"] == "failed"
    assert answer.headers["preference-applied"] == "wait=20"
    answer = api.post(
        "/api/projects/wait/builds", json={"script": SLOW}, headers={"Prefer": "wait=1"}
    )
    assert answer.status_code == 202
    api.post(answer.headers["location"] + "/stop")


def test_the_same_key_and_body_is_the_same_build(api: httpx.Client) -> None:
    def start(key: str, by: str) -> httpx.Response:
        body = {"script": FAST, "by": by}
        return api.post("/api/projects/key/builds", json=body, headers={"Idempotency-Key": key})

    first = start("k1", "ada")
    assert start("k1", "ada").json()["build"] == first.json()["build"]
    assert start("k1", "bob").status_code == 409
    assert start("k2", "ada").json()["build"] != first.json()["build"]


def test_stopping_is_idempotent_until_the_build_has_ended(api: httpx.Client, gateway: Web) -> None:
    build = gateway.press_start("stop", script=SLOW)["build"]
    gateway.until_status("stop", build, "running")
    path = f"/api/projects/stop/builds/{build}/stop"
    assert api.post(path, json={"by": "ada"}).status_code == 202
    assert api.post(path, json={"by": "bob"}).status_code in (202, 409)
    gateway.until_status("stop", build, "stopped", seconds=5)
    assert gateway.build("stop", build)["stoppedBy"] == "ada"
    again = api.post(path)
    assert again.status_code == 409
    assert again.json()["type"] == "urn:buildfeed:problem:already-ended"


def test_an_unknown_build_is_not_there(api: httpx.Client) -> None:
    assert api.get("/api/projects/acme/builds/nope").status_code == 404
    assert api.post("/api/projects/acme/builds/nope/stop").status_code == 404
    assert api.get("/api/projects/acme/builds/nope/activities").status_code == 404
    assert api.get("/api/projects/empty/builds/latest").status_code == 404


def test_lists_page_from_the_newest_to_the_oldest(api: httpx.Client, gateway: Web) -> None:
    started = [gateway.press_start("list", script=FAST)["build"] for _ in range(5)]
    for build in started:
        gateway.until_status("list", build, "failed")
    listed: list[str] = []
    cursor: str | None = None
    while cursor or not listed:
        query = {"project": "list", "limit": 2} | ({"before": cursor} if cursor else {})
        page = api.get("/api/builds", params=query).json()
        listed += [build["build"] for build in page["builds"]]
        cursor = page["next"]
    assert listed == started[::-1]
    running = api.get("/api/builds", params={"project": "list", "status": "running"}).json()
    assert running == {"builds": [], "next": None}


def test_activities_are_a_collection_in_pages(api: httpx.Client, gateway: Web) -> None:
    build = gateway.press_start("as2", script={"seconds": 1, "steps": 100, "errors": [70]})["build"]
    gateway.until_status("as2", build, "failed")
    path = f"/api/projects/as2/builds/{build}/activities"

    def read() -> list[activity.Activity]:
        top = api.get(path)
        assert top.headers["content-type"] == activity.MEDIA_TYPE
        assert top.json()["type"] == "OrderedCollection"
        found, url = [], top.json()["first"]
        while url:
            page = api.get(url).json()
            assert page["type"] == "OrderedCollectionPage"
            found += [activity.parse(json.dumps(item).encode()) for item in page["orderedItems"]]
            url = page.get("next")
        return found

    until(lambda: any(a.object.ended for a in read()), "the recorder has the ending")
    found = read()
    assert found[0].kind == "start"
    assert len({a.id for a in found}) == len(found) > 100
    assert api.get(path).json()["totalItems"] == len(found)
    kinds = ["start", "stop", "status", "error"]
    for query in ("&".join(f"kind={kind}" for kind in kinds), f"kind={','.join(kinds)}"):
        path = f"/api/projects/as2/builds/{build}/activities?{query}"
        assert [a.id for a in read()] == [a.id for a in found if a.kind in kinds]
        assert api.get(path).json()["totalItems"] < 10
    path = f"/api/projects/as2/builds/{build}/activities?kind=progress"
    assert [a.id for a in read()] == [a.id for a in found if a.kind == "progress"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/builds?limit=0",
        "/api/builds?before=a.b.c",
        "/api/builds?status=done",
        "/api/builds?page=2",
        "/api/builds?limit=1&limit=2",
        "/api/projects/acme/builds/b1/activities?after=-1",
        "/api/projects/acme/builds/b1/activities?after=1e400",
        "/api/projects/acme/builds/b1/activities?kind=",
        "/api/projects/acme/builds/b1/activities?kind=logs",
        "/api/projects/acme/builds/b1/activities?kind=log&kind=%00",
        "/api/projects/acme/builds/b1/activities?kinds=log",
    ],
)
def test_a_query_that_is_wrong_is_answered_with_what_is(api: httpx.Client, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:buildfeed:problem:bad-query"


def test_metrics_add_up_after_a_build(api: httpx.Client, gateway: Web) -> None:
    def scrape() -> dict[str, float]:
        answer = api.get("/metrics")
        assert re.match("text/plain; version=", answer.headers["content-type"])
        return {
            "_".join([sample.name, *sample.labels.values()]): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }

    until_idle(gateway)
    before = scrape()
    wait = {"Prefer": "wait=20"}
    ended = api.post("/api/projects/metrics/builds", json={"script": FAST}, headers=wait).json()
    assert ended["status"] == "failed"
    build = gateway.press_start("metrics", script=SLOW)["build"]
    gateway.until_status("metrics", build, "running")
    api.post(f"/api/projects/metrics/builds/{build}/stop")
    gateway.until_status("metrics", build, "stopped")
    api.post("/api/projects/metrics/builds/nope/stop")
    api.post("/api/projects/.metrics/builds")

    after = scrape()
    more = {name: value - before.get(name, 0) for name, value in after.items()}
    assert more["buildfeed_starts_total_accepted"] == 2
    assert more["buildfeed_starts_total_bad-name"] == 1
    assert more["buildfeed_stops_total_accepted"] == 1
    assert more["buildfeed_stops_total_unknown-build"] == 1
    assert more["buildfeed_activities_received_total_start"] == 2
    assert more["buildfeed_activities_received_total_stop"] >= 1
    assert more["buildfeed_activities_received_total_status"] == 4
    assert more["buildfeed_activities_received_total_error"] == 1
    assert more["buildfeed_build_waiting_seconds_count"] == 2
    assert more["buildfeed_activities_refused_total"] == 0
    assert more["buildfeed_builds_queued_normal"] == 0
    assert more["buildfeed_queue_messages_builds"] == 0
    assert after["buildfeed_workers_online"] >= 1
    assert after["buildfeed_ready"] == after["buildfeed_broker_up"] == 1


def test_the_overview_shows_what_runs_where(api: httpx.Client, gateway: Web) -> None:
    before = until_idle(gateway)
    build = gateway.press_start("overview", script=SLOW)["build"]
    gateway.until_status("overview", build, "running")

    def alone() -> dict[str, Any] | None:
        now: dict[str, Any] = api.get("/api/overview").json()
        worker = next(each for each in now["workers"] if each["worker"] == "w1")
        # For a moment a presence may still name a build of a test before, which has ended.
        return (
            now if (worker["online"], worker["running"], worker["slots"]) == (True, 1, 4) else None
        )

    now = until(alone, "this build alone runs on w1")
    gateway.press_stop("overview", build)
    assert now["running"] == before["running"] + 1
    assert now["queued"] == before["queued"]
    assert now["dead"] == before["dead"]


def test_without_a_broker_a_start_is_refused_in_time_and_recovers(
    rabbitmq: PrivateRabbitMQ, gateway: Web
) -> None:
    rabbitmq.kill()
    started = time.monotonic()
    answer = HTTP.post(f"{gateway.url}/api/projects/acme/builds", timeout=20)
    assert time.monotonic() - started < 6
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.json()["type"] == "urn:buildfeed:problem:broker-unavailable"
    assert HTTP.get(f"{gateway.url}/readyz").status_code == 503
    rabbitmq.start()
    gateway.until_ready()
    assert gateway.press_start("acme")["status"] in ("queued", "running")  # a quick worker


def test_what_an_address_or_a_header_says_is_not_lost(api: httpx.Client) -> None:
    start = "/api/projects/said/builds"
    for method, path in (
        ("POST", f"{start}?by=ada"),
        ("POST", f"{start}/01a1/stop?by=ada"),
        ("GET", f"{start}/latest?status=failed"),
        ("GET", "/api/overview?project=said"),
    ):
        answer = api.request(method, path)
        assert (answer.status_code, answer.json()["type"][-9:]) == (400, "bad-query"), path
    packed = api.post(start, content=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    assert packed.status_code == 415
    prefer = [("Prefer", "return=minimal"), ("Prefer", "wait=20")]
    assert api.post(start, json={"script": FAST}, headers=prefer).status_code == 200


READ = [
    *("/", "/projects/acme", "/favicon.svg", "/scripts/app.js", "/vendor/socket.io.min.js"),
    *("/api/builds", "/api/projects/acme/builds/none", "/api/overview", "/metrics"),
    *("/healthz", "/readyz", "/api/events?watch=builds/%23", "/api/events", "/nowhere"),
]


@pytest.mark.parametrize("path", READ)
def test_a_head_is_that_of_the_get(api: httpx.Client, path: str) -> None:
    head = api.head(path)
    with api.stream("GET", path) as answer:
        told, same = dict(answer.headers), answer.status_code == head.status_code
    assert (same, head.content) == (True, b"")
    differ = {name for name, _ in told.items() ^ dict(head.headers).items()}
    live = (
        {"date", "content-length"}
        if path in ("/api/builds", "/api/overview", "/metrics")
        else {"date"}
    )
    assert differ <= live | {"transfer-encoding"}


@pytest.mark.parametrize("path", ["/", "/projects/acme", "/favicon.svg", "/scripts/app.js"])
def test_who_has_a_file_is_told_so(api: httpx.Client, path: str) -> None:
    etag = api.get(path).headers["etag"]
    for method in ("GET", "HEAD"):
        again = api.request(method, path, headers={"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
        assert "content-security-policy" in again.headers
    assert api.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
