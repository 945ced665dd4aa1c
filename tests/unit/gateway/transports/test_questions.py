"""What a client asks for while it takes no answers."""

import asyncio
import json

import pytest

from gateway.engine.connection import UNSENT_BYTES
from gateway.engine.frames import CLOSE, PING
from gateway.engine.limits import Limits
from support.builders import start
from support.client_frames import sent
from support.wired import Client, Site, settle

WATCH = '42{}["watch","builds/#"]'
BURST = Limits().message_burst
MANY = 40


@pytest.fixture
async def site() -> Site:
    site = Site(backlog_bytes=256 * 1024)
    await site.receive(*(start(f"b{number:03}") for number in range(150)))
    return site


def answers(client: Client) -> list[int]:
    said = [text[2:] for text in client.packets if text.startswith("43")]
    return [int(text[: text.index("[")]) for text in said]


async def until_answered(client: Client, number: int) -> None:
    """Read on until all questions are answered, in their order."""
    async with asyncio.timeout(30):
        while len(answers(client)) < number:
            await settle()
    assert answers(client) == list(range(number))


async def test_questions_are_answered_in_their_order(site: Site) -> None:
    client = await site.connect()
    for number in range(20):
        client.say(WATCH.format(number))
    await until_answered(client, 20)


async def test_answers_do_not_pile_up_for_one_that_takes_none(site: Site) -> None:
    client = await site.connect()
    client.pipe.hold()
    for number in range(MANY):
        client.say(WATCH.format(number))
    for _ in range(50):
        await settle()
    size = sum(len(json.dumps(site.live.body(state))) for state in site.live.board.unfinished())

    assert client.pipe.waiting
    assert len(client.pipe.waiting) < size + UNSENT_BYTES, "one answer, no more"
    assert not client.pipe.reads

    client.pipe.release()
    await until_answered(client, MANY)
    assert client.pipe.reads


async def test_a_later_unwatch_is_not_overtaken(site: Site) -> None:
    client = await site.connect()
    site.history.answers.clear()
    client.say(WATCH.format(0))
    client.say('421["watch","builds/acme/#"]')
    client.say('422["unwatch",["builds/#","builds/acme/#"]]')
    await settle()
    site.history.answers.set()
    await until_answered(client, 3)
    assert not len(site.live.hub)


async def test_questions_of_one_that_has_left_are_not_answered(site: Site) -> None:
    client = await site.connect()
    site.history.answers.clear()
    for number in range(5):
        client.say(WATCH.format(number))
    await settle()
    client.say("41")
    client.say("40")
    site.history.answers.set()
    await settle()
    assert answers(client) == []
    assert not site.transport._questions
    assert not site.transport._work
    assert not len(site.live.hub)


async def test_a_flood_of_pings_ends_the_connection(site: Site) -> None:
    client = await site.connect()
    for _ in range(BURST + 1):
        client.connection.received(sent(PING, b"x" * 100))
    assert client.packets[-1] == f"{CLOSE}"
    assert client.packets.count("10") < BURST
    assert b"more than 20 messages a second" in client.pipe.taken
    assert site.transport.server.limited["messages-per-second"] == 1
