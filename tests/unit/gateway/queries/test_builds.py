"""Waiting for the end of a build, for a client that may go."""

import asyncio
from typing import cast

from buildfeed.history.store import Store
from gateway.http_connection import HttpConnection
from gateway.queries.builds import Builds
from gateway.state.live import Live
from support.builders import ending, start


async def test_a_wait_ends_with_its_client() -> None:
    live = Live(lambda _event: None, lambda: 0.0)
    state = live.receive(start("b1"))
    assert state
    below = HttpConnection(cast(asyncio.Transport, None))
    builds = Builds(live, cast(Store, None))
    waiting = asyncio.create_task(builds.ended(state, 600, below.gone()))
    await asyncio.sleep(0.01)
    below.end(lost=False)  # the server is about to stop, or the client says no more
    await asyncio.sleep(0.01)
    assert not waiting.done()
    below.end(lost=True)
    async with asyncio.timeout(5):
        assert await waiting is None
    assert not live._ended_callbacks


async def test_a_client_that_is_there_hears_the_end() -> None:
    live = Live(lambda _event: None, lambda: 0.0)
    state = live.receive(start("b1"))
    assert state
    below = HttpConnection(cast(asyncio.Transport, None))
    builds = Builds(live, cast(Store, None))
    waiting = asyncio.create_task(builds.ended(state, 600, below.gone()))
    await asyncio.sleep(0.01)
    live.receive(ending(build="b1"))
    async with asyncio.timeout(5):
        ended = await waiting
    assert ended
    assert ended.ended
    below.end(lost=True)
