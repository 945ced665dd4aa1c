"""Tokens of the command line and of a file, at gateways that others may reach."""

import re
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from paho.mqtt import client as mqtt

from buildfeed.history.database import Database
from buildfeed.history.tokens import Tokens
from support.held_open import stream, web_socket
from support.rabbitmq import ControlledRabbitMQ
from support.service import HTTP, Service, Web, until
from support.terminal import Terminal

Run = Callable[..., Service]
SECONDS = 5.0
"""Until whatever is open is closed."""


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


@pytest.fixture(params=["up", "gateway"])
def open_to_others(
    request: pytest.FixtureRequest, run: Run, free_port: Callable[[], int]
) -> Callable[..., Web]:
    """A function that runs one or the other where others may reach it."""

    def start(**options: Any) -> Web:
        if request.param == "gateway":
            broker: ControlledRabbitMQ = request.getfixturevalue("rabbitmq")
            urls = {"mqtt_url": broker.mqtt_url, "amqp_url": broker.amqp_url}
            web = run("gateway", host="0.0.0.0", workers=2, **urls, **options)
        else:
            own = {"mqtt_port": free_port(), "log_level": "info", "no_worker": True}
            web = run("up", host="0.0.0.0", **own, **options)
        assert isinstance(web, Web)
        return web

    return start


def asked(web: Web, token: str, path: str = "/api/builds") -> int:
    return HTTP.get(f"{web.url}{path}", headers={"Authorization": f"Bearer {token}"}).status_code


def by_http(web: Web, token: str) -> tuple[int, str]:
    """Return how a token is answered that comes from another machine, as its Host header says."""
    headers = {"Authorization": f"Bearer {token}", "Host": f"192.0.2.1:{web.options['port']}"}
    answer = HTTP.get(f"{web.url}/api/builds", headers=headers)
    return answer.status_code, answer.json().get("type", "").rpartition(":")[2]


def processes(web: Web) -> int:
    return int(str(web.options.get("workers", 1)))


def until_refused(web: Web, token: str) -> None:
    """Several processes share the port: each must refuse it."""
    until(lambda: all(asked(web, token) == 401 for _ in range(8)), "a refusal", SECONDS)


def test_a_token_opens_the_door_and_its_revocation_closes_it(
    open_to_others: Callable[..., Web], terminal: Terminal
) -> None:
    terminal.token("ada", "builder@acme")
    web = open_to_others().until_ready()
    assert HTTP.get(f"{web.url}/api/builds").status_code == 401
    token = terminal.token("bob", "viewer@*")
    assert asked(web, token) == 200  # at once
    assert by_http(web, token) == (400, "needs-https")
    assert asked(web, token, "/api/overview") == 403
    with web_socket(web, token) as socket, stream(web, token) as events:
        terminal.says("token", "revoke", "bob")
        revoked = time.monotonic()  # at the latest
        ends = [held.until_ended(revoked, SECONDS) for held in (socket, events)]
        assert max(ends) < SECONDS, ends
        until_refused(web, token)
    assert socket.code == 1008
    assert "revoked" in socket.reason
    answer = HTTP.get(f"{web.url}/api/builds", headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["reason"] == "revoked"
    assert "bf_" not in web.text.replace(web.url, "")


def test_in_a_network_that_one_trusts_tokens_are_taken_by_http(
    run: Run, terminal: Terminal, free_port: Callable[[], int]
) -> None:
    token = terminal.token("ada", "viewer@*")
    options = {"mqtt_port": free_port(), "no_worker": True, "tokens_by_http": True}
    web = run("up", host="0.0.0.0", **options)
    assert isinstance(web, Web)
    assert by_http(web.until_ready(), token) == (200, "")


def test_a_file_of_tokens_is_read_again_when_it_changes(
    open_to_others: Callable[..., Web], terminal: Terminal, tmp_path: Path
) -> None:
    file = tmp_path / "tokens.toml"
    entries = {}
    tokens = {}
    for name in ("ada", "bob"):
        done = terminal.run("token", "entry", name, "viewer@*")
        entries[name] = done.stdout
        tokens[name] = re.findall(r"^bf_\w+$", done.stderr, re.MULTILINE)[0]
    file.write_text(entries["ada"] + entries["bob"])
    web = open_to_others(tokens=file).until_ready()  # the file is decision enough
    # One that begins while the file is broken would know nobody.
    until(lambda: web.text.count("gateway.started") == processes(web), "all processes")
    assert asked(web, tokens["ada"]) == asked(web, tokens["bob"]) == 200
    with (
        web_socket(web, tokens["bob"]) as socket,
        stream(web, tokens["bob"]) as events,
        stream(web, tokens["ada"]) as other,
    ):
        file.write_text("[broken")
        web.until_logged("token.file_unreadable")
        assert asked(web, tokens["bob"]) == 200
        removed = time.monotonic()
        file.write_text(entries["ada"])
        ends = [held.until_ended(removed, SECONDS) for held in (socket, events)]
        assert max(ends) < SECONDS, ends
        until_refused(web, tokens["bob"])
        assert asked(web, tokens["ada"]) == 200
        assert other.ended_at is None
    assert socket.code == 1008
    file.write_text(entries["ada"] + entries["bob"])
    until(lambda: all(asked(web, tokens["bob"]) == 200 for _ in range(8)), "it is good again")


@pytest.mark.parametrize("command", ["up", "gateway"])
def test_a_file_that_cannot_be_read_at_the_start_is_told_in_one_sentence(
    run: Run, tmp_path: Path, command: str
) -> None:
    file = tmp_path / "tokens.toml"
    for content, reason in (
        (None, "No such file or directory."),
        ("[ada]\nhash = 1", "[ada]: Expected `str`, got `int` - at `$.hash`."),
    ):
        if content:
            file.write_text(content)
        service = run(command, tokens=file, data_dir=tmp_path / "data")
        assert service._process
        assert service._process.wait(20) == 2
        *_, sentence = service.text.splitlines()
        assert sentence == f"Error: Invalid value for '--tokens': '{file}': {reason}"


def test_who_did_what_is_in_the_audit(
    run: Run, terminal: Terminal, free_port: Callable[[], int]
) -> None:
    token = terminal.token("ada", "builder@acme", "operate")
    link = terminal.token("eve", "viewer@acme")
    web = run("up", anonymous="none", mqtt_port=free_port(), log_level="info", no_worker=True)
    assert isinstance(web, Web)
    web.until_ready()
    with httpx.Client(base_url=web.url, timeout=10, trust_env=False) as browser:
        origin = {"Origin": web.url}
        assert browser.get("/api/builds").status_code == 401
        body = {"token": "bf_" + "x" * 32}
        assert browser.post("/api/session", json=body, headers=origin).status_code == 401
        body = {"token": token}
        assert browser.post("/api/session", json=body, headers=origin).status_code == 200
        start = browser.post("/api/projects/acme/builds", headers=origin)
        assert start.status_code == 202
        build = start.json()["build"]
        path = f"/api/projects/acme/builds/{build}"
        assert browser.post("/api/projects/beta/builds", headers=origin).status_code == 403
        assert browser.post(f"{path}/stop", headers=origin).status_code == 202
        share = browser.post(f"{path}/share", headers=origin).json()
        metrics = browser.get("/metrics").text
        assert browser.delete("/api/session", headers=origin).status_code == 204
    follower = httpx.get(share["url"], trust_env=False)
    assert follower.status_code == 303
    answer = HTTP.get(f"{web.url}/metrics", headers={"Authorization": f"Bearer {link}"})
    assert answer.status_code == 403
    terminal.says("token", "revoke", "eve")
    until(lambda: asked(web, link) == 401, "a refusal", SECONDS)
    expected = [
        ("cli", "token-add", "ada operate read:builds/acme/# start:acme stop:acme", "accepted"),
        ("cli", "token-add", "eve read:builds/acme/#", "accepted"),
        ("anonymous", "request", "GET /api/builds", "not-signed-in: missing"),
        ("anonymous", "sign-in", "", "not-signed-in: unknown"),
        ("ada", "sign-in", "", "accepted"),
        ("ada", "start", f"acme/{build}", "accepted"),
        ("ada", "start", "beta", "not-allowed"),
        ("ada", "stop", f"acme/{build}", "accepted"),
        ("ada", "share", f"acme/{build} {share['name']}", "accepted"),
        ("ada", "sign-out", "", "accepted"),
        (share["name"], "follow", f"acme/{build}", "accepted"),
        ("eve", "request", "GET /metrics", "not-allowed"),
        ("cli", "token-revoke", "eve", "accepted"),
        ("eve", "request", "GET /api/builds", "not-signed-in: revoked"),
    ]

    def rows() -> list[tuple[str, ...]]:
        return [
            (row["principal"].partition(":")[0], row["action"], row["subject"], row["outcome"])
            for row in terminal.audit()
        ]

    with suppress(AssertionError):
        until(lambda: len(rows()) >= len(expected), "all rows")
    assert rows() == expected
    addresses = {row["address"] for row in terminal.audit() if row["action"] != "token-add"}
    assert "127.0.0.1" in addresses
    lines = [line for line in web.text.splitlines() if " INFO audit " in line]
    assert len(lines) == len(expected) - 3  # those of the command line are no lines
    assert "action=start" in lines[3]
    for secret in (token, link, share["url"].rpartition("/")[2]):
        assert secret not in web.text
        assert secret not in terminal.says("audit")
    assert 'buildfeed_failed_sign_ins_total{outcome="failed"} 1.0' in metrics
    assert "buildfeed_audit_lost_total 0.0" in metrics


def test_refusals_of_socket_io_are_in_the_audit(
    run: Run, terminal: Terminal, free_port: Callable[[], int]
) -> None:
    import socketio  # noqa: PLC0415 - it takes a second

    token = terminal.token("ada", "viewer@acme")
    web = run("up", anonymous="none", mqtt_port=free_port(), no_worker=True)
    assert isinstance(web, Web)
    web.until_ready()
    for shown in ({}, {"token": "bf_" + "y" * 32}, {"token": token, "watch": ["builds/beta/#"]}):
        with pytest.raises(socketio.exceptions.ConnectionError):
            socketio.SimpleClient().connect(web.url, transports=["websocket"], auth=shown)
    with socketio.SimpleClient() as client:
        client.connect(web.url, transports=["polling"], auth={"token": token})
        assert client.call("watch", ["builds/beta/#"])["error"]["code"] == "not-allowed"
        assert client.call("auth", "bf_" + "z" * 32)["error"]["code"] == "not-signed-in"
    expected = [
        ("anonymous", "connect", "not-signed-in: missing"),
        ("anonymous", "connect", "not-signed-in: unknown"),
        ("ada", "connect", "not-allowed"),
        ("ada", "watch", "not-allowed"),
        ("ada", "auth", "not-signed-in: unknown"),
    ]

    def rows() -> list[tuple[str, ...]]:
        found = [row for row in terminal.audit() if not row["principal"].startswith("cli:")]
        return [(row["principal"], row["action"], row["outcome"]) for row in found]

    until(lambda: len(rows()) >= len(expected), "all rows")
    assert rows() == expected


def test_a_watcher_goes_over_to_a_renewed_token_and_misses_nothing(
    run: Run, terminal: Terminal, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    import socketio  # noqa: PLC0415 - it takes a second

    old = terminal.token("ada", "builder@acme")
    web = run("up", anonymous="none", mqtt_port=free_port(), no_worker=True)
    assert isinstance(web, Web)
    web.until_ready()
    started: list[str] = []

    def start(token: str) -> None:
        place = f"{web.url}/api/projects/acme/builds"
        answer = HTTP.post(place, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 202
        started.append(answer.json()["build"])

    heard: set[str] = set()
    closed: list[str] = []
    client = socketio.Client(reconnection=False)
    client.on("build", lambda body: heard.add(body["build"]))
    client.on("disconnect", closed.append)
    auth = {"token": old, "watch": "builds/acme/#"}
    client.connect(web.url, transports=["websocket"], auth=auth)
    start(old)
    with closing(Database(f"sqlite:///{tmp_path}/history.db")) as database:
        _, new, _ = Tokens(database).renew("ada", None, timedelta(seconds=3))
    start(new)
    start(old)  # both are good
    assert client.call("auth", new) == {"name": "ada", "expires": None}
    start(old)
    until(lambda: asked(web, old) == 401, "the end of the old one", 3 + SECONDS)
    start(new)
    until(lambda: heard == set(started), "all builds", SECONDS)
    assert closed == []
    client.disconnect()


def test_a_token_of_a_file_logs_in_at_the_embedded_broker(
    run: Run, terminal: Terminal, free_port: Callable[[], int], tmp_path: Path
) -> None:
    done = terminal.run("token", "entry", "ada", "viewer@acme")
    token = re.findall(r"^bf_\w+$", done.stderr, re.MULTILINE)[0]
    file = tmp_path / "tokens.toml"
    file.write_text(done.stdout)
    mqtt_port = free_port()
    web = run("up", anonymous="none", mqtt_port=mqtt_port, no_worker=True, tokens=file)
    assert isinstance(web, Web)
    web.until_ready()
    assert connack(mqtt_port, "ada", token) == "Success"
    assert connack(mqtt_port, "ada", "bf_" + "x" * 32) == "Not authorized"
    file.write_text("")
    until(lambda: connack(mqtt_port, "ada", token) == "Not authorized", "a refusal", SECONDS)
    expected = [
        ("ada", "login", "mqtt", "accepted"),
        ("anonymous", "login", "mqtt", "not-signed-in: unknown"),
        ("ada", "login", "mqtt", "not-signed-in: revoked"),
    ]

    def rows() -> list[tuple[str, ...]]:
        return [
            (row["principal"], row["action"], row["subject"], row["outcome"])
            for row in terminal.audit()
        ]

    with suppress(AssertionError):
        until(lambda: len(rows()) >= len(expected), "all rows")
    assert rows() == expected


def connack(port: int, name: str, password: str) -> str:
    """Return what a broker answers to a login by MQTT."""
    answers: list[str] = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    client.username_pw_set(name, password)
    client.on_connect = lambda *arguments: answers.append(str(arguments[3]))
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        return until(lambda: answers, "an answer")[0]
    finally:
        client.disconnect()
        client.loop_stop()
