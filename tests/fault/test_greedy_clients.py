"""Strangers who ask for much and take nothing: what that costs a gateway is bounded."""

import json
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

import pytest

from buildfeed.broker.local import ports
from buildfeed.history.store import Store
from support.builders import accept, ending
from support.client_frames import sent
from support.rabbitmq import ControlledRabbitMQ
from support.service import HTTP, Web, until
from support.sse import metric, stalled_watcher
from support.vitals import Vitals

WATCHERS = 'buildfeed_watchers{transport="socketio"}'
POLL = "/socket.io/?EIO=4&transport=polling"
OF_ONE = 200
CONNECT_SECONDS = 10
ERROR = "e" * 200
TEXT, PING = 1, 9
LONG = f'421["watch",[{",".join(["[]"] * 20_000)}]]'
"""A packet whose values take thirty times its bytes."""

Serve = Callable[..., Web]


@pytest.fixture
def serve(rabbitmq: ControlledRabbitMQ, tmp_path: Path) -> Iterator[Serve]:
    """Serve a history with so many ended and unfinished builds."""
    with ExitStack() as stack:

        def served(ended: int = 0, unfinished: int = 0, **options: object) -> Web:
            with closing(Store(f"sqlite:///{tmp_path}/history.db")) as store:
                store.position()
                facts = {"error": ERROR, "errors": 1}
                said = [ending(build=f"e{number}", **facts) for number in range(ended)]
                said += [accept(build=f"r{number}", **facts) for number in range(unfinished)]
                store.append(said)
            urls = {"mqtt_url": rabbitmq.mqtt_url, "amqp_url": rabbitmq.amqp_url}
            port = ports.free_block(1, secrets.randbelow(100_000))
            options = {"port": port, "max_per_address": OF_ONE, **urls, **options}
            return stack.enter_context(Web("gateway", tmp_path, **options)).until_ready()

        yield served


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str, object], None]:
    def say(what: str, vitals: object) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{what}: {vitals}\n")

    return say


class Poller:
    """A session that polls, or not."""

    def __init__(self, gateway: Web, auth: str = "") -> None:
        self._http = HTTPConnection("127.0.0.1", int(str(gateway.options["port"])), timeout=30)
        self._path = POLL
        status, body = self.ask("GET")
        assert status == 200, body
        self._path += f"&sid={json.loads(body[1:])['sid']}"
        self.say(f"40{auth}")

    def ask(self, method: str, body: str = "") -> tuple[int, str]:
        self._http.request(method, self._path, body.encode())
        answer = self._http.getresponse()
        return answer.status, answer.read().decode()

    def say(self, *packets: str) -> int:
        return self.ask("POST", "\x1e".join(packets))[0]


def test_questions_whose_answers_nobody_takes(
    serve: Serve, report: Callable[[str, object], None]
) -> None:
    gateway = serve(ended=250)
    with Vitals(gateway) as vitals:
        greedy = [stalled_watcher(gateway, "builds/none/#") for _ in range(25)]
        for each in greedy:
            each.sendall(b"".join(question(number) for number in range(190)))
        until(lambda: metric(gateway, "buildfeed_watchers_stuck_total") == 25, "stuck", 60)
    report("25 that do not read × 190 watch", vitals)
    assert vitals.grown < 30
    assert vitals.longest < 1
    for each in greedy:
        each.close()


def question(number: int) -> bytes:
    return sent(TEXT, f'42{number}["watch","builds/#"]'.encode())


def test_floods_of_pings(serve: Serve, report: Callable[[str, object], None]) -> None:
    gateway = serve()
    flood = sent(PING, bytes(125)) * 8000
    with Vitals(gateway) as vitals:
        ends, floods = time.monotonic() + 10, 0
        while time.monotonic() < ends:
            floods += 1
            with stalled_watcher(gateway, "builds/none/#") as greedy, suppress(OSError):
                greedy.settimeout(1)
                greedy.sendall(flood)
    report(f"{floods} floods of 8000 pings in 10 s", vitals)
    assert vitals.grown < 30
    assert vitals.longest < 1


@pytest.mark.parametrize(
    ("what", "packets"),
    [
        ("watch", [f'42{number}["watch","builds/#"]' for number in range(80)]),
        ("unwatch", [f'42{number}["unwatch","builds/a/a/log"]' for number in range(300)]),
        ("long watch", ['421["watch","builds/#"]'] + [LONG] * 300),
        ("odd namespaces", [f"40/{'n' * 60_000},"] * 300),
    ],
)
def test_sessions_that_never_poll(
    serve: Serve, report: Callable[[str, object], None], what: str, packets: list[str]
) -> None:
    gateway = serve(unfinished=1000)
    names = [f"builds/{'p' * 60}{number:03}/{'b' * 60}/log" for number in range(100)]
    with Vitals(gateway) as vitals:
        for _ in range(10):
            poller = Poller(gateway, json.dumps({"watch": names}))
            all(poller.say(packet) == 200 for packet in packets)  # until it is refused
        left = metric(gateway, WATCHERS)
    report(f"10 sessions that never poll, {what}, {left:.0f} left", vitals)
    assert vitals.grown < 30
    assert vitals.longest < 1


def test_sessions_without_end(serve: Serve, report: Callable[[str, object], None]) -> None:
    gateway = serve()
    answers = []
    with Vitals(gateway) as vitals:
        ends = time.monotonic() + 5
        asking = HTTPConnection("127.0.0.1", int(str(gateway.options["port"])))
        while time.monotonic() < ends:
            asking.request("GET", POLL)
            answer = asking.getresponse()
            answer.read()
            answers.append(answer.status)
        refused = answers.count(503)
        asking.close()
        most = until(lambda: connections(gateway) <= 2, "they are gone", CONNECT_SECONDS + 3)
    assert most
    report(f"{len(answers)} sessions, {refused} refused", vitals)
    assert answers.count(200) + refused == len(answers)
    assert answers.count(200) < OF_ONE
    assert vitals.grown < 15


def connections(gateway: Web) -> float:
    return metric(gateway, "buildfeed_connections")


def test_reserved_names(serve: Serve, report: Callable[[str, object], None]) -> None:
    gateway = serve()
    with Vitals(gateway) as vitals:
        for _ in range(3000):
            with suppress(OSError), connected(gateway) as stranger:
                said = ["40", '42["connect",{},{"watch":"builds/#"}]', "41"]
                stranger.sendall(b"".join(sent(TEXT, each.encode()) for each in said))
        until(lambda: metric(gateway, WATCHERS) == 0, "no ghost is left")
    report("3000 × reserved names", vitals)
    assert vitals.grown < 15


def connected(gateway: Web) -> socket.socket:
    return stalled_watcher(gateway, "builds/none/#")


@pytest.mark.parametrize("filter_", ["builds/p{}/+/status", "builds/+/e{}/#", "builds/acme/e{}/#"])
def test_many_filters_once_history_knows_more(
    serve: Serve, report: Callable[[str, object], None], filter_: str
) -> None:
    gateway = serve(ended=5000)
    filters = "&".join(f"watch={quote(filter_.format(number))}" for number in range(96))
    port = int(str(gateway.options["port"]))
    with Vitals(gateway) as vitals, ExitStack() as stack:
        readers = [
            stack.enter_context(closing(HTTPConnection("127.0.0.1", port, timeout=30)))
            for _ in range(20)
        ]
        for reader in readers:
            reader.request("GET", f"/api/events?{filters}")
        for reader in readers:
            answer = reader.getresponse()
            assert answer.status == 200
            while not answer.readline().startswith(b"event: feed"):
                pass
    report(f"20 × 96 filters {filter_}", vitals)
    assert vitals.cpu < 5
    assert vitals.longest < 1
    assert HTTP.get(f"{gateway.url}/healthz").status_code == 200


def test_websockets_that_never_upgrade_are_closed(serve: Serve) -> None:
    """A WebSocket of a session that polls, which probes and says no more, or nothing at all."""
    gateway = serve()
    session = json.loads(HTTP.get(f"{gateway.url}{POLL}").text[1:])["sid"]
    with upgrading(gateway, session) as first, upgrading(gateway, session) as second:
        first.sendall(sent(TEXT, b"2probe"))
        until(lambda: connections(gateway) <= 1, "both are gone", 2 * CONNECT_SECONDS)
        second.settimeout(1)
        assert second.recv(1) == b""


def upgrading(gateway: Web, session: str) -> socket.socket:
    port = int(str(gateway.options["port"]))
    there = socket.create_connection(("127.0.0.1", port))
    there.sendall(
        f"GET /socket.io/?EIO=4&transport=websocket&sid={session} HTTP/1.1\r\nHost: localhost\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    assert there.recv(4096).startswith(b"HTTP/1.1 101")
    return there
