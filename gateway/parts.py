"""The parts of a gateway process that run all the time, each started again when it fails."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from gateway.tasks import Tasks

log = logging.getLogger(__name__)


class Part(Protocol):
    """Something that runs as long as the gateway does."""

    async def run(self) -> None:
        """Run until cancelled."""


@contextlib.asynccontextmanager
async def kept_running(parts: Iterable[Part]) -> AsyncIterator[None]:
    """Run `parts` beside the body, and cancel them at its end."""
    tasks = Tasks()
    for part in parts:
        tasks.start(_keep_running(part))
    try:
        yield
    finally:
        await tasks.cancel()


async def _keep_running(part: Part) -> None:
    """Run `part`, again when a bug ends it: a page must not go stale in silence."""
    while True:
        try:
            await part.run()
        except Exception:
            log.exception("gateway.part_failed", extra={"part": type(part).__name__})
            await asyncio.sleep(1)
