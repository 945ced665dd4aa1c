"""A reader of Server-Sent Events that comes back with its last id."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from playwright.sync_api import Page

from buildfeed.broker.local import ports
from support.nginx import HOST, NginxLocation
from support.service import Web, until

FAST = {"seconds": 0.3, "steps": 3, "errors": []}


class Heard(NamedTuple):
    """What came up to the first `feed`."""

    builds: list[dict[str, Any]]
    resumed: bool
    id: str
    pid: int


def come(web: Web, project: str, last: str = "") -> Heard:
    query = {"watch": f"builds/{project}/#"}
    headers = {"Last-Event-ID": last} if last else {}
    builds, id_, name = [], "", ""
    address = f"{web.url}/api/events"
    with httpx.stream("GET", address, params=query, headers=headers, timeout=20) as answer:
        for line in answer.iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "id":
                id_ = value
            elif field == "data" and name == "build":
                builds.append(json.loads(value))
            elif field == "data":
                feed = json.loads(value)
                return Heard(builds, feed.get("resumed", False), id_, feed["pid"])
    raise AssertionError("the stream ended")


def test_it_gets_a_snapshot_only_if_something_changed(up: Web) -> None:
    build = up.press_start("back", script=FAST)["build"]
    up.until_status("back", build, "succeeded")
    first = come(up, "back")
    assert [body["build"] for body in first.builds] == [build]
    again = come(up, "back", first.id)
    assert (again.builds, again.resumed) == ([], True)
    assert come(up, "other", first.id).resumed is False
    more = up.press_start("back", script=FAST)["build"]
    up.until_status("back", more, "succeeded")
    missed = come(up, "back", again.id)
    assert ({body["build"] for body in missed.builds}, missed.resumed) == ({build, more}, False)


def ended(heard: Heard) -> Heard | None:
    """Return what a stream brought, if all its builds have ended."""
    bodies = heard.builds
    return heard if bodies and all(body["ended"] for body in bodies) else None


@pytest.mark.parametrize("workers", [1, 2])
def test_another_process_gives_a_snapshot_and_so_does_a_restarted_one(
    tmp_path: Path, workers: int
) -> None:
    port = ports.free_block(2, os.getpid()) or 0
    options = {"port": port, "mqtt_port": port + 1, "workers": workers}
    with Web("up", tmp_path, **options) as web:
        web.until_ready()
        until(lambda: web.text.count("gateway.caught_up") == workers, "all processes", 60)
        build = web.press_start("back", script=FAST)["build"]
        first = until(lambda: ended(come(web, "back")), "a process has heard of the ending")
        seen = set()
        while len(seen) < workers:
            again = come(web, "back", first.id)
            seen.add(again.pid)
            assert again.resumed is (again.pid == first.pid)
            assert [body["build"] for body in again.builds] == ([] if again.resumed else [build])
        web.stop()
        web.start()
        web.until_ready()
        last = come(web, "back", first.id)
        assert ([body["build"] for body in last.builds], last.resumed) == ([build], False)


def test_a_browser_whose_line_broke_goes_on(
    up: Web, tmp_path: Path, free_port: Callable[[], int], new_page: Callable[..., Page]
) -> None:
    build = up.press_start("broke", script=FAST)["build"]
    up.until_status("broke", build, "succeeded")
    with NginxLocation(tmp_path, free_port(), up.url, HOST) as proxy:
        page = new_page()
        page.goto(f"{proxy.url}/healthz")
        page.evaluate(
            """() => {
                window.heard = [];
                const events = new EventSource("/api/events?watch=builds/broke/%23");
                for (const name of ["open", "build", "feed"])
                    events.addEventListener(name, ({ data }) =>
                        window.heard.push([name, data && JSON.parse(data).resumed]));
            }"""
        )
        heard = lambda: page.evaluate("window.heard")  # noqa: E731
        until(lambda: len(heard()) >= 3, "the snapshot")
        proxy.become(HOST)
        opened = lambda: [place for place, (name, _) in enumerate(heard()) if name == "open"]  # noqa: E731
        until(lambda: len(opened()) == 2 and len(heard()) > opened()[1] + 1, "it is open again")
        assert heard()[opened()[1] + 1] == ["feed", True]
