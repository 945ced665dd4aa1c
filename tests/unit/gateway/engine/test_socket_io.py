"""A connect whose answer comes later: what a client says, and whether it is there, meanwhile."""

import asyncio
import gc
import json
from collections.abc import Awaitable

import pytest

from gateway.engine import frames
from gateway.engine.connection import Connection
from gateway.engine.frames import CLOSE, TEXT
from gateway.engine.limits import Limits
from gateway.engine.packets import Packet
from gateway.engine.server import Server
from gateway.engine.socket_io import Answer, SocketIO
from gateway.problems import Problem
from gateway.transports.polling import take
from support.client_frames import sent
from support.wired import Pipe, packets, settle


class Slow:
    """An application that answers a connect when the test does."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.asked: list[asyncio.Future[Answer]] = []

    def connect(self, connection: Connection, _packet: Packet) -> Awaitable[Answer]:
        self.said.append(f"connect {connection.sid}")
        self.asked.append(asyncio.get_running_loop().create_future())
        return self.asked[-1]

    def event(self, _connection: Connection, packet: Packet) -> None:
        self.said.append(f"event {packet.data[0]}")

    def disconnect(self, _connection: Connection, reason: str) -> None:
        self.said.append(f"disconnect {reason}")

    def drain(self, _connection: Connection) -> None:
        pass


class Client:
    def __init__(self) -> None:
        self.application = Slow()
        self.handler = SocketIO(self.application)
        self.server = Server(self.handler, Limits())
        self.pipe = Pipe()
        self.connection = self.pipe.connection = self.server.open(self.pipe, b"")

    def say(self, *said: str) -> None:
        for packet in said:
            self.connection.received(sent(TEXT, packet.encode()))

    async def answer(self, answer: Answer = None) -> None:
        self.application.asked[-1].set_result(answer)
        await settle()

    @property
    def heard(self) -> list[str]:
        """What came after the opening of Engine.IO."""
        return packets(self.pipe.taken)[1:]

    @property
    def nothing_is_left(self) -> bool:
        return not (self.handler._connecting or self.connection.connected or self.connection.ready)


@pytest.fixture
async def client() -> Client:
    return Client()


async def test_a_client_is_connected_once_the_answer_is_there(client: Client) -> None:
    client.say("40")
    await settle()
    assert client.heard == []
    assert not client.connection.connected
    await client.answer()
    assert client.heard == [f'40{{"sid":"{client.connection.sid}"}}']
    assert client.connection.ready
    client.say('42["watch"]', "41")
    assert client.application.said[1:] == ["event watch", "disconnect client namespace disconnect"]


async def test_who_is_refused_later_may_ask_again(client: Client) -> None:
    client.say("40")
    await client.answer(("no", {"code": "not-signed-in"}))
    (refused,) = client.heard
    assert json.loads(refused[2:]) == {"message": "no", "data": {"code": "not-signed-in"}}
    assert client.nothing_is_left
    first = client.connection.sid
    client.say("40")
    await client.answer()
    assert client.heard[-1].startswith("40")
    assert client.connection.sid != first


@pytest.mark.parametrize("how", ["lost", "closed", "says goodbye", "sends a close frame"])
async def test_a_client_that_goes_meanwhile_was_never_there(client: Client, how: str) -> None:
    client.say("40")
    await settle()
    match how:
        case "lost":
            client.server.lost(client.connection)
        case "closed":
            client.connection.close(frames.RESTART, "service restart")
        case "says goodbye":
            client.say("1")
        case "sends a close frame":
            client.connection.received(sent(CLOSE, b""))
    await settle()
    assert client.application.asked[0].cancelled()
    assert client.nothing_is_left
    assert len(client.application.said) == 1
    assert not [each for each in client.heard if each.startswith("4")]


async def test_an_answer_in_the_turn_in_which_the_client_goes_is_void(client: Client) -> None:
    client.say("40")
    await settle()
    client.application.asked[0].set_result(None)
    client.connection.close(frames.RESTART, "service restart")
    await settle()
    assert client.nothing_is_left
    assert len(client.application.said) == 1


@pytest.mark.parametrize(
    "packet", ["40", '40{"token":"x"}', '42["watch","builds/#"]', '421["auth","x"]', "41"]
)
async def test_whatever_is_said_before_the_answer_ends_the_connection(
    client: Client, packet: str
) -> None:
    client.say("40")
    await settle()
    client.say(packet)
    await settle()
    assert client.heard == [f"{CLOSE}"]
    assert client.application.asked[0].cancelled()
    assert len(client.application.said) == 1
    assert client.nothing_is_left


async def test_an_answer_that_nobody_waits_for_any_more_is_not_begun(
    client: Client, recwarn: pytest.WarningsRecorder
) -> None:
    async def answer() -> Answer:
        raise AssertionError("it was begun")

    client.application.connect = lambda *_: answer()  # type: ignore[method-assign]
    client.say("40", "40")
    await settle()
    gc.collect()
    assert client.nothing_is_left
    assert not [each for each in recwarn if "never awaited" in str(each.message)]


async def test_another_namespace_is_refused_meanwhile_and_harms_nothing(client: Client) -> None:
    client.say("40", "40/other,")
    await client.answer()
    assert [each[:9] for each in client.heard] == ["44/other,", '40{"sid":']


async def test_an_application_that_fails_keeps_nobody_waiting(client: Client) -> None:
    failures: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))
    client.say("40")
    await settle()
    client.application.asked[0].set_exception(ZeroDivisionError())
    await settle()
    assert client.heard == [f"{CLOSE}"]
    assert client.nothing_is_left


async def test_one_that_polls_waits_for_the_answer_too(client: Client) -> None:
    session = json.loads(client.server.open_polling()[1:])["sid"]
    connection = client.server.polling(session)
    assert connection
    assert connection.polling
    take(connection, b"40")
    answers: list[bytes] = []
    connection.polling.poll(answers.append)
    await settle()
    assert answers == []
    await client.answer()
    assert answers == [f'40{{"sid":"{connection.sid}"}}'.encode()]


async def test_one_that_polls_and_says_more_before_the_answer_has_no_session(
    client: Client,
) -> None:
    session = json.loads(client.server.open_polling()[1:])["sid"]
    connection = client.server.polling(session)
    assert connection
    take(connection, b"40")
    with pytest.raises(Problem):
        take(connection, b'42["watch","builds/#"]')
    await settle()
    assert client.server.polling(session) is None
    assert not client.handler._connecting
