"""The live bar in a frame of another page, in a real Chromium."""

import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import FrameLocator, Page, WebSocketRoute, expect

from support.axe import problems
from support.people import People
from support.service import HTTP, Web

NewPage = Callable[..., Page]
SLOW = {"seconds": 60, "steps": 300, "errors": [2]}
PLACED = """<!doctype html><title>a page</title><h1>Ours</h1>
<iframe src="{}" title="Builds" width="600" height="76" style="border:0"></iframe>"""


class _Site(BaseHTTPRequestHandler):
    """A page of another site, which frames the address in its query."""

    def do_GET(self) -> None:
        (address,) = parse_qs(urlsplit(self.path).query).get("frame", [""])
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PLACED.format(address).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://other.localhost:{server.server_port}"
        server.shutdown()


def framed(page: Page, site: str, address: str) -> FrameLocator:
    page.goto(f"{site}/?frame={address}")
    return page.frame_locator("iframe")


def test_in_a_frame_of_another_site_it_shows_what_everybody_sees(
    up: Web, site: str, new_page: NewPage, name: str
) -> None:
    frame = framed(new_page(), site, f"{up.url}/embed/{name}")
    expect(frame.get_by_text(f"No build of {name} yet")).to_be_visible()
    build = up.press_start(name, script=SLOW)["build"]
    bar = frame.get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", re.compile(r"^[1-9]"))
    expect(frame.locator("#embed")).to_have_attribute("data-tone", "bad")
    expect(frame.get_by_text("1 error")).to_be_visible()
    expect(frame.get_by_role("link")).to_have_attribute("href", f"/projects/{name}")
    expect(frame.get_by_role("link")).to_have_attribute("target", "_blank")
    expect(frame.get_by_role("button")).to_have_count(0)
    up.press_stop(name, build)
    expect(frame.get_by_text("Stopped")).to_be_visible()


def test_in_a_frame_of_another_site_nobody_is_signed_in(
    closed_up: Web, people: People, site: str, new_page: NewPage, name: str
) -> None:
    token = people.token(f"viewer-{name}"[:40], f"builder@{name}")
    people.start(token, name, script=SLOW)
    page = new_page()
    page.goto(f"{closed_up.url}/login?back=/embed/{name}#{token}")
    expect(page.get_by_role("progressbar")).to_be_visible()  # here, at its own address
    frame = framed(page, site, f"{closed_up.url}/embed/{name}")
    expect(frame.get_by_text(f"Sign in to Buildfeed to see the builds of {name}")).to_be_visible()
    expect(frame.get_by_role("progressbar")).to_be_hidden()


@pytest.mark.parametrize("path", ["/", "/projects/acme", "/operations", "/login", "/phone"])
def test_no_other_page_is_framed(up: Web, path: str) -> None:
    policy = HTTP.get(f"{up.url}{path}").headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    bar = HTTP.get(f"{up.url}/embed/acme").headers["content-security-policy"]
    assert "frame-ancestors *" in bar
    assert bar.replace("frame-ancestors *", "frame-ancestors 'none'") == policy


def test_a_page_of_another_site_cannot_frame_the_page_with_buttons(
    up: Web, site: str, new_page: NewPage
) -> None:
    page = new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    framed(page, site, f"{up.url}/projects/acme")
    page.wait_for_function("document.querySelector('iframe').contentDocument === null")
    assert any("frame-ancestors" in text for text in refused)


def test_it_is_for_everybody_and_of_projects_only(up: Web, new_page: NewPage, name: str) -> None:
    build = up.press_start(name, script=SLOW)["build"]
    page = new_page(reduced_motion="reduce")
    page.goto(f"{up.url}/embed/{name}")
    expect(page.get_by_text("Running")).to_be_visible()
    assert problems(page) == []
    page.set_viewport_size({"width": 320, "height": 76})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate("document.documentElement.scrollHeight") <= 76
    up.press_stop(name, build)
    assert HTTP.get(f"{up.url}/embed/No.Name").status_code == 400


def test_a_bar_that_is_not_live_says_so(up: Web, new_page: NewPage, name: str) -> None:
    build = up.press_start(name, script=SLOW)["build"]
    page = new_page()
    sockets: list[WebSocketRoute] = []

    def pass_on(browser: WebSocketRoute) -> None:
        sockets.append(browser)
        browser.connect_to_server()

    page.route_web_socket("**/socket.io/*", pass_on)
    page.goto(f"{up.url}/embed/{name}")
    expect(page.get_by_text("Running")).to_be_visible()
    page.route("**/socket.io/*", lambda route: route.abort())
    page.route_web_socket("**/socket.io/*", lambda socket: socket.close())
    sockets[-1].close()
    expect(page.get_by_text("Not live: reconnecting…")).to_be_visible()
    up.press_stop(name, build)
