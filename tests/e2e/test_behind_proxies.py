"""Behind nginx and HAProxy as people set them up: connections that are kept, logins, checks."""

import csv
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import requests
import socketio
from playwright.sync_api import Page, expect

from support.haproxy import HAProxy
from support.nginx import HOST, WEBSOCKET, Nginx
from support.overview import press_start
from support.service import Web, until
from support.sse import metric, watching

FAST = {"seconds": 0.5, "steps": 5, "errors": []}
KEPT = """
upstream gateways {{ server {gateway}; keepalive 16; }}
server {{ listen 127.0.0.1:{port}; location / {{
    proxy_pass http://gateways; proxy_http_version 1.1; proxy_set_header Connection ""; {host}
}} }}
"""
BASIC = """
map $http_upgrade $upgrade {{ default upgrade; "" ""; }}
server {{ listen 127.0.0.1:{port}; location / {{
    auth_basic Buildfeed; auth_basic_user_file {directory}/passwords;
    proxy_pass http://{gateway}; proxy_http_version 1.1; {host} {websocket}
}} }}
"""
SIGN_IN = """
map $http_upgrade $upgrade {{ default upgrade; "" ""; }}
server {{ listen 127.0.0.1:{port};
    location = /asked {{ internal; if ($cookie_session = "good") {{ return 204; }} return 401; }}
    location /sign-in {{ add_header Set-Cookie session=good; return 200 "Sign in"; }}
    location / {{
        auth_request /asked; {refused}
        proxy_pass http://{gateway}; proxy_http_version 1.1; {host} {websocket}
    }}
}}
"""
CHECKED = """
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s

frontend builds
    bind 127.0.0.1:{port}
    stats enable
    stats uri /haproxy
    default_backend gateways

backend gateways
    option httpchk {check}
    default-server check inter 100ms rise 1 fall 1
    server one {gateway}
"""

Serve = Callable[..., Nginx]


@pytest.fixture
def nginx(up: Web, tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Serve]:
    """Starts one with a configuration, which has places for `port`, `gateway` and so on."""
    with ExitStack() as stack:

        def start(configuration: str, **more: str) -> Nginx:
            port = free_port()
            places = {"gateway": up.url.removeprefix("http://"), "directory": tmp_path, **more}
            http = configuration.format(port=port, host=HOST, websocket=WEBSOCKET, **places)
            return stack.enter_context(Nginx(tmp_path, port, http))

        yield start


def ending(address: str, project: str, **options: object) -> str:
    """Start a build by HTTP and wait for its end."""
    path = f"{address}/api/projects/{project}/builds"
    headers = {"Prefer": "wait=15", "Origin": address}
    answer = httpx.post(path, json={"script": FAST}, headers=headers, timeout=20, **options)  # type: ignore[arg-type]
    answer.raise_for_status()
    return str(answer.json()["status"])


def test_nginx_keeps_its_connections(nginx: Serve, up: Web) -> None:
    proxy = nginx(KEPT)
    before = metric(up, "buildfeed_connections ")
    for _ in range(60):
        assert httpx.get(f"{proxy.url}/api/builds").status_code == 200
    assert metric(up, "buildfeed_connections ") - before <= 2
    with watching(up, "builds/kept/#") as reader:
        assert ending(proxy.url, "kept") == "succeeded"
        reader.until("build", status="succeeded")


def test_a_connection_is_kept_as_long_as_is_said(
    run: Callable[..., Web], free_port: Callable[[], int]
) -> None:
    web = run("up", mqtt_port=free_port(), no_worker=1, idle_seconds=1).until_ready()
    with httpx.Client() as client:
        stream = client.get(f"{web.url}/healthz").extensions["network_stream"]
        idle = stream.get_extra_info("socket")
        began = time.monotonic()
        assert idle.recv(1) == b""
        assert 0.8 < time.monotonic() - began < 5


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_events_get_through_by_both_versions(nginx: Serve, up: Web, version: str) -> None:
    """nginx asks by HTTP/1.0 unless it is told another; there are no chunks then."""
    plain = "server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{gateway}; "
    proxy = nginx(plain + "{host} proxy_http_version {version}; }} }}", version=version)
    curl = ["curl", "-sN", "-m", "3", "-G", f"{proxy.url}/api/events"]
    read = subprocess.Popen(
        [*curl, "--data-urlencode", "watch=builds/versions/#"], stdout=subprocess.PIPE, text=True
    )
    up.press_start("versions", script=FAST)
    text, _ = read.communicate(timeout=20)
    blocks = [block for block in text.split("\n\n") if block]
    assert blocks[0].startswith("retry: ")
    assert all("\ndata: {" in block for block in blocks)
    assert '"succeeded"' in text


def test_a_password_opens_every_door(
    nginx: Serve, tmp_path: Path, new_page: Callable[..., Page]
) -> None:
    tmp_path.joinpath("passwords").write_text("ada:{PLAIN}secret\n")
    proxy = nginx(BASIC)
    assert httpx.get(f"{proxy.url}/api/builds").status_code == 401
    assert ending(proxy.url, "password", auth=("ada", "secret")) == "succeeded"
    session = requests.Session()
    session.auth = "ada", "secret"
    for transport in ("websocket", "polling"):
        with socketio.SimpleClient(http_session=session) as client:
            client.connect(proxy.url, transports=[transport])
            assert client.call("watch", "builds/password/#")["builds"]
    page = new_page(http_credentials={"username": "ada", "password": "secret"})
    page.goto(proxy.url)
    expect(page.locator("#connection-status")).to_contain_text("Live")


@pytest.mark.parametrize(
    ("refused", "status"),
    [("error_page 401 =302 /sign-in;", 302), ("", 401)],
    ids=["302", "401"],
)
def test_who_has_signed_in_is_served(
    nginx: Serve, new_page: Callable[..., Page], refused: str, status: int
) -> None:
    proxy, project = nginx(SIGN_IN, refused=refused), f"signed-{status}"
    assert httpx.get(f"{proxy.url}/api/builds").status_code == status
    assert httpx.post(f"{proxy.url}/api/projects/{project}/builds").status_code == status
    assert httpx.get(f"{proxy.url}/socket.io/?EIO=4&transport=polling").status_code == status
    assert ending(proxy.url, project, cookies={"session": "good"}) == "succeeded"
    page = new_page()
    page.goto(f"{proxy.url}/sign-in")
    page.goto(f"{proxy.url}/projects/{project}")
    expect(page.locator("#connection-status")).to_contain_text("Live")
    press_start(page)
    expect(page.locator(".build")).to_have_count(2)


@pytest.mark.parametrize(
    "check",
    [
        "GET /readyz",
        "GET /healthz",
        "HEAD /readyz",
        "GET /healthz HTTP/1.0",
        "\n    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host builds.example",
    ],
)
def test_a_gateway_is_up_for_haproxy(
    up: Web, tmp_path: Path, free_port: Callable[[], int], check: str
) -> None:
    port = free_port()
    text = CHECKED.format(port=port, check=check, gateway=up.url.removeprefix("http://"))
    with HAProxy(tmp_path, port, text) as proxy:
        found = until(lambda: checked(proxy.url), "a check")
        assert found == ("UP", "L7OK"), "it thinks so at first, and after the check"
        assert ending(proxy.url, "checked") == "succeeded"


def checked(address: str) -> tuple[str, str] | None:
    """Return the status of the server, and what its check has found; None before."""
    rows = list(csv.DictReader(httpx.get(f"{address}/haproxy;csv").text.splitlines()))
    (server,) = [row for row in rows if row["svname"] == "one"]
    done = server["check_status"] and not server["check_status"].startswith(("*", "INI"))
    return (server["status"], server["check_status"]) if done else None
