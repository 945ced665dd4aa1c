"""One thing in several spellings: paths, host names; and health checks of a real HAProxy."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import websocket

from support.haproxy import HAProxy
from support.service import HTTP, Web, until

HAPROXY = """
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 10s
frontend site
    bind 127.0.0.1:{port}
    default_backend gateways
backend gateways
    option httpchk {check}
    server one 127.0.0.1:{gateway} check inter 100ms
"""


@pytest.mark.parametrize("check", ["", "GET /readyz", "OPTIONS /healthz", "HEAD /readyz/"])
def test_a_load_balancer_finds_it_healthy(
    up: Web, tmp_path: Path, free_port: Callable[[], int], check: str
) -> None:
    port = free_port()
    text = HAPROXY.format(port=port, check=check, gateway=up.options["port"])
    with HAProxy(tmp_path, port, text) as proxy:
        # HAProxy takes a server for healthy until three checks have failed.
        until(lambda: HTTP.get(f"{proxy.url}/readyz").status_code == 200, "it is healthy")
        with pytest.raises(AssertionError):
            until(lambda: HTTP.get(f"{proxy.url}/readyz").status_code != 200, "it is not", 1)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *(("/healthz/", 200), ("//readyz", 200), ("/metrics/", 200), ("/api/overview/", 200)),
        *(("/api/builds/", 200), ("//api//builds", 200), ("/api/%62uilds", 200)),
        *(("/projects/acme/", 200), ("//projects//acme", 200), ("/scripts/app.js/", 200)),
        *(("/favicon.svg/", 200), ("/scripts", 404), ("/%2e%2e/api/builds", 404)),
    ],
)
def test_a_path_has_several_spellings_and_none_is_redirected(
    up: Web, path: str, status: int
) -> None:
    assert asked(up, f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{up.options['port']}") == status


def test_a_target_may_be_a_whole_url(up: Web) -> None:
    host = f"127.0.0.1:{up.options['port']}"
    assert asked(up, f"GET http://{host}/api/builds/ HTTP/1.1", f"Host: {host}") == 200


@pytest.mark.parametrize(
    "path", ["/socket.io", "/socket.io/", "//socket.io/", "/%73ocket.io/", "/socket.io//"]
)
def test_a_websocket_has_several_spellings(up: Web, path: str) -> None:
    address = f"{up.url.replace('http', 'ws', 1)}{path}?EIO=4&transport=websocket"
    opened = websocket.create_connection(address, timeout=5)
    assert opened.recv().startswith("0{")
    opened.close()
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket.create_connection(address, timeout=5, origin="http://evil.example")
    assert refused.value.status_code == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *(("buildfeed.localhost", 200), ("localhost.", 200), ("LOCALHOST.:8000", 200)),
        *(("[::1]:8000", 200), ("127.1", 200), ("2130706433:8000", 200), ("", 200)),
        *(("builds.example", 421), ("127.0.0.1.example", 421), ("999.1.1.1", 421)),
    ],
)
def test_a_host_has_several_spellings_and_health_checks_need_none(
    up: Web, host: str, status: int
) -> None:
    assert asked(up, "GET /api/builds HTTP/1.1", f"Host: {host}") == status
    assert asked(up, "GET /readyz HTTP/1.1", f"Host: {host}") == 200


def asked(up: Web, *head: str) -> int:
    """Return the status that is answered to this head."""
    with socket.create_connection(("127.0.0.1", int(up.options["port"])), timeout=5) as client:
        client.sendall("\r\n".join([*head, "Connection: close", "", ""]).encode())
        return int(client.recv(4096).split()[1])
