"""Something in front of the gateway answers in its place: it is not taken for the gateway."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from support.overview import press_start
from support.service import Web

NewPage = Callable[..., Page]

PAGE = "<!doctype html><title>Sign in</title><form action=/login></form>"
SLOW = {"seconds": 60, "steps": 300, "errors": []}
SIGN_IN = re.compile(
    "Something in front of the gateway answered.*perhaps you have to sign in again"
)

# What a proxy that wants people to sign in answers to a request of the page.
ANSWERS: list[dict[str, Any]] = [
    {"status": 200, "content_type": "text/html", "body": PAGE},
    {"status": 200, "content_type": "application/json", "body": '{"login": "/sign-in"}'},
    {"status": 202, "content_type": "application/json", "body": "null"},
    {"status": 204},
    {"status": 302, "headers": {"Location": "/sign-in"}},
    {"status": 307, "headers": {"Location": "http://sso.invalid/"}},
    {"status": 401, "content_type": "text/html", "body": PAGE},
    {"status": 403, "content_type": "application/problem+json", "body": '{"type": "about:blank"}'},
]


def name(answer: dict[str, Any]) -> str:
    return f"{answer['status']} {answer.get('body', '')[:12]}".strip()


def open_live(page: Page, url: str) -> Page:
    page.goto(url)
    expect(page.locator("#connection-status")).to_contain_text("Live")
    return page


@pytest.mark.parametrize("answer", ANSWERS, ids=name)
def test_a_start_that_did_not_reach_the_gateway_keeps_its_key(
    up: Web, new_page: NewPage, answer: dict[str, Any]
) -> None:
    project = f"front-{ANSWERS.index(answer)}"
    page = open_live(new_page(), f"{up.url}/projects/{project}")
    keys: list[str] = []

    def in_front(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fulfill(**answer)
        else:
            route.continue_()

    page.route("**/api/projects/*/builds", in_front)
    press_start(page)
    expect(page.locator("#start-form [role=alert]")).to_have_text(SIGN_IN)
    press_start(page)
    expect(page.locator(".build-card")).to_have_count(1)
    assert keys[0] == keys[1]
    up.press_stop(project, up.build(project, "latest")["build"])


def test_the_same_holds_for_every_answer_that_is_read(up: Web, new_page: NewPage) -> None:
    build = up.press_start("front-all", script=SLOW)
    page = new_page()
    given: list[dict[str, Any]] = [ANSWERS[0]]
    for path in ("activities*", "stop"):
        page.route(f"**/api/**/{path}", lambda route: route.fulfill(**given[0]))
    for given[0] in ANSWERS:
        open_live(page, f"{up.url}/projects/front-all/builds/{build['build']}")
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("#build-state > [role=alert]")).to_have_text(SIGN_IN)
        expect(page.locator("#build-history [role=alert]")).to_have_text(SIGN_IN)
    up.press_stop("front-all", build["build"])


def test_a_page_without_a_connection_says_who_answered(up: Web, new_page: NewPage) -> None:
    page = new_page()
    page.route_web_socket("**/socket.io/**", lambda socket: socket.close())
    page.route("**/socket.io/**", lambda route: route.fulfill(**ANSWERS[0]))
    page.route("**/api/overview", lambda route: route.fulfill(**ANSWERS[4]))
    page.goto(up.url)
    expect(page.locator("#build-list")).to_contain_text(SIGN_IN)


@pytest.mark.parametrize("script", ["app.js"])
def test_a_page_whose_scripts_are_not_there_says_that_it_did_not_start(
    up: Web, chromium: Any, script: str
) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.route(f"**/{script}", lambda route: route.fulfill(**ANSWERS[0]))
    page.goto(up.url)
    expect(page.locator("#connection-status")).to_have_text(re.compile("Not started"))
    expect(page.get_by_text("This page could not start. Reload it")).to_be_visible()
    context.close()
