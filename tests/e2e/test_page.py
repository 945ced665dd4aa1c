"""The page in a real Chromium."""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from service import Web, until

from broker import ports

FAST = {"seconds": 1.5, "steps": 10, "errors": [70]}
SLOW = {"seconds": 20, "steps": 100, "errors": [5]}
AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"

NewPage = Callable[..., Page]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    directory = tmp_path_factory.mktemp("page")
    port = ports.free_block(2, 0)
    with Web("up", directory, port=port, mqtt_port=port + 1) as web:
        yield web.until_ready()


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
    ada.get_by_label("Your name").fill("ada")
    ada.get_by_role("button", name="Start build").click()
    bar = bob.get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", re.compile("[1-9]0"))
    expect(bar).to_have_attribute("data-bar", "good")
    expect(bob.get_by_text("ada")).to_be_visible()
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
    expect(page.get_by_role("progressbar")).to_have_count(2)
    again = up.build(project, "latest")
    assert again["build"] != build
    assert again["script"] == SLOW
    up.press_stop(project, again["build"])


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


def test_it_goes_on_after_the_gateway_was_killed(up: Web, new_page: NewPage, project: str) -> None:
    page = open_live(new_page(), f"{up.url}/projects/{project}")
    build = up.press_start(project, script=FAST | {"seconds": 5})["build"]
    expect(page.get_by_role("progressbar")).to_have_count(1)
    os.kill(gateway_pid(page), signal.SIGKILL)
    expect(page.locator("#connection-status")).not_to_contain_text("Live", timeout=2000)
    expect(page.locator("#connection-status")).to_contain_text("Live", timeout=15_000)
    up.until_status(project, build, "failed")
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100")
    expect(page.get_by_role("progressbar")).to_have_count(1)


def gateway_pid(page: Page) -> int:
    text = page.locator("#served-by").inner_text()
    found = re.search(r"\d+", text)
    assert found, text
    return int(found[0])


def test_a_bad_project_name_is_told_beside_the_control(
    up: Web, new_page: NewPage, project: str
) -> None:
    page = open_live(new_page(), up.url)
    page.get_by_label("Project").fill("Acme.secret")
    page.get_by_role("button", name="Start build").click()
    expect(page.get_by_label("Project")).to_have_js_property("validity.valid", value=False)


def test_queue_and_workers_are_asked_for_once_they_are_shown(
    up: Web, new_page: NewPage, project: str
) -> None:
    builds = [up.press_start(project, script=SLOW, by="ada")["build"] for _ in range(3)]
    page = new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_live(page, up.url)
    details = page.locator("#queue-overview")
    assert not [url for url in asked if url.endswith("/api/overview")]
    details.get_by_text("Queue and workers").click()
    expect(details.get_by_text("2 of 2 busy")).to_be_visible()
    expect(details.get_by_text("1 normal")).to_be_visible()
    for build in builds:
        up.press_stop(project, build)
    expect(details.get_by_text("0 of 2 busy")).to_be_visible(timeout=10_000)
    details.get_by_text("Queue and workers").click()
    expect(details.get_by_text("0 of 2 busy")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(up: Web, new_page: NewPage, scheme: str, width: int) -> None:
    assert AXE.exists(), "axe-core is missing: run `make test`, or `npm ci`."
    up.press_start("acme", script=FAST)
    up.press_start("zeta", script=SLOW, by="ada")
    page = new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
    for path in ("/", "/projects/acme", "/projects/acme/builds/unknown"):
        open_live(page, up.url + path)
        if path == "/":
            page.get_by_text("Queue and workers").click()
            expect(page.get_by_text("1 online")).to_be_visible()
        page.evaluate(
            AXE.read_text()
        )  # by DevTools: the page's own policy allows no foreign script
        found = page.evaluate("axe.run()")
        problems = [(v["id"], [n["target"] for n in v["nodes"]]) for v in found["violations"]]
        assert problems == [], json.dumps(problems, indent=2)
