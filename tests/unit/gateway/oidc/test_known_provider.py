"""What is known of a provider: strangers cause no questions, and one that is away harms nobody."""

import asyncio
from typing import Any

import pytest

from gateway.oidc.jwt import Jwt
from gateway.oidc.known_provider import KnownProvider
from gateway.oidc.provider import Configuration, ProviderUnavailable
from support.jwts import ISSUER, PUBLISHED, claims, signed
from support.wired import until

KNOWN, UNKNOWN = Jwt.parse(signed(claims())), Jwt.parse(signed(claims(), kid="new"))


class Told:
    """A provider that answers once `answers` is set, unless it is `away`."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.published: list[Any] = [*PUBLISHED]

    async def configuration(self) -> Configuration:
        self.asked += 1
        await self.answers.wait()
        if self.away:
            raise ProviderUnavailable("gone")
        return Configuration(ISSUER, f"{ISSUER}/auth", f"{ISSUER}/token", f"{ISSUER}/jwks")

    async def keys(self, _configuration: Configuration) -> list[Any]:
        return self.published


@pytest.fixture
async def told() -> Told:
    return Told()


def known(told: Told, pause: float = 3600) -> KnownProvider:
    return KnownProvider(told, pause)  # type: ignore[arg-type]


async def test_keys_are_read_once(told: Told) -> None:
    provider = known(told)
    for _ in range(3):
        assert await provider.key(KNOWN)
    assert (await provider.configuration()).issuer == ISSUER
    assert (told.asked, provider.answered, provider.failed) == (1, 1, 0)


async def test_an_unknown_key_is_asked_for_once_in_a_while(told: Told) -> None:
    provider = known(told)
    for _ in range(5):
        assert await provider.key(UNKNOWN) is None
    assert told.asked == 1
    provider._pause = 0
    told.published.append({**PUBLISHED[0], "kid": "new"})
    assert await provider.key(UNKNOWN)
    assert told.asked == 2


async def test_many_wait_for_one_answer(told: Told) -> None:
    told.answers.clear()
    provider = known(told, pause=0)
    asking = [asyncio.create_task(provider.key(KNOWN)) for _ in range(20)]
    await asyncio.sleep(0)
    asking.pop().cancel()  # who goes away takes the answer from nobody
    await asyncio.sleep(0)
    told.answers.set()
    assert all(await asyncio.gather(*asking))
    assert told.asked == 1


async def test_while_it_is_away_known_keys_go_on(told: Told) -> None:
    provider = known(told)
    assert await provider.key(KNOWN)
    provider._pause = 0
    told.away = True
    with pytest.raises(ProviderUnavailable, match="gone"):
        await provider.key(UNKNOWN)
    assert await provider.key(KNOWN)
    assert (await provider.configuration()).issuer == ISSUER
    told.away = False
    assert await provider.key(UNKNOWN) is None


async def test_one_that_was_never_there_is_asked_again_in_a_while(told: Told) -> None:
    told.away = True
    provider = known(told)
    for _ in range(3):
        with pytest.raises(ProviderUnavailable, match="gone"):
            await provider.key(KNOWN)
        with pytest.raises(ProviderUnavailable, match="gone"):
            await provider.configuration()
    assert (told.asked, provider.failed) == (1, 1)


async def test_it_is_read_from_the_start_and_until_it_answers(told: Told) -> None:
    told.away = True
    provider = known(told, pause=0.001)
    running = asyncio.create_task(provider.run())
    await until(lambda: told.asked >= 3)
    told.away = False
    await until(lambda: provider.answered)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    asked = told.asked
    assert await provider.key(KNOWN)
    assert told.asked == asked


async def test_a_key_that_it_has_given_up_counts_no_longer(told: Told) -> None:
    provider = known(told, pause=0)
    assert await provider.key(KNOWN)
    told.published.pop(0)
    assert await provider.key(UNKNOWN) is None  # read again
    assert await provider.key(KNOWN) is None
