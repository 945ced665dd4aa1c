"""The title, the icon, notifications and keys, in a real Chromium."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from support.axe import problems
from support.people import expect_live
from support.service import Web, until

NewPage = Callable[..., Page]

SLOW = {"seconds": 60, "steps": 60, "errors": []}
RED = {"seconds": 6, "steps": 12, "errors": [25]}
WELL = {"seconds": 1, "steps": 4, "errors": []}

# What would be shown is noted, as a browser without windows shows nothing.
NOTED = """
    globalThis.noted = [];
    globalThis.Notification = class {
      static permission = %s;
      static async requestPermission() { return (Notification.permission = %s); }
      constructor(title, options) { noted.push({title, ...options, icon: undefined}); }
      close() {}
    };
"""


def open_live(page: Page, url: str) -> Page:
    page.goto(url)
    expect_live(page)
    return page


def icon(page: Page) -> str:
    return str(page.evaluate("decodeURIComponent(document.querySelector('link[rel=icon]').href)"))


@pytest.fixture
def noting(new_page: NewPage) -> Page:
    page = new_page(reduced_motion="reduce")
    page.context.add_init_script(NOTED % ('"default"', '"granted"'))
    return page


def test_title_and_icon_tell_how_far_a_build_is_and_how_it_ended(
    up: Web, new_page: NewPage, name: str
) -> None:
    build = up.press_start(name, script=RED)["build"]
    page = open_live(new_page(), f"{up.url}/projects/{name}/builds/{build}")
    expect(page).to_have_title(re.compile("^✗ Running .*1 error"))
    assert icon(page).startswith("data:image/svg+xml,<svg")
    expect(page).to_have_title(re.compile("^✗ Failed"))
    well = up.press_start(name, script=WELL)["build"]
    page.goto(f"{up.url}/projects/{name}/builds/{well}")
    expect(page).to_have_title(re.compile("^✓ Succeeded"))
    until(lambda: "stroke-linecap" in icon(page), "the mark of a build that is done")


def test_a_page_that_is_hidden_goes_on_in_its_title(up: Web, new_page: NewPage, name: str) -> None:
    page = open_live(new_page(), f"{up.url}/projects/{name}")
    page.evaluate("""
        Object.defineProperty(document, "hidden", {configurable: true, get: () => true});
        document.dispatchEvent(new Event("visibilitychange"));
    """)
    up.press_start(name, script=WELL)
    expect(page).to_have_title(re.compile("^1 running"))
    expect(page).to_have_title(re.compile("^✓ 1 done"))
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page).to_have_title(f"{name} · Buildfeed")


def test_one_is_notified_of_the_first_error_and_the_end_by_one_tab(
    up: Web, noting: Page, name: str
) -> None:
    page = open_live(noting, f"{up.url}/projects/{name}")
    other = open_live(page.context.new_page(), up.url)
    bell = page.get_by_role("button", name="Notifications are off")
    assert page.evaluate("Notification.permission") == "default"
    bell.click()
    page.get_by_label(f"of all builds of {name}").check()
    expect(page.get_by_role("button", name="Notifications are on")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#bell-panel")).to_be_hidden()
    other.evaluate("Notification.permission = 'granted'")
    build = up.press_start(name, script=RED)["build"]
    up.press_start("of-nobody", script=RED)

    def noted() -> list[dict[str, str]]:
        both = [tab.evaluate("noted") for tab in (page, other)]
        return sorted((each for one in both for each in one), key=lambda one: one["tag"])

    until(lambda: len(noted()) >= 2, "both notices")
    up.until_status("of-nobody", "latest", "failed")
    short = f"{name} {build[-8:]}"
    assert [one["title"] for one in noted()] == [
        f"{short}: Failed at 100 %, 1 error".replace(" at 100 %", ""),
        f"{short} has its first error",
    ]


def test_a_browser_that_blocks_notifications_is_told_of(up: Web, new_page: NewPage) -> None:
    page = new_page(reduced_motion="reduce")
    page.add_init_script(NOTED % ('"denied"', '"denied"'))
    open_live(page, up.url)
    page.get_by_role("button", name="Notifications are off").click()
    expect(page.get_by_text("Your browser blocks notifications")).to_be_visible()
    assert problems(page) == []


def test_my_builds_are_those_under_my_name(up: Web, noting: Page, name: str) -> None:
    noting.context.add_init_script("localStorage.setItem('buildfeed.by', 'ada')")
    page = open_live(noting, f"{up.url}/projects/{name}")
    page.get_by_role("button", name="Notifications are off").click()
    page.get_by_label("of my own builds").check()
    assert problems(page) == []
    for by in ("ada", "bob"):
        build = up.press_start(name, script=WELL, by=by)["build"]
        up.until_status(name, build, "succeeded")
    until(lambda: page.evaluate("noted.length"), "a notice")
    shown = page.locator("#build-list [data-key]").filter(has_text="Succeeded")
    expect(shown).to_have_count(2)
    assert len(page.evaluate("noted")) == 1


def test_keys_lead_through_the_builds(up: Web, new_page: NewPage, name: str) -> None:
    builds = [up.press_start(name, script=WELL)["build"] for _ in range(3)]
    for build in builds:
        up.until_status(name, build, "succeeded")  # then none changes its place any more
    page = open_live(new_page(), f"{up.url}/projects/{name}")
    links = page.locator("#build-list a[data-part=build]")
    expect(links).to_have_count(3)
    page.keyboard.press("j")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    expect(links.nth(2)).to_be_focused()
    page.keyboard.press("k")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/builds/{'|'.join(builds)}$"))


def test_a_sheet_shows_the_keys_and_switches_them_off(
    up: Web, new_page: NewPage, name: str
) -> None:
    up.press_start(name, script=WELL)
    page = open_live(
        new_page(viewport={"width": 320, "height": 640}, reduced_motion="reduce"),
        f"{up.url}/projects/{name}",
    )
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keys")
    expect(sheet).to_be_visible()
    expect(sheet).to_contain_text("The next build")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    for _ in range(4):
        page.keyboard.press("Tab")
        assert page.evaluate("Boolean(document.activeElement.closest('[role=dialog]'))")
    sheet.get_by_label("These keys work here").uncheck()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.keyboard.press("?")
    page.keyboard.press("j")
    expect(sheet).to_be_hidden()
    page.wait_for_function("document.activeElement === document.body")
    page.get_by_role("button", name="Keys", exact=True).click()
    expect(sheet).to_be_visible()
    sheet.get_by_role("button", name="Close").click()
    expect(page.get_by_role("button", name="Keys", exact=True)).to_be_focused()
    page.get_by_role("button", name="Keys", exact=True).click()
    assert problems(page) == []


def test_keys_are_letters_in_a_field(up: Web, new_page: NewPage, name: str) -> None:
    page = open_live(new_page(), f"{up.url}/projects/{name}")
    field = page.locator("#filter-text")
    field.focus()
    page.keyboard.type("jk?s/")
    expect(field).to_have_value("jk?s/")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()


def test_it_can_be_installed(up: Web, new_page: NewPage) -> None:
    page = open_live(new_page(), up.url)
    session = page.context.new_cdp_session(page)
    found = session.send("Page.getAppManifest")
    assert found["errors"] == []
    manifest = json.loads(found["data"])
    assert manifest["name"] == "Buildfeed"
    sizes = {}
    for one in manifest["icons"]:
        answer = page.request.get(f"{up.url}/{one['src']}")
        assert answer.status == 200
        sizes[one["src"]] = answer.headers["content-type"]
    assert sizes["icons/512.png"] == "image/png"
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [one["errorId"] for one in errors] in ([], ["in-incognito"])


def test_keys_press_what_says_them(up: Web, new_page: NewPage, name: str) -> None:
    build = up.press_start(name, script=RED)["build"]
    page = open_live(new_page(), up.url)
    page.keyboard.press("/")
    expect(page.locator("#filter-text")).to_be_focused()
    page.keyboard.press("Escape")
    page.locator("#filter-text").blur()
    # The page is live before it knows what its visitor may do, and has no such button until then.
    expect(page.get_by_role("button", name="Start a build", exact=True)).to_be_visible()
    page.keyboard.press("s")
    expect(page.locator("#start-sheet")).to_be_visible()
    page.keyboard.press("Escape")
    up.until_status(name, build, "failed")
    page.goto(f"{up.url}/projects/{name}/builds/{build}")
    expect_live(page)
    expect(page.locator("#errors a[data-part=number]").first).to_be_visible()
    page.keyboard.press("e")
    expect(page.locator("#errors a[data-part=number]").first).to_be_focused()
