"""The server of a process: it sleeps until something comes, and a signal wakes it."""

import asyncio
import functools
import signal
from email.utils import parsedate_to_datetime

import uvicorn
from starlette.applications import Starlette
from uvicorn.supervisors import multiprocess

from gateway.server import TICK_SECONDS, Server


def config() -> uvicorn.Config:
    made = uvicorn.Config(functools.partial(Starlette), factory=True, log_config=None)
    made.load()
    return made


async def test_a_signal_ends_it_at_once() -> None:
    server = Server(config())
    serving = asyncio.create_task(server.main_loop())
    await asyncio.sleep(0)

    server.handle_exit(signal.SIGTERM, None)

    await asyncio.wait_for(serving, TICK_SECONDS / 4)


async def test_a_signal_before_it_serves_is_heard() -> None:
    server = Server(config())

    server.handle_exit(signal.SIGTERM, None)

    await asyncio.wait_for(server.main_loop(), TICK_SECONDS / 4)


async def test_the_date_of_answers_is_renewed() -> None:
    server = Server(config())
    serving = asyncio.create_task(server.main_loop())
    seen: set[bytes] = set()
    async with asyncio.timeout(5):
        while len(seen) < 2:
            seen |= {value for _, value in server.server_state.default_headers[:1]}
            await asyncio.sleep(TICK_SECONDS / 10)
    serving.cancel()

    first, second = sorted(parsedate_to_datetime(each.decode()) for each in seen)
    assert (second - first).total_seconds() <= 2 * TICK_SECONDS


def test_every_process_of_several_has_such_a_server() -> None:
    assert isinstance(multiprocess.Process(config(), []).server, Server)
