"""The page behind an nginx that is set up wrong: it says why it shows nothing, and what to do."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import websocket
from playwright.sync_api import Page, expect

from support.nginx import HOST, NginxLocation
from support.overview import press_start
from support.service import Service, Web

NewPage = Callable[..., Page]
Run = Callable[..., Service]

ADVICE = "proxy_set_header Host $http_host"


@pytest.fixture
def nginx(
    up: Web, tmp_path: Path, free_port: Callable[[], int]
) -> Iterator[Callable[[str], NginxLocation]]:
    with ExitStack() as stack:

        def start(directives: str) -> NginxLocation:
            return stack.enter_context(NginxLocation(tmp_path, free_port(), up.url, directives))

        yield start


def expect_refused(page: Page) -> None:
    expect(page.locator("#connection-status")).to_contain_text("Refused")
    expect(page.locator("#build-list")).to_contain_text(ADVICE)
    expect(page.locator("#build-list")).to_contain_text("--origin")


@pytest.mark.parametrize(
    "directives", ["", "proxy_set_header Host $host;"], ids=["the default", "without its port"]
)
def test_a_page_whose_host_is_not_passed_on_says_so(
    nginx: Callable[[str], NginxLocation], up: Web, new_page: NewPage, directives: str
) -> None:
    proxy = nginx(directives)
    page = new_page()
    page.goto(proxy.url)
    expect_refused(page)

    for _ in range(2):  # it tries again, and has requests to spare
        with page.expect_response("**/api/overview"):
            pass
    pressed = time.monotonic()
    press_start(page, "acme")
    expect(page.locator("#start-form [role=alert]")).to_contain_text(ADVICE, timeout=2000)
    assert time.monotonic() - pressed < 3
    up.until_logged(f"origin={proxy.url}")
    assert up.text.count(f"origin={proxy.url}") == 1

    proxy.become(HOST)
    expect(page.locator("#connection-status")).to_contain_text("Live", timeout=30_000)
    expect(page.locator("#build-list")).not_to_contain_text(ADVICE)


def test_a_stop_that_is_refused_says_so(
    nginx: Callable[[str], NginxLocation], up: Web, new_page: NewPage
) -> None:
    build = up.press_start("stopped", script={"seconds": 60, "steps": 60, "errors": []})
    proxy = nginx(HOST)
    page = new_page()
    page.goto(f"{proxy.url}/projects/stopped")
    expect(page.locator("#connection-status")).to_contain_text("Live")
    proxy.become("")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".build-card [role=alert]")).to_contain_text(ADVICE, timeout=5000)
    up.press_stop("stopped", build["build"])


def test_what_is_in_front_of_the_gateway_is_not_taken_for_it(
    nginx: Callable[[str], NginxLocation], new_page: NewPage
) -> None:
    proxy = nginx(HOST)
    page = new_page()
    page.route("**/socket.io/**", lambda route: route.abort())
    page.route_web_socket("**/socket.io/**", lambda socket: socket.close())
    page.goto(proxy.url)
    expect(page.locator("#build-list")).to_contain_text("has to pass on WebSockets")
    proxy.become("return 502;")
    expect(page.locator("#build-list")).to_contain_text("in front of the gateway answers 502")
    expect(page.locator("#connection-status")).to_contain_text("Connecting…")


def test_programs_are_told_why_their_socket_is_refused(
    nginx: Callable[[str], NginxLocation],
) -> None:
    proxy = nginx("")
    address = proxy.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket.create_connection(address, timeout=5, origin=proxy.url)
    assert refused.value.status_code == 403
    assert ADVICE.encode() in (refused.value.resp_body or b"")


def test_a_named_host_needs_up_to_know_it(
    run: Run, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    options = {"mqtt_port": free_port(), "origins": "HTTP://Builds.Example:80/ https://b.example"}
    served = run("up", **options).until_ready()
    for host, status in (("builds.example.", 200), ("b.example:8443", 200), ("c.example", 421)):
        answer = httpx.get(f"{served.url}/api/builds", headers={"Host": host})
        assert answer.status_code == status, host
    foreign = {"Host": "c.example"}
    assert "--origin" in httpx.get(served.url, headers=foreign).json()["detail"]
    assert httpx.get(f"{served.url}/readyz", headers=foreign).status_code == 200
    for origin, status in (("http://builds.example", 202), ("http://c.example", 403)):
        start = f"{served.url}/api/projects/acme/builds"
        assert httpx.post(start, headers={"Origin": origin}).status_code == status, origin


def test_curl_that_offers_http_2_is_heard(up: Web) -> None:
    body = '{"script": {"seconds": 1, "steps": 2, "errors": []}, "by": "ada"}'
    address = f"{up.url}/api/projects/curl/builds"
    curl = ["curl", "-s", "--http2", "-X", "POST", address, "-d"]
    assert '"by":"ada"' in subprocess.check_output([*curl, body], text=True)
    refused = subprocess.check_output([*curl, '{"by": 1}'], text=True)
    assert '"status":422' in refused


def test_a_websocket_by_http_1_0_is_told_why_and_the_page_polls(
    nginx: Callable[[str], NginxLocation], up: Web, new_page: NewPage
) -> None:
    old = nginx(f"{HOST} proxy_http_version 1.0;")
    address = "/socket.io/?EIO=4&transport=websocket"
    with pytest.raises(websocket.WebSocketBadStatusException, match="no-websocket"):
        websocket.create_connection(f"{old.url.replace('http', 'ws')}{address}", timeout=5)
    page = new_page()
    page.goto(old.url)
    expect(page.locator("#connection-status")).to_contain_text("Live")
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    for headers, content in (({}, b""), (upgrade, b"12345")):
        answer = httpx.request("GET", f"{up.url}{address}", headers=headers, content=content)
        assert answer.status_code == 400
        assert answer.json()["detail"].endswith(".")
    assert "Traceback" not in up.text
