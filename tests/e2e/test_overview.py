"""The overview: what comes first, filters, favourites, banners, keys, and lists of any length."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec import UNSET, structs
from playwright.sync_api import Page, expect

from buildfeed.activity import Activity, urn
from support.overview import open_form, press_start
from support.own_builds import Own, publishing_url
from support.service import HTTP, Web, until
from support.workshop import by_another, start

SLOW = {"seconds": 60, "steps": 60, "errors": []}
PHONE = {"viewport": {"width": 360, "height": 740}}

NewPage = Callable[..., Page]

FOCUSED = "document.activeElement.closest('[data-key]')?.dataset.key ?? document.activeElement.id"


@pytest.fixture
def project(name: str) -> str:
    return f"{name}-o"


@pytest.fixture
def somebody(up: Web) -> Iterator[Own]:
    with Own(publishing_url(up)) as own:
        yield own


def open_live(page: Page, url: str) -> Page:
    page.goto(url)
    expect(page.locator("#connection-status")).to_contain_text("Live")
    return page


def running(project: str, build: str, **facts: Any) -> Activity:
    """Return the start of a build of somebody's own, to be sent by `by_another`."""
    offer = start()
    own = {"id": urn(project, build), "project": project, "build": build, "script": UNSET, **facts}
    return structs.replace(offer, object=structs.replace(offer.object, **own))


def end(somebody: Own, build: Activity, status: str = "succeeded") -> None:
    somebody.send(by_another(build))
    somebody.send(by_another(build, "Update", seq=1, status=status, progress=100))


def has(web: Web, project: str, count: int) -> bool:
    answer = HTTP.get(f"{web.url}/api/builds?project={project}&limit=200").json()
    return len(answer["builds"]) >= min(count, 200)


# --- what comes first


def test_on_a_phone_the_first_build_is_in_the_upper_part_of_the_window(
    up: Web, somebody: Own, new_page: NewPage, project: str
) -> None:
    for number in range(5):
        somebody.send(by_another(running(project, f"own-{number}")))
    page = open_live(new_page(**PHONE), up.url)
    card = page.locator(".build-card").first
    expect(card).to_be_visible()
    box = card.bounding_box()
    assert box
    assert box["y"] < 200
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for number in range(5):
        end(somebody, running(project, f"own-{number}"))


def test_what_goes_on_stands_above_what_has_ended(
    up: Web, somebody: Own, new_page: NewPage, project: str
) -> None:
    one, two = running(project, "own-1"), running(project, "own-2")
    end(somebody, two)
    until(lambda: has(up, project, 1), "it is known")
    page = open_live(new_page(), f"{up.url}/projects/{project}")
    expect(page.locator(".build-row")).to_contain_text("own-2")
    somebody.send(by_another(one))
    expect(page.locator(".build-card")).to_contain_text("own-1")
    order = "[...document.querySelectorAll('.build')].map((build) => build.dataset.key)"
    assert page.evaluate(order) == [f"{project}/own-1", f"{project}/own-2"]
    end(somebody, one, "failed")
    expect(page.locator(".build-card")).to_contain_text("Failed")  # for a moment it stays there
    expect(page.locator(".build-card")).to_have_count(0, timeout=20_000)
    expect(page.locator(".build-row")).to_have_count(2)


# --- filters


def test_filters_are_in_the_address_and_can_be_cleared(
    up: Web, somebody: Own, new_page: NewPage, project: str
) -> None:
    somebody.send(by_another(running(project, "own-1", title="make lint", by="ada")))
    end(somebody, running(project, "own-2", title="make test", by="bob"), "failed")
    until(lambda: has(up, project, 2), "they are known")
    page = open_live(new_page(), f"{up.url}/projects/{project}")
    builds = page.locator(".build")
    expect(builds).to_have_count(2)
    page.get_by_label("Search in the builds").fill("MAKE lin")
    expect(builds).to_have_count(1)
    expect(builds).to_contain_text("make lint")
    expect(page).to_have_url(re.compile(r"\?text=MAKE\+lin$"))
    page.get_by_label("Search in the builds").fill("")
    page.get_by_text("With errors").click()
    expect(builds).to_contain_text(["make test"])
    expect(page).to_have_url(re.compile(r"\?state=red$"))
    page.get_by_role("button", name="Filters", exact=True).click()
    page.get_by_label("Started by").fill("ada")
    expect(page.get_by_text("No build here fits the filters.")).to_be_visible()
    expect(page.locator("#filter-bar")).to_contain_text("0 of 2 builds")
    expect(page).to_have_url(re.compile(r"\?state=red&by=ada$"))

    page.reload()
    expect(page.get_by_text("No build here fits the filters.")).to_be_visible()
    expect(page.get_by_label("Started by")).to_have_value("ada")
    page.get_by_role("button", name="Clear filters").click()
    expect(builds).to_have_count(2)
    expect(page).to_have_url(f"{up.url}/projects/{project}")
    end(somebody, running(project, "own-1"))


def test_an_mqtt_filter_is_what_the_page_watches(
    up: Web, somebody: Own, new_page: NewPage, project: str
) -> None:
    page = open_live(new_page(), up.url)
    page.get_by_role("button", name="Filters", exact=True).click()
    page.get_by_label("MQTT filter").fill(f"builds/{project}/#")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"\?watch="))
    expect(page.locator("#connection-status")).to_contain_text("Live")
    expect(page.locator("#filter-bar")).to_contain_text(f"matches builds/{project}/#")
    for each in (project, f"{project}-2"):
        somebody.send(by_another(running(each, "own-1")))
    expect(page.locator(".build")).to_have_count(1)
    page.goto(f"{up.url}/?watch=nonsense/%23")
    expect(page.get_by_role("alert").filter(has_text="'nonsense/#'")).to_be_visible()
    for each in (project, f"{project}-2"):
        end(somebody, running(each, "own-1"))


def test_older_builds_are_searched_until_one_fits(
    up: Web, somebody: Own, new_page: NewPage, project: str
) -> None:
    end(somebody, running(project, "own-0000", title="the needle"))
    for number in range(1, 450):
        end(somebody, running(project, f"own-{number:04}"))
    newest = f"{up.url}/api/projects/{project}/builds/own-0449"
    until(lambda: HTTP.get(newest).status_code == 200, "they are recorded")
    page = open_live(new_page(), f"{up.url}/projects/{project}?text=needle")
    expect(page.get_by_text("No build here fits the filters.")).to_be_visible()
    page.get_by_role("button", name="Show older builds").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".build")).to_contain_text(["the needle"])
    assert page.evaluate("document.activeElement !== document.body")


# --- projects


def test_favourites_come_first_and_are_remembered(
    up: Web, somebody: Own, new_page: NewPage, name: str
) -> None:
    for project in (f"{name}-a", f"{name}-z"):
        end(somebody, running(project, "own-1"))
        until(lambda project=project: has(up, project, 1), "it is known")
    page = open_live(new_page(), up.url)
    page.get_by_role("button", name=re.compile("Show all|Show fewer")).or_(
        page.locator("#projects-heading")
    ).first.click()
    star = page.get_by_role("button", name=f"{name}-z is a favourite")
    star.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".project-row").first).to_contain_text(f"{name}-z")
    assert page.evaluate(FOCUSED) == f"{name}-z"
    page.reload()
    expect(page.locator(".project-row").first).to_contain_text(f"{name}-z")
    expect(star).to_have_attribute("aria-pressed", "true")


# --- keys


def test_a_press_by_key_keeps_the_focus_where_it_was(
    up: Web, new_page: NewPage, project: str
) -> None:
    up.press_start(project, script=SLOW)
    page = open_live(new_page(), f"{up.url}/projects/{project}")
    build = page.locator(".build")
    expect(build).to_contain_text("Running", timeout=30_000)
    page.get_by_role("button", name="Stop").focus()
    key = page.evaluate(FOCUSED)
    page.keyboard.press("Enter")
    expect(build).to_contain_text("Stopped")
    assert page.evaluate(FOCUSED) == key
    again = page.get_by_role("button", name="Start again")
    expect(again).not_to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Enter")
    expect(page.locator(".build")).to_have_count(2)
    assert page.evaluate(FOCUSED) == key
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Stop").press("Enter")
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)


def test_the_form_is_a_dialog_that_keys_open_leave_and_stay_in(
    up: Web, new_page: NewPage, project: str
) -> None:
    page = open_live(new_page(**PHONE), f"{up.url}/projects/{project}")
    opener = page.get_by_role("button", name="Start a build")
    sheet = page.get_by_role("dialog", name="Start a build")
    opener.press("Enter")
    expect(sheet).to_be_visible()
    expect(page.get_by_label("Your name")).to_be_focused()
    for _ in range(8):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.querySelector('#start-sheet').contains(document.activeElement)"
        )
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(opener).to_be_focused()
    open_form(page)
    sheet.get_by_role("button", name="Close").click()
    expect(opener).to_be_focused()
    press_start(page)
    expect(sheet).to_be_hidden()
    expect(opener).to_be_focused()
    expect(page.locator("#started")).to_contain_text(f"Started {project}")
    expect(page.locator(".build")).to_have_count(1)


# --- long lists


def test_a_list_of_a_thousand_is_walked_by_keys_and_scrolled(
    up: Web, somebody: Own, new_page: NewPage, project: str
) -> None:
    count = 1000
    for number in range(count):
        somebody.send(by_another(running(project, f"own-{number:04}")))
    page = open_live(new_page(), f"{up.url}/projects/{project}")
    expect(page.locator(".chip[data-state=running]")).to_have_text(
        f"Running {count}", timeout=30_000
    )
    links = page.locator(".build-card a.title")
    links.first.focus()
    keys = []
    for _ in range(40):
        keys.append(page.evaluate(FOCUSED))
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
    expected = [f"{project}/own-{count - 1 - number:04}" for number in range(40)]
    assert keys == expected
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
    middle = (
        "document.elementFromPoint(innerWidth / 3, innerHeight / 2).closest('.build')?.dataset.key"
    )
    until(lambda: page.evaluate(middle), "a build is in the middle")
    assert page.locator(".build").count() < 60
    assert len(page.locator(".build").all()) == len(
        set(page.locator(".build").evaluate_all("all => all.map((one) => one.dataset.key)"))
    )
    for number in range(count):
        end(somebody, running(project, f"own-{number:04}"))


# --- banners


def test_a_banner_says_that_no_worker_is_online_and_what_to_do(
    run: Callable[..., Any], free_port: Callable[[], int], new_page: NewPage
) -> None:
    web = run("up", mqtt_port=free_port(), no_worker=True)
    page = open_live_page(new_page(), web.until_ready())
    expect(page.locator(".banner")).to_contain_text("No worker is online")
    expect(page.locator(".banner")).to_contain_text("buildfeed worker")
    expect(page.locator(".banner")).to_have_count(1)


def open_live_page(page: Page, web: Web) -> Page:
    page.goto(web.url)
    expect(page.locator("#connection-status")).to_have_attribute("data-state", "impeded")
    return page
