"""The first bytes on a WebSocket: what begins, what upgrades, and what is told why it may not."""

import asyncio
import base64
from typing import Any

import msgspec
import pytest
from uvicorn.server import ServerState

from gateway.access.access import Access
from gateway.access.clients import Clients
from gateway.access.proxies import Proxies
from gateway.access.refusals import Refusals
from gateway.drain import Drain
from gateway.engine.frames import CLOSE, TEXT
from gateway.transports.websocket import WatcherSocket
from support.client_frames import sent
from support.wired import Pipe, Site, packets

KEY = base64.b64encode(bytes(16)).decode()
BEGIN = "EIO=4&transport=websocket"
OWN = "http://192.0.2.1:8000"
PARTNER = "https://partner.example"


class Socket:
    """A WebSocket of a client, to a gateway."""

    def __init__(self, site: Site) -> None:
        self.state = ServerState()
        refusals = Refusals(Access([PARTNER]))
        app = {
            "drain": Drain(0),
            "refusals": refusals,
            "clients": Clients(Proxies([]), 0, 0),
            "server": site.transport.server,
        }
        self.socket = WatcherSocket(config=None, server_state=self.state, app_state=app)
        self.pipe = Pipe()
        self.socket.connection_made(self.pipe)

    def ask(self, query: str = BEGIN, **headers: str) -> None:
        fields = {
            "Host": "192.0.2.1:8000",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": KEY,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        lines = [f"GET /socket.io/?{query} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in fields.items() if value]
        self.socket.data_received("\r\n".join([*lines, "", ""]).encode())

    def say(self, packet: str) -> None:
        self.socket.data_received(sent(TEXT, packet.encode()))

    @property
    def answer(self) -> tuple[int, str, bytes]:
        """Status, head and what follows."""
        head, _, rest = self.pipe.taken.partition(b"\r\n\r\n")
        return int(head.split()[1]), head.decode(), rest

    @property
    def problem(self) -> dict[str, Any]:
        status, head, body = self.answer
        problem: dict[str, Any] = msgspec.json.decode(body)
        assert (problem["status"], "x-content-type-options: nosniff" in head) == (status, True)
        assert self.pipe.ended
        return problem

    @property
    def heard(self) -> list[str]:
        return packets(self.answer[2])


@pytest.fixture
async def site() -> Site:
    return Site()


@pytest.fixture
async def client(site: Site) -> Socket:
    return Socket(site)


@pytest.mark.parametrize("origin", ["", OWN, PARTNER])
async def test_a_page_of_ours_begins_a_connection(client: Socket, origin: str) -> None:
    client.ask(Origin=origin)
    client.say("40")
    status, _, _ = client.answer
    assert status == 101
    assert [packet[:2] for packet in client.heard[:2]] == ["0{", "40"]
    assert client.state.connections


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_a_foreign_page_may_not_connect(client: Socket, origin: str) -> None:
    client.ask(Origin=origin)
    problem = client.problem
    assert (problem["status"], problem["type"].split(":")[-1]) == (403, "foreign-origin")


@pytest.mark.parametrize(
    ("header", "values", "refused"),
    [
        ("Host", ("192.0.2.1:8000", "192.0.2.1:8000"), (400, "bad-host")),
        ("Host", ("evil.example", "192.0.2.1:8000"), (400, "bad-host")),
        ("Origin", (OWN, OWN), (400, "bad-origin")),
        ("Origin", ("https://evil.example", OWN), (400, "bad-origin")),
    ],
)
async def test_two_lines_are_refused_as_of_other_requests(
    client: Socket, header: str, values: tuple[str, str], refused: tuple[int, str]
) -> None:
    client.ask(**{header: f"\r\n{header}: ".join(values)})
    problem = client.problem
    assert (problem["status"], problem["type"].split(":")[-1]) == refused


async def test_a_rebound_page_may_not_connect(client: Socket) -> None:
    client.ask(Host="evil.example", Origin="http://evil.example")
    problem = client.problem
    assert (problem["status"], problem["type"].split(":")[-1]) == (421, "foreign-host")


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("transport=websocket", {}),
        ("EIO=3&transport=websocket", {}),
        ("EIO=4", {}),
        ("EIO=4&transport=polling", {}),
        (BEGIN, {"Sec_WebSocket_Version": "8"}),
        (BEGIN, {"Sec_WebSocket_Key": "abc"}),
        (BEGIN, {"Sec_WebSocket_Key": ""}),
    ],
)
async def test_what_is_no_handshake_is_told_why(
    client: Socket, query: str, headers: dict[str, str]
) -> None:
    client.ask(query, **headers)
    problem = client.problem
    assert (problem["status"], problem["type"].split(":")[-1]) == (400, "no-websocket")
    assert not client.state.connections


async def test_a_session_upgrades(site: Site, client: Socket) -> None:
    session = site.transport.server.open_polling().split(b'"')[3].decode()
    client.ask(f"{BEGIN}&sid={session}")
    client.say("2probe")
    client.say("5")
    client.say("40")
    await asyncio.sleep(0)
    assert [packet[:6] for packet in client.heard[:2]] == ["3probe", '40{"si']
    client.socket.connection_lost(None)
    assert not site.transport.watchers


async def test_an_unknown_session_is_closed(client: Socket) -> None:
    client.ask(f"{BEGIN}&sid=unknown")
    assert client.heard == [f"{CLOSE}"]
    assert client.pipe.ended
    client.say("2probe")
    assert client.heard == [f"{CLOSE}"]


async def test_a_refusal_behind_an_answer_that_is_not_taken_ends_the_connection(
    site: Site, client: Socket
) -> None:
    client.pipe.hold()
    client.pipe.write(b"an answer")
    client.ask(Origin="https://evil.example")
    assert client.pipe.ended
    assert not site.transport.server._connections


async def test_a_handshake_behind_an_answer_that_is_not_taken_begins_slow(
    site: Site, client: Socket
) -> None:
    client.pipe.hold()
    client.pipe.write(b"an answer")
    client.ask()
    (connection,) = site.transport.server._slow
    assert connection.slow
    assert not client.pipe.reads
