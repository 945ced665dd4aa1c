"""A gateway that speaks TLS itself: every way to it, and what it says to others."""

import json
import re
import socket
import ssl
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import requests
import socketio
import websocket
from playwright.sync_api import Page, expect

from buildfeed.broker.local import ports
from buildfeed.grants import Grants
from buildfeed.history.database import Database
from buildfeed.history.tokens import Tokens
from support.certificates import certificate
from support.service import Service, Web, until

NAME: Final = "builds.example"
QUICK = {"seconds": 1, "steps": 5, "errors": []}
NewPage = Callable[..., Page]


class SecureWeb(Web):
    """An `up` with TLS; `file` is its certificate."""

    def __init__(self, directory: Path, file: Path, **options: Any) -> None:
        key = file.with_suffix(".key")
        super().__init__("up", directory, tls_cert=file, tls_key=key, **options)
        self.trusting = ssl.create_default_context(cafile=str(file))
        self.http = httpx.Client(verify=self.trusting, trust_env=False, base_url=self.url)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.options['port']}"

    def _ready(self) -> bool:
        try:
            return self.http.get("/readyz", timeout=2).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def start_build(self, project: str) -> str:
        answer = self.http.post(f"/api/projects/{project}/builds", json={"script": QUICK})
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return str(answer.json()["build"])


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureWeb]:
    directory = tmp_path_factory.mktemp("tls")
    port = ports.free_block(2, 4)
    assert port
    file = certificate(directory)
    options = {"mqtt_port": port + 1, "stuck_seconds": 2, "origins": f"https://{NAME}"}
    with SecureWeb(directory, file, port=port, **options) as web:
        yield web.until_ready()


def watch(web: SecureWeb, filter_: str, **options: Any) -> Generator[dict[str, Any]]:
    """Yield the `build` events of a client of socket.io over TLS."""
    session = requests.Session()
    session.verify = str(web.options["tls_cert"])
    with socketio.SimpleClient(http_session=session) as client:
        client.connect(web.url, auth={"watch": filter_}, **options)
        while True:
            name, *body = client.receive(timeout=20)
            if name == "build":
                yield body[0]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_watchers_of_socket_io_see_a_build_to_its_end(
    web: SecureWeb, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(web.options["tls_cert"]))
    events = watch(web, f"builds/tls-{transport}/#", transports=[transport])
    build = ""
    for _ in range(2):  # the first is there before or after the watcher
        build = web.start_build(f"tls-{transport}")
    seen = next(each for each in events if each["build"] == build and each["status"] == "succeeded")
    assert seen["progress"] == 100
    events.close()


def test_a_stream_tells_of_a_build_to_its_end(web: SecureWeb) -> None:
    query = {"watch": "builds/tls-sse/#"}
    with web.http.stream("GET", "/api/events", params=query, timeout=20) as stream:
        lines = stream.iter_lines()
        next(line for line in lines if line.startswith("event: feed"))
        build = web.start_build("tls-sse")
        ends = (json.loads(line[6:]) for line in lines if line.startswith('data: {"project"'))
        assert any(e["build"] == build and e["status"] == "succeeded" for e in ends)


def test_a_watcher_who_takes_nothing_is_closed_and_the_others_go_on(web: SecureWeb) -> None:
    bare = socket.socket()
    bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    bare.connect(("127.0.0.1", int(str(web.options["port"]))))
    with web.trusting.wrap_socket(bare, server_hostname="localhost") as stalled:
        stalled.sendall(b"GET /api/events?watch=builds/%23 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert stalled.recv(12) == b"HTTP/1.1 200"

        def is_stuck() -> bool:
            web.start_build("tls-stalled")
            text = web.http.get("/metrics").text
            (closed,) = re.findall(r"^buildfeed_watchers_stuck_total (\S+)", text, re.MULTILINE)
            return float(closed) > 0

        until(is_stuck, "it is closed", seconds=60)


def test_the_page_signs_in_with_a_cookie_for_https_alone(web: SecureWeb, new_page: NewPage) -> None:
    page = new_page(ignore_https_errors=True)
    page.goto(web.url)
    expect(page.locator("#connection-status")).to_contain_text("Live")
    path = web.options["data_dir"] / "history.db"  # type: ignore[operator] # a path
    with closing(Database(f"sqlite:///{path}")) as database:
        _, secret = Tokens(database).add("ada", Grants.parse(["viewer@*"]))
    answer = web.http.post("/api/session", json={"token": secret})
    assert answer.status_code == httpx.codes.OK, answer.text
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-buildfeed=bs_")
    assert {"secure", "httponly", "samesite=strict"} <= set(cookie.lower().split("; "))
    assert "strict-transport-security" not in answer.headers  # of localhost, which others use too
    named = web.http.get("/readyz", headers={"Host": NAME})
    assert named.headers["strict-transport-security"] == "max-age=31536000"


def test_a_websocket_of_another_origin_is_refused(web: SecureWeb) -> None:
    address = f"{web.url.replace('https', 'wss')}/socket.io/?EIO=4&transport=websocket"
    options = {"ca_certs": str(web.options["tls_cert"])}
    socket_ = websocket.create_connection(address, timeout=5, sslopt=options, origin=web.url)
    assert socket_.recv().startswith("0{")
    socket_.close()
    foreign = {"origin": "https://evil.test", "host": NAME}
    with pytest.raises(websocket.WebSocketBadStatusException, match="403") as refused:
        websocket.create_connection(address, timeout=5, sslopt=options, **foreign)
    headers = {k.lower(): v for k, v in (refused.value.resp_headers or {}).items()}
    assert headers["strict-transport-security"] == "max-age=31536000"


def test_http_without_tls_is_told_what_to_write(web: SecureWeb) -> None:
    answer = httpx.get(f"http://localhost:{web.options['port']}/", trust_env=False)
    assert answer.status_code == 400
    assert "https" in answer.json()["detail"]
    assert "Buildfeed is ready: https://127.0.0.1" in web.text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"tls_cert": "{pem}"}, "--tls-key"),
        ({"tls_key": "{key}"}, "--tls-cert"),
        ({"tls_cert": "{pem}", "tls_key": "{key}", "workers": 2}, "put a proxy with TLS in front"),
        ({"tls_cert": "{key}", "tls_key": "{pem}"}, "TLS is impossible"),
        ({"tls_cert": "/nowhere", "tls_key": "{key}"}, "/nowhere"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_served_ends_with_one_sentence(
    run: Callable[..., Service], tmp_path: Path, options: dict[str, Any], sentence: str
) -> None:
    file = certificate(tmp_path)
    names = {"pem": file, "key": file.with_suffix(".key")}
    given = {name: str(value).format(**names) for name, value in options.items()}
    service = run("gateway", **given)
    assert service._process
    assert service._process.wait(20) in (1, 2)
    *_, last = service.text.splitlines()
    assert last.startswith("Error: ")
    assert sentence in last
    assert "Traceback" not in service.text
