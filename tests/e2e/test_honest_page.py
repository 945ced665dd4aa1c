"""The page never pretends: what it says of itself and of builds when something is gone."""

import os
import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from support.overview import open_form
from support.service import Web, until

SLOW = {"seconds": 40, "steps": 200, "errors": []}
PHONE = {"viewport": {"width": 390, "height": 844}}

NewPage = Callable[..., Page]

# What the page says of itself, with the time; how far the build was; in how many seconds what was
# pressed was refused; what moved without a reason.
RECORD = """
    window.said = [];
    window.seen = [];
    window.refused = {};
    window.moved = 0;
    addEventListener("click", () => (window.pressed = performance.now()), {capture: true});
    addEventListener("DOMContentLoaded", () => {
      const status = document.getElementById("connection-status");
      new MutationObserver(() => {
        said.push([Date.now() / 1000, status.dataset.state]);
        for (const bar of document.querySelectorAll("[role=progressbar]"))
          seen.push(Number(bar.ariaValueNow));
        for (const what of ["stop", "start"])
          if (document.body.textContent.includes(`nothing was sent. Try the ${what} again`))
            refused[what] ??= (performance.now() - pressed) / 1000;
      }).observe(document.body, {subtree: true, childList: true, attributes: true});
    });
    new PerformanceObserver((list) => {
      for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.moved += shift.value;
    }).observe({type: "layout-shift", buffered: true});
"""


@pytest.fixture
def running(up: Web, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """A build that runs, in a project of its own."""
    project = re.sub("[^a-z0-9]+", "-", request.node.name)[-60:].strip("-")
    build = up.press_start(project, script=SLOW)
    up.until_status(project, build["build"], "running")
    yield build
    up.until_ready()
    up.press_stop(project, build["build"])
    up.until_status(project, build["build"], "stopped")


def open_live(page: Page, up: Web, build: dict[str, Any]) -> Page:
    page.add_init_script(RECORD)
    page.goto(f"{up.url}/projects/{build['project']}")
    expect_live(page)
    page.evaluate("moved = 0")  # where the first picture is late, the page is shown before it
    return page


def expect_live(page: Page) -> None:
    expect(page.locator("#connection-status")).to_contain_text("Live", timeout=30_000)


def expect_not_live(page: Page, why: str, struck: float, within: float) -> None:
    status = page.locator("#connection-status")
    expect(status).to_have_text(re.compile(rf"{why}\s+not live since \d+:\d\d"))
    expect(page.locator(".build-card")).to_have_attribute("data-stale", "true")
    assert seconds_until_honest(page, struck) < within


def seconds_until_honest(page: Page, struck: float) -> float:
    said = page.evaluate("said")
    return next(at for at, state in said if at >= struck and state != "live") - struck


def gateway_pid(up: Web) -> int:
    return until(lambda: child_pid(up, "gateway"), "the gateway")


def child_pid(up: Web, module: str) -> int | None:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            command = (stat.parent / "cmdline").read_text().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == up.pid and module in command:
            return int(stat.parent.name)
    return None


@contextmanager
def frozen(*pids: int) -> Iterator[float]:
    """Freeze processes, and give the time."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield time.time()
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def frozen_broker(up: Web) -> Iterator[float]:
    """Freeze the process of the embedded broker, and give the time.

    It has the recorder too, and would hold the lock of the history if it were frozen in the middle
    of a transaction: then a start would wait for that.
    """
    history = f"{up.options['data_dir']}/history.db"
    while True:
        with frozen(up.pid) as struck:
            if not locked(history):
                yield struck
                return


def locked(history: str) -> bool:
    with closing(sqlite3.connect(history, timeout=0, isolation_level=None)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        return False


def test_a_killed_gateway_is_told_within_2_s_and_what_changed_meanwhile_is_counted(
    up: Web, new_page: NewPage, running: dict[str, Any]
) -> None:
    page = open_live(new_page(**PHONE), up, running)
    pid, struck = gateway_pid(up), time.time()
    os.kill(pid, signal.SIGKILL)
    expect_not_live(page, "Reconnecting…", struck, within=2)
    expect_live(page)
    expect(page.get_by_text("caught up: 1 build changed while you were away")).to_be_visible()
    expect(page.locator(".build-card")).to_have_attribute("data-stale", "false")
    assert gateway_pid(up) != pid
    seen = page.evaluate("seen")
    assert seen == sorted(seen)
    assert page.evaluate("moved") < 0.05


def test_a_frozen_gateway_is_told_within_8_s(
    up: Web, new_page: NewPage, running: dict[str, Any]
) -> None:
    page = open_live(new_page(), up, running)
    with frozen(gateway_pid(up)) as struck:
        expect_not_live(page, "Gateway silent", struck, within=8)
    expect_live(page)


def test_a_broker_that_is_away_is_told(up: Web, new_page: NewPage, running: dict[str, Any]) -> None:
    page = open_live(new_page(), up, running)
    with frozen_broker(up) as struck:
        expect_not_live(page, "Broker down", struck, within=8)
        for button, what in (("Stop", "stop"), ("Start build", "start")):
            if what == "start":
                open_form(page)
            page.get_by_role("button", name=button, exact=what == "start").click()
            expect(page.get_by_text(f"nothing was sent. Try the {what} again")).to_be_visible()
            assert page.evaluate("refused")[what] < 2
    expect_live(page)
    expect(page.get_by_text("nothing was sent")).to_have_count(0)


def test_a_build_whose_worker_vanished_is_lost_until_another_takes_over(
    up: Web, new_page: NewPage, running: dict[str, Any]
) -> None:
    page = open_live(new_page(), up, running)
    os.kill(until(lambda: child_pid(up, "fakebuild"), "the worker"), signal.SIGKILL)
    lost = re.compile("its worker is gone; (another will take over|it waits for a worker)")
    expect(page.get_by_text(lost)).to_be_visible()
    expect(page.locator(".build-card")).to_have_attribute("data-look", "lost")
    expect(page.get_by_text("attempt 2")).to_be_visible(timeout=30_000)
    expect(page.locator(".build-card")).to_have_attribute("data-look", "running")


def test_a_page_that_the_browser_froze_shows_the_truth_on_waking(
    up: Web, chromium: Browser, new_page: NewPage, running: dict[str, Any]
) -> None:
    page = open_live(new_page(), up, running)
    pid = gateway_pid(up)
    processes = chromium.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    renderers = [p["id"] for p in processes["processInfo"] if p["type"] == "renderer"]
    with frozen(*renderers):
        os.kill(pid, signal.SIGKILL)
        until(lambda: child_pid(up, "gateway") not in (pid, None), "another gateway")
        up.until_ready()
        woken = time.time()
    since = "(woken) => said.some(([at, state]) => at > woken && state !== 'live')"
    until(lambda: page.evaluate(since, woken), "it says so", 30)
    expect_live(page)
    assert seconds_until_honest(page, woken) < 2


def test_no_older_state_is_ever_shown(up: Web, new_page: NewPage, running: dict[str, Any]) -> None:
    """Every event comes again, after the next one."""
    page = new_page()

    def repeat(browser: WebSocketRoute) -> None:
        server = browser.connect_to_server()
        past: list[str | bytes] = []

        def on_message(message: str | bytes) -> None:
            browser.send(message)
            for old in past[-2:]:
                browser.send(old)
            if isinstance(message, str) and message.startswith('42["build"'):
                past.append(message)

        server.on_message(on_message)

    page.route_web_socket("**/socket.io/*", repeat)
    open_live(page, up, running)
    until(lambda: page.evaluate("new Set(seen).size") > 8, "the build went on")
    seen = page.evaluate("seen")
    assert seen == sorted(seen)
