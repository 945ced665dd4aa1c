"""The connection below a response: when a request that waits for long has to end."""

import asyncio
from typing import cast

import pytest

from gateway.http_connection import HttpConnection


@pytest.fixture
def below() -> HttpConnection:
    return HttpConnection(cast(asyncio.Transport, None))


@pytest.mark.parametrize("first", [True, False])
async def test_a_client_is_gone_that_is_lost_or_has_to_go(
    below: HttpConnection, *, first: bool
) -> None:
    for end in (lambda: below.end(lost=True), below.dismiss):
        below.lost = below.dismissed = False
        if first:
            end()
        waiting = asyncio.create_task(below.gone())
        await asyncio.sleep(0)
        end()
        await asyncio.wait_for(waiting, 10)


async def test_a_server_that_stops_lets_a_request_wait(below: HttpConnection) -> None:
    waiting = asyncio.create_task(below.gone())
    await asyncio.sleep(0)
    below.end(lost=False)
    await asyncio.sleep(0)
    assert below.ending
    assert not waiting.done()
    waiting.cancel()
