"""Closing the connections at RabbitMQ of those who may not be there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest

from buildfeed.errors import HistoryUnavailable
from buildfeed.grants import Grants
from buildfeed.history.tokens import Tokens
from gateway.access.directory import Directory
from gateway.broker_auth.answers import MAX_CONNECTIONS
from gateway.broker_auth.connections import Connections
from gateway.broker_auth.management import Binding, Queue
from gateway.broker_auth.token_names import TokenNames
from support.management import SaidManagement

GRANTS = Grants.parse(["viewer@acme"])


@pytest.fixture
def connections(token_names: TokenNames, management: SaidManagement) -> Connections:
    return Connections(token_names, management, "/")


@asynccontextmanager
async def running(connections: Connections) -> AsyncIterator[None]:
    task = asyncio.create_task(connections.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is of another thread of control
            await asyncio.sleep(0.005)


async def test_whoever_is_neither_of_rabbitmq_nor_has_a_good_token_is_closed(
    tokens: Tokens, connections: Connections, management: SaidManagement
) -> None:
    tokens.add("ada", GRANTS)
    tokens.add("bob", GRANTS)
    tokens.revoke("bob")
    management.own_users = {"gateway"}
    management.connect("ada")
    management.connect("gateway", 9)
    management.connect("Somebody of another kind")
    gone = management.connect("bob", 2) + management.connect("nobody")
    assert await connections._look()
    assert management.closed == gone
    assert connections.closed == {"token": 3}
    assert not await connections._look()


async def test_of_too_many_the_newest_are_closed(
    tokens: Tokens, connections: Connections, management: SaidManagement
) -> None:
    tokens.add("ada", GRANTS)
    made = management.connect("ada", MAX_CONNECTIONS + 2)
    management.open.reverse()
    assert await connections._look()
    assert sorted(management.closed) == made[MAX_CONNECTIONS:]
    assert connections.closed == {"limit": 2}


async def test_a_revocation_closes_at_once(
    tokens: Tokens, directory: Directory, connections: Connections, management: SaidManagement
) -> None:
    tokens.add("ada", GRANTS)
    gone = management.connect("ada", 2)
    async with running(connections):
        await until(lambda: "ada" in connections._tokens._known)
        tokens.revoke("ada")
        await directory.look()
        await until(lambda: management.closed == gone, seconds=1)


async def test_a_token_that_is_made_anew_does_not_keep_what_the_old_one_had_open(
    tokens: Tokens, directory: Directory, connections: Connections, management: SaidManagement
) -> None:
    tokens.add("ada", GRANTS)
    gone = management.connect("ada")
    assert not await connections._look()
    tokens.revoke("ada")
    tokens.add("ada", GRANTS)
    await directory.look()
    assert await connections._look()
    assert management.closed == gone
    management.connect("ada")
    assert not await connections._look()


async def test_whoever_comes_back_in_the_same_moment_is_closed_again(
    tokens: Tokens, directory: Directory, connections: Connections, management: SaidManagement
) -> None:
    tokens.add("ada", GRANTS)
    gone = management.connect("ada")
    assert not await connections._look()
    tokens.revoke("ada")
    await directory.look()
    async with running(connections):
        await until(lambda: management.closed == gone)
        # RabbitMQ remembered the login, and the list of all connections has it later.
        gone += management.connect("ada")
        management.listed = 0
        await until(lambda: management.closed == gone, seconds=2)


async def test_a_new_token_closes_nothing(
    tokens: Tokens, directory: Directory, connections: Connections, management: SaidManagement
) -> None:
    await directory.look()
    tokens.add("ada", GRANTS)
    management.connect("ada")
    await directory.look()
    assert not await connections._look()


async def test_what_has_expired_is_closed(
    tokens: Tokens, directory: Directory, connections: Connections, management: SaidManagement
) -> None:
    tokens.add("ada", GRANTS, timedelta(hours=1))
    gone = management.connect("ada")
    assert not await connections._look()
    directory._ahead += timedelta(hours=2)
    assert await connections._look()
    assert management.closed == gone


async def test_who_got_other_grants_while_no_gateway_ran_is_closed(
    tokens: Tokens, connections: Connections, management: SaidManagement
) -> None:
    for name in ("ada", "bob"):
        tokens.add(name, GRANTS)
        management.there.append(Queue(f"mqtt-subscription-{name}qos1"))
    management.bound = {
        "mqtt-subscription-adaqos1": [Binding("amq.topic", "builds.acme.#")],
        "mqtt-subscription-bobqos1": [Binding("amq.topic", "builds.#")],
    }
    management.connect("ada")
    gone = management.connect("bob")
    assert await connections._look()
    assert management.closed == gone
    assert [each.name for each in management.there] == ["mqtt-subscription-adaqos1"]


async def test_while_the_history_is_away_nobody_is_closed_and_then_they_are(
    tokens: Tokens,
    connections: Connections,
    management: SaidManagement,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gone = management.connect("bob")

    def away(_name: str) -> None:
        raise HistoryUnavailable("away")

    ask, tokens.good = tokens.good, away
    for _ in range(3):
        assert not await connections._look()
    tokens.good = ask
    assert management.closed == []
    assert [each.getMessage() for each in caplog.records] == ["broker_auth.cannot_look"]
    assert await connections._look()
    assert management.closed == gone


async def test_while_the_management_api_is_away_a_change_is_kept_in_mind(
    tokens: Tokens, directory: Directory, connections: Connections, management: SaidManagement
) -> None:
    tokens.add("ada", GRANTS)
    gone = management.connect("ada")
    assert not await connections._look()
    tokens.revoke("ada")
    tokens.add("ada", GRANTS)
    management.away = True
    await directory.look()
    await connections._look()
    assert management.closed == []
    management.away = False
    assert await connections._look()
    assert management.closed == gone
