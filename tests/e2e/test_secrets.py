"""No token, cookie or password leaves a trace: not in a log, a list of processes, or a core."""

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import socketio
import websocket

from buildfeed.broker.local import ports
from buildfeed.grants import Grants
from buildfeed.history.database import Database
from buildfeed.history.tokens import Tokens, new_secret
from support.own_builds import mqtt_url, publishing_url
from support.raw_mqtt import ACCEPTED, NOT_AUTHORIZED, Raw
from support.service import HTTP, Web

PATH = "/api/projects/acme/builds"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    directory = tmp_path_factory.mktemp("secrets")
    port = ports.free_block(2, 99)
    assert port
    options = {"log_level": "debug", "anonymous": "none", "no_worker": True, "workers": 2}
    with Web("up", directory, port=port, mqtt_port=port + 1, **options) as web:
        yield web.until_ready()


@pytest.fixture(scope="module")
def tokens(web: Web) -> Iterator[Tokens]:
    path = Path(str(web.options["data_dir"])) / "history.db"
    with closing(Database(f"sqlite:///{path}")) as database:
        yield Tokens(database)


def processes(web: Web) -> list[int]:
    """The process of `web` and those below it."""
    found = [web.pid]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def test_what_is_shown_at_the_doors_is_in_no_log(web: Web, tokens: Tokens) -> None:
    _, good = tokens.add("ada", Grants.parse(["operator"]))
    _, revoked = tokens.add("bob", Grants.parse(["operator"]))
    tokens.revoke("bob")
    secrets = [good, revoked, *(new_secret(kind) for kind in ("bf_", "bs_", "bl_"))]
    ask = {"Authorization": f"Bearer {good}"}
    build = HTTP.post(f"{web.url}{PATH}", headers=ask, json={}).json()["build"]
    answer = HTTP.post(f"{web.url}/api/session", json={"token": good})
    assert answer.status_code == httpx.codes.OK
    secrets.append(answer.headers["set-cookie"].partition("=")[2].partition(";")[0])
    shared = HTTP.post(f"{web.url}{PATH}/{build}/share", headers=ask, json={"hours": 1}).json()
    secrets.append(shared["url"].rpartition("/")[2])
    HTTP.get(f"{web.url}/s/{secrets[-1]}")

    for secret in secrets:
        for headers in (
            {"Authorization": f"Bearer {secret}"},
            {"Authorization": f"Basic {secret}"},
            {"Cookie": f"buildfeed={secret}"},
            {"Cookie": f"__Host-buildfeed={secret}; =;;{secret}"},
        ):
            HTTP.get(f"{web.url}/api/builds", headers=headers)
            HTTP.get(f"{web.url}/{secret}?token={secret}", headers=headers)
            HTTP.post(f"{web.url}{PATH}", headers=headers | {"Idempotency-Key": secret}, json={})
            _handshake(web, headers)
        HTTP.get(f"{web.url}/s/{secret}")
        HTTP.post(f"{web.url}/api/session", json={"token": secret, "more": secret})
        HTTP.post(f"{web.url}/api/session", json=secret)
        HTTP.get(f"{web.url}/api/events", params={"watch": secret, "token": secret})
        _watch(web, secret)
        _say(web, f"GET /{secret} NONSENSE {secret}\r\n{secret}\r\n\r\n")
        for name in ("ada", secret):
            url = mqtt_url(web).replace("://", f"://{name}:{secret}@")
            assert Raw(url, secret).connack in (ACCEPTED, NOT_AUTHORIZED, b"\x20\x02\x00\x02")
        _say(web, f"\x10{secret}", mqtt=True)

    HTTP.delete(f"{web.url}/api/session", headers={"Cookie": f"buildfeed={secrets[5]}"})
    tokens.revoke("ada")
    web.until_logged("embedded.token_ended")
    for secret in secrets:
        assert secret[3:] not in web.text, [
            line for line in web.text.splitlines() if secret[3:] in line
        ]
    assert str(urlsplit(publishing_url(web)).password) not in web.text
    assert not re.search(r"b[fls]_\S*…", web.text)  # nobody even tried


def _handshake(web: Web, headers: dict[str, str]) -> None:
    address = f"{web.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"
    with suppress(websocket.WebSocketException, OSError):
        socket_ = websocket.create_connection(address, timeout=5, header=headers)
        socket_.send("40")
        socket_.recv()
        socket_.close()


def _watch(web: Web, secret: str) -> None:
    """Come by socket.io in both ways; nothing matters but what is logged."""
    for transport in ("websocket", "polling"):
        client = socketio.SimpleClient()
        with suppress(socketio.exceptions.SocketIOError):
            auth = {"token": secret, "watch": f"builds/{secret}/#"}
            client.connect(web.url, auth=auth, transports=[transport], wait_timeout=3)
            client.call("watch", secret, timeout=3)
            client.call("auth", secret, timeout=3)
            client.emit(secret, {"token": secret})
        client.disconnect()


def _say(web: Web, text: str, *, mqtt: bool = False) -> None:
    port = int(str(web.options["mqtt_port" if mqtt else "port"]))
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client, suppress(OSError):
        client.sendall(text.encode("latin-1"))
        client.shutdown(socket.SHUT_WR)
        client.recv(1000)


def test_no_process_shows_a_password_to_others_or_leaves_a_core(web: Web) -> None:
    password = str(urlsplit(publishing_url(web)).password)
    found = processes(web)
    assert len(found) >= 4  # up, the gateway, and its two processes
    for pid in found:
        shown = [Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "comm", "stat")]
        assert password.encode() not in b"".join(shown)
        assert not re.search(rb"b[fsl]_\w{12}|://[^/]*:[^/]*@", b"".join(shown))
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert re.findall(r"Max core file size +(\S+)", limits)[0] in ("0", "1")
    listed = subprocess.check_output(["ps", "-eo", "args"], text=True)
    assert password not in listed
