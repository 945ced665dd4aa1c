"""Links that show one build to those who have no token, in a real Chromium."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from support.browsers import NEWER_FUNCTIONS
from support.people import People, enter, expect_live, expect_signed_in
from support.service import HTTP, Web

NewPage = Callable[..., Page]

SLOW = {"seconds": 60, "steps": 60, "errors": []}
HTML = "text/html"


@pytest.fixture
def web(closed_up: Web) -> Web:
    return closed_up


def test_one_signs_in_and_shares_in_the_oldest_browser(
    web: Web, people: People, new_page: NewPage, name: str
) -> None:
    token = people.token(name, f"builder@{name}")
    build = people.start(token, name, script=SLOW)["build"]
    page = new_page()
    without = """
        for (const path of %s) {
          const names = path.split(".");
          const last = names.pop();
          let holder = globalThis;
          for (const name of names) holder = holder?.[name];
          if (holder) delete holder[last];
        }
    """
    page.add_init_script(without % NEWER_FUNCTIONS)
    page.goto(f"{web.url}/projects/{name}/builds/{build}")
    enter(page, token)
    expect_live(page)
    page.get_by_text("Share", exact=True).click()
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_role("textbox", name="Link")).to_have_value(re.compile("/s/bl_"))
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#sign-in")).to_be_visible()


def test_a_link_shows_one_build_to_a_stranger(
    web: Web, people: People, new_page: NewPage, name: str
) -> None:
    token = people.token(name, f"builder@{name}")
    build = people.start(token, name, script=SLOW)["build"]
    people.start(token, name, script=SLOW)
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{web.url}/login?back=/projects/{name}/builds/{build}#{token}")
    expect_live(page)
    page.get_by_text("Share", exact=True).click()
    page.get_by_label("Hours").fill("0")
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_label("Hours")).to_have_js_property("validity.valid", value=False)
    page.get_by_label("Hours").fill("2")
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_text("Whoever has it sees this build until")).to_be_visible()
    link = page.get_by_role("textbox", name="Link").input_value()
    assert link.startswith(f"{web.url}/s/bl_")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == link

    stranger = new_page()
    stranger.goto(link)
    expect(stranger).to_have_url(f"{web.url}/projects/{name}/builds/{build}")
    expect_live(stranger)
    expect(stranger.locator("#build-state")).to_be_visible()
    expect(stranger.get_by_text("You came by a link that shows this one build")).to_be_visible()
    expect(stranger.get_by_role("link", name="Sign in")).to_be_visible()
    expect(stranger.get_by_role("button", name=re.compile("Stop|Sign out"))).to_have_count(0)
    expect(stranger.locator("#share")).to_be_hidden()
    stranger.get_by_role("link", name="All builds").click()
    expect_live(stranger)
    expect(stranger.locator(".build-card")).to_have_count(1)
    expect(stranger.get_by_text("You came by a link")).to_be_visible()
    stranger.get_by_role("link", name="Sign in").click()
    enter(stranger, people.token(f"{name}-2", f"viewer@{name}"))
    expect_signed_in(stranger, f"{name}-2")
    expect(stranger.locator(".build-card")).to_have_count(2)


def test_a_link_on_another_site_signs_nobody_out(
    web: Web, people: People, new_page: NewPage, name: str
) -> None:
    token = people.token(name, f"builder@{name}")
    build = people.start(token, name, script=SLOW)["build"]
    path = f"{web.url}/api/projects/{name}/builds/{build}/share"
    answer = HTTP.post(path, json={}, headers={"Authorization": f"Bearer {token}"})
    chat = f'<a href="{answer.json()["url"]}">the build</a>'
    for page, note in ((new_page(), 0), (new_page(), 1)):
        if not note:
            page.goto(f"{web.url}/login#{token}")
            expect_signed_in(page, name)
        page.route(
            "http://chat.example/", lambda route: route.fulfill(body=chat, content_type=HTML)
        )
        page.goto("http://chat.example/")
        page.get_by_role("link", name="the build").click()
        expect(page).to_have_url(f"{web.url}/projects/{name}/builds/{build}")
        expect_live(page)
        expect(page.get_by_text("You came by a link")).to_have_count(note)
        expect(page.get_by_text(f"Signed in as {name}")).to_have_count(1 - note)
