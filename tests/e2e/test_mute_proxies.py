"""The page behind proxies that let a connection open, and keep to themselves what is sent on it."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from support.mute_proxy import MuteProxy
from support.service import Web, until

NewPage = Callable[..., Page]
NewProxy = Callable[..., MuteProxy]


@pytest.fixture
def proxy(up: Web, free_port: Callable[[], int]) -> Iterator[NewProxy]:
    with ExitStack() as stack:

        def start(*mute: Any, lets: int = 0) -> MuteProxy:
            port = int(str(up.options["port"]))
            return stack.enter_context(MuteProxy(free_port(), port, *mute, lets=lets))

        yield start


def expect_live(page: Page, within: float) -> None:
    status = page.locator("#connection-status")
    expect(status).to_contain_text("Live", timeout=within * 1000)


def test_a_mute_websocket_is_left_for_polling_and_that_is_remembered(
    up: Web, new_page: NewPage, proxy: NewProxy
) -> None:
    """One swallows everything, one lets the greeting through, one falls silent later."""
    swallows, greets, tires = proxy("websocket"), proxy("websocket", lets=200), proxy()
    pages = [new_page() for _ in range(3)]
    for page, way in zip(pages, (swallows, greets, tires), strict=True):
        page.goto(way.url)
    expect_live(pages[2], 5)
    assert tires.asked == ["websocket"]
    tires.fall_mute("websocket")
    for page in pages[:2]:
        expect_live(page, 15)
    expect(pages[2].locator("#connection-status")).to_contain_text("silent", timeout=10_000)
    expect_live(pages[2], 20)

    build = up.press_start("mute", script={"seconds": 0.4, "steps": 2, "errors": []})
    for page in pages:
        expect(page.locator(".build").first).to_contain_text(build["build"][-8:])
        expect(page.locator(".build").first).to_contain_text("Succeeded")
    for page, way in ((pages[0], swallows), (pages[2], tires)):
        way.asked.clear()
        page.reload()
        expect_live(page, 5)
        assert way.asked[0] == "polling"


def test_a_mute_poll_is_left_for_websockets(new_page: NewPage, proxy: NewProxy) -> None:
    way = proxy("polling")
    page = new_page()
    kept = json.dumps({"doubts": 2})  # as after a mute WebSocket, in another network
    page.add_init_script(f"""
        const kept = {{...{kept}, until: Date.now() + 60_000}};
        localStorage.setItem("buildfeed.transport", JSON.stringify(kept));
    """)
    page.goto(way.url)
    expect_live(page, 20)
    until(lambda: way.asked[0] == "polling" and "websocket" in way.asked, "both were tried")
