"""The listener for RabbitMQ's questions."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import cast

import pytest

from buildfeed.errors import CannotListen, HistoryUnavailable
from gateway.broker_auth import listener as module
from gateway.broker_auth.answers import Answers
from gateway.broker_auth.listener import Address, Listener
from gateway.broker_auth.questions import Question

SECRET = "s3cret-of-this-test"


class Said:
    """Answers that a test says: whether what is asked is allowed, or what is raised."""

    def __init__(self) -> None:
        self.says: bool | Exception = True
        self.asked: list[Question] = []
        self.held = asyncio.Event()
        self.held.set()

    async def answer(self, question: Question) -> bool:
        self.asked.append(question)
        await self.held.wait()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def address(free_port: Callable[[], int]) -> Address:
    return Address("127.0.0.1", free_port(), SECRET)


@asynccontextmanager
async def serving(address: Address, said: Said) -> AsyncIterator[Listener]:
    listener = Listener(address, cast(Answers, said))
    task = asyncio.create_task(listener.run())
    async with asyncio.timeout(5):
        while True:
            try:
                _, writer = await asyncio.open_connection(address.host, address.port)
            except OSError:
                await asyncio.sleep(0.005)
            else:
                writer.close()
                break
        while listener._open:  # noqa: ASYNC110 - until that connection is gone there too
            await asyncio.sleep(0.005)
    try:
        yield listener
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def sent(address: Address, request: bytes, *, ends: bool = False) -> str:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(request)
        if ends:
            writer.write_eof()
        async with asyncio.timeout(5):
            return (await reader.read()).decode()
    finally:
        writer.close()


def request(
    subject: str = "user",
    body: bytes = b"username=ada&password=x",
    *,
    secret: str = SECRET,
    method: str = "POST",
    length: str | None = None,
) -> bytes:
    said = str(len(body)) if length is None else length
    head = f"{method} /{secret}/{subject} HTTP/1.1\r\nHost: x\r\ncontent-length: {said}\r\n\r\n"
    return head.encode() + body


async def test_it_answers_allow_and_deny(address: Address, said: Said) -> None:
    async with serving(address, said):
        for says, text in ((True, "allow"), (False, "deny")):
            said.says = says
            answer = await sent(address, request())
            assert answer.startswith("HTTP/1.1 200 OK\r\n")
            assert answer.endswith(f"\r\n\r\n{text}")
    assert [(each.subject, each.user, each.password) for each in said.asked] == [
        ("user", "ada", "x")
    ] * 2


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (request(secret="wrong"), 404),
        (request(secret=""), 404),
        (request(secret=SECRET[:-1]), 404),
        (request("metrics"), 404),
        (request("user/x"), 404),
        (b"GET / HTTP/1.1\r\n\r\n", 404),
        (b"\r\n\r\n", 404),
        ("POST /ä/user HTTP/1.1\r\n\r\n".encode(), 404),
        (request(method="GET"), 405),
        (request(length="x"), 411),
        (request(length=""), 411),
        (request(length="-1"), 411),
        (request(length="99999999999999999999"), 413),
        (request(length="16385"), 413),
        (request(body=b"username=a&username=b"), 400),
        (request(body=b"\xff"), 400),
        (request("x" * 9000), 431),
    ],
)
async def test_what_is_no_question_gets_no_answer(
    address: Address, said: Said, asked: bytes, status: int
) -> None:
    async with serving(address, said) as listener:
        answer = await sent(address, asked)
        assert answer.startswith(f"HTTP/1.1 {status} ")
        assert listener.unanswered >= 1
    assert said.asked == []


async def test_while_nobody_knows_rabbitmq_is_told_so(
    address: Address, said: Said, caplog: pytest.LogCaptureFixture
) -> None:
    said.says = HistoryUnavailable("away")
    async with serving(address, said):
        for _ in range(5):
            assert (await sent(address, request())).startswith("HTTP/1.1 503 ")
    logged = [each for each in caplog.records if each.getMessage() == "broker_auth.unanswered"]
    assert [vars(each)["reason"] for each in logged] == ["away"]


async def test_logs_have_neither_secrets_nor_paths(
    address: Address, said: Said, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with serving(address, said):
        await sent(address, request())
        await sent(address, request(secret="gue55ed-by-somebody"))
        await sent(address, request(body=b"password=pa55word&password=x"))
    texts = " ".join(str(vars(each)) for each in caplog.records)
    for secret in (SECRET, "gue55ed", "pa55word"):
        assert secret not in texts


async def test_half_a_request_ends_in_time(
    address: Address, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SECONDS", 0.05)
    async with serving(address, said):
        for half in (b"", b"POST /", request()[:-1]):
            assert await sent(address, half) == ""
            assert await sent(address, half, ends=True) == ""
        assert (await sent(address, request())).endswith("allow")


async def test_there_are_so_many_questions_at_a_time_and_no_more(
    address: Address, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 3)
    said.held.clear()
    async with serving(address, said):
        waiting = [asyncio.create_task(sent(address, request())) for _ in range(3)]
        async with asyncio.timeout(5):
            while len(said.asked) < 3:  # noqa: ASYNC110 - asked by other tasks
                await asyncio.sleep(0.005)
        assert (await sent(address, request())).startswith("HTTP/1.1 503 ")
        said.held.set()
        assert all(each.endswith("allow") for each in await asyncio.gather(*waiting))
        assert (await sent(address, request())).endswith("allow")


async def test_processes_share_a_port_and_others_do_not(address: Address, said: Said) -> None:
    shared = Address(address.host, address.port, SECRET, shared=True)
    async with serving(shared, said), serving(shared, said):
        with pytest.raises(CannotListen):
            await Listener(address, cast(Answers, said)).run()
