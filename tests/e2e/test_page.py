"""The page in a real Chromium."""

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from service import Service, Web, until

FAST = {"seconds": 1.5, "steps": 10, "errors": [70]}
SLOW = {"seconds": 20, "steps": 100, "errors": [5]}
AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"

NewPage = Callable[..., Page]


@pytest.fixture
def up(run: Callable[..., Service], free_port: Callable[[], int]) -> Web:
    found = run("up", mqtt_port=free_port())
    assert isinstance(found, Web)
    return found.until_ready()


def open_live(page: Page, url: str) -> Page:
    page.goto(url)
    expect(page.locator("#connection-status")).to_contain_text("Live")
    return page


def test_start_in_one_browser_shows_in_another(up: Web, new_page: NewPage) -> None:
    ada = open_live(new_page(), f"{up.url}/projects/acme")
    bob = open_live(new_page(), f"{up.url}/projects/acme")
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


def test_the_one_button_stops_and_starts_again(up: Web, new_page: NewPage) -> None:
    build = up.press_start("acme", script=SLOW)["build"]
    page = open_live(new_page(), f"{up.url}/projects/acme")
    page.get_by_role("button", name="Stop", exact=False).click()
    up.until_status("acme", build, "stopped")
    page.get_by_role("button", name="Start again").click()
    expect(page.get_by_role("progressbar")).to_have_count(2)
    again = up.build("acme", "latest")
    assert again["build"] != build
    assert again["script"] == SLOW
    up.press_stop("acme", again["build"])


def test_a_page_opened_in_the_middle_shows_the_build_as_it_is(up: Web, new_page: NewPage) -> None:
    build = up.press_start("acme", script=SLOW)["build"]
    until(lambda: up.build("acme", build)["errors"], "the error")
    page = open_live(new_page(), f"{up.url}/projects/acme/builds/{build}")
    bar = page.get_by_role("progressbar")
    expect(bar).to_have_attribute("data-bar", "bad")
    up.press_stop("acme", build)
    expect(page.get_by_text("Stopped").first).to_be_visible()


def test_it_goes_on_after_the_gateway_was_killed(up: Web, new_page: NewPage) -> None:
    page = open_live(new_page(), up.url)
    build = up.press_start("acme", script=FAST | {"seconds": 5})["build"]
    expect(page.get_by_role("progressbar")).to_have_count(1)
    os.kill(gateway_pid(page), signal.SIGKILL)
    expect(page.locator("#connection-status")).not_to_contain_text("Live", timeout=2000)
    expect(page.locator("#connection-status")).to_contain_text("Live", timeout=15_000)
    up.until_status("acme", build, "failed")
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100")
    expect(page.get_by_role("progressbar")).to_have_count(1)


def gateway_pid(page: Page) -> int:
    text = page.locator("#served-by").inner_text()
    found = re.search(r"\d+", text)
    assert found, text
    return int(found[0])


def test_a_bad_project_name_is_told_beside_the_control(up: Web, new_page: NewPage) -> None:
    page = open_live(new_page(), up.url)
    page.get_by_label("Project").fill("Acme.secret")
    page.get_by_role("button", name="Start build").click()
    assert not json.loads(page.request.get(f"{up.url}/api/builds").text())["builds"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(up: Web, new_page: NewPage, scheme: str, width: int) -> None:
    assert AXE.exists(), "axe-core is missing: run `make test`, or `npm ci`."
    up.press_start("acme", script=FAST)
    up.press_start("zeta", script=SLOW, by="ada")
    page = new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
    for path in ("/", "/projects/acme", "/projects/acme/builds/unknown"):
        open_live(page, up.url + path)
        page.add_script_tag(content=AXE.read_text())  # by DevTools: the page's CSP forbids it
        found = page.evaluate("axe.run()")
        problems = [(v["id"], [n["target"] for n in v["nodes"]]) for v in found["violations"]]
        assert problems == [], json.dumps(problems, indent=2)
