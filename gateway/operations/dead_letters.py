"""Edge: the dead letters of RabbitMQ, read, retried and dropped by a link of their own.

To read a queue is to take each message and hand it back. That may take long, so it must not hold up
the link by which starts are sent; and it needs no connection while nobody looks.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Final, TypeVar

from buildfeed import build_ids
from buildfeed.activity import Build
from buildfeed.broker.amqp import dead_letters
from buildfeed.broker.amqp.dead_letters import DeadLetter
from buildfeed.broker.amqp.link import AmqpLink, Work
from buildfeed.errors import BrokerUnavailable
from gateway.problems import Problem

T = TypeVar("T")

MOST: Final = 200
"""Letters that are told at a time."""
_ANSWER_SECONDS: Final = 10.0
_BLOCKED_SECONDS: Final = 5.0
_REFUSED: Final = 403
"""AMQP's code for a permission that is missing."""


class DeadLetters:
    """The dead letters at `url`. One request at a time takes them, else each would see a part."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._turn = asyncio.Lock()

    async def read(self) -> list[DeadLetter]:
        """Return the first letters, one more than MOST if there are more; raises Problem."""
        return await self._ask(partial(dead_letters.read, most=MOST + 1))

    async def retry(self, project: str, build: str) -> Build | None:
        """Start a build again as a new one, and return that; remove its letters.

        None: there is no letter of it. Raises Problem.
        """
        work = partial(
            dead_letters.retry,
            wanted=_of(project, build),
            new_build=build_ids.new,
            now=datetime.now(UTC),
        )
        retried = await self._ask(work)
        if not retried:
            return None
        new = next((each for _, each in retried if each), None)
        if new is None:
            detail = f"The dead letter of {build} is no start: it can only be dropped."
            raise Problem(HTTPStatus.CONFLICT, "not-a-start", detail)
        return new

    async def drop(self, project: str, build: str) -> bool:
        """Remove the letters of a build for good; False if there is none. Raises Problem."""
        return bool(await self._ask(partial(dead_letters.drop, wanted=_of(project, build))))

    async def _ask(self, work: Work[T]) -> T:
        """Connect, do `work` once and disconnect; raise Problem if that is not possible."""
        async with self._turn:
            loop = asyncio.get_running_loop()
            down: asyncio.Future[None] = loop.create_future()

            def fail() -> None:
                if not down.done():
                    down.set_result(None)

            def failed(_reason: str) -> None:
                loop.call_soon_threadsafe(fail)

            link = AmqpLink(
                self._url,
                name="gateway-dead",
                declares=False,
                blocked_seconds=_BLOCKED_SECONDS,
                on_down=failed,
            )
            answer = asyncio.wrap_future(link.call(work))
            link.start()
            try:
                first: list[asyncio.Future[Any]] = [answer, down]
                await asyncio.wait(
                    first, timeout=_ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                if not answer.done():
                    raise _unavailable("RabbitMQ does not answer")
                return answer.result()
            except BrokerUnavailable as exc:
                refused = getattr(exc.__cause__, "reply_code", None) == _REFUSED
                raise _unavailable(
                    "RabbitMQ does not let the gateway read builds.dead (definitions.json has it)"
                    if refused
                    else "RabbitMQ has gone away meanwhile"
                ) from exc
            finally:
                answer.cancel()
                await asyncio.to_thread(link.stop)


def _of(project: str, build: str) -> Callable[[DeadLetter], bool]:
    return lambda letter: (letter.project, letter.build) == (project, build)


def _unavailable(why: str) -> Problem:
    detail = f"{why}: try again in a few seconds, and see what became of it."
    headers = {"Retry-After": "5"}
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, "dead-letters-unavailable", detail, headers=headers
    )
