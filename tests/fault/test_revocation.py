"""A token that is revoked has nothing open soon, whatever restarts in between.

The figures: `python benchmarks/revocation.py`.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from buildfeed.broker.local import ports
from buildfeed.grants import Grants
from buildfeed.history.store import Store
from buildfeed.history.tokens import Tokens
from support.brokers import Mosquitto
from support.lasting import WAYS, Lasting, Refused, delays, gathered, refused, until_closed
from support.service import Web

EACH_WAY = 20
SECONDS = 5.0
VIEWER = Grants.parse(["viewer@*"])


class Place:
    """Two gateway processes on one history, and a broker."""

    def __init__(self, tokens: Tokens, web: Web, broker: Mosquitto) -> None:
        self.tokens, self.web, self.broker = tokens, web, broker
        self.port = int(str(web.options["port"]))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    broker = Mosquitto(tmp_path)
    broker.start()
    with closing(Store(f"sqlite:///{tmp_path}/history.db")) as store:
        tokens = store.tokens()
        tokens.add("operator", Grants.parse(["operator"]))
        port = ports.free_block(1, hash(tmp_path) % 100_000)
        options = {"mqtt_url": broker.url, "port": port, "workers": 2, "anonymous": "none"}
        with Web("gateway", tmp_path, **options) as web:
            yield Place(tokens, web.until_ready(), broker)
    broker.stop()


async def let_in(place: Place, name: str) -> tuple[str, list[Lasting]]:
    _, secret = place.tokens.add(name, VIEWER)
    return secret, await gathered(place.port, secret, dict.fromkeys(WAYS, EACH_WAY))


async def assert_closed_soon(place: Place, name: str, secret: str, there: list[Lasting]) -> None:
    place.tokens.revoke(name)
    revoked = time.monotonic()
    await until_closed(there, 3 * SECONDS)
    assert delays(there, revoked)[-1] < SECONDS
    assert {(each.way, each.told) for each in there} == {
        ("websocket", "1008"),
        ("polling", "unknown-session"),
        ("sse", ""),
    }
    for way in WAYS:
        told = await refused(place.port, secret, way)
        assert "not-signed-in" in told or " 401 " in told, (way, told)


@pytest.mark.parametrize("restarted", ["nothing", "the gateway", "the broker", "both"])
async def test_what_is_revoked_is_closed_at_every_process(place: Place, restarted: str) -> None:
    _, others = await let_in(place, "bob")
    secret, there = await let_in(place, "ada")
    if restarted in ("the gateway", "both"):
        await asyncio.to_thread(place.web.stop)
        await until_closed([*there, *others], 3 * SECONDS)
    if restarted in ("the broker", "both"):
        place.broker.stop()
        place.broker.start()
    if restarted in ("the gateway", "both"):
        place.web.start()
    place.web.until_ready()
    if restarted in ("the gateway", "both"):  # with the tokens that they have
        there = await gathered(place.port, secret, dict.fromkeys(WAYS, EACH_WAY))
    await assert_closed_soon(place, "ada", secret, there)
    if restarted in ("nothing", "the broker"):
        assert not [each for each in others if each.closed]
    for each in others:
        each.close()


async def test_a_process_that_was_killed_and_a_broker_that_was_away_leave_nobody_inside(
    place: Place,
) -> None:
    secret, there = await let_in(place, "ada")
    place.broker.stop()
    await asyncio.to_thread(place.web.kill_one)
    place.broker.start()
    place.web.until_ready()
    _, more = await let_in(place, "bob")
    there += await gathered(place.port, secret, dict.fromkeys(WAYS, EACH_WAY))
    left = [each for each in there if each.closed is None]
    assert len(left) >= 3 * EACH_WAY
    await assert_closed_soon(place, "ada", secret, left)
    assert not [each for each in more if each.closed]
    for each in more:
        each.close()


async def test_what_is_revoked_while_the_gateway_is_away_is_refused_when_it_is_back(
    place: Place,
) -> None:
    secret, there = await let_in(place, "ada")
    place.web.kill()
    await until_closed(there, 3 * SECONDS)
    place.tokens.revoke("ada")
    place.web.start()
    place.web.until_ready()
    for way in WAYS:
        with pytest.raises(Refused):
            await Lasting.open(way, place.port, secret)


async def test_those_who_come_while_it_is_revoked_do_not_stay(place: Place) -> None:
    """The look-up of a token may be answered before, and its watcher be let in after."""
    _, secret = place.tokens.add("ada", VIEWER)
    there: list[Lasting] = []

    async def come(way: str) -> None:
        while True:
            try:
                there.append(await Lasting.open(way, place.port, secret))
            except (Refused, OSError, asyncio.IncompleteReadError):
                return

    coming = [asyncio.create_task(come(way)) for way in WAYS for _ in range(3)]
    while len(there) < EACH_WAY:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)
    place.tokens.revoke("ada")
    revoked = time.monotonic()
    await asyncio.gather(*coming)
    await until_closed(there, 3 * SECONDS)
    assert delays(there, revoked)[-1] < SECONDS
