"""What a page of another origin may do: real browsers decide it by what the gateway answers."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Page

from buildfeed.broker.local import ports
from support.service import HTTP, Web

NewPage = Callable[..., Page]
HEADERS = {
    "Cache-Control": "no-cache",
    "Last-Event-ID": "7",
    "Authorization": "Bearer x",
    "Idempotency-Key": "k",
    "Prefer": "wait=0",
    "X-Requested-With": "XMLHttpRequest",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "Content-Type": "application/json",
}
FETCH = """async ([url, init]) => {
    try {
        const answer = await fetch(url, init);
        const headers = Object.fromEntries(answer.headers);
        return {status: answer.status, headers, body: (await answer.text()).slice(0, 500)};
    } catch (error) {
        return {error: String(error)};
    }
}"""
EVENTS = """(url) => new Promise((resolve) => {
    const source = new EventSource(url, {withCredentials: true});
    source.addEventListener("feed", () => { resolve("feed"); source.close(); });
    source.onerror = () => { resolve("error"); source.close(); };
})"""
SOCKETS = """async ([url, transport]) => {
    const {io} = await import(`${url}/vendor/socket.io.esm.min.js`);
    const options = {transports: [transport], withCredentials: true, addTrailingSlash: false};
    if (transport === "polling") options.extraHeaders = {Authorization: "Bearer x", "X-Mine": "1"};
    const socket = io(url, options);
    return await new Promise((resolve) => {
        socket.on("feed", () => { resolve("feed"); socket.close(); });
        socket.on("connect_error", (error) => { resolve(error.message); socket.close(); });
    });
}"""


class _Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>a page</title>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def sites() -> Iterator[tuple[str, str]]:
    """The addresses of two sites, of which the first one is allowed."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield (
            f"http://localhost:{server.server_port}",
            f"http://other.localhost:{server.server_port}",
        )
        server.shutdown()


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, sites: tuple[str, str]) -> Iterator[Web]:
    port = ports.free_block(2, 11)
    assert port
    options = {"mqtt_port": port + 1, "origins": f"{sites[0].upper()}/"}
    with Web("up", tmp_path_factory.mktemp("up"), port=port, **options) as web:
        yield web.until_ready()


def ask(page: Page, url: str, **init: Any) -> dict[str, Any]:
    return dict(page.evaluate(FETCH, [url, {"credentials": "include", **init}]))


def test_a_page_of_an_allowed_origin_may_do_all(
    web: Web, sites: tuple[str, str], new_page: NewPage
) -> None:
    page = new_page()
    page.goto(sites[0])
    body = json.dumps({"script": {"seconds": 1, "steps": 2, "errors": []}})
    start = f"{web.url}/api/projects/mine/builds"
    started = ask(page, start, method="POST", headers=HEADERS, body=body)
    assert started["status"] == 202
    assert started["headers"]["location"].startswith("/api/projects/mine/builds/")
    assert (
        ask(page, f"{web.url}/api/builds", headers={"Cache-Control": "no-cache"})["status"] == 200
    )
    assert page.evaluate(EVENTS, f"{web.url}/api/events?watch=builds/%23") == "feed"
    for transport in ("polling", "websocket"):
        assert page.evaluate(SOCKETS, [web.url, transport]) == "feed", transport
    for path, status in (
        ("/api/builds?no=1", 400),
        ("/api/nothing", 404),
        ("/api/projects/mine/builds/none", 404),
        ("/socket.io/?EIO=3&transport=polling", 400),
        ("/socket.io/?EIO=4&transport=polling&sid=gone", 400),
    ):
        refused = ask(page, f"{web.url}{path}", headers=HEADERS)
        assert refused["status"] == status, path
        assert json.loads(refused["body"])["detail"]
    refused = ask(page, start, method="POST", headers=HEADERS, body='{"by": 1}')
    assert refused["status"] == 422
    gone = ask(page, f"{web.url}/api/overview", method="DELETE")
    assert (gone["status"], "GET" in gone["headers"]["allow"]) == (405, True)


def test_a_page_of_another_origin_may_nothing(
    web: Web, sites: tuple[str, str], new_page: NewPage
) -> None:
    page = new_page()
    page.goto(sites[1])
    start = f"{web.url}/api/projects/other/builds"
    assert "error" in ask(page, start, method="POST", headers=HEADERS, body="{}")
    assert "error" in ask(page, start, method="POST", body="{}")
    assert "error" in ask(page, f"{web.url}/api/builds")
    assert page.evaluate(EVENTS, f"{web.url}/api/events?watch=builds/%23") == "error"
    web.until_logged(f"problem=foreign-origin host=127.0.0.1:{web.options['port']}")
    assert HTTP.get(f"{web.url}/api/builds", params={"project": "other"}).json()["builds"] == []


@pytest.mark.parametrize("path", ["/", "/api/builds", "/readyz", "/scripts/app.js", "/nothing"])
def test_caches_are_told(web: Web, sites: tuple[str, str], path: str) -> None:
    for origin in ("", *sites):
        answer = HTTP.get(f"{web.url}{path}", headers={"Origin": origin} if origin else {})
        assert "Origin" in answer.headers["vary"]
        allowed = origin == sites[0]
        assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)
        assert ("access-control-allow-credentials" in answer.headers) == allowed


def test_a_refusal_by_host_can_be_read_by_an_allowed_page(web: Web, sites: tuple[str, str]) -> None:
    headers = {"Origin": sites[0], "Host": "elsewhere.example"}
    refused = HTTP.get(f"{web.url}/api/builds", headers=headers)
    assert refused.status_code == 421
    assert refused.headers["access-control-allow-origin"] == sites[0]


def test_a_preflight_of_another_page_says_why(web: Web, sites: tuple[str, str]) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-any"}
    url = f"{web.url}/api/projects/acme/builds"
    refused = HTTP.options(url, headers={"Origin": sites[1], **asks})
    assert refused.status_code == 403
    assert refused.json()["type"].endswith("foreign-origin")
    allowed = HTTP.options(
        url, headers={"Origin": sites[0], **asks, "Access-Control-Request-Private-Network": "true"}
    )
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-headers"] == "x-any"
    assert allowed.headers["access-control-allow-private-network"] == "true"
    assert allowed.headers["x-content-type-options"] == "nosniff"
