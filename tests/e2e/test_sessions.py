"""Sessions on the page, in a real Chromium: what happens when one ends, and who comes after."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from support.overview import open_form
from support.people import People, enter, expect_live, expect_signed_in
from support.service import Web

NewPage = Callable[..., Page]

SLOW = {"seconds": 60, "steps": 60, "errors": []}
ALL = "operator"


@pytest.fixture
def web(closed_up: Web) -> Web:
    return closed_up


def test_a_session_that_ends_asks_to_sign_in_and_the_picture_stays(
    web: Web, people: People, new_page: NewPage, name: str
) -> None:
    token = people.token(name, f"builder@{name}")
    people.start(token, name, script=SLOW)
    page = new_page()
    page.goto(f"{web.url}/login?back=/projects/{name}#{token}")
    expect_live(page)
    card = page.locator(".build-card")
    expect(card.get_by_role("button", name="Stop")).to_be_visible()
    open_form(page).get_by_text("Options").click()
    page.get_by_label("Seconds", exact=True).fill("7.5")
    card.evaluate("(card) => (card.marked = true)")
    people.tokens.revoke(name)
    why = page.get_by_role("alert").filter(has_text="signed in with was revoked")
    expect(why).to_be_visible(timeout=6000)
    expect(card).to_have_attribute("data-stale", "true")
    expect(card.get_by_role("button")).to_have_count(0)
    expect(page.locator("#start-form")).to_be_hidden()
    expect(page.get_by_role("link", name="Sign in")).to_be_hidden()  # one way is enough
    enter(page, people.token(name, f"builder@{name}"))
    expect_live(page)
    expect(page.locator("#sign-in")).to_be_hidden()
    expect(card).to_have_attribute("data-stale", "false")
    assert card.evaluate("(card) => card.marked")
    expect(open_form(page).get_by_label("Seconds", exact=True)).to_have_value("7.5")
    page.keyboard.press("Escape")
    card.get_by_role("button", name="Stop").click()
    expect(card.get_by_text(re.compile("^Stopped"))).to_be_visible()


def test_somebody_else_gets_a_picture_of_their_own(
    web: Web, people: People, new_page: NewPage, name: str
) -> None:
    token = people.token(name, f"builder@{name}")
    build = people.start(token, name, script=SLOW)["build"]
    page = new_page()
    page.goto(f"{web.url}/login#{token}")
    expect(page.locator(".build-card")).to_have_count(1)
    people.tokens.revoke(name)
    expect(page.get_by_role("alert").filter(has_text="was revoked")).to_be_visible(timeout=6000)
    enter(page, people.token(f"{name}-2", "viewer@others"))
    expect_signed_in(page, f"{name}-2")
    expect_live(page)
    expect(page.locator(".build-card")).to_have_count(0)
    assert build not in page.content()


def test_other_grants_are_shown_without_a_reload(
    web: Web, people: People, new_page: NewPage, name: str
) -> None:
    page = new_page()
    page.goto(f"{web.url}/login#{people.token(name, f'viewer@{name}')}")
    expect_live(page)
    expect(page.locator("#start-open")).to_be_hidden()
    people.tokens.revoke(name)
    expect(page.locator("#sign-in")).to_be_visible(timeout=6000)
    enter(page, people.token(name, f"builder@{name}"))
    expect_live(page)
    expect(page.locator("#start-open")).to_be_visible()


def test_sign_out_ends_the_session_in_every_tab(
    web: Web, people: People, new_page: NewPage, name: str
) -> None:
    token = people.token(name, f"builder@{name}")
    people.start(token, name, script=SLOW)
    page = new_page()
    page.goto(f"{web.url}/login#{token}")
    other = page.context.new_page()
    other.goto(f"{web.url}/projects/{name}")
    for tab in (page, other):
        expect_live(tab)
        expect(tab.locator(".build-card")).to_have_count(1)
    page.bring_to_front()
    page.get_by_role("button", name="Sign out").click()
    for tab in (page, other):
        expect(tab.locator("#sign-in")).to_be_visible()
        expect(tab.locator(".build-card")).to_have_count(0)
        expect(tab.get_by_role("button", name="Sign out")).to_be_hidden()
    assert page.context.cookies() == []
    enter(page, token)
    for tab in (page, other):  # the other one tries again by itself, and finds the cookie
        expect_signed_in(tab, name)
        expect_live(tab)
        expect(tab.locator(".build-card")).to_have_count(1)


def test_a_refused_press_asks_to_sign_in_before_the_connection_ends(
    web: Web, people: People, new_page: NewPage, name: str
) -> None:
    token = people.token(name, f"builder@{name}")
    people.start(token, name, script=SLOW)
    page = new_page()
    page.goto(f"{web.url}/login?back=/projects/{name}#{token}")
    expect_live(page)
    page.get_by_role("button", name="Stop").focus()
    page.context.clear_cookies()
    page.keyboard.press("Enter")  # at once: the connection ends soon
    expect(page.locator("#sign-in")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="You are signed out")).to_be_visible()


def test_one_who_polls_is_asked_to_sign_in_too(
    web: Web, people: People, new_page: NewPage, name: str
) -> None:
    page = new_page()
    page.add_init_script("""
        window.WebSocket = class extends WebSocket {
          constructor() { super(`ws://${location.hostname}:1/`); }
        };
    """)
    page.goto(f"{web.url}/login#{people.token(name, ALL)}")
    expect_live(page)
    people.tokens.revoke(name)
    expect(page.get_by_role("alert").filter(has_text="was revoked")).to_be_visible(timeout=8000)
    enter(page, people.token(name, ALL))
    expect_live(page)
