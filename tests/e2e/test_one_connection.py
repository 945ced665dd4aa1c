"""Tabs of one browser share one connection, in a real Chromium."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from buildfeed.broker.local import ports
from support.people import People, enter, expect_live, expect_signed_in
from support.service import HTTP, Web, until

NewPage = Callable[..., Page]

SLOW = {"seconds": 60, "steps": 60, "errors": []}
FAST = {"seconds": 1, "steps": 4, "errors": []}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A server that nobody else watches, so that connections can be counted."""
    port = ports.free_block(2, 11)
    assert port
    with Web("up", tmp_path_factory.mktemp("shared"), port=port, mqtt_port=port + 1) as web:
        yield web.until_ready()


def connections(web: Web) -> int:
    """How many watchers are connected by socket.io."""
    found = re.search(
        r"^buildfeed_watchers\{[^}]*socketio[^}]*\} (\d+)",
        HTTP.get(f"{web.url}/metrics").text,
        re.MULTILINE,
    )
    assert found
    return int(found[1])


def open_tabs(page: Page, *urls: str) -> list[Page]:
    tabs = [page, *(page.context.new_page() for _ in urls[1:])]
    for tab, url in zip(tabs, urls, strict=True):
        tab.goto(url)
        expect_live(tab)
    return tabs


def test_ten_tabs_are_one_connection(web: Web, new_page: NewPage) -> None:
    until(lambda: connections(web) == 0, "nobody watches")
    tabs = open_tabs(new_page(), *[web.url] * 4, *[f"{web.url}/projects/ten"] * 6)
    until(lambda: connections(web) == 1, "one connection")
    build = web.press_start("ten", script=FAST)["build"]
    other = web.press_start("other", script=FAST)["build"]
    for tab in tabs:
        expect(tab.locator("#build-list").get_by_text(build[-8:])).to_be_visible()
        expect(tab.locator("#build-list").get_by_text("Succeeded").first).to_be_visible()
    for tab in tabs[4:]:
        assert other[-8:] not in tab.locator("#build-list").inner_text()
    for tab in tabs[1:]:
        tab.close()
    expect_live(tabs[0])
    assert connections(web) == 1


def test_a_tab_is_live_again_when_it_is_loaded_again_and_when_one_goes_back(
    web: Web, new_page: NewPage
) -> None:
    tabs = open_tabs(new_page(), web.url, f"{web.url}/projects/again")
    tabs[0].reload()
    expect_live(tabs[0])
    tabs[1].goto(web.url)
    expect_live(tabs[1])
    tabs[1].go_back()
    expect_live(tabs[1])
    build = web.press_start("again", script=FAST)["build"]
    for tab in tabs:
        expect(tab.locator("#build-list").get_by_text(build[-8:])).to_be_visible()
    until(lambda: connections(web) == 1, "one connection")


def test_a_gateway_that_restarts_is_found_again_by_every_tab(web: Web, new_page: NewPage) -> None:
    tabs = open_tabs(new_page(), web.url, f"{web.url}/projects/restarted")
    until(lambda: connections(web) == 1, "one connection")
    web.stop()
    for tab in tabs:
        expect(tab.locator("#connection-status")).to_contain_text("Reconnecting")
    web.start()
    web.until_ready()
    build = web.press_start("restarted", script=FAST)["build"]
    for tab in tabs:
        expect_live(tab)
        expect(tab.locator("#build-list").get_by_text(build[-8:])).to_be_visible()
    until(lambda: connections(web) == 1, "one connection")


def test_without_such_workers_each_tab_has_its_own(web: Web, chromium: Browser) -> None:
    context = chromium.new_context()
    context.add_init_script("delete globalThis.SharedWorker")
    until(lambda: connections(web) == 0, "nobody watches")
    open_tabs(context.new_page(), web.url, web.url)
    two = connections(web) == 2
    context.close()
    assert two


def test_a_browser_whose_workers_take_no_modules_falls_back(web: Web, chromium: Browser) -> None:
    context = chromium.new_context()
    context.add_init_script("""
        const Workers = SharedWorker;
        globalThis.SharedWorker = class extends Workers {
          constructor(url) { super("/scripts/none.js"); }
        };
    """)
    tabs = open_tabs(context.new_page(), web.url, web.url)
    with pytest.raises(AssertionError):  # they would share soon
        until(lambda: connections(web) == 1, "one connection", 4)
    for tab in tabs:
        expect_live(tab)
    context.close()


def test_who_signs_in_in_one_tab_is_signed_in_in_all_by_one_new_connection(
    closed_up: Web, people: People, new_page: NewPage, name: str
) -> None:
    token = people.token(name, f"builder@{name}")
    build = people.start(token, name, script=SLOW)["build"]
    page = new_page()
    page.goto(f"{closed_up.url}/projects/{name}")
    other = page.context.new_page()
    other.goto(closed_up.url)
    for tab in (page, other):
        expect(tab.locator("#sign-in")).to_be_visible()
    enter(page, token)
    for tab in (page, other):
        expect_signed_in(tab, name)
        expect_live(tab)
        expect(tab.locator("#build-list").get_by_text(build[-8:])).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    for tab in (page, other):
        expect(tab.locator("#sign-in")).to_be_visible()
        expect(tab.locator(".build-card")).to_have_count(0)


def test_a_tab_that_the_browser_freezes_catches_up(web: Web, new_page: NewPage) -> None:
    page, other = open_tabs(new_page(), f"{web.url}/projects/frozen", web.url)
    until(lambda: connections(web) == 1, "one connection")
    session = page.context.new_cdp_session(page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    build = web.press_start("frozen", script=FAST)["build"]
    expect(other.locator("#build-list").get_by_text("Succeeded").first).to_be_visible()
    session.send("Page.setWebLifecycleState", {"state": "active"})
    expect_live(page)
    expect(page.locator("#build-list").get_by_text(build[-8:])).to_be_visible()
    expect(page.locator("#build-list").get_by_text("Succeeded").first).to_be_visible()
