"""Signing in on the page, in a real Chromium: how one comes in, and what is shown to whom."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, expect

from support.axe import problems
from support.overview import open_form, press_start
from support.people import People, enter, expect_live, expect_signed_in
from support.service import HTTP, Service, Web

NewPage = Callable[..., Page]
Run = Callable[..., Service]

SLOW = {"seconds": 60, "steps": 60, "errors": []}
ALL = "operator"
FIRST = "Sign in to see what is built here."
WIDTHS = 360, 768, 1280
UNKNOWN = "bf_" + "0" * 32


@pytest.fixture
def web(closed_up: Web) -> Web:
    return closed_up


def test_a_token_signs_one_in_where_one_is(
    web: Web, people: People, new_page: NewPage, name: str
) -> None:
    page = new_page()
    page.goto(f"{web.url}/projects/{name}")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.locator("#sign-in [role=alert]").first).to_have_text(FIRST)
    expect(page.locator("#connection-status")).to_contain_text("Not signed in")
    expect(page.locator("#start-open")).to_be_hidden()
    expect(page.get_by_text("Waiting for the gateway")).to_be_hidden()
    enter(page, UNKNOWN)
    expect(page.get_by_role("alert").filter(has_text="This token is unknown")).to_be_visible()
    expect(page.get_by_label("Token")).to_be_focused()
    expect(page.get_by_label("Token")).to_have_attribute("aria-invalid", "true")
    enter(page, f"  {people.token(name, ALL)} ")
    expect_signed_in(page, name)
    expect_live(page)
    expect(page.locator("#sign-in")).to_be_hidden()
    expect(page).to_have_url(f"{web.url}/projects/{name}")
    page.reload()
    expect_signed_in(page, name)
    assert page.evaluate("document.cookie") == ""


def test_a_link_signs_one_in_and_its_token_is_seen_nowhere(
    web: Web, people: People, new_page: NewPage, name: str
) -> None:
    token = people.token(name, ALL)
    page = new_page()
    asked: list[Request] = []

    def note(request: Request) -> None:
        asked.append(request)

    page.on("request", note)
    page.goto(f"{web.url}/login?back=/projects/{name}#{token}")
    expect(page).to_have_url(f"{web.url}/projects/{name}")
    expect_signed_in(page, name)
    expect_live(page)
    assert [each.url for each in asked if not each.url.startswith(f"{web.url}/")] == []
    told = [each for each in asked if token in f"{each.url} {each.headers} {each.post_data}"]
    assert [(each.method, each.url) for each in told] == [("POST", f"{web.url}/api/session")]
    assert token not in told[0].url
    assert token not in str(told[0].all_headers())
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, history.state])")
    assert token not in kept
    page.go_back()
    assert token not in page.url
    assert token not in web.text


def test_a_link_that_is_opened_in_the_same_tab_signs_one_in_too(
    web: Web, people: People, new_page: NewPage, name: str
) -> None:
    page = new_page()
    page.goto(f"{web.url}/login")
    expect(page.get_by_label("Token")).to_be_focused()
    page.goto(f"{web.url}/login#{UNKNOWN}")
    expect(page.get_by_role("alert").filter(has_text="This token is unknown")).to_be_visible()
    expect(page).to_have_url(f"{web.url}/login")
    page.goto(f"{web.url}/login#{people.token(name, ALL)}")
    expect_signed_in(page, name)
    expect(page).to_have_url(f"{web.url}/")


def test_a_link_makes_nobody_somebody_else_unasked(
    web: Web, people: People, new_page: NewPage, name: str
) -> None:
    page = new_page()
    page.goto(f"{web.url}/login#{people.token(name, ALL)}")
    expect_signed_in(page, name)
    page.goto(f"{web.url}/login#{people.token(f'{name}-2', ALL)}")
    expect(page.get_by_text(f"You are signed in as {name}.")).to_be_visible()
    page.get_by_role("link", name="Go on").click()
    expect_signed_in(page, name)
    page.goto(f"{web.url}/login#{people.token(f'{name}-3', ALL)}")
    expect(page.get_by_text("to be whoever the link is for instead")).to_be_visible()
    page.get_by_role("button", name="Sign in").click()
    expect_signed_in(page, f"{name}-3")


@pytest.mark.parametrize("path", ["//evil.example/", "https://evil.example/", "/\\evil.example"])
def test_nobody_is_led_to_another_site(
    web: Web, people: People, new_page: NewPage, name: str, path: str
) -> None:
    page = new_page()
    name = f"{name}-{len(path)}"
    page.goto(f"{web.url}/login?back={path}#{people.token(name, ALL)}")
    expect_signed_in(page, name)
    expect(page).to_have_url(f"{web.url}/")


def test_only_what_one_may_do_is_shown(
    web: Web, people: People, new_page: NewPage, name: str
) -> None:
    boss = people.token(f"boss-{name}", ALL)
    build = people.start(boss, name, script=SLOW)["build"]
    people.until_running(boss, name, build)  # builds of other tests may be before it
    viewer = new_page()
    viewer.goto(f"{web.url}/login#{people.token(f'{name}-v', f'viewer@{name}')}")
    expect_live(viewer)
    card = viewer.locator(".build-card")
    expect(card.get_by_text(re.compile("^Running"))).to_be_visible()
    for hidden in (viewer.locator("#start-open"), viewer.locator("#operations-link")):
        expect(hidden).to_be_hidden()
    assert card.get_by_role("button").count() == 0
    assert viewer.get_by_role("button", name=re.compile("Start|Stop")).count() == 0
    viewer.goto(f"{web.url}/projects/{name}/builds/{build}")
    expect_live(viewer)
    expect(viewer.locator("#build-history")).to_contain_text("began attempt 1")
    assert viewer.get_by_role("button", name=re.compile("Start|Stop")).count() == 0

    page = new_page()
    page.goto(f"{web.url}/login#{people.token(name, f'builder@{name}', f'builder@{name}-b')}")
    expect_live(page)
    form = open_form(page)
    expect(form.get_by_label("Your name")).to_be_hidden()
    expect(page.locator("#operations-link")).to_be_hidden()
    choice = form.get_by_role("combobox", name="Project")
    expect(choice.locator("option")).to_have_text([name, f"{name}-b"])
    choice.select_option(f"{name}-b")
    press_start(page)
    expect(page.get_by_text(f"started by {name}", exact=False).first).to_be_visible()
    page.locator(".build").filter(has_text=f"{name}-b").get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped").first).to_be_visible()
    page.goto(f"{web.url}/projects/{name}")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(page.locator("#start-open")).to_be_visible()

    page = new_page()
    page.goto(f"{web.url}/login#{boss}")
    expect_live(page)
    expect(page.locator("#operations-link")).to_be_visible()


def test_a_project_that_one_may_not_read_says_which_grant_is_missing(
    web: Web, people: People, new_page: NewPage, name: str
) -> None:
    page = new_page()
    token = people.token(name, f"viewer@{name}")
    page.goto(f"{web.url}/login?back=/projects/secret#{token}")
    refusal = page.get_by_role("alert").filter(has_text="the grant read:builds/secret/# is missing")
    expect(refusal).to_be_visible()
    expect(page.locator("#sign-in")).to_be_hidden()
    expect(page.locator("#connection-status")).to_contain_text("Refused")


def test_a_stranger_sees_what_everybody_may_and_a_way_to_sign_in(
    run: Run, free_port: Callable[[], int], new_page: NewPage
) -> None:
    web = run("up", anonymous="viewer@open", mqtt_port=free_port())
    assert isinstance(web, Web)
    people = People(web.until_ready())
    token = people.token("ada", ALL)
    people.start(token, "open", script=SLOW)
    people.start(token, "shut", script=SLOW)
    page = new_page()
    page.goto(web.url)
    expect_live(page)
    expect(page.locator(".build-card")).to_have_count(1)
    expect(page.locator("#sign-in")).to_be_hidden()
    expect(page.locator("#start-open")).to_be_hidden()
    page.goto(f"{web.url}/projects/shut")
    expect(page.get_by_role("alert").filter(has_text=FIRST)).to_be_visible()
    page.goto(f"{web.url}/projects/open")
    page.get_by_role("link", name="Sign in").click()
    expect(page).to_have_url(re.compile("/login"))
    enter(page, token)
    expect(page).to_have_url(f"{web.url}/projects/open")
    expect_signed_in(page, "ada")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.goto(web.url)
    expect(page.locator(".build-card")).to_have_count(2)
    people.tokens.revoke("ada")  # everybody's builds go on
    expect(page.get_by_role("alert").filter(has_text="was revoked")).to_be_visible(timeout=6000)
    expect_live(page)
    expect(page.locator(".build-card")).to_have_count(1)
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)


def test_where_everybody_may_do_everything_nothing_is_said_of_it(
    up: Web, new_page: NewPage
) -> None:
    page = new_page()
    page.goto(up.url)
    expect_live(page)
    expect(open_form(page).get_by_label("Your name")).to_be_visible()
    expect(page.locator("#operations-link")).to_be_visible()
    expect(page.locator("#account")).to_be_hidden()


def test_the_login_page_is_kept_by_nobody_and_says_nothing_of_where_it_was(web: Web) -> None:
    answer = HTTP.get(f"{web.url}/login")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert re.findall(r'(?:src|href)="(?!/)[^"]*"', answer.text) == []


def test_without_scripts_it_says_what_to_do(web: Web, new_page: NewPage) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"{web.url}/login")
    said = page.locator("noscript p")  # Playwright finds no text in there
    expect(said).to_be_visible()
    assert "switch on JavaScript" in said.inner_text()
    expect(page.locator("form")).to_be_hidden()


def test_a_page_that_does_not_start_says_so(web: Web, new_page: NewPage) -> None:
    page = new_page()
    page.route("**/scripts/login.js", lambda route: route.fulfill(body="<html>"))
    page.goto(f"{web.url}/login#{UNKNOWN}")
    expect(page.get_by_text("This page could not start.")).to_be_visible()
    expect(page).to_have_url(f"{web.url}/login")
    expect(page.locator("form")).to_be_hidden()


def test_axe_finds_nothing_and_nothing_is_cut_off(
    web: Web, people: People, new_page: NewPage, name: str
) -> None:
    token = people.token(name, ALL)
    build = people.start(token, name, script=SLOW)["build"]
    page = new_page(reduced_motion="reduce")

    def check() -> None:
        assert problems(page) == []
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width

    page.goto(f"{web.url}/login")
    expect(page.get_by_label("Token")).to_be_visible()
    check()
    enter(page, UNKNOWN)
    expect(page.get_by_role("alert").filter(has_text="This token is unknown")).to_be_visible()
    check()
    page.goto(web.url)
    expect(page.get_by_role("alert").filter(has_text=FIRST)).to_be_visible()
    check()
    enter(page, token)
    expect_live(page)
    check()
    page.goto(f"{web.url}/login#{token}")
    expect(page.get_by_text("You are signed in as")).to_be_visible()
    check()
    page.goto(f"{web.url}/projects/{name}/builds/{build}")
    expect_live(page)
    page.get_by_text("Share", exact=True).click()
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_text("Whoever has it sees")).to_be_visible()
    check()
    link = page.get_by_role("textbox", name="Link").input_value()
    page.context.clear_cookies()
    page.goto(link)
    expect(page.get_by_text("You came by a link")).to_be_visible()
    expect_live(page)
    check()
    page.emulate_media(forced_colors="active")
    check()
