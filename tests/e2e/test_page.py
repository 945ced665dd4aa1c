"""The page in a real Chromium."""

import json
import re
from collections.abc import Callable

import pytest
from msgspec import UNSET, structs
from playwright.sync_api import Page, Route, WebSocketRoute, expect

from buildfeed.activity import urn
from support.axe import problems
from support.overview import open_form, press_start
from support.own_builds import Own, publishing_url
from support.service import Web, until
from support.workshop import by_another, start

FAST = {"seconds": 1.5, "steps": 10, "errors": [70]}
SLOW = {"seconds": 60, "steps": 300, "errors": [2]}

NewPage = Callable[..., Page]


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    """Give each test a project of its own."""
    return re.sub("[^a-z0-9]+", "-", request.node.name.lower())[-60:].strip("-")


def open_live(page: Page, url: str) -> Page:
    page.goto(url)
    expect(page.locator("#connection-status")).to_contain_text("Live")
    return page


def test_start_in_one_browser_shows_in_another(up: Web, new_page: NewPage, project: str) -> None:
    ada = open_live(new_page(), f"{up.url}/projects/{project}")
    bob = open_live(new_page(), f"{up.url}/projects/{project}")
    form = open_form(ada)
    form.get_by_label("Your name").fill("ada")
    form.get_by_text("Options").click()
    form.get_by_label("Pretend errors").fill("70")
    press_start(ada)
    bar = bob.get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", re.compile("[1-9]0"))
    expect(bar).to_have_attribute("data-bar", "good")
    expect(bob.locator(".build").get_by_text("ada")).to_be_visible()
    expect(bar).to_have_attribute("data-bar", "bad", timeout=15_000)
    expect(bar).to_have_attribute("aria-valuenow", re.compile("70|80|90|100"))
    expect(bob.get_by_text("1 error")).to_be_visible()
    expect(bob.get_by_role("listitem").get_by_text("Failed").first).to_be_visible(timeout=15_000)


def test_the_one_button_stops_and_starts_again(up: Web, new_page: NewPage, project: str) -> None:
    build = up.press_start(project, script=SLOW)["build"]
    page = open_live(new_page(), f"{up.url}/projects/{project}")
    page.get_by_role("button", name="Stop", exact=False).click()
    up.until_status(project, build, "stopped")
    page.get_by_role("button", name="Start again").click()
    expect(page.locator(".build")).to_have_count(2)
    again = up.build(project, "latest")
    assert again["build"] != build
    assert again["script"] == SLOW
    up.press_stop(project, again["build"])


@pytest.mark.parametrize("width", [390, 1280])
def test_a_build_that_no_worker_here_can_do_again_has_no_button_for_it(
    up: Web, new_page: NewPage, project: str, width: int
) -> None:
    offer = start()
    own = {"id": urn(project, "own"), "project": project, "build": "own", "script": UNSET}
    build = structs.replace(offer, object=structs.replace(offer.object, **own))
    page = open_live(new_page(viewport={"width": width, "height": 844}), up.url)
    card = page.locator(".build-card").filter(has=page.get_by_role("link", name=project))
    page.get_by_role(
        "button", name="Filters", exact=True
    ).click()  # a phone shows the projects with them
    row = page.locator(".project-row").filter(has_text=project)
    others = page.get_by_role("button", name=re.compile(r"Show all \d+"))
    with Own(publishing_url(up)) as somebody:
        somebody.send(by_another(build))
        expect(card.get_by_role("button", name="Stop")).to_be_visible()
        before = card.bounding_box()
        somebody.send(by_another(build, "Update", seq=1, status="succeeded", progress=100))
        expect(card.get_by_text("Succeeded")).to_be_visible()
        expect(card.get_by_role("button")).to_have_count(0)
        expect(row.or_(others).first).to_be_visible()
        if not row.is_visible():
            others.click()
        expect(row).to_be_visible()
        expect(row.get_by_role("button", name="Start")).to_have_count(0)
    after = card.bounding_box()
    assert before
    assert after
    assert (after["x"], after["width"]) == (before["x"], before["width"])
    assert abs(after["height"] - before["height"]) <= 5  # the bar of what has ended is thinner
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_page_opened_in_the_middle_shows_the_build_as_it_is(
    up: Web, new_page: NewPage, project: str
) -> None:
    build = up.press_start(project, script=SLOW)["build"]
    until(lambda: up.build(project, build)["errors"], "the error")
    page = open_live(new_page(), f"{up.url}/projects/{project}/builds/{build}")
    bar = page.get_by_role("progressbar")
    expect(bar).to_have_attribute("data-bar", "bad")
    up.press_stop(project, build)
    expect(page.get_by_text("Stopped").first).to_be_visible()


def test_a_page_has_every_unfinished_build_however_many_there_are(
    up: Web, new_page: NewPage, project: str
) -> None:
    count = 450  # a page of the snapshot has 200
    offer = start()
    builds = []
    for number in range(count):
        name = f"own-{number}"
        own = {"id": urn(project, name), "project": project, "build": name}
        builds.append(structs.replace(offer, object=structs.replace(offer.object, **own)))
    with Own(publishing_url(up)) as somebody:
        for build in builds:
            somebody.send(by_another(build))
        until(lambda: len(somebody.of(f"own-{count - 1}")), "the last build")
        page = open_live(new_page(), f"{up.url}/projects/{project}")
        running = page.locator(".chip[data-state=running]")
        expect(running).to_have_text(f"Running {count}")
        expect(page.locator(".build-card").first).to_have_attribute("aria-setsize", str(count))
        assert page.locator(".build").count() < 50
        page.context.set_offline(True)
        expect(page.locator("#connection-status")).not_to_contain_text("Live", timeout=30_000)
        page.context.set_offline(False)
        expect(page.locator("#connection-status")).to_contain_text("Live", timeout=30_000)
        expect(running).to_have_text(f"Running {count}")
        for build in builds:
            somebody.send(by_another(build, "Update", seq=1, status="succeeded", progress=100))
        expect(running).to_have_text("Running")


@pytest.mark.parametrize("refused", ["polling", "websocket"])
def test_it_connects_by_the_one_transport_that_is_there(
    up: Web, new_page: NewPage, refused: str
) -> None:
    page = new_page()
    if refused == "polling":  # as gateways of several processes do
        page.route("**/socket.io/*polling*", lambda route: route.fulfill(status=400))
    else:
        page.add_init_script("""
            window.WebSocket = class extends WebSocket {
              constructor() { super(`ws://${location.hostname}:1/`); }
            };
        """)
    open_live(page, up.url)


def test_a_delayed_build_shows_until_when_it_waits(
    up: Web, new_page: NewPage, project: str
) -> None:
    page = open_live(new_page(), f"{up.url}/projects/{project}")
    form = open_form(page)
    form.get_by_text("Options").click()
    form.get_by_label("Delay in seconds").fill("2.5")
    form.get_by_label("Seconds", exact=True).fill("60")
    press_start(page)
    card = page.locator(".build-card")
    expect(card.get_by_text(re.compile(r"Waits until \d+:\d\d.*, in \d s"))).to_be_visible()
    expect(page.locator("#page-head").get_by_text("1 delayed")).to_be_visible()
    expect(card.get_by_text(re.compile("^Running"))).to_be_visible()
    card.get_by_role("button", name="Stop").click()
    expect(card.get_by_text(re.compile("^Stopped"))).to_be_visible()


def test_the_button_stays_where_it_is_when_the_offers_come(up: Web, new_page: NewPage) -> None:
    page = new_page()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/api/jobs", hold)
    open_live(page, up.url)
    form = open_form(page)
    until(lambda: page.wait_for_timeout(20) or held, "the question for offers")
    expect(form.get_by_text("These builds only pretend")).to_be_hidden()
    button = form.get_by_role("button", name="Start build")
    before = button.bounding_box()
    for route in held:
        route.continue_()
    expect(form.get_by_text("These builds only pretend")).to_be_visible()
    assert button.bounding_box() == before


def test_a_bad_project_name_is_told_beside_the_control(
    up: Web, new_page: NewPage, project: str
) -> None:
    page = open_live(new_page(), up.url)
    field = open_form(page).get_by_label("Project")
    field.fill("Acme.secret")
    press_start(page)
    expect(field).to_have_js_property("validity.valid", value=False)


def test_axe_finds_nothing_whatever_is_shown(up: Web, new_page: NewPage) -> None:
    up.press_start("acme", script=FAST)
    zeta = up.press_start("zeta", script=SLOW | {"seconds": 300}, by="ada")
    later = up.press_start("zeta", script=SLOW, delay=600)
    lost = zeta | {"build": "gone", "status": "running", "attempt": 1, "lost": True, "worker": "w9"}
    page = new_page(reduced_motion="reduce")
    sockets: list[WebSocketRoute] = []

    def delay_history(browser: WebSocketRoute) -> None:
        sockets.append(browser)

        def on_message(message: str | bytes) -> None:
            if isinstance(message, str) and message.startswith('42["feed"'):
                name, feed = json.loads(message.removeprefix("42"))
                message = "42" + json.dumps([name, feed | {"recorder_lag_ms": 42_000}])
            browser.send(message)

        browser.connect_to_server().on_message(on_message)

    page.route_web_socket("**/socket.io/*", delay_history)

    for path in ("/projects/acme", "/projects/acme/builds/unknown"):
        open_live(page, up.url + path)
        assert problems(page) == []

    open_live(page, up.url)
    page.get_by_role("button", name="Filters", exact=True).click()
    sockets[-1].send("42" + json.dumps(["build", lost]))
    expect(page.get_by_text("Waits until")).to_be_visible()
    expect(page.get_by_text("its worker is gone; another will take over")).to_be_visible()
    expect(page.get_by_text("history lags behind")).to_be_visible()
    expect(page.get_by_text("history is 42 s behind")).to_be_visible()
    assert problems(page) == []
    open_form(page).get_by_text("Options").click()
    assert problems(page) == []
    for build in (zeta, later):
        up.press_stop("zeta", build["build"])

    page.route("**/socket.io/*", lambda route: route.abort())
    page.route_web_socket("**/socket.io/*", lambda ws: ws.close())
    sockets[-1].close()
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    assert problems(page) == []


def test_a_history_that_cannot_be_read_is_told_until_it_can(
    up: Web, new_page: NewPage, project: str
) -> None:
    build = up.press_start(project, script={"seconds": 1, "steps": 2, "errors": []})["build"]
    page = new_page()
    problem = {"type": "urn:buildfeed:problem:history-unavailable", "detail": "It is away."}
    page.route("**/activities*", lambda route: route.fulfill(status=503, json=problem))
    page.goto(f"{up.url}/projects/{project}/builds/{build}")
    expect(page.locator("#build-history [role=alert]")).to_have_text("It is away.")
    page.unroute("**/activities*")
    expect(page.locator("#build-history")).to_contain_text("Succeeded")
    expect(page.locator("#build-history [role=alert]")).to_be_hidden()
