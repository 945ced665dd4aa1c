"""Hostile names and broken input at every door of a gateway on the real RabbitMQ."""

import json
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
import socketio
import websocket
from hypothesis import given, settings
from hypothesis import strategies as st

from support.service import HTTP, Web

HOSTILE = {
    "a dot": "acme.secret",
    "a slash": "a/b",
    "a plus": "+",
    "a hash": "#",
    "a star": "*",
    "300 bytes": "a" * 300,
    "NUL": "a\0b",
    "an emoji": "🦊",
    "upper case": "Acme",
    "a space": "a b",
    "dots": "..",
    "a dollar": "$SYS",
    "a newline": "acme\n",
}
hostile = pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
hostile_in_a_filter = pytest.mark.parametrize(
    "name",
    sorted(set(HOSTILE.values()) - {"+", "a/b", "#"}),  # good filters, these
)


@pytest.fixture(scope="module")
def api(gateway: Web) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, timeout=10) as client:
        yield client


def assert_problem(answer: httpx.Response, *statuses: int) -> None:
    """RFC 9457, and one sentence for people."""
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"].startswith("urn:buildfeed:problem:")
    assert problem["title"]
    assert problem["detail"].endswith(".")


@hostile
def test_http_refuses_a_hostile_name(api: httpx.Client, name: str) -> None:
    text = quote(name, safe="").replace(".", "%2E")
    assert_problem(api.post(f"/api/projects/{text}/builds"), 400, 404, 405)
    assert_problem(api.post(f"/api/projects/acme/builds/{text}/stop"), 400, 404, 405)
    assert_problem(api.get(f"/api/projects/{text}/builds/latest"), 400, 404, 405)
    assert_problem(api.get("/api/builds", params={"project": name}), 400)
    assert_problem(api.get(f"/projects/{text}"), 400, 404)


@hostile_in_a_filter
def test_socket_io_refuses_a_hostile_filter(gateway: Web, name: str) -> None:
    filters = [f"builds/{name}/#", f"builds/acme/{name}/progress", f"{name}/acme/#"]
    with socketio.SimpleClient() as client:
        client.connect(gateway.url, transports=["websocket"])
        for filter_ in filters:
            answer = client.call("watch", [filter_])
            assert answer["error"]["code"] == "invalid-filter", filter_
            assert answer["error"]["message"].endswith(".")
    refused: list[dict[str, Any]] = []
    client = socketio.Client()
    client.on("connect_error", refused.append)
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(gateway.url, auth={"watch": filters[0]}, transports=["websocket"])
    assert refused[0]["data"]["code"] == "invalid-filter"


@hostile_in_a_filter
def test_events_refuse_a_hostile_filter(api: httpx.Client, name: str) -> None:
    for filter_ in (f"builds/{name}/#", f"builds/acme/{name}/progress", f"{name}/acme/#"):
        assert_problem(api.get("/api/events", params={"watch": filter_}), 400)


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ("{", 400, None),
        ("[]", 422, "#"),
        ('{"script": {"seconds": 0}}', 422, "#/script/seconds"),
        ('{"script": {"seconds": 1e999}}', 422, "#/script/seconds"),
        ('{"script": {"steps": 1.5}}', 422, "#/script/steps"),
        ('{"script": {"errors": [70, 101]}}', 422, "#/script/errors"),
        ('{"script": {"step": 3}}', 422, "#/script"),
        ('{"priority": "urgent"}', 422, "#/priority"),
        ('{"by": ""}', 422, "#/by"),
        ('{"colour": "red"}', 422, "#"),
        ('{"by": "\xff"}'.encode("latin-1"), 400, None),
        ('{"by": ' + "[" * 10_000, 422, "#"),
        ('"' + "x" * 100_000 + '"', 413, None),
    ],
)
def test_a_bad_start_says_which_field(
    api: httpx.Client, body: str | bytes, status: int, pointer: str | None
) -> None:
    answer = api.post("/api/projects/acme/builds", content=body)
    assert_problem(answer, status)
    if pointer:
        assert answer.json()["errors"][0]["pointer"].startswith(pointer)


@settings(max_examples=150, deadline=None, print_blob=True)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]),
    path=st.lists(
        st.sampled_from(["api", "projects", "builds", "acme", "latest", "stop", "activities", "x"])
        | st.binary(max_size=8).map(quote),
        max_size=6,
    ).map("/".join),
    params=st.dictionaries(
        st.sampled_from(["project", "status", "limit", "before", "after", "watch"]),
        st.text(max_size=10),
        max_size=2,
    ),
    content=st.binary(max_size=50) | st.recursive(st.none() | st.text(), st.lists).map(json.dumps),
    headers=st.dictionaries(
        st.sampled_from(["Prefer", "Idempotency-Key", "Origin", "Content-Type", "If-None-Match"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12).map(str.strip),
        max_size=2,
    ),
)
def test_no_request_gives_a_500(api: httpx.Client, method: str, path: str, **parts: Any) -> None:
    answer = api.request(method, f"{api.base_url}/{path}", **parts)
    assert answer.status_code < 500
    if answer.status_code >= 400 and method != "HEAD":
        assert_problem(answer, answer.status_code)


PACKETS = ["", "4", "42", "42{", "42[]", '42["watch"', "42[1,2]", '42["watch"]', "41", "43[]"]
PACKETS += ['420["watch",{"a":1}]', '420["watch",[[]]]', '420["nope",1]', '45-["watch"]', "451-"]
PACKETS += ["9", "44{}", "40/x,{}", '431["x"]', '420["watch",' + "[" * 5000 + "]" * 5000 + "]"]


def test_no_packet_harms_the_gateway(gateway: Web) -> None:
    address = gateway.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    for packet in PACKETS:
        raw = websocket.create_connection(address, timeout=5)
        raw.recv()
        raw.send("40")
        raw.recv()
        raw.send(packet)
        raw.send_binary(b"\0\1")
        raw.close()
    assert HTTP.get(f"{gateway.url}/healthz").status_code == 200
    assert "Traceback" not in gateway.text


def test_a_foreign_page_may_neither_watch_nor_command(api: httpx.Client, gateway: Web) -> None:
    foreign = {"Origin": "http://evil.example"}
    assert_problem(api.post("/api/projects/acme/builds", headers=foreign), 403)
    assert_problem(api.get("/socket.io/?EIO=4&transport=polling", headers=foreign), 403)
    address = gateway.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    with pytest.raises(websocket.WebSocketBadStatusException):
        websocket.create_connection(address, timeout=5, origin=foreign["Origin"])


@pytest.mark.parametrize("noise", [b"\0" * 100, b"GET / HTTP/1.1\r\nHost:\r\n\r\n", b"{}\r\n\r\n"])
def test_noise_on_the_port_is_survived(gateway: Web, noise: bytes) -> None:
    address = urlsplit(gateway.url)
    with socket.create_connection((address.hostname, address.port), timeout=5) as raw:
        raw.sendall(noise)
        raw.recv(100)
    assert HTTP.get(f"{gateway.url}/healthz").status_code == 200


def test_the_page_may_run_no_foreign_script(api: httpx.Client) -> None:
    policy = api.get("/").headers["content-security-policy"]
    assert re.match("default-src 'self'", policy)
    assert "unsafe" not in policy
