"""Buildfeed below a path of a real nginx, which takes the path away or leaves it."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import socketio
import websocket
from playwright.sync_api import Page, expect

from buildfeed.broker.local import ports
from support.nginx import HOST, WEBSOCKET, Nginx
from support.overview import open_form, press_start
from support.people import People, expect_live, expect_signed_in
from support.service import HTTP, Service, Web, until

NewPage = Callable[..., Page]
Run = Callable[..., Service]

SCRIPT = {"seconds": 60, "steps": 60, "errors": []}
SITE = """
map $http_upgrade $upgrade {{ default upgrade; "" ""; }}
server {{
    listen 127.0.0.1:{port};
    location / {{ return 404 "of another site"; }}
    location /ci/ {{ proxy_pass {to}; proxy_http_version 1.1; {directives} }}
}}
"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """Everything by one command, two processes: requests of a poller come to either."""
    port = ports.free_block(2, 7)
    assert port
    options = {"mqtt_port": port + 1, "root_path": "ci/", "workers": 2}
    with Web("up", tmp_path_factory.mktemp("up"), port=port, **options) as web:
        yield web.until_ready()


@pytest.fixture(params=["leaves the path", "takes the path away"])
def nginx(
    web: Web, tmp_path: Path, free_port: Callable[[], int], request: pytest.FixtureRequest
) -> Iterator[Callable[[str], str]]:
    """Start an nginx with these directives; return the address of Buildfeed behind it."""
    to = web.url + ("/" if request.param == "takes the path away" else "")
    with ExitStack() as stack:

        def start(directives: str) -> str:
            port = free_port()
            http = SITE.format(port=port, to=to, directives=directives)
            return stack.enter_context(Nginx(tmp_path, port, http)).url + "/ci"

        yield start


@pytest.fixture
def site(nginx: Callable[[str], str]) -> str:
    return nginx(HOST + WEBSOCKET)


def test_the_page_stays_below_it(site: str, new_page: NewPage) -> None:
    page = new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url.replace("ws:", "http:")))
    page.goto(f"{site}/")
    expect(page.locator("#connection-status")).to_contain_text("Live")
    form = open_form(page)
    form.locator("summary").click()
    form.locator("input[name=seconds]").fill("60")
    press_start(page, "acme")
    page.locator("#started a").click()
    expect(page).to_have_url(re.compile(rf"^{site}/projects/acme/builds/\w+$"))
    expect(page.locator("#connection-status")).to_contain_text("Live")
    expect(page.locator("#build-history")).to_contain_text("began attempt 1")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#build-state .status")).to_contain_text("stopped", ignore_case=True)
    page.get_by_role("link", name="acme").first.click()
    expect(page).to_have_url(f"{site}/projects/acme")
    page.get_by_role("link", name="All builds").click()
    expect(page).to_have_url(f"{site}/")
    assert [url for url in asked if not url.startswith(f"{site}/")] == []


def test_a_page_that_has_to_poll_polls_below_it(
    nginx: Callable[[str], str], new_page: NewPage
) -> None:
    site = nginx(HOST)
    page = new_page()
    page.goto(f"{site}/projects/polled/")
    expect(page.locator("#connection-status")).to_contain_text("Live")
    started = HTTP.post(f"{site}/api/projects/polled/builds", json={"script": SCRIPT}).json()
    expect(
        page.locator(f".build a.title[href='/ci/projects/polled/builds/{started['build']}']")
    ).to_be_visible()


def test_one_signs_in_below_it_and_comes_back_below_it(
    web: Web, site: str, new_page: NewPage, request: pytest.FixtureRequest
) -> None:
    name = "leaves" if "leaves" in request.node.name else "takes"
    token = People(web).token(name, "operator")
    page = new_page()
    for back, place in (
        ("/ci/projects/acme", "/projects/acme"),
        ("/projects/acme", "/"),
        ("//evil.example/ci/", "/"),
    ):
        page.goto(f"{site}/login?back={back}#{token}")
        expect(page).to_have_url(f"{site}{place}")
        expect_signed_in(page, name)
        page.get_by_role("button", name="Sign out").click()
        expect_live(page)  # everybody may do everything here
        expect(page.locator("#account")).to_be_hidden()


def test_links_that_leave_have_it(site: str) -> None:
    started = HTTP.post(f"{site}/api/projects/linked/builds", json={"script": SCRIPT})
    place = started.headers["location"]
    assert place == f"/ci/api/projects/linked/builds/{started.json()['build']}"
    origin = site.removesuffix("/ci")
    assert got(f"{origin}{place}")["build"] == started.json()["build"]
    collection = got(f"{origin}{place}/activities")
    assert collection["id"] == f"{origin}{place}/activities"
    assert got(collection["first"])["partOf"] == collection["id"]
    for path in ("", "/", "/projects/acme", "/projects/acme/"):
        text = HTTP.get(f"{site}{path}", follow_redirects=True).text
        assert re.search(r'"/ci/assets/\w+/scripts/app\.js"', text)


def got(url: str) -> dict[str, Any]:
    """Return what is at `url`, once the process that answers knows it."""

    def read() -> dict[str, Any] | None:
        answer = HTTP.get(url)
        return dict(answer.json()) if answer.status_code == 200 else None

    return until(read, url) or {}


def test_every_transport_is_below_it(site: str) -> None:
    with HTTP.stream("GET", f"{site}/api/events", params={"watch": "builds/#"}) as events:
        assert next(events.iter_lines()).startswith("retry:")
    for slash in ("", "/"):
        address = f"{site.replace('http', 'ws', 1)}/socket.io{slash}?EIO=4&transport=websocket"
        socket = websocket.create_connection(address, timeout=5, origin=site.removesuffix("/ci"))
        assert socket.recv().startswith("0{")
        socket.close()
    for _ in range(4):  # nginx has a connection for each request, so they come to both processes
        client = socketio.SimpleClient()
        options: dict[str, Any] = {
            "socketio_path": "/ci/socket.io",
            "transports": ["polling"],
            "wait_timeout": 10,
        }
        client.connect(site.removesuffix("/ci"), auth={"watch": "builds/#"}, **options)
        assert client.receive(timeout=5)
        client.disconnect()


def test_it_is_told_and_health_checks_need_it_not(web: Web) -> None:
    web.until_logged(f"Buildfeed is ready: {web.url}/ci\n")
    for path in ("/readyz", "/ci/readyz", "//ci//healthz/", "/metrics", "/ci/metrics"):
        assert HTTP.get(f"{web.url}{path}").status_code == 200, path
    assert HTTP.get(f"{web.url}/cider/readyz").status_code == 404


@pytest.mark.parametrize(
    "root", ["/api", "socket.io/x", "/ci?x", "https://x/ci", "/c i", "../ci", "/%63i", "/ü", "/./x"]
)
def test_a_path_that_cannot_be_one_is_refused(run: Run, root: str) -> None:
    service = run("gateway", root_path=root)
    assert service._process
    assert service._process.wait(20) == 2
    *_, sentence = service.text.splitlines()
    assert "--root-path" in sentence
    assert sentence.endswith("as in /ci.")
